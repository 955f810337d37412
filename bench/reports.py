"""`python -m bench.reports`: a month's report, a year's and the dashboard over many calls and tickets, beside plain SQL.

The data set is made where it is missing: for SQLite in `--folder`, for PostgreSQL in the database that `--postgres` names, or
in a private server that ends with the run. Every figure compared is worked out twice in the same run, by `reports` and by
a statement written by hand over the raw rows; the bench ends with an error where they differ.
"""

import argparse
import asyncio
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from support.postgres import PostgresServer

from agent_desktop.wallboard.state import sliding, staffing, today
from bench import call_town, ticket_town
from bench.measure import spread
from config.database import load_models
from core.clock import ShiftedClock
from core.db import Database, DatabaseSettings
from core.units import Region
from recordings.models import Call
from reports.counting import figures
from reports.counting.indicators import BY_KEY
from reports.counting.slices import Slice, days
from reports.models import PeriodKind, Report
from reports.settings import ReportSettings
from reports.signed import content
from reports.signed.periods import period
from reports.training.settings import TrainingSettings

PARTS = ("county", "month", "year", "plain", "dashboard")
MONTH, YEAR = period(PeriodKind.MONTH, date(2026, 5, 1)), period(PeriodKind.YEAR, date(2025, 1, 1))
_CALLS = "FROM calls WHERE direction = 'in' AND mark = '' AND ended_at IS NOT NULL AND started_at >= :since AND started_at < :until"
_QUICK = "(answered_at IS NULL AND \"end\" = 'queue' AND {ms} < 5000)"
_TURNS = (
    "FROM call_events s JOIN calls c ON c.id = s.call_id LEFT JOIN call_events t ON t.call_id = s.call_id AND t.id = s.id + 1"
    " WHERE s.kind = 'transfer_started' AND c.started_at >= :since AND c.started_at < :until"
)
_STEPS = "FROM ticket_steps WHERE cut_off_at >= :since AND cut_off_at < :until AND (finished_at IS NOT NULL OR cut_off_at < :now)"
PLAIN = {
    "K-01": f"SELECT SUM(CASE WHEN answered_at IS NOT NULL THEN 1 ELSE 0 END), COUNT(*) {_CALLS} AND queued_at IS NOT NULL AND NOT {_QUICK}",
    "K-01.raw": f"SELECT SUM(CASE WHEN answered_at IS NOT NULL THEN 1 ELSE 0 END), COUNT(*) {_CALLS} AND queued_at IS NOT NULL",
    "K-03": f"SELECT SUM(CASE WHEN \"end\" IN ('menu', 'queue') THEN 1 ELSE 0 END), COUNT(*) {_CALLS}",
    "K-04": f"SELECT SUM(CASE WHEN t.kind = 'transfer_answered' THEN 1 ELSE 0 END), COUNT(*) {_TURNS}",
    "K-10": "SELECT SUM(CASE WHEN score <= 2 THEN 1 ELSE 0 END), COUNT(*) FROM satisfaction_ratings WHERE about = 'operator'"
            " AND score IS NOT NULL AND changed_at >= :since AND changed_at < :until",
    "K-12": "SELECT SUM(CASE WHEN state IN ('REPLIED', 'IN_COMPLAINT', 'CLOSED') THEN 1 ELSE 0 END), COUNT(*) FROM tickets"
            " WHERE kind = 'question' AND state <> 'VOID' AND received_at >= :since AND received_at < :until",
    "K-13": f"SELECT SUM(CASE WHEN COALESCE(finished_at, :now) <= cut_off_at THEN 1 ELSE 0 END), COUNT(*) {_STEPS}",
}  # fmt: skip
"""Numerator and denominator over the whole province, for what the bench compares."""
ELAPSED = {
    "sqlite": "ROUND((julianday(ended_at) - julianday(queued_at)) * 86400000)",
    "postgresql": "ROUND(EXTRACT(EPOCH FROM ended_at - queued_at) * 1000)",
}
Result = TypeVar("Result")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000_000)
    parser.add_argument("--tickets", type=int, default=1_000_000)
    parser.add_argument("--engine", choices=["sqlite", "postgresql", "both"], default="both")
    parser.add_argument("--folder", type=Path, default=Path("var/bench"))
    parser.add_argument(
        "--only", choices=PARTS, action="append", help="measure these parts, instead of all of them"
    )
    parser.add_argument(
        "--postgres", metavar="URL", help="a database kept for this bench, instead of a private one"
    )
    return parser.parse_args()


async def main() -> None:
    given = _arguments()
    load_models()
    for engine in ["sqlite", "postgresql"] if given.engine == "both" else [given.engine]:
        async with _database(engine, given) as db:
            print(f"\n**{engine}**, {given.calls:,} calls, {given.tickets:,} tickets", flush=True)
            await _measure(db, given.only or PARTS)


