"""A call's whole way for minutes (全程压测): `python -m bench.journey`, by default three callers a second for ten minutes.

Menu, key 0, queue, a recorded talk with an operator's SIP telephone, the query code, a key in the survey; every ticket is
written and finished, and every operator's desk page and one wallboard are open. Beside it some callers only walk the menu and time each step, as before on the floor, the same menu in
pure dialplan. At the end the hotline's own reconciliation compares its ledger with what Asterisk wrote.
"""

import argparse
import asyncio
import contextlib
import random
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import ClientSession, ClientWebSocketResponse, CookieJar
from support.sipcall import Call
from support.siptransport import SipError

from bench.calls import running_floor, running_hotline
from bench.controller import FIRST_EXTENSION, PASSWORD, database_file, extensions, tell
from bench.instance import LINE, settings
from bench.measure import Spread, cpu_s, machine_busy_s, memory_mb, spread
from bench.menu import System
from bench.probe import REGISTERED_S, BenchPhone, bench_phone, run_probes
from bench.stream import Pump

CALLER_HZ, OPERATOR_HZ = 440, 880
PROBES_PER_S = 0.5
FLOOR_S = 30.0
KEY_EVERY_S = 2.0
LIMIT_S = 90.0
"""A call that lasts longer has failed."""
MEMORY_EVERY_S = 20.0


@dataclass
class Way:
    """What the callers and the wall have seen."""

    calls: int = 0
    failed: list[str] = field(default_factory=list)
    answered_at: dict[str, float] = field(default_factory=dict)
    """By extension: since when its telephone talks, until the wall shows it."""
    wall_ms: list[float] = field(default_factory=list)
    desk_states: int = 0
    """Sent to the operators' desks."""
    memory_mb: list[float] = field(default_factory=list)


async def _operator(phone: BenchPhone, talk_s: float, way: Way) -> None:
    """Answers every call at once, talks, hangs up."""
    while True:
        call = next((one for one in phone.calls if one.answered_at and one.ending is None), None)
        if call is None:
            await asyncio.sleep(0.02)
            continue
        way.answered_at[phone.account.name] = time.monotonic()
        await asyncio.sleep(talk_s * random.uniform(0.5, 1.5))
        with contextlib.suppress(SipError):
            await call.hangup()
        way.answered_at.pop(phone.account.name, None)
        phone.calls.clear()


async def _caller(number: int, server: tuple[str, int], pump: Pump, way: Way) -> None:
    way.calls += 1
    phone = await bench_phone(server, pump, CALLER_HZ, f"138{number:08}")
    try:
        async with asyncio.timeout(LIMIT_S):
            await _whole_way(await phone.call(LINE))
    except (SipError, TimeoutError) as error:
        way.failed.append(type(error).__name__)
    finally:
        await phone.close()


async def _whole_way(call: Call) -> None:
    """Key 0 to the operator; after the talk a key at every question, until the hotline says good-bye."""
    await call.answered()
    await asyncio.sleep(0.6)
    call.media.press(0)  # type: ignore[attr-defined]
    while call.ending is None:
        with contextlib.suppress(TimeoutError, SipError):
            await call.ended(timeout=KEY_EVERY_S)
        if call.ending is None:
            call.media.press(1)  # type: ignore[attr-defined]


@contextlib.asynccontextmanager
async def _page(url: str, extension: str, path: str) -> AsyncIterator[ClientWebSocketResponse]:
    """The live line of an operator's page."""
    async with ClientSession(url, cookie_jar=CookieJar(unsafe=True)) as client:
        form = {"username": f"operator{extension}", "password": PASSWORD}
        async with client.post("/login", data=form, allow_redirects=False) as answer:
            assert answer.status == 303
        async with client.ws_connect(path) as socket:
            yield socket


@contextlib.asynccontextmanager
async def _pages(url: str, desks: int, way: Way) -> AsyncIterator[None]:
    """A wallboard that looks how long after an operator's telephone talks it shows that seat talking, and the desks."""
    async with contextlib.AsyncExitStack() as stack:
        wall = await stack.enter_async_context(_page(url, str(FIRST_EXTENSION), "/wallboard/ws"))
        reading = [asyncio.create_task(_look(wall, way))]
        for extension in extensions(desks):
            desk = await stack.enter_async_context(_page(url, extension, "/desk/ws"))
            reading.append(asyncio.create_task(_count(desk, way)))
        try:
            yield
        finally:
            for one in reading:
                one.cancel()


async def _count(socket: ClientWebSocketResponse, way: Way) -> None:
    async for _ in socket:
        way.desk_states += 1


async def _look(socket: ClientWebSocketResponse, way: Way) -> None:
    async for message in socket:
        state, now = message.json(), time.monotonic()
        for seat in state.get("agents", ()):
            if seat["state"] == "talking" and seat["staff_number"] in way.answered_at:
                way.wall_ms.append((now - way.answered_at.pop(seat["staff_number"])) * 1000)


