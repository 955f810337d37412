"""Simultaneous recorded talks (并发通话): callers go through the menu to operators' SIP telephones, both send tones."""

import asyncio
import contextlib
import gc
import os
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from support import tones
from support.sipcall import Call

from bench.controller import FIRST_EXTENSION, PASSWORD, database_file, tell
from bench.instance import LINE
from bench.measure import cpu_s, machine_busy_s
from bench.menu import System
from bench.probe import BenchPhone, bench_phone
from bench.stream import BenchStream, Pump
from recordings.keeping import archive
from recordings.models import Recording
from recordings.settings import RecordingSettings

CALLER_HZ, OPERATOR_HZ = 440, 880
ARRIVALS_PER_S = 8.0
PAUSE_MS = 60
"""A pause between two packets that a usual jitter buffer no longer covers."""
SETTLE_S = 3.0
INTAKE_LIMIT_S = 240.0
WINDOW = 160
HEAD_S = 3
"""Samples in which each direction of a recording must hold its tone."""


@dataclass(frozen=True, slots=True)
class TalkResult:
    asked: int
    talks: int
    duration_s: float
    packets: int
    lost: int
    longest_pause_ms: float
    pauses: int
    sender_late_ms: float
    recordings: int
    most_missing_ms: int
    """By how much the shortest recording is shorter than its talk."""
    broken_recordings: int
    quiet_frames: int
    """20 ms pieces of the recordings in which one direction lacks its tone; filled by Asterisk when a packet came late."""
    asterisk_percent: float
    controller_percent: float
    bench_percent: float
    others_percent: float


def _extensions(count: int) -> list[str]:
    return [str(FIRST_EXTENSION + number) for number in range(count)]


async def measure_talks(
    system: System, controller: asyncio.subprocess.Process, count: int, duration_s: float
) -> TalkResult:
    _go_first()
    server = ("127.0.0.1", system.sip_port)
    callers_pump = Pump()
    operators = [
        await bench_phone(server, callers_pump, OPERATOR_HZ, name, PASSWORD) for name in _extensions(count)
    ]
    for phone in operators:
        await phone.register()
    await tell(controller, "seats")
    callers: list[BenchPhone] = []
    calls: list[Call] = []
    for number in range(count):
        callers.append(await bench_phone(server, callers_pump, CALLER_HZ, f"138{number:08}"))
        calls.append(await _reach_operator(callers[-1]))
        await asyncio.sleep(1 / ARRIVALS_PER_S)
    await _all_talk(operators, count)
    await asyncio.sleep(SETTLE_S)
    callers_pump.latest_ms = 0.0
    before, began_ns = _cpu(system), time.time_ns()
    await asyncio.sleep(duration_s)
    after, ended_ns = _cpu(system), time.time_ns()
    late_ms = callers_pump.latest_ms
    ends = calls + [call for phone in operators for call in phone.calls]
    heard = [_heard(call, began_ns, ended_ns) for call in ends if call.answered_at and call.ending is None]
    await asyncio.gather(*(call.hangup() for call in calls))
    await asyncio.gather(*(phone.close() for phone in callers))
    recordings = await _recordings(system.root, count)
    await asyncio.gather(*(phone.close() for phone in operators))
    await callers_pump.close()
    gaps = [gap for end in heard for gap in end.pauses_ms]
    asterisk, own_controller, bench, machine = [
        (last - first) / duration_s * 100 for last, first in zip(after, before, strict=True)
    ]
    return TalkResult(
        asked=count, talks=len(heard) // 2, duration_s=duration_s, packets=sum(end.packets for end in heard),
        lost=sum(end.lost for end in heard), longest_pause_ms=max(gaps, default=float("nan")),
        pauses=sum(gap > PAUSE_MS for gap in gaps), sender_late_ms=late_ms, recordings=len(recordings),
        most_missing_ms=max((one.missing_ms for one in recordings), default=0),
        broken_recordings=sum(one.quiet_frames > 0 for one in recordings),
        quiet_frames=sum(one.quiet_frames for one in recordings), asterisk_percent=asterisk,
        controller_percent=own_controller, bench_percent=bench,
        others_percent=max(0.0, machine - asterisk - own_controller - bench),
    )  # fmt: skip


