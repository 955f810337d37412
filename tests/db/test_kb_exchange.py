"""Import and export: JSONL, CSV, XLSX, again and again, with rows that are wrong, on both engines."""

import argparse
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import func, select
from support.blank import make_tables

from core.clock import ShiftedClock
from core.db import Database, DatabaseSettings
from core.units import Region, RegionLevel, Unit
from kb import cli, demo, feedback
from kb.errors import FileUnreadable
from kb.interchange import exchange, exporting, feed, tables
from kb.models import Alias, Entry, EntryState, EntryVersion
from kb.searching.search import Searcher

SAMPLES = Path(__file__).parents[2] / "docs/samples"
CLOCK = ShiftedClock(datetime(2026, 6, 1, 2, tzinfo=UTC))
ROWS = [
    {"id": "g-1", "title": "居住证办理", "answer": "带身份证到派出所。", "department": "市公安局", "source": "公开库",
     "keywords": "居住证", "valid_to": "2100-10-21"},
    {"id": "g-2", "title": "只有标题的条目", "source": "公开库"},
    {"id": "g-3", "title": "旧办法", "answer": "已废止。", "source": "公开库", "valid_to": "2015-12-31"},
]  # fmt: skip
Write = Callable[[list[Any]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes rows as JSONL; a string is written as it is."""

    def lines(rows: list[Any]) -> Path:
        path = tmp_path / "rows.jsonl"
        texts = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
        path.write_text("\n".join(texts), encoding="utf-8")
        return path

    return lines


async def count(db: Database) -> int:
    async with db.reading() as session:
        return await session.scalar(select(func.count()).select_from(Entry)) or 0


async def test_importing_twice_changes_nothing(db: Database, write: Write):
    """M-64: no duplicates; an expired row stays expired."""
    first = await exchange.import_file(db, CLOCK, write(ROWS))
    assert (first.created, first.errors) == (3, [])
    again = await exchange.import_file(db, CLOCK, write(ROWS))
    assert (again.created, again.updated, again.unchanged) == (0, 0, 3)
    assert await count(db) == 3
    async with db.reading() as session:
        states = dict((await session.execute(select(Entry.source_id, Entry.state))).all())
    assert states == {"g-1": EntryState.PUBLISHED, "g-2": EntryState.PUBLISHED, "g-3": EntryState.EXPIRED}


async def test_changed_rows_are_updated_and_their_old_text_kept(db: Database, write: Write):
    """M-64: the new text is there, the old one is a version."""
    await exchange.import_file(db, CLOCK, write(ROWS))
    report = await exchange.import_file(db, CLOCK, write([{**ROWS[0], "answer": "改了"}, *ROWS[1:]]))
    assert (report.updated, report.unchanged) == (1, 2)
    async with db.reading() as session:
        entry = await session.scalar(select(Entry).where(Entry.source_id == "g-1"))
        kept = (await session.scalars(select(EntryVersion))).one()
    assert entry is not None
    assert (entry.answer, entry.version, kept.fields["answer"]) == ("改了", 2, "带身份证到派出所。")


async def test_vanished_rows_are_retired_only_when_asked(db: Database, write: Write):
    """M-64: retired on request, of the same source alone; back when they are back."""
    await exchange.import_file(db, CLOCK, write([*ROWS, {"id": "x", "title": "别的来源", "source": "别处"}]))
    assert (await exchange.import_file(db, CLOCK, write(ROWS[:1]))).retired == 0
    assert (await exchange.import_file(db, CLOCK, write(ROWS[:1]), retire_missing=True)).retired == 2
    assert (await exchange.import_file(db, CLOCK, write(ROWS), retire_missing=True)).updated == 2
    async with db.reading() as session:
        other = await session.scalar(select(Entry.state).where(Entry.source == "别处"))
    assert other == EntryState.PUBLISHED


async def test_wrong_rows_are_named_and_the_others_taken_in(db: Database, write: Write):
    """Each wrong row is named in Chinese; nothing is retired on the strength of a damaged file."""
    await exchange.import_file(db, CLOCK, write(ROWS))
    rows = [
        '{"id": "坏', '["列表"]', {"title": "没有编号"}, {"id": "a", "title": ""}, {"id": "b", "title": "t", "valid_to": "明年"},
        {"id": "c", "title": "t", "type": "诗歌"}, {"id": "w", "title": "t", "used_weight": "很多"}, {"id": "d", "title": "t", "audience": "不公开"}, ROWS[0], ROWS[0],
        {"id": "e", "title": "好的一行", "answer": "有\x00空字符"},
    ]  # fmt: skip
    report = await exchange.import_file(db, CLOCK, write(rows), source="公开库", retire_missing=True)
    assert [error.split("：")[0] for error in report.errors] == [
        f"第 {n} 行" for n in (1, 2, 3, 4, 5, 6, 7, 8, 10)
    ]
    assert "不是日期" in report.errors[4]
    assert (report.created, report.unchanged, report.retired) == (1, 1, 0)


async def test_csv_of_either_encoding_and_xlsx_read_alike(db: Database, tmp_path: Path):
    """Chinese headings, UTF-8 or GB18030, dates and numbers as cells."""
    text = "编号,标题,答复,别名,失效日期\n1,户口迁移,到派出所办理,迁户口；转户口,2099-01-01\n\n"
    for encoding in ("utf-8-sig", "gb18030"):
        (tmp_path / f"{encoding}.csv").write_text(text, encoding=encoding)
        await exchange.import_file(db, CLOCK, tmp_path / f"{encoding}.csv", source="表")
    book = openpyxl.Workbook()
    book.active.append(["编号", "标题", "答复", "别名", "失效日期"])
    book.active.append([1, "户口迁移", "到派出所办理", "迁户口；转户口", datetime(2099, 1, 1)])
    book.save(tmp_path / "t.xlsx")
    report = await exchange.import_file(db, CLOCK, tmp_path / "t.xlsx", source="表")
    assert (report.unchanged, report.errors, await count(db)) == (1, [], 1)
    async with db.reading() as session:
        assert set((await session.scalars(select(Alias.text))).all()) == {"迁户口", "转户口"}


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.pdf", b"%PDF"), ("a.xlsx", b"no zip"), ("a.csv", "甲,乙\n1,2\n".encode()), ("a.csv", b""), ("a.jsonl", b"\xff\xfe\x00")],
)  # fmt: skip
async def test_a_file_that_is_none_is_refused_in_chinese(
    db: Database, tmp_path: Path, name: str, content: bytes
):
    """Not a table, no headings, no known form: one sentence, nothing taken in."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileUnreadable, match=name):
        await exchange.import_file(db, CLOCK, tmp_path / name)
    assert await count(db) == 0


async def test_a_missing_file_is_refused_in_chinese(db: Database, tmp_path: Path):
    """The name of the file is in the sentence."""
    with pytest.raises(FileUnreadable, match="nothing"):
        await exchange.import_file(db, CLOCK, tmp_path / "nothing.jsonl")


async def test_departments_find_their_units(db: Database, write: Write):
    """市公安局 is the unit 公安局 of this city; an unknown department keeps its name."""
    async with db.unit_of_work() as session:
        region = Region(code="5399", name="示范州", level=RegionLevel.PREFECTURE)
        session.add(region)
        await session.flush()
        session.add(Unit(region_id=region.id, code="102", name="公安局"))
    await exchange.import_file(db, CLOCK, write([ROWS[0], {**ROWS[1], "department": "市市场监督管理局"}]))
    async with db.reading() as session:
        rows = await session.execute(select(Entry.source_id, Entry.department, Unit.name).outerjoin(Unit))
        assert {(row[0], row[1], row[2]) for row in rows} == {
            ("g-1", "市公安局", "公安局"),
            ("g-2", "市市场监督管理局", None),
        }


async def test_the_demo_goes_out_and_comes_in_unchanged(db: Database, tmp_path: Path):
    """M-106: export, then import: the same entries, aliases and states; the same search."""
    report = await demo.seed(db, CLOCK)
    assert report.errors == []
    assert report.created >= 60
    done = await exporting.export_file(db, tmp_path / "out.jsonl")
    assert done == report.created
    again = await exchange.import_file(db, CLOCK, tmp_path / "out.jsonl")
    assert (again.unchanged, again.errors) == (done, [])


async def test_a_file_that_breaks_off_changes_nothing(db: Database, tmp_path: Path):
    """Issue 7: thousands of good rows before the damage do not matter, the database is as it was."""
    good = "".join(f"{number},第{number}号文件\n" for number in range(1, 1200))
    (tmp_path / "a.csv").write_bytes(f"编号,标题\n{good}".encode() + b'1,"\xff\xff')
    (tmp_path / "a.json").write_text('[{"id": "1", "title": "t"}, {"id": "2"', encoding="utf-8")
    for name in ("a.csv", "a.json"):
        with pytest.raises(FileUnreadable):
            await exchange.import_file(db, CLOCK, tmp_path / name)
    assert await count(db) == 0


async def test_a_trial_reports_and_changes_nothing(db: Database, write: Write):
    """The same counts as the import that follows; own entries are refused where they may not come in."""
    await exchange.import_file(db, CLOCK, write(ROWS))
    rows = [{**ROWS[0], "answer": "改了"}, {"id": "new", "title": "新的", "source": "公开库"}]
    steps: list[tuple[int, int]] = []
    trial = await exchange.import_file(
        db, CLOCK, write(rows), retire_missing=True, dry_run=True, progress=lambda *step: steps.append(step)
    )
    assert await count(db) == 3
    real = await exchange.import_file(db, CLOCK, write(rows), retire_missing=True)
    assert (real.created, real.updated, real.retired) == (1, 1, 2)
    assert trial == real
    assert steps == [(2, 2)]
    own = await exchange.import_file(
        db, CLOCK, write([{"id": "x", "title": "冒充", "source": "own"}]), allow_own=False
    )
    assert (own.created, own.wrong) == (0, 1)


async def test_an_import_does_not_bring_back_what_a_person_took_down(db: Database, write: Write):
    """An emergency withdrawal outlives the nightly import; the text is still kept up to date."""
    await exchange.import_file(db, CLOCK, write(ROWS))
    async with db.unit_of_work() as session:
        entry = await session.scalar(select(Entry).where(Entry.source_id == "g-1"))
        entry.state, entry.held_back = EntryState.WITHDRAWN, True
    await exchange.import_file(db, CLOCK, write([{**ROWS[0], "answer": "改了"}]))
    async with db.reading() as session:
        entry = await session.scalar(select(Entry).where(Entry.source_id == "g-1"))
    assert (entry.state, entry.answer) == (EntryState.WITHDRAWN, "改了")


@pytest.mark.parametrize("form", ["jsonl", "json", "csv", "xlsx"])
async def test_every_form_goes_out_and_comes_in_the_same(
    db: Database, tmp_path: Path, write: Write, form: str
):
    """M-68: every kind with its fields, dates, wordings and region; exported and imported, nothing differs."""
    async with db.unit_of_work() as session:
        session.add(Region(code="539901", name="示范县", level=RegionLevel.COUNTY))
    rows = [
        {"id": "1", "source": "own", "type": "事项", "title": "=公式", "basis": "甲法", "fee": "不收费", "level": "县级",
         "region": "示范县", "aliases": ["甲", "乙"], "item_code": "0001"},
        {"id": "2", "source": "own", "type": "公告", "title": "公示", "answer": "两行\n正文", "notice": "公示",
         "objection": "来电", "valid_from": "2026-06-01", "valid_to": "2026-06-05", "is_hot": "是", "subject": "s1"},
        {"id": "3", "source": "公开库", "type": "依申请公开指南", "title": "指南", "receiver": "州政府办",
         "audience": "不公开", "internal_reason": "过程性信息", "review_by": "2027/1/1"},
    ]  # fmt: skip
    assert (await exchange.import_file(db, CLOCK, write(rows))).errors == []
    assert await exporting.export_file(db, tmp_path / f"out.{form}") == 3
    again = await exchange.import_file(db, CLOCK, tmp_path / f"out.{form}")
    assert (again.unchanged, again.errors) == (3, [])
    assert await exporting.export_file(db, tmp_path / f"out.{form}", public_only=True) == 2


@pytest.mark.parametrize("form", ["json", "csv", "xlsx"])
async def test_the_samples_say_the_same_in_every_form(db: Database, form: str):
    """docs/samples holds one set of rows in the four documented forms; read in any other form nothing changes."""
    first = await exchange.import_file(db, CLOCK, SAMPLES / "entries.jsonl")
    again = await exchange.import_file(db, CLOCK, SAMPLES / f"entries.{form}")
    assert (first.errors, first.created) == ([], 9)
    assert (again.errors, again.unchanged) == ([], 9)


QUERIES = (
    "社保卡",
    "gjj",
    "ju zhu zheng",
    "公机金",
    "收费",
    "身份证丢了怎么办",
    "办理",
    "2026",
    "食品经营",
    "不动产",
)


async def _found(db: Database, index: Path) -> list[list[tuple[str, float]]]:
    searcher = Searcher(index, db, CLOCK)
    await searcher.open()
    found = [
        [
            (hit.source_id, hit.score)
            for hit in await searcher.search(query, 20, audience="staff", with_expired=True)
        ]
        for query in QUERIES
    ]
    await searcher.close()
    return found


@pytest.mark.parametrize("form", ["jsonl", "xlsx"])
async def test_another_system_finds_the_same_in_the_same_order(db: Database, tmp_path: Path, form: str):
    """M-68: exported and imported elsewhere, every search gives the same entries and scores, often chosen ones first as here."""
    await demo.seed(db, CLOCK)
    async with db.unit_of_work() as session:
        for source_id, times in (("demo-054", 1), ("demo-102", 4)):
            entry = await session.scalar(select(Entry).where(Entry.source_id == source_id))
            for _ in range(times):
                await feedback.chosen(session, CLOCK, query="办理", entry_id=entry.id, user_id=None)
    file = tmp_path / f"out.{form}"
    await exporting.export_file(db, file)
    other = Database(DatabaseSettings(url=f"sqlite+aiosqlite:///{tmp_path}/other.db"))
    await make_tables(other)
    assert (await exchange.import_file(other, CLOCK, file)).errors == []
    here = await _found(db, tmp_path / "here")
    assert all(here)
    assert await _found(other, tmp_path / "there") == here
    assert (await exchange.import_file(other, CLOCK, file)).updated == 0
    await other.close()


async def test_a_feed_is_fetched_whole_or_refused_in_chinese():
    """M-64: the file behind an address, by its name or kind; what the other side refuses is said."""
    served = web.Application()

    async def library(_: web.Request) -> web.Response:
        return web.json_response(ROWS)

    served.router.add_get("/feed", library)
    async with TestServer(served) as server:
        async with feed.fetched(str(server.make_url("/feed"))) as path:
            assert path.suffix == ".json"
            assert [row["id"] for _, row in tables.read(path)] == ["g-1", "g-2", "g-3"]
        with pytest.raises(FileUnreadable, match="404"):
            async with feed.fetched(str(server.make_url("/gone"))):
                pass
    with pytest.raises(FileUnreadable, match="无法取得"):
        async with feed.fetched("http://127.0.0.1:9/feed"):
            pass


async def test_the_commands_import_search_and_answer_lines(
    db: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str], write: Write
):
    """`import`, `reindex` and `search` speak Chinese; the pipe answers one line for each, also for rubbish."""
    parser = argparse.ArgumentParser()
    cli.add_commands(parser)

    async def run(*words: str) -> tuple[int, str]:
        status = await cli.run(parser.parse_args(words), db, CLOCK, tmp_path / "kb.sqlite")
        return status, capsys.readouterr().out

    assert (await run("import", str(demo.ENTRIES)))[0] == 0
    status, said = await run("import", str(write([*ROWS, "{"])))
    assert status == 1
    assert "新增 3 条" in said
    assert "居住证" in (await run("search", "居住证"))[1]
    guide = (await run("search", "怎样申请公开", "--public"))[1]
    assert "怎样申请公开政府信息" in guide.splitlines()[0]  # M-110
    assert await run("search", "旧办法", "--expired") == (0, (await run("search", "旧办法", "--expired"))[1])
    assert "已过有效期" in (await run("search", "旧办法", "--expired"))[1]
    entries = len(demo.ENTRIES.read_text().splitlines()) + len(ROWS)
    assert f"共 {entries} 条" in (await run("reindex"))[1]
    searcher = Searcher(tmp_path / "kb.sqlite", db, CLOCK)
    await searcher.open()
    out = io.StringIO()
    await cli.answer_lines(searcher, io.StringIO('{"query": "居住证办理", "k": 3}\nrubbish\n[]\n'), out)
    await searcher.close()
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert answers[0]["items"][0]["id"] == "g-1"
    assert ["error" in answer for answer in answers] == [False, True, True]
