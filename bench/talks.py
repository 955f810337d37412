"""Simultaneous recorded talks (并发通话): callers reach operators' SIP telephones, both send tones, every packet is looked at.

On the floor a caller dials the operator's telephone; on the hotline it is menu, key 0 and queue.
"""

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from support.sipcall import Call
from support.siptransport import SipError

from bench import recorded
from bench.controller import PASSWORD, database_file, extensions, tell
from bench.instance import LINE
from bench.measure import cpu_s, dropped, machine_busy_s
from bench.menu import System
from bench.probe import REGISTERED_S, BenchPhone, bench_phone
from bench.stream import BenchStream, Pump

CALLER_HZ, OPERATOR_HZ = 440, 880
ARRIVALS_PER_S = 10.0
BEFORE_KEY_S = 0.2
PACKETS_PER_S, STAMPS_A_PACKET = 50, 160
PAUSE_MS = 60
"""A pause between two packets that a usual jitter buffer no longer covers."""
SETTLE_S = 3.0
ENDING_S = 10.0


@dataclass(frozen=True, slots=True)
class TalkResult:
    system: str
    asked: int
    talks: int
    duration_s: float
    due: int
    """Packets that so many telephones send in that time."""
    sent: int
    lost: int
    """Packets that were sent and never came out at the other end, by the time stamps of those around them."""
    unread: int
    """Of these, packets that Asterisk did not read in time."""
    unread_by_bench: int
    longest_pause_ms: float
    pauses: int
    sender_late_ms: float
    recordings: recorded.Recordings
    taken_in: int | None
    """Recordings in the hotline's archive when the bench stopped waiting; the floor has none."""
    asterisk_percent: float
    controller_percent: float
    bench_percent: float
    others_percent: float

    @property
    def is_whole(self) -> bool:
        """Nothing missing anywhere."""
        found = self.recordings
        return self.talks == found.count == self.asked and not (
            self.lost or self.pauses or found.quiet_frames
        )


@dataclass(frozen=True, slots=True)
class Seats:
    """A system with its operators' telephones registered."""

    system: System
    pump: Pump
    operators: Sequence[BenchPhone]


@contextlib.asynccontextmanager
async def seated(
    system: System, controller: asyncio.subprocess.Process | None, count: int
) -> AsyncIterator[Seats]:
    """So many operators at work, each at a telephone that answers at once."""
    _go_first()
    pump, server = Pump(), ("127.0.0.1", system.sip_port)
    operators = [await bench_phone(server, pump, OPERATOR_HZ, name, PASSWORD) for name in extensions(count)]
    for phone in operators:
        await phone.register(REGISTERED_S)
    if controller:
        await tell(controller, "seats")
    try:
        yield Seats(system, pump, operators)
    finally:
        for phone in operators:
            phone.endpoint.close()
        await pump.close()