def _go_first() -> None:
    """Let the telephones' packets leave on time: a gap is then Asterisk's, and not the sender's.

    Looking for garbage among the hundred thousands of packets kept takes a third of a second; a higher priority needs root.
    """
    gc.disable()
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, -15)


async def _reach_operator(phone: BenchPhone) -> Call:
    """Key 0 asks for a person at any point of the menu."""
    call = await phone.call(LINE)
    await call.answered()
    await asyncio.sleep(0.2)
    stream: BenchStream = call.media  # type: ignore[assignment]
    stream.press(0)
    return call


async def _all_talk(operators: Sequence[BenchPhone], count: int) -> None:
    """Wait until every operator talks, or until nobody new has answered for 15 s."""
    best, since = 0, time.monotonic()
    while best < count and time.monotonic() - since < 15:
        talking = sum(any(call.answered_at for call in phone.calls) for phone in operators)
        if talking > best:
            best, since = talking, time.monotonic()
        await asyncio.sleep(0.2)


def _cpu(system: System) -> list[float]:
    assert system.controller_pid
    return [cpu_s(system.asterisk_pid), cpu_s(system.controller_pid), time.process_time(), machine_busy_s()]


@dataclass(frozen=True, slots=True)
class _Heard:
    packets: int
    lost: int
    pauses_ms: list[float]


def _heard(call: Call, began_ns: int, ended_ns: int) -> _Heard:
    stream: BenchStream = call.media  # type: ignore[assignment]
    packets = [packet for packet in stream.packets if began_ns <= packet.at_ns <= ended_ns]
    steps = [(later.sequence - first.sequence) & 0xFFFF for first, later in pairwise(packets)]
    edges = [began_ns, *(packet.at_ns for packet in packets), ended_ns]
    pauses = [(later - first) / 1e6 for first, later in pairwise(edges)]
    return _Heard(len(packets), sum(step - 1 for step in steps if 1 < step < 1000), pauses)


# --- recordings ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Recording:
    missing_ms: int
    quiet_frames: int


async def _recordings(root: Path, count: int) -> list[_Recording]:
    """Wait until the hotline has taken the recordings in, then look at each."""
    deadline = time.monotonic() + INTAKE_LIMIT_S
    settings = RecordingSettings(root / "recordings", root / "secrets" / "recording_keys.json")
    rows: list[tuple[Recording, int]] = []
    while len(rows) < count and time.monotonic() < deadline:
        await asyncio.sleep(0.5)
        rows = _rows(root)
    return [
        _Recording(talk_ms - recording.duration_ms, _quiet_frames(archive.samples(recording, settings)))
        for recording, talk_ms in rows
    ]


def _rows(root: Path) -> list[tuple[Recording, int]]:
    names = ("path", "duration_ms", "channels", "wrapped_key", "wrapped_by")
    with sqlite3.connect(f"file:{database_file(root)}?mode=ro", uri=True) as books:
        columns = ", ".join(f"r.{name}" for name in names)
        query = f"SELECT {columns}, c.talk_ms FROM recordings r JOIN calls c ON c.id = r.call_id WHERE r.kind = 'talk'"
        return [
            (Recording(**dict(zip(names, row, strict=False))), row[-1])
            for row in books.execute(query).fetchall()
        ]


def _quiet_frames(both: tones.Samples) -> int:
    """Frames without sound in either direction; the first seconds (staff number spoken) and the last are not looked at."""
    middle = both[HEAD_S * tones.RATE_HZ : -tones.RATE_HZ]
    return sum(_quiet(middle[:, side]) for side in (0, 1))


def _quiet(samples: tones.Samples) -> int:
    windows = samples[: len(samples) // WINDOW * WINDOW].reshape(-1, WINDOW).astype(np.float64)
    quiet = np.sqrt((windows**2).mean(axis=1)) < tones.FULL_SCALE * 10 ** (tones.SILENCE_DBFS / 20)
    return int(quiet.sum())
