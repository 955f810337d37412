"""Several processes search one database: with an index each, or with one that they share. No bus reaches across."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.kb import Office
from support.web import ROOMS, TEST, add_person, browsing, web_app

from core import accounts
from core.clock import ShiftedClock
from core.db import Database, DatabaseSettings
from core.people import Role
from core.tasks import Tasks
from kb import feedback
from kb.events import EntriesChanged
from kb.fields import EntryFields
from kb.models import Audience, InternalReason
from kb.searching import documents, index, keeper, synonyms
from kb.searching.search import Searcher
from portal.keys import SEARCHER

CLOCK = ShiftedClock(datetime(2026, 6, 1, 2, tzinfo=UTC))


@dataclass
class Process:
    """A database connection and a search of its own; `told` are the entries its pages heard of."""

    searcher: Searcher
    told: list[int]

    async def until(self, typed: str, wanted: list[int]) -> None:
        async with asyncio.timeout(10):
            while [hit.id for hit in await self.searcher.search(typed)] != wanted:
                await asyncio.sleep(0.02)


@pytest.fixture
async def office(db: Database) -> Office:
    return await Office(db, CLOCK).build()


@asynccontextmanager
async def process(db: Database, index: Path) -> AsyncIterator[Process]:
    own = Database(DatabaseSettings(url=db.url.render_as_string(hide_password=False)))
    searcher, tasks = Searcher(index, own, CLOCK), Tasks(CLOCK)
    told: list[int] = []
    own.bus.subscribe(EntriesChanged, lambda event: told.extend(event.entry_ids))
    await searcher.open()
    tasks.loop("kb-index", searcher.follow)
    yield Process(searcher, told)
    await tasks.close()
    await searcher.close()
    await own.close()


async def test_an_index_of_another_machine_follows_the_database(db: Database, office: Office, tmp_path: Path):
    """What is published, withdrawn or said otherwise elsewhere is found, gone or understood without any message; pages hear of it."""
    async with process(db, tmp_path / "index") as there:
        entry_id = await office.publish()
        await there.until("公积金提取", [entry_id])
        async with db.unit_of_work() as session:
            await synonyms.add(session, "取房钱", "住房公积金提取")
        await there.until("取房钱", [entry_id])
        assert entry_id in there.told
        there.told.clear()
        await office.withdraw(entry_id)
        await there.until("公积金提取", [])
        assert entry_id in there.told


def _counted(ask: Callable[..., object], name: str, asked: dict[str, int]) -> Callable[..., object]:
    def counted(*given: object) -> object:
        asked[name] += 1
        return ask(*given)

    return counted


async def test_a_base_at_rest_is_not_read_again(
    db: Database, office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Once the last change has come to rest the loop asks when it was and nothing else; the next one is found as ever."""
    monkeypatch.setattr(keeper, "LOOK_S", 0.01)
    monkeypatch.setattr(keeper, "SLACK", timedelta(0))
    async with process(db, tmp_path / "index") as there:
        entry_id = await office.publish()
        await there.until("公积金提取", [entry_id])
        asked = {"newest": 0, "stamps": 0}
        for name in asked:
            monkeypatch.setattr(documents, name, _counted(getattr(documents, name), name, asked))
        async with asyncio.timeout(10):
            while asked["newest"] < 4:
                if asked["stamps"]:
                    asked.update(newest=0, stamps=0)
                await asyncio.sleep(0.02)
        await office.withdraw(entry_id)
        await there.until("公积金提取", [])


async def test_processes_share_an_index_and_one_takes_over(db: Database, office: Office, tmp_path: Path):
    """The first keeps the index, the second reads it; when the first has ended the second keeps it."""
    async with process(db, tmp_path / "index") as first, process(db, tmp_path / "index") as second:
        entry_id = await office.publish()
        await first.until("公积金提取", [entry_id])
        await second.until("公积金提取", [entry_id])
    async with process(db, tmp_path / "index") as heir:
        await office.withdraw(entry_id)
        await heir.until("公积金提取", [])


async def test_an_index_made_anew_elsewhere_is_taken_up(db: Database, office: Office, tmp_path: Path):
    """`hotline kb reindex` beside a running hotline: its searches go over to the new index and follow changes there."""
    entry_id = await office.publish()
    async with process(db, tmp_path / "index") as running:
        command = Searcher(tmp_path / "index", db, CLOCK)
        assert await command.rebuild() == 1
        await command.close()
        await running.until("公积金提取", [entry_id])
        await office.withdraw(entry_id)
        await running.until("公积金提取", [])


