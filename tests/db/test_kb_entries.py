"""Entries from draft to withdrawal, what searches teach, and the index that follows, on both engines."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from support.kb import FIELDS, Office

from core.clock import ShiftedClock
from core.db import Database
from core.errors import InvalidInput, NotFound
from core.tasks import Tasks
from kb import entries, feedback, workflow
from kb.errors import ReasonMissing
from kb.fields import EntryFields
from kb.models import Alias, AliasState, Audience, Entry, InternalReason
from kb.searching import synonyms
from kb.searching.search import Searcher


@dataclass
class City:
    office: Office
    searcher: Searcher

    @property
    def db(self) -> Database:
        return self.office.db

    @property
    def clock(self) -> ShiftedClock:
        return self.office.clock

    async def publish(self, fields: EntryFields = FIELDS) -> int:
        return await self.office.publish(fields)

    async def entry(self, entry_id: int) -> Entry:
        async with self.db.reading() as session:
            return await entries.find(session, entry_id)

    async def found(self, typed: str, **options: object) -> list[int]:
        return [hit.id for hit in await self.searcher.search(typed, **options)]

    async def until(self, typed: str, wanted: list[int], within_s: float = 2.0) -> None:
        """Wait until exactly these entries are found."""
        async with asyncio.timeout(within_s):
            while await self.found(typed) != wanted:
                await asyncio.sleep(0.005)


@pytest.fixture
async def city(db: Database, tmp_path: Path) -> AsyncIterator[City]:
    """The office's people, and a search that follows the bus."""
    clock = ShiftedClock(datetime(2026, 6, 1, 2, tzinfo=UTC))
    office = await Office(db, clock).build()
    searcher = Searcher(tmp_path / "kb.sqlite", db, clock)
    await searcher.open()
    tasks = Tasks(clock)
    tasks.loop("kb_index", searcher.follow)
    yield City(office, searcher)
    await tasks.close()
    await searcher.close()


async def test_publishing_and_withdrawing_show_in_the_search(city: City):
    """M-18: found after the commit that publishes, gone after the one that withdraws; nobody asks for a rebuild."""
    entry_id = await city.publish()
    await city.until("公积金提取", [entry_id])
    await city.office.withdraw(entry_id)
    await city.until("公积金提取", [])


async def test_a_draft_is_found_by_nobody(city: City):
    """Only what was reviewed is published."""
    entry_id = await city.office.draft()
    await city.searcher.reindex([entry_id])
    assert await city.found("公积金", audience="staff") == []
    with pytest.raises(NotFound):
        await city.searcher.entry(entry_id)


async def test_internal_needs_a_reason_and_stays_with_staff(city: City):
    """M-70: no reason, no internal entry; only staff search shows it."""
    internal = replace(FIELDS, audience=Audience.INTERNAL)
    with pytest.raises(ReasonMissing):
        await city.publish(internal)
    entry_id = await city.publish(replace(internal, internal_reason=InternalReason.PRIVACY))
    await city.searcher.reindex([entry_id])
    assert await city.found("公积金") == []
    assert await city.found("公积金", audience="staff") == [entry_id]
    with pytest.raises(NotFound):
        await city.searcher.entry(entry_id)
    assert (await city.searcher.entry(entry_id, audience="staff"))["unit"] == "公积金中心"


async def test_hot_entries_are_spoken_until_withdrawn(city: City):
    """M-18: public, of one subject, valid today; an answer too long to speak is refused."""
    hot = replace(FIELDS, is_hot=True, subject="s5", valid_to_on=date(2026, 6, 1))
    with pytest.raises(InvalidInput, match="热点"):
        await city.publish(replace(hot, answer="长" * 201))
    entry_id = await city.publish(hot)
    async with city.db.unit_of_work() as session:
        assert [e.id for e in await entries.hot(session, date(2026, 6, 1), "s5")] == [entry_id]
        assert await entries.hot(session, date(2026, 6, 1), "s1") == []
        assert await entries.hot(session, date(2026, 6, 2)) == []
    await city.office.withdraw(entry_id)
    async with city.db.reading() as session:
        assert await entries.hot(session, date(2026, 6, 1), "s5") == []


async def test_the_day_after_the_last_day_an_entry_expires(city: City):
    """Beijing midnight ends an entry for the search at once; the sweep marks it, staff still find it marked."""
    entry_id = await city.publish(replace(FIELDS, valid_to_on=date(2026, 6, 1)))
    await city.until("公积金", [entry_id])
    city.clock.move_to(datetime(2026, 6, 1, 16, 0, 1, tzinfo=UTC))
    assert await city.found("公积金") == []
    async with city.db.unit_of_work() as session:
        assert await workflow.expire_due(session, city.clock) == [entry_id]
        assert await workflow.expire_due(session, city.clock) == []
    await city.searcher.reindex([entry_id])
    hits = await city.searcher.search("公积金", audience="staff", with_expired=True)
    assert [(hit.id, hit.valid) for hit in hits] == [(entry_id, False)]


