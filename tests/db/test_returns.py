"""Monthly returns of centres without the system (M-126, M-127): refused by cell, kept apart, summed for the level above."""

import io
from datetime import UTC, date, datetime

import pytest
from aiohttp import FormData
from openpyxl import Workbook, load_workbook
from support.month import Month
from support.tickets import City, build_city
from support.web import ROOT, as_, browsing, give_password, web_app

from core.db import Database
from core.places import Place, PlaceKind
from core.sheet_reader import Sheet, read_sheets
from reports.models import PeriodKind, Report
from reports.returns import filing as returns
from reports.returns import sheet
from reports.returns.sheet import COLUMNS, COUNTS
from reports.signed import content, filing
from reports.signed.periods import period

JUNE = date(2026, 6, 1)
GOOD = dict(zip(COUNTS, (6, 100, 90, 80, 95, 90, 120, 500, 80, 60, 57), strict=True))
HALL = {"region": "county", "centre": "河口便民服务中心"}


@pytest.fixture
async def city(db: Database) -> City:
    """Two centres of the county, none of the city; it is the 2nd of July."""
    city = await build_city(db)
    async with db.unit_of_work() as session:
        for name in ("河口便民服务中心", "山口便民服务中心"):
            session.add(Place(region_id=city.regions["county"], name=name, kind=PlaceKind.CENTRE))
    city.clock.move_to(datetime(2026, 7, 2, 2, tzinfo=UTC))
    return city


def row(
    centre: str = HALL["centre"],
    *,
    month: str = "2026-06",
    state: str = "挂牌",
    reason: str = "",
    **changed: object,
) -> list[str]:
    counts = GOOD | changed
    return [month, "county", centre, state, *(str(counts[key]) for key in COUNTS), reason]


def read(*rows: list[str]) -> tuple[list[sheet.Filled], list[str]]:
    numbered = list(enumerate([list(COLUMNS), *rows], start=1))
    found, faults = sheet.read([Sheet("", numbered)])
    return found, [str(fault) for fault in faults]


def test_every_fault_is_named_by_row_and_column():
    """All of a file at once, each in a sentence that says what to write."""
    _, faults = read(
        row(), row(state="开业"), row("甲", in_time=96), row("乙", finished="九十"), row("丙", month="六月"), row(),
        row("丁", allowed_days=0),
    )  # fmt: skip
    assert faults == [
        "第 3 行“建设状态”：应为未开工、在建、建成、挂牌之一",
        "第 4 行“按时办结件数”：96 多于应办结件数 95，请核对",
        "第 5 行“办结件数”：请填写 0 或正整数，没有的填 0",
        "第 6 行“月份”：请写成 2026-06",
        "第 8 行“规定时限（工作日）”：有实际用时，规定时限不能为 0",
        "第 7 行“中心名称”：与第 2 行是同一中心、同一月份",
    ]


def test_the_sample_is_a_return_without_faults():
    """docs/samples/returns.csv: what the page's template looks like once it is filled in."""
    file = ROOT / "docs/samples/returns.csv"
    rows, faults = sheet.read(read_sheets(file.name, file.read_bytes()))
    assert (faults, [row.state for row in rows]) == ([], ["opened", "opened", "building"])
    assert rows[0].counts["received"] == 1860


def test_a_file_without_its_headings_says_which_they_are():
    """Somebody else's spreadsheet is not taken for an empty one."""
    _, faults = sheet.read([Sheet("", [(1, ["姓名", "电话"])])])
    assert "首行应为列名：月份、地区代码、中心名称" in str(faults[0])


async def take_in(city: City, *rows: list[str]) -> returns.Taken:
    found, faults = read(*rows)
    assert faults == []
    async with city.db.unit_of_work() as session:
        regions = {key: await session.get_one(content.Region, key) for key in city.regions.values()}
        user = await city.user(session, "county_office")
        return await returns.take_in(session, city.clock, user, regions, found)


async def test_a_correction_is_a_further_revision_with_its_reason(city: City):
    """The same again changes nothing; another number needs a reason; both stay readable, the later one counts."""
    assert await take_in(city, row()) == returns.Taken(1, 0, 0)
    assert await take_in(city, row()) == returns.Taken(0, 0, 1)
    with pytest.raises(returns.ReturnsRefused) as refused:
        await take_in(city, row(received=110), row("山口便民服务中心"))
    assert [fault.column for fault in refused.value.faults] == ["更正理由"]
    assert await take_in(city, row(received=110, reason="漏计十件窗口件")) == returns.Taken(0, 1, 0)
    async with city.db.reading() as session:
        known = await returns.history(session, city.regions["county"], HALL["centre"], JUNE)
        standing = await returns.standing(session, [city.regions["county"]], JUNE, JUNE)
    assert [(one.number, one.received) for one in known] == [(2, 110), (1, 100)]
    assert [one.received for one in standing] == [110]


async def test_months_to_come_and_unknown_centres_are_refused(city: City):
    """July has not ended, a centre must be in the directory, and nothing of such a file is stored."""
    with pytest.raises(returns.ReturnsRefused) as refused:
        await take_in(city, row(), row("无此中心"), row("山口便民服务中心", month="2026-07"))
    assert [(fault.line, fault.column) for fault in refused.value.faults] == [(3, "中心名称"), (4, "月份")]
    async with city.db.reading() as session:
        assert await returns.standing(session, list(city.regions.values()), JUNE, JUNE) == []