def _go_first() -> None:
    """Let the telephones' packets leave on time, as telephones of their own would, however busy the machine; needs root."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))


async def measure_talks(seats: Seats, count: int, duration_s: float, intake_s: float) -> TalkResult:
    """So many talks at once for so long; `intake_s`: how long to wait for the archive."""
    system, pump = seats.system, seats.pump
    archived = _archived(system)
    server = ("127.0.0.1", system.sip_port)
    callers = [
        await bench_phone(server, pump, CALLER_HZ, f"138{count:04}{number:04}") for number in range(count)
    ]
    await _all_talk(callers, seats)
    await asyncio.sleep(SETTLE_S)
    pump.listen()
    pump.latest_ms, before = 0.0, _Reading.of(seats)
    await asyncio.sleep(duration_s)
    used, late_ms = _Reading.of(seats).since(before), pump.latest_ms
    heard = _heard(pump, _running(callers), _running(seats.operators))
    with recorded.kept(system.root) as folder:
        lengths_s = await _hang_up(callers, seats)
        recordings = await recorded.look(system.root, folder, lengths_s)
    taken_in = await _taken_in(system, archived, count, intake_s)
    talks = len(heard) // 2
    gaps_ms = np.concatenate([[0.0], *(end.pauses_ms for end in heard)])
    return TalkResult(
        system=system.name, asked=count, talks=talks, duration_s=duration_s,
        due=round(2 * talks * PACKETS_PER_S * duration_s), sent=used.sent, lost=sum(end.lost for end in heard),
        unread=used.unread, unread_by_bench=used.unread_by_bench, longest_pause_ms=float(gaps_ms.max()),
        pauses=int((gaps_ms > PAUSE_MS).sum()), sender_late_ms=late_ms, recordings=recordings, taken_in=taken_in,
        asterisk_percent=used.asterisk_s / duration_s * 100, controller_percent=used.controller_s / duration_s * 100,
        bench_percent=used.bench_s / duration_s * 100, others_percent=used.others_s / duration_s * 100,
    )  # fmt: skip


# --- the calls -------------------------------------------------------------------------------------------------------


async def _all_talk(callers: Sequence[BenchPhone], seats: Seats) -> None:
    """Let the callers come one after another; wait until all talk, or until nobody new has for 15 s."""
    calling = [asyncio.create_task(_call(seats, number, phone)) for number, phone in enumerate(callers)]
    best, since = 0, time.monotonic()
    while best < len(callers) and time.monotonic() - since < 15:
        talking = len(_running(seats.operators))
        if talking > best:
            best, since = talking, time.monotonic()
        await asyncio.sleep(0.2)
    await asyncio.gather(*calling)


async def _call(seats: Seats, number: int, phone: BenchPhone) -> None:
    """A call that fails is seen as a talk that is missing."""
    await asyncio.sleep(number / ARRIVALS_PER_S)
    with contextlib.suppress(SipError):
        if seats.system.controller_pid is None:
            await phone.call(f"2{seats.operators[number].account.name}")
            return
        call = await phone.call(LINE)
        await call.answered()
        await asyncio.sleep(BEFORE_KEY_S)
        _stream(call).press(0)


def _running(phones: Iterable[BenchPhone]) -> list[Call]:
    return [call for phone in phones for call in phone.calls if call.answered_at and call.ending is None]


async def _hang_up(callers: Sequence[BenchPhone], seats: Seats) -> dict[str, float]:
    """Every caller hangs up; how many seconds each has talked, by number."""
    began = {call.remote_number: call.answered_at or 0.0 for call in _running(seats.operators)}
    calls = {phone.account.name: call for phone in callers for call in phone.calls}
    await asyncio.gather(*(phone.close() for phone in callers))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ENDING_S):
            while _running(seats.operators):
                await asyncio.sleep(0.1)
    for phone in seats.operators:
        phone.calls.clear()
    return {number: (calls[number].ended_at or 0.0) - at for number, at in began.items() if number in calls}


async def _taken_in(system: System, before: int, count: int, limit_s: float) -> int | None:
    if system.controller_pid is None:
        return None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            while _archived(system) - before < count:
                await asyncio.sleep(0.5)
    return _archived(system) - before


def _archived(system: System) -> int:
    if system.controller_pid is None:
        return 0
    with sqlite3.connect(f"file:{database_file(system.root)}?mode=ro", uri=True) as books:
        return int(books.execute("SELECT count(*) FROM recordings WHERE kind = 'talk'").fetchone()[0])


# --- what they heard -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Heard:
    lost: int
    pauses_ms: NDArray[np.float64]


def _heard(pump: Pump, *ends: list[Call]) -> list[_Heard]:
    arrivals = pump.heard()
    nothing = np.empty(0, np.dtype([("stamp", np.uint32), ("at_ns", np.int64)]))
    return [_of(arrivals.get(_stream(call).number, nothing)) for calls in ends for call in calls]


def _of(arrivals: NDArray[np.void]) -> _Heard:
    steps = np.diff(arrivals["stamp"]) // STAMPS_A_PACKET
    missing = steps[(steps > 1) & (steps < 1000)] - 1
    return _Heard(int(missing.sum()), np.diff(arrivals["at_ns"]) / 1e6)


def _stream(call: Call) -> BenchStream:
    return call.media  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was used and counted so far."""

    asterisk_s: float
    controller_s: float
    bench_s: float
    machine_s: float
    sent: int
    unread: int
    unread_by_bench: int

    @classmethod
    def of(cls, seats: Seats) -> "_Reading":
        system, pump = seats.system, seats.pump
        return cls(
            cpu_s(system.asterisk_pid), cpu_s(system.controller_pid) if system.controller_pid else 0.0,
            time.process_time(), machine_busy_s(), pump.sent, dropped(system.rtp_ports),
            dropped([slot.port for slot in pump.slots]),
        )  # fmt: skip

    @property
    def others_s(self) -> float:
        return max(0.0, self.machine_s - self.asterisk_s - self.controller_s - self.bench_s)

    def since(self, before: "_Reading") -> "_Reading":
        names = self.__dataclass_fields__
        return _Reading(*(getattr(self, name) - getattr(before, name) for name in names))