async def test_two_people_teach_a_wording(city: City):
    """One person twice teaches nothing; the second person does: found at once, confirmed by the editor."""
    entry_id = await city.publish()
    for user_id in (city.office.fund.user_id, city.office.fund.user_id):
        await city.searcher.chosen("把攒的钱拿出来", entry_id, user_id)
    async with city.db.reading() as session:
        assert (await session.scalars(select(Alias))).all() == []
    await city.searcher.chosen("把攒的钱拿出来", entry_id, city.office.police.user_id)
    async with city.db.reading() as session:
        assert (await session.scalars(select(Alias))).one().state == AliasState.PROPOSED
    await city.until("攒的钱拿出来", [entry_id])
    async with city.db.unit_of_work() as session:
        await entries.set_aliases(session, city.clock, city.office.fund, entry_id, [])
    await city.until("攒的钱拿出来", [])
    await city.searcher.chosen("把攒的钱拿出来", entry_id, city.office.police.user_id)
    await city.searcher.reindex([entry_id])
    assert await city.found("攒的钱拿出来") == []


async def test_choices_fade(city: City):
    """Times chosen halve every 90 days."""
    entry_id = await city.publish()
    await city.searcher.chosen("公积金", entry_id, city.office.fund.user_id)
    city.clock.move_to(city.clock.now() + timedelta(days=90))
    await city.searcher.chosen("公积金", entry_id, city.office.fund.user_id)
    entry = await city.entry(entry_id)
    assert (entry.chosen_count, round(entry.chosen_weight, 3)) == (2, 1.5)


async def test_gaps_are_counted_for_the_editors(city: City):
    """M-84: nonsense searched three times is on the list once, with its count; greetings do not split it."""
    for query in ("火星移民", "请问火星移民", "您好，火星移民"):
        await city.searcher.not_found(query, city.office.fund.user_id)
    await city.searcher.not_found("月球户口", None)
    async with city.db.reading() as session:
        gaps = await feedback.gaps(session, city.clock.now() - timedelta(hours=1))
    assert gaps[0].times == 3
    assert len(gaps) == 2


async def test_an_editors_synonym_works_at_once(city: City):
    """A pair added in the database is used by the next search, and forgotten when removed."""
    entry_id = await city.publish()
    await city.until("公积金", [entry_id])
    async with city.db.unit_of_work() as session:
        await synonyms.add(session, "存房钱", "住房公积金")
    await city.until("存房钱", [entry_id])
    async with city.db.unit_of_work() as session:
        await synonyms.remove(session, "存房钱", "住房公积金")
    async with asyncio.timeout(2):
        while (hits := await city.searcher.search("存房钱")) and hits[0].score > 5:
            await asyncio.sleep(0.005)


async def test_what_changed_while_nobody_listened_is_caught_up(city: City, tmp_path: Path):
    """A search opened later mends its old index: new entries in, withdrawn ones out."""
    entry_id = await city.publish()
    other = Searcher(tmp_path / "other.sqlite", city.db, city.clock)
    await other.open()
    await other.close()
    await city.office.withdraw(entry_id)
    second = await city.publish(replace(FIELDS, title="公积金贷款"))
    again = Searcher(tmp_path / "other.sqlite", city.db, city.clock)
    await again.open()
    assert [hit.id for hit in await again.search("公积金")] == [second]
    await again.close()


async def test_a_rebuild_shows_the_old_index_until_it_is_done(city: City):
    """Searches during a rebuild never see it half empty."""
    entry_id = await city.publish()
    await city.until("公积金提取", [entry_id])
    seen: list[list[int]] = []
    rebuild = asyncio.create_task(city.searcher.rebuild())
    while not rebuild.done():
        seen.append(await city.found("公积金提取"))
    assert await rebuild == 1
    assert seen
    assert all(found == [entry_id] for found in seen)


async def test_many_searches_at_once_while_entries_change(city: City):
    """Twenty people search while an editor publishes; every answer is whole."""
    first = await city.publish()
    await city.until("公积金", [first])

    async def look() -> None:
        for _ in range(5):
            assert first in await city.found("公积金")

    await asyncio.gather(
        *(look() for _ in range(20)), *(city.publish(replace(FIELDS, title=f"公积金{n}")) for n in range(3))
    )
