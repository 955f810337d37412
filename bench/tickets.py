"""`python -m bench.tickets`: lists, the supervision of clocks and due dates with a million tickets, beside the plain way.

The data set is made where it is missing, which takes minutes: for SQLite in `--folder`, for PostgreSQL in the database that
`--postgres` names, or in a private server that ends with the run. `--only make` stops after making.
"""

import argparse
import asyncio
import gc
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import chinese_calendar
from sqlalchemy import delete, distinct, func, select, update
from sqlalchemy.orm import selectinload
from support.postgres import PostgresServer
from support.web import PASSWORD, browsing, web_app

from bench import ROOT, ticket_town
from bench.measure import Spread, spread
from config.database import load_models
from config.telephony import GARBAGE_AFTER
from core.calendar.holidays import read_table
from core.calendar.workdays import WorkCalendar
from core.clock import ShiftedClock
from core.db import Database, DatabaseSettings
from core.people import Role, User, hash_password
from tickets.clocks.supervision import sweep
from tickets.models import Stage, Step, Ticket, TrailRow
from tickets.oversight.oversight_models import Notice

PAGES = {
    "liaison: to do": (Role.LIAISON, "/liaison/tickets"),
    "liaison: second page, by number": (Role.LIAISON, "/liaison/tickets?page=2&sort=no"),
    "liaison: overdue": (Role.LIAISON, "/liaison/tickets?view=overdue"),
    "head: to do": (Role.HEAD, "/liaison/tickets"),
    "office: queue": (Role.OFFICE, "/office"),
    "office: overdue of the level": (Role.OFFICE, "/office?view=overdue"),
    "inspector: overdue": (Role.INSPECTOR, "/inspect"),
    "inspector: complaints": (Role.INSPECTOR, "/inspect/complaints"),
}
SWEEPERS = 4
PLAIN_STEPS = 500
PERIODS = (5, 10, 15, 20, 30)


@dataclass(frozen=True)
class Timed:
    what: str
    ours: Spread
    plain: Spread | None = None


@dataclass(frozen=True)
class Swept:
    moved: list[int]
    took_s: float
    twice: int
    plain_s: float
    """For as many steps, one process, one transaction each; measured on PLAIN_STEPS of them."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=1_000_000)
    parser.add_argument("--engine", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--folder", type=Path, default=Path("var/bench"))
    parser.add_argument(
        "--postgres", metavar="URL", help="a database kept for this bench, instead of a private one"
    )
    parser.add_argument("--rounds", type=int, default=100, help="requests of each page")
    parser.add_argument("--only", choices=["make", "pages", "sweep", "due"])
    parser.add_argument("--sweep", metavar="URL", help=argparse.SUPPRESS)
    return parser.parse_args()


async def main() -> None:
    given = _arguments()
    load_models()
    if given.sweep:
        await _sweeper(given.sweep)
        return
    if given.only in (None, "due"):
        print(_due_dates(), flush=True)
    if given.only == "due":
        return
    engines = ["sqlite", "postgresql"] if given.engine == "both" else [given.engine]
    for engine in engines:
        async with _database(engine, given) as db:
            print(f"\n**{engine}**, {given.tickets:,} tickets, {given.tickets * 3:,} steps", flush=True)
            await _measure(db, given)


async def _measure(db: Database, given: argparse.Namespace) -> None:
    if given.only in (None, "pages"):
        for line in await _pages(db, given.rounds):
            print(_page_line(line), flush=True)
    if given.only in (None, "sweep"):
        print(_sweep_line(await _race(db)), flush=True)


# --- the data set -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _database(engine: str, given: argparse.Namespace) -> AsyncIterator[Database]:
    if engine == "sqlite":
        folder = given.folder.absolute()
        folder.mkdir(parents=True, exist_ok=True)
        url, server = f"sqlite+aiosqlite:///{folder}/tickets-{given.tickets}.db", None
    elif given.postgres:
        url, server = given.postgres, None
    else:
        server = PostgresServer().__enter__()
        url = server.new_database()
    db = Database(DatabaseSettings(url=url))
    try:
        await _make_if_missing(db, given.tickets)
        yield db
    finally:
        await db.close()
        if server:
            server.__exit__()


async def _make_if_missing(db: Database, tickets: int) -> None:
    await db.create_all()
    async with db.reading() as session:
        if await session.scalar(select(func.max(Step.ticket_id))) == tickets:
            return
    started = time.perf_counter()
    await _make(db, tickets)
    print(f"\nmade in {time.perf_counter() - started:.0f} s", flush=True)


async def _make(db: Database, tickets: int) -> None:
    async with db.unit_of_work() as session:
        town = await ticket_town.build(session)
        hashed = hash_password(PASSWORD)
        await session.execute(update(User).values(password_hash=hashed))
    await ticket_town.fill(db, town, tickets, lambda text: print(f"\r{text}", end="", flush=True))


# --- pages ------------------------------------------------------------------------------------------------------------


async def _pages(db: Database, rounds: int) -> list[Timed]:
    """Whole requests, from the client's GET to the last byte, by one signed-in person after another."""
    app = web_app(db, _clock())
    found = []
    async with browsing(app) as browser:
        gc.collect()
        gc.freeze()  # as the running hotline does
        gc.set_threshold(GARBAGE_AFTER)
        for what, (role, path) in PAGES.items():
            await browser.sign_in(str(role))

            async def get(path: str = path) -> None:
                response = await browser.get(path)
                assert response.status == 200, path
                assert "/tickets/2" in await response.text(), f"{path} is empty"

            ours = await _timed(rounds, get)
            plain = await _timed(1, lambda: _plain_list(db), warm=0) if what == "liaison: to do" else None
            found.append(Timed(what, ours, plain))
    return found