@asynccontextmanager
async def _database(engine: str, given: argparse.Namespace) -> AsyncIterator[Database]:
    server = None
    if engine == "sqlite":
        folder = given.folder.absolute()
        folder.mkdir(parents=True, exist_ok=True)
        url = f"sqlite+aiosqlite:///{folder}/reports-{given.calls}-{given.tickets}.db"
    elif given.postgres:
        url = given.postgres
    else:
        server = PostgresServer().__enter__()
        url = server.new_database()
    db = Database(DatabaseSettings(url=url))
    db.provide(ReportSettings())
    db.provide(TrainingSettings())
    try:
        await _make_if_missing(db, given.calls, given.tickets)
        yield db
    finally:
        await db.close()
        if server:
            server.__exit__()


async def _make_if_missing(db: Database, calls: int, tickets: int) -> None:
    await db.create_all()
    async with db.reading() as session:
        if await session.scalar(select(func.max(Call.id))) == calls:
            return
    started = time.perf_counter()

    def tell(said: str) -> None:
        print(f"\r{said}", end="", flush=True)

    async with db.unit_of_work() as session:
        town = await ticket_town.build(session)
    await ticket_town.fill(db, town, tickets, tell)
    await call_town.fill(db, town, next(iter(town.people.values())), calls, tell)
    print(f"\nmade in {time.perf_counter() - started:.0f} s", flush=True)


async def _measure(db: Database, parts: Sequence[str]) -> None:
    clock = ShiftedClock(ticket_town.NOW, base=_Standing())
    async with db.reading() as session:
        await _reports(session, parts)
        for name, of in (("month", MONTH), ("year", YEAR)):
            if "plain" in parts:
                await _compare(session, name, Slice(*days(of.first, of.last), clock.now()))

    async def dashboard() -> None:
        await today(db, clock)
        await sliding(db, clock)
        await staffing(db, clock)

    if "dashboard" in parts:
        print(f"- dashboard: {_said([(await _timed(dashboard))[0] for _ in range(20)])}")


async def _reports(session: AsyncSession, parts: Sequence[str]) -> None:
    county = await session.scalar(select(Region.id).where(Region.code == "530101"))
    province = await session.scalar(select(Region.id).where(Region.parent_id.is_(None)))
    for part, name, region, of, times in (
        ("county", "month of one county", county, MONTH, 10),
        ("month", "month of the province", province, MONTH, 1),
        ("year", "year of all regions", province, YEAR, 1),
    ):
        if part not in parts:
            continue
        before, units, took = _memory_mb(), 0, []
        for _ in range(times):
            span, said = await _timed(lambda region=region, of=of: _report(session, region, of))
            took, units = [*took, span], len(said["units"])
        print(f"- report, {name}: {_said(took)}, {units} units, peak memory {before:.0f} -> {_memory_mb():.0f} MB",
              flush=True)  # fmt: skip


def _said(took: Sequence[float]) -> str:
    if len(took) == 1:
        return f"{took[0]:.2f} s"
    found = spread([span * 1000 for span in took])
    return f"p50 {found.p50:.0f}, p99 {found.p99:.0f} ms of {found.count}"


async def _report(session: AsyncSession, region_id: int, of: Any) -> content.Content:
    report = Report(region_id=region_id, kind=of.kind, first_on=of.first, last_on=of.last)
    report.region = await session.get_one(Region, region_id)
    return await content.make(session, report, ticket_town.NOW)


async def _compare(session: AsyncSession, name: str, of: Slice) -> None:
    """Ours in one reading, as a report does it, beside the plain statements; ends the run where a figure differs."""
    engine = session.get_bind().dialect.name
    ours_s, found = await _timed(lambda: figures.figures(session, [BY_KEY[key] for key in PLAIN], of))
    plain_s, differing = 0.0, []
    print(f"\n| {name} | ours | plain SQL | equal |\n| --- | ---: | ---: | --- |")
    for one, (key, sql) in zip(found, PLAIN.items(), strict=True):
        statement = text(sql.replace("{ms}", ELAPSED[engine]))
        took, plain = await _timed(lambda statement=statement: _plain(session, statement, of))
        plain_s, ours = plain_s + took, (one.numerator, one.denominator)
        differing += [key] if ours != plain else []
        print(
            f"| {key} | {ours[0]:,} / {ours[1]:,} | {plain[0]:,} / {plain[1]:,} | {'yes' if ours == plain else 'NO'} |"
        )
    print(f"| seconds | {ours_s:.2f} | {plain_s:.2f} | |\n", flush=True)
    if differing:
        raise SystemExit(f"figures differ from plain SQL: {', '.join(differing)}")


async def _plain(session: AsyncSession, statement: Any, of: Slice) -> tuple[int, int]:
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    given = {"since": of.since, "until": of.until, "now": of.now}
    stored = {key: at.isoformat(" ", "microseconds")[:26] if is_sqlite else at for key, at in given.items()}
    named = {key: at for key, at in stored.items() if f":{key}" in str(statement)}
    above, below = (await session.execute(statement, named)).one()
    return int(above or 0), int(below)


async def _timed(work: Callable[[], Awaitable[Result]]) -> tuple[float, Result]:
    started = time.perf_counter()
    done = await work()
    return time.perf_counter() - started, done


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class _Standing:
    def now(self) -> datetime:
        return ticket_town.NOW


if __name__ == "__main__":
    asyncio.run(main())
