"""The AMI contract against the real Asterisk: what the fake in `tests/unit/test_ami.py` promises is true."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from support import ami_contract
from support.ami_contract import Listener, until
from support.hotline import City

from ivr.asterisk.site import secret

pytestmark = pytest.mark.asyncio(loop_scope="session")
CONTRACT = (
    ami_contract.login_is_accepted, ami_contract.refusal_carries_the_reason,
    ami_contract.empty_list_is_a_refusal_at_once, ami_contract.list_has_its_rows,
    ami_contract.line_break_is_refused, ami_contract.chinese_value_survives,
)  # fmt: skip


def listener(city: City, password: str = "") -> Listener:
    asterisk = city.hotline.settings.asterisk
    real = asterisk.ami_secret or secret(city.hotline.folders, "ami")
    return Listener(asterisk.ami_port, asterisk.ami_user, password or real)


@pytest_asyncio.fixture(loop_scope="session")
async def connected(city: City) -> AsyncIterator[Listener]:
    async with listener(city) as one:
        yield one


@pytest.mark.parametrize("promise", CONTRACT, ids=lambda promise: promise.__name__)
async def test_contract(connected: Listener, promise):
    """Asterisk keeps the promises that the fake keeps."""
    await promise(connected)


async def test_refused_login_is_seen(city: City):
    """A wrong password is an error in the log, and the connection never counts as up."""
    await ami_contract.refused_login_is_seen(listener(city, "wrong"))


async def test_logged_off_connection_comes_back(connected: Listener):
    """Asterisk closes the connection: it is made anew and on_up runs again."""
    await connected.ami.action("Logoff")
    await until(lambda: connected.ups == 2, 10)
    assert connected.downs == 1


async def test_events_of_a_call_come_in_order(city: City, connected: Listener):
    """The channel is told of before its end."""
    await connected.ami.action(
        "Originate", Channel="Local/speak@whisper/n", Application="Wait", Data="0", Async="true", Timeout=3000
    )
    await until(lambda: connected.names().count("Hangup") == 2, 10)
    names = [name for name in connected.names() if name in ("Newchannel", "Hangup")]
    assert names == ["Newchannel", "Newchannel", "Hangup", "Hangup"]