async def _plain_list(db: Database) -> None:
    """What one writes first: all open tickets of the unit with their steps, sorted and cut in Python. Takes minutes."""
    async with db.reading() as session:
        unit_id = await session.scalar(select(User.unit_id).where(User.username == str(Role.LIAISON)))
        mine = Ticket.steps.any((Step.unit_id == unit_id) & Step.finished_at.is_(None))
        tickets = (
            await session.scalars(select(Ticket).where(mine).options(selectinload(Ticket.steps)))
        ).all()
        sorted(tickets, key=lambda ticket: ticket.steps[-1].cut_off_at)[:50]


async def _timed(rounds: int, work: Callable[[], Awaitable[None]], warm: int = 3) -> Spread:
    for _ in range(warm):
        await work()
    took = []
    for _ in range(rounds):
        started = time.perf_counter()
        await work()
        took.append((time.perf_counter() - started) * 1000)
    return spread(took)


def _page_line(line: Timed) -> str:
    plain = f", plain query alone {line.plain.p50:.0f} ms" if line.plain else ""
    return (
        f"- {line.what}: p50 {line.ours.p50:.1f} p99 {line.ours.p99:.1f} most {line.ours.most:.1f} ms{plain}"
    )


# --- the supervision --------------------------------------------------------------------------------------------------


async def _race(db: Database) -> Swept:
    """Four processes find what ran out a second ago; then the plain way for some of it."""
    await _wind_back(db)
    sweepers = [_start(str(db.url)) for _ in range(SWEEPERS)]
    for one in sweepers:
        await asyncio.to_thread(one.stdout.readline)
    started = time.perf_counter()
    for one in sweepers:
        one.stdin.write("go\n")
        one.stdin.flush()
    moved = [int(await asyncio.to_thread(one.stdout.readline)) for one in sweepers]
    took_s = time.perf_counter() - started
    for one in sweepers:
        one.wait()
    async with db.reading() as session:
        rows = select(func.count(TrailRow.id), func.count(distinct(TrailRow.step_id)))
        lines, steps = (await session.execute(rows.where(TrailRow.action == Stage.OVERDUE))).one()
    assert steps == sum(moved)
    await _wind_back(db)
    plain_s = await _plain_sweep(db) * sum(moved) / PLAIN_STEPS
    await _wind_back(db)
    return Swept(moved, took_s, lines - steps, plain_s)


def _start(url: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "bench.tickets", "--sweep", url]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)


async def _sweeper(url: str) -> None:
    db = Database(DatabaseSettings(url=url))
    async with db.reading() as session:
        await session.scalar(select(Ticket.id).limit(1))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(await sweep(db, _clock()), flush=True)
    await db.close()


async def _plain_sweep(db: Database) -> float:
    """One process, no index of its own, a transaction for each step."""
    now = _clock().now()
    started = time.perf_counter()
    async with db.reading() as session:
        late = select(Step).where(
            Step.finished_at.is_(None), Step.cut_off_at < now, Step.overdue_at.is_(None)
        )
        steps = (await session.scalars(late)).all()
    for step in steps[:PLAIN_STEPS]:
        async with db.unit_of_work() as session:
            row = await session.get_one(Step, step.id)
            row.overdue_at = now
            session.add(TrailRow(ticket_id=row.ticket_id, at=now, action=Stage.OVERDUE, step_id=row.id))
    return time.perf_counter() - started


async def _wind_back(db: Database) -> None:
    """The overdue steps as they were made."""
    async with db.unit_of_work() as session:
        await session.execute(delete(Notice))
        await session.execute(delete(TrailRow))
        ran_out = (Step.finished_at.is_(None), Step.cut_off_at == ticket_town.CUT_OFF)
        before = {"stage": Stage.DUE_SOON, "watch_at": ticket_town.CUT_OFF, "overdue_at": None}
        await session.execute(update(Step).where(*ran_out).values(**before))


def _sweep_line(found: Swept) -> str:
    shares = "+".join(map(str, found.moved))
    return (
        f"- supervision: {sum(found.moved):,} steps moved by {SWEEPERS} processes ({shares}) in {found.took_s:.1f} s,"
        f" {found.twice} twice; step by step in one process {found.plain_s:.0f} s"
    )


# --- due dates --------------------------------------------------------------------------------------------------------


def _due_dates(times: int = 20_000) -> str:
    """One due date by the stored calendar, and by asking the package day by day as a request would."""
    calendar = WorkCalendar(read_table(ROOT / "config/calendar/cn.toml"))
    received = [
        (date(2024, 1, 1) + timedelta(days=number % 900), PERIODS[number % len(PERIODS)])
        for number in range(times)
    ]
    for on, days in received[: len(received) // 20]:
        assert calendar.due_from(on, days).on == _by_package(on, days)
    ours = _per_call(lambda: [calendar.due_from(on, days) for on, days in received], times)
    package = _per_call(lambda: [_by_package(on, days) for on, days in received], times)
    return f"- a due date: {ours:.1f} µs; chinesecalendar asked day by day: {package:.0f} µs"


def _by_package(on: date, days: int) -> date:
    while days:
        on += timedelta(days=1)
        days -= chinese_calendar.is_workday(on)
    return on


def _per_call(work: Callable[[], object], times: int) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) / times * 1e6


def _clock() -> ShiftedClock:
    return ShiftedClock(ticket_town.NOW, base=_Standing())


class _Standing:
    def now(self) -> datetime:
        return ticket_town.NOW


if __name__ == "__main__":
    asyncio.run(main())