async def test_reported_counts_stand_beside_the_counted_and_are_summed_above(city: City):
    """The city's report has counted, reported and both; its own figures do not move; a later return is a correction."""
    async with city.db.unit_of_work() as session:
        await Month(session, city, 21).build(calls=60, tickets=60)
    before = await said(city)
    assert before["returns"]["missing"] == [
        ["2026-06", "county", name] for name in ("山口便民服务中心", HALL["centre"])
    ]
    await take_in(city, row(), row("山口便民服务中心", received=20, finished=20, on_spot=20))
    after = await said(city)
    assert after["figures"] == before["figures"]
    sums = {
        one["name"]: (one["counted"], one["reported"], one["together"]) for one in after["returns"]["sums"]
    }
    taken = next(one for one in after["figures"] if one["key"] == "K-12")
    assert sums["受理件数"] == (str(taken["denominator"]), "120", str(taken["denominator"] + 120))
    above, below = taken["numerator"] + 110, taken["denominator"] + 120
    assert sums["办结率"][2] == f"{above / below:.2%}（{above} ÷ {below}）"
    assert sums["实际办理提速"][1] == "76.00%（240 ÷ 1000）"
    assert next(one["name"] for one in content.changes(before, after)) == "受理件数（含填报）"


async def said(city: City) -> content.Content:
    async with city.db.unit_of_work() as session:
        report = Report(
            region_id=city.regions["city"], kind=PeriodKind.MONTH, first_on=JUNE, last_on=date(2026, 6, 30)
        )
        report.region = await session.get_one(content.Region, city.regions["city"])
        return await content.make(session, report, city.clock.now())


def test_only_whole_months_have_returns():
    """A year has twelve; a week, or a month up to yesterday, none."""
    year = period(PeriodKind.YEAR, JUNE)
    assert [one.month for one in returns.months(year.first, year.last)] == list(range(1, 13))
    assert returns.months(date(2026, 6, 1), date(2026, 6, 29)) == []
    assert returns.months(date(2026, 6, 2), date(2026, 6, 30)) == []


async def test_the_office_files_by_spreadsheet_and_by_form(city: City, db: Database):
    """Its template filled in comes back; faults show with the page; others read, or see nothing of it."""
    await give_password(db, city.users)
    async with browsing(web_app(db, city.clock)) as browser:
        await as_(browser, "county_office")
        listed = await (await browser.get("/reports/returns")).text()
        assert "2026-06 未报" in listed
        assert "2 个" in listed
        body = await (await browser.get("/reports/returns/template.xlsx?month=2026-06")).read()
        book = load_workbook(io.BytesIO(body))
        book.active["F2"] = 30
        assert (await upload(browser, book)).status == 303
        book.active["G2"] = 31
        refused = await upload(browser, book)
        assert refused.status == 422
        assert "第 2 行“办结件数”：31 多于受理件数 30" in await refused.text()
        one = {"region": "county", "centre": HALL["centre"], "month": "2026-06"}
        form = dict(zip(COLUMNS, row(), strict=True))
        query = "&".join(f"{key}={value}" for key, value in one.items())
        assert (await browser.post("/reports/returns/one", form)).status in {303, 422}
        assert (
            await browser.post("/reports/returns/one", form | {"更正理由": "按台账重新核对"})
        ).status == 303
        page = await (await browser.get(f"/reports/returns/one?{query}")).text()
        assert "第 2 版" in page
        await as_(browser, "county_inspector")
        assert (await browser.get(f"/reports/returns/one?{query}")).status == 200
        assert (await browser.post("/reports/returns/one", form)).status == 403
        await as_(browser, "inspector")
        assert (await browser.get(f"/reports/returns/one?{query}")).status == 404


async def upload(browser, book: Workbook):
    out = io.BytesIO()
    book.save(out)
    form = FormData()
    form.add_field("file", out.getvalue(), filename="returns.xlsx")
    form.add_field("csrf", browser.csrf)
    return await browser.client.post("/reports/returns/import", data=form, allow_redirects=False)


async def test_a_return_after_freezing_is_a_revision_of_the_report(city: City):
    """What was signed stays; the correction names the sums with reported counts."""
    await filing.draft_due(city.db, city.clock)
    async with city.db.unit_of_work() as session:
        report, user = await county_report(session, city), await city.user(session, "county_office")
        await filing.sign(session, city.clock, report, user)
    await take_in(city, row())
    async with city.db.unit_of_work() as session:
        report, user = await county_report(session, city), await city.user(session, "county_office")
        assert report.revisions[-1].content["returns"]["centres"] == []
        made = await filing.correct(session, city.clock, report, user, "河口中心迟报，补入")
        assert made.content["returns"]["centres"][0]["received"] == 100


async def county_report(session, city: City) -> Report:
    found = await session.scalar(
        content.select(Report.id).where(
            Report.region_id == city.regions["county"], Report.kind == PeriodKind.MONTH
        )
    )
    return await filing.find(session, found, frozenset(city.regions.values()))