async def test_a_start_beside_a_rebuild_waits_for_it(db: Database, office: Office, tmp_path: Path):
    """Without an index yet, and another process making it: the start goes through, searches find nothing, then everything."""
    entry_id = await office.publish()
    with index.rebuilding(tmp_path / "index"):
        starting = Searcher(tmp_path / "index", db, CLOCK)
        await starting.open()
        assert await starting.search("公积金提取") == []
    await starting.rebuild()
    assert [hit.id for hit in await starting.search("公积金提取")] == [entry_id]
    await starting.close()


Ask = Callable[..., Awaitable[list[dict[str, object]]]]


@pytest.fixture
async def ask(db: Database, office: Office, tmp_path: Path) -> AsyncIterator[Ask]:
    """Searches through the API, as a channel or as an operator."""
    now = CLOCK.now().date()
    await office.publish()
    await office.publish(
        EntryFields("公积金内部口径", "仅供内部。", audience=Audience.INTERNAL, internal_reason=InternalReason.WORK_IN_PROGRESS)
    )  # fmt: skip
    await office.publish(EntryFields("公积金旧办法", "已废止。", valid_to_on=now))
    user = await add_person(db, "api", Role.OPERATOR)
    async with db.unit_of_work() as session:
        keys = {
            "operator": await accounts.issue_token(session, CLOCK, TEST, name="t", user=user),
            "channel": await accounts.issue_token(session, CLOCK, TEST, name="c", channel="wechat"),
        }
    clock = ShiftedClock(datetime(2026, 6, 2, 2, tzinfo=UTC))
    searcher = Searcher(tmp_path / "index", db, clock)
    await searcher.open()
    app = web_app(db, clock, rooms=(*ROOMS, lambda app: app.__setitem__(SEARCHER, searcher)))
    async with browsing(app) as browser:

        async def asked(who: str, typed: str, **only: str) -> list[dict[str, object]]:
            response = await browser.client.get(
                "/api/v1/kb/search",
                params={"q": typed} | only,
                headers={"Authorization": f"Bearer {keys[who]}"},
            )
            found = await response.json()
            return found["items"] if response.status == 200 else [found["error"]["fields"]]

        yield asked
    await searcher.close()


async def test_staff_and_channels_see_what_is_theirs(ask: Ask):
    """M-22, M-70: internal and expired entries are for staff, expired ones marked and last; pieces found are marked."""
    assert [item["title"] for item in await ask("channel", "公积金")] == ["住房公积金提取"]
    items = await ask("operator", "公积金")
    assert {item["title"] for item in items} == {"住房公积金提取", "公积金内部口径", "公积金旧办法"}
    assert [item["title"] for item in items if not item["valid"]] == ["公积金旧办法"]
    assert items[-1]["title"] == "公积金旧办法"
    assert next(item for item in items if item["title"] == "住房公积金提取")["title_marks"] == [[0, 5]]


async def test_a_search_keeps_to_region_unit_and_kind(ask: Ask):
    """What is asked for is found, the rest is not; a kind that is none is refused by name."""
    for only in ({"region": "5399"}, {"unit": "公积金"}, {"unit": "101"}, {"kind": "faq"}):
        assert len(await ask("channel", "公积金", **only)) == 1
    for only in ({"unit": "公安"}, {"unit": "102"}, {"unit": "999"}, {"kind": "notice"}, {"region": "火星"}):
        assert await ask("channel", "公积金", **only) == []
    (refused,) = await ask("channel", "公积金", kind="火星")
    assert refused["field"] == "kind"


async def test_what_the_public_does_not_find_is_the_editors_work(ask: Ask, db: Database):
    """M-84: counted when a channel finds nothing; neither what staff is still typing, nor what names somebody."""
    for _ in range(3):
        assert await ask("channel", "火星移民") == []
    assert await ask("channel", "我叫欧阳震华") == []
    assert await ask("operator", "火星移民") == []
    async with db.reading() as session:
        gaps = await feedback.gaps(session, datetime(2026, 1, 1, tzinfo=UTC))
    assert [(gap.query, gap.times) for gap in gaps] == [("火星移民", 3)]


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "公",
        "１２３４５",
        "公积金" * 300,
        '" OR 1=1 --',
        "(AND",
        "w:*",
        "😀",
        "\u0001",
        "公積金",
        "2024年",
        "~^?*",
    ],
)
async def test_nothing_typed_is_an_error(ask: Ask, typed: str):
    """Odd, empty and endless input is a search with sensible results or none."""
    for item in await ask("channel", typed):
        assert item["title"] == "住房公积金提取"