async def _weigh(pid: int, way: Way) -> None:
    while True:
        way.memory_mb.append(memory_mb(pid))
        await asyncio.sleep(MEMORY_EVERY_S)


async def _drive(system: System, given: argparse.Namespace, way: Way) -> Spread:
    """The callers, one after another at the rate, and the measuring ones; their steps."""
    server, pump = ("127.0.0.1", system.sip_port), Pump()
    phones = []
    for extension in extensions(given.operators):
        phone = await bench_phone(server, pump, OPERATOR_HZ, extension, PASSWORD)
        await phone.register(expires_s=REGISTERED_S)
        phones.append(phone)
    operators = [asyncio.create_task(_operator(phone, given.talk_seconds, way)) for phone in phones]
    probes = asyncio.create_task(run_probes(server, PROBES_PER_S, given.minutes * 60))
    callers = []
    for number in range(round(given.rate * given.minutes * 60)):
        callers.append(asyncio.create_task(_caller(number, server, pump, way)))
        await asyncio.sleep(1 / given.rate)
    await asyncio.gather(*callers)
    steps = await probes
    for operator in operators:
        operator.cancel()
    await asyncio.gather(*operators, return_exceptions=True)
    for phone in phones:
        await phone.close()
    await pump.close()
    return spread(steps.steps_ms)


async def _measure(given: argparse.Namespace, root: Path) -> None:
    async with running_floor(root / "floor", given.base_port) as floor:
        steps = await run_probes(("127.0.0.1", floor.sip_port), PROBES_PER_S, FLOOR_S)
        print(f"floor, one caller in two seconds: step {_said(spread(steps.steps_ms))}", flush=True)
    way = Way()
    async with running_hotline(root / "hotline", given.base_port, given.operators) as (system, controller):
        assert system.controller_pid
        await tell(controller, "seats")
        url = f"http://127.0.0.1:{settings(given.base_port, 1).http_port + 1}"
        desks = given.operators if given.desks is None else given.desks
        async with _pages(url, desks, way):
            weighing = asyncio.create_task(_weigh(system.controller_pid, way))
            before = _used(system)
            began = time.monotonic()
            steps = await _drive(system, given, way)
            took_s, used = time.monotonic() - began, _used(system)
        weighing.cancel()
        await asyncio.sleep(5)
        compared, differences = (await tell(controller, "reconcile")).split()
        books = _books(system.root)
    spent_s = [last - first for last, first in zip(used, before, strict=True)]
    shares = [one / took_s * 100 for one in spent_s]
    print(
        f"hotline: {way.calls} calls in {took_s:.0f} s, {len(way.failed)} failed {sorted(set(way.failed))}; step {_said(steps)}\n"
        f"ledger: {books}; {compared} calls compared with CEL and CDR, {differences} differences\n"
        f"wall: a talk shown after {_said(spread(way.wall_ms))}; {desks} desks open, {way.desk_states} states sent to them\n"
        f"memory of the controller: {way.memory_mb[0]:.0f} MB at first, {way.memory_mb[len(way.memory_mb) // 2]:.0f} half-way, "
        f"{way.memory_mb[-1]:.0f} at the end, most {max(way.memory_mb):.0f}\n"
        f"of one core: Asterisk {shares[0]:.0f} %, controller {shares[1]:.0f} % ({spent_s[1] / way.calls * 1000:.0f} ms a call), "
        f"whole machine {shares[2]:.0f} %",
        flush=True,
    )


def _used(system: System) -> list[float]:
    assert system.controller_pid
    return [cpu_s(system.asterisk_pid), cpu_s(system.controller_pid), machine_busy_s()]


def _said(found: Spread) -> str:
    return f"p50 {found.p50:.0f} p99 {found.p99:.0f} most {found.most:.0f} ms ({found.count})"


def _books(root: Path) -> str:
    counts = {
        "calls": "SELECT count(*) FROM calls", "without an end": "SELECT count(*) FROM calls WHERE ended_at IS NULL",
        "talks": "SELECT count(*) FROM calls WHERE talk_ms > 0", "tickets": "SELECT count(*) FROM tickets",
        "recordings": "SELECT count(*) FROM recordings WHERE kind = 'talk'", "ratings": "SELECT count(*) FROM satisfaction_ratings",
    }  # fmt: skip
    with sqlite3.connect(f"file:{database_file(root)}?mode=ro", uri=True) as books:
        return ", ".join(f"{books.execute(query).fetchone()[0]} {what}" for what, query in counts.items())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=3.0, help="calls a second")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--talk-seconds", type=float, default=8.0, help="on average")
    parser.add_argument("--operators", type=int, default=60)
    parser.add_argument("--desks", type=int, help="desk pages open, every operator's by default")
    parser.add_argument(
        "--base-port", type=int, default=30000, help="the bench uses this port and the 1999 after it"
    )
    with tempfile.TemporaryDirectory(prefix="hotline-journey-") as folder:
        for name in ("floor", "hotline"):
            (Path(folder) / name).mkdir()
        asyncio.run(_measure(parser.parse_args(), Path(folder)))


if __name__ == "__main__":
    main()
