"""The load scenarios are proved against a real Asterisk: every key arrives, every tone is heard."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import sipp
from support.asterisk import AsteriskProcess, free_port, running_asterisk, write_minimal_config
from support.sipphone import Phone
from support.siptransport import HostPort

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="SIPp plays captured keys through a raw socket")


@pytest.fixture(scope="module")
def server() -> HostPort:
    """Where the private Asterisk listens."""
    return "127.0.0.1", free_port()


@pytest.fixture(scope="module")
def asterisk(server: HostPort, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AsteriskProcess]:
    """A private Asterisk with the minimal dialplan."""
    folder = tmp_path_factory.mktemp("asterisk")
    with running_asterisk(write_minimal_config(folder, server[1], 22400, 22599)) as process:
        yield process


async def test_menu_callers_press_both_keys(
    asterisk: AsteriskProcess, server: HostPort, tmp_path: Path
) -> None:
    """Each of twenty callers gets through both menus: Asterisk counts twenty, and not one wrong key."""
    result = await sipp.run_callers("menu_caller", server, tmp_path, calls=20, calls_per_s=10, pause_ms=400)

    assert (result.created, result.successful, result.failed) == (20, 20, 0)
    assert len(result.setup_ms) == 20
    assert await asterisk.global_variable("SERVED") == "20"
    assert await asterisk.global_variable("WRONG") is None


async def test_talk_callers_are_heard(asterisk: AsteriskProcess, server: HostPort, tmp_path: Path) -> None:
    """A talking caller sends an unbroken 440 Hz to whoever answers."""
    async with await Phone.start("alice", server, password="secret-of-alice", tone_hz=700) as alice:
        await alice.register()

        result = await sipp.run_callers(
            "talk_caller", server, tmp_path, calls=1, calls_per_s=1, pause_ms=1500, number="alice"
        )

        call = await alice.incoming()
        await call.ended()
        assert (result.successful, result.failed) == (1, 0)
        piece = call.heard.samples[1600:9600]
        assert sipp.tones.segments_with(piece, 440, min_share=0.95) == [(0.0, 1.0)]
        assert call.heard.packets_lost == 0


async def test_failed_calls_are_counted(asterisk: AsteriskProcess, server: HostPort, tmp_path: Path) -> None:
    """A number that is busy gives failed calls, not a failed run."""
    result = await sipp.run_callers(
        "menu_caller", server, tmp_path, calls=3, calls_per_s=10, pause_ms=100, number="107"
    )

    assert (result.successful, result.failed) == (0, 3)


async def test_a_missing_scenario_is_a_failed_load(server: HostPort, tmp_path: Path) -> None:
    """SIPp's own trouble is told apart from failed calls."""
    with pytest.raises(sipp.LoadFailed):
        await sipp.run_callers("no_such_caller", server, tmp_path, calls=1, calls_per_s=1, pause_ms=1)
