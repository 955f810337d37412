"""Units of work, instants and the audit chain on both engines."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from core import audit
from core.bus import publish
from core.clock import BEIJING, SystemClock
from core.db import Database
from core.units import Region, RegionLevel


async def test_roll_back_leaves_nothing_and_says_nothing(db: Database):
    """A unit of work that fails stores no row and delivers no event."""
    heard: list[str] = []
    db.bus.subscribe(str, heard.append)
    with pytest.raises(RuntimeError):
        async with db.unit_of_work() as session:
            session.add(Region(code="53", name="某省", level=RegionLevel.PROVINCE))
            publish(session, "created")
            raise RuntimeError
    async with db.reading() as session:
        assert (await session.scalars(select(Region))).all() == []
    assert heard == []


async def test_events_arrive_after_the_commit(db: Database):
    """A published event is delivered once the row can be read by others."""
    heard: list[str] = []
    db.bus.subscribe(str, heard.append)
    async with db.unit_of_work() as session:
        session.add(Region(code="53", name="某省", level=RegionLevel.PROVINCE))
        publish(session, "created")
        assert heard == []
    assert heard == ["created"]


async def test_twenty_writers_at_once_all_commit_and_chain(db: Database):
    """Concurrent audit writers never fork the chain."""

    async def write(number: int) -> None:
        async with db.unit_of_work() as session:
            await audit.record(session, SystemClock(), actor=f"u{number}", action="test")

    await asyncio.gather(*(write(n) for n in range(20)))
    async with db.reading() as session:
        assert await audit.verify(session) is None
        assert len((await session.scalars(select(audit.AuditRow))).all()) == 20


async def test_audit_holds_whatever_offset_the_clock_has(db: Database):
    """The demo's past is told in Beijing time: the same instant read back in UTC fits the chain."""

    class Beijing:
        def now(self) -> datetime:
            return datetime(2026, 6, 1, 10, tzinfo=BEIJING)

    async with db.unit_of_work() as session:
        await audit.record(session, Beijing(), actor="u", action="test")
    async with db.reading() as session:
        assert await audit.verify(session) is None


async def test_audit_names_the_first_altered_row(db: Database):
    """Changing one row of the audit log is reported with that row's id."""
    for number in range(5):
        async with db.unit_of_work() as session:
            await audit.record(session, SystemClock(), actor=f"u{number}", action="test")
    async with db.unit_of_work() as session:
        await session.execute(update(audit.AuditRow).where(audit.AuditRow.id == 3).values(actor="mallory"))
    async with db.reading() as session:
        assert await audit.verify(session) == 3


async def test_naive_instants_are_refused(db: Database):
    """An instant without an offset never reaches the database; a stored one comes back aware."""
    async with db.unit_of_work() as session:
        row = await audit.record(session, SystemClock(), actor="a", action="test")
        at = row.at
    async with db.reading() as session:
        stored = await session.scalar(select(audit.AuditRow.at))
        assert stored == at
        assert stored.tzinfo is not None
    with pytest.raises(Exception, match="naive"):
        async with db.unit_of_work() as session:
            await session.execute(update(audit.AuditRow).values(at=datetime(2026, 1, 1)))
    assert datetime.now(UTC).tzinfo is UTC
