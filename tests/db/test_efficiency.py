"""The five efficiency figures with targets and shortfalls (M-126, M-128), and the weighted indices (M-73, M-74)."""

import html
import io
import re
from datetime import UTC, date, datetime

import openpyxl
import pypdfium2
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from support.by_hand import ByHand, load
from support.month import Month
from support.tickets import City, build_city
from support.web import Browser, as_, give_password

from core.db import Database
from reports.counting import figures
from reports.counting.figures import Figure
from reports.counting.indicators import BY_KEY
from reports.counting.slices import Slice, days
from reports.models import PeriodKind, Report
from reports.scores.indices import indices
from reports.settings import ReportSettings
from reports.signed import filing
from tickets.models import Channel, Outcome, QuestionClass, State, Ticket, TicketKind

JUNE = days(date(2026, 6, 1), date(2026, 6, 30))
IN_JULY = datetime(2026, 7, 1, 1, tzinfo=UTC)
ASKED = "from=2026-06-01&to=2026-06-30"


async def questions(session: AsyncSession, city: City, answered: int, unanswered: int = 0) -> None:
    """Questions of June at unit a: so many answered on the call, so many not."""
    for number in range(answered + unanswered):
        is_open = number >= answered
        session.add(
            Ticket(
                ticket_no=f"S{number:05}", kind=TicketKind.QUESTION, channel=Channel.PHONE, line="96128",
                state=State.WORKING if is_open else State.CLOSED, region_id=city.regions["city"],
                received_at=datetime(2026, 6, 3, 2, tzinfo=UTC), unit_id=city.units["a"], subject="社保",
                outcome=Outcome.ASSIGNED if is_open else Outcome.ANSWERED, question_class=QuestionClass.GENERAL,
            )
        )  # fmt: skip
    await session.flush()


@pytest.fixture
async def city(db: Database) -> City:
    city = await build_city(db)
    city.clock.move_to(IN_JULY)
    await give_password(db, city.users)
    return city


async def page(browser: Browser, path: str) -> str:
    response = await browser.get(path)
    assert response.status == 200, path
    return await response.text()


async def test_99_percent_shows_the_case_that_missed(city: City, browser: Browser):
    """M-128: below the target the very question is named on the page, in the report and on its paper; at 100 % nothing is."""
    async with city.db.unit_of_work() as session:
        await questions(session, city, 99, 1)
    await as_(browser, "office")
    shown = await page(browser, f"/reports/efficiency?{ASKED}")
    assert "99.00%" in shown
    assert "未达目标" in shown
    assert re.findall(r"/tickets/(\w+)", shown) == ["S00099"]
    assert "未达目标" in await page(browser, f"/reports/efficiency?{ASKED}&unit=city/101")
    await filing.draft_due(city.db, city.clock)
    path = await _report_path(city)
    assert "S00099" in await page(browser, path)
    paper = pypdfium2.PdfDocument(io.BytesIO(await (await browser.get(f"{path}/report.pdf")).read()))
    assert "S00099" in "".join(one.get_textpage().get_text_range() for one in paper)
    async with city.db.unit_of_work() as session:
        ticket = await session.scalar(select(Ticket).where(Ticket.ticket_no == "S00099"))
        ticket.state, ticket.outcome = State.CLOSED, Outcome.ANSWERED
    shown = await page(browser, f"/reports/efficiency?{ASKED}")
    assert "100.00%" in shown
    assert "未达目标" not in shown
    assert "S00099" in await page(browser, path), "what was drafted stays until it is reckoned anew"


async def test_no_target_no_shortfall(city: City, browser: Browser):
    """An administrator who sets no target gets the figures alone."""
    async with city.db.unit_of_work() as session:
        await questions(session, city, 1, 1)
    city.db.provide(ReportSettings(on_spot_target=0, in_time_target=0))
    await as_(browser, "office")
    shown = await page(browser, f"/reports/efficiency?{ASKED}")
    assert "50.00%" in shown
    assert "未达目标" not in shown


async def test_every_number_of_an_invented_month_leads_to_a_list_of_that_length(city: City, browser: Browser):
    """Numerators, denominators and what missed; a complaint among the late steps has no number here."""
    async with city.db.unit_of_work() as session:
        await Month(session, city, 31).build()
    await as_(browser, "office")
    shown = await page(browser, f"/reports/efficiency?{ASKED}")
    links = re.findall(r'href="(/reports/items[^"]+)">(\d+)</a>', shown)
    assert sum("part=missed" in link for link, _ in links) >= 3
    for link, number in links:
        listed = await page(browser, html.unescape(link))
        found = re.search(r"共 (\d+) 条", listed)
        if "K-15" not in link:
            assert found and found[1] == number, link
    async with city.db.reading() as session:
        complaints = {t.ticket_no for t in (await load(session)).tickets.values() if t.kind == "complaint"}
    assert complaints.isdisjoint(re.findall(r"/tickets/(\w+)", shown))
    await as_(browser, "operator")
    assert (await browser.get("/reports/efficiency")).status == 403


async def test_an_index_is_the_weighted_mean_of_its_parts(city: City):
    """As by hand, with the weights of the settings; a part without a denominator is left out."""
    async with city.db.unit_of_work() as session:
        await Month(session, city, 32).build()
    settings = ReportSettings(weight_success=2, weight_accuracy=1, weight_speed=1, connect_within_s=10)
    async with city.db.reading() as session:
        hand = ByHand(await load(session), *JUNE, IN_JULY)
        parts = [BY_KEY[f"K-0{number}"] for number in range(4, 9)]
        found = {
            one.indicator.key: one for one in await figures.figures(session, parts, Slice(*JUNE, IN_JULY))
        }
    transfer, response = indices(settings, found)
    values = {key: hand.result(key)[2] for key in found}
    speed = min(100, 100 * 10_000 / values["K-06"])
    expected = (2 * 100 * values["K-04"] + 100 * values["K-05"] + speed) / 4
    assert transfer.text == f"{expected:.2f}"
    assert response.text == f"{(100 * values['K-07'] + 100 * values['K-08']) / 2:.2f}"
    without = found | {
        "K-08": Figure(BY_KEY["K-08"]),
        "K-05": Figure(BY_KEY["K-05"]),
        "K-06": Figure(BY_KEY["K-06"]),
    }
    transfer, response = indices(settings, without)
    assert transfer.text == f"{100 * values['K-04']:.2f}", "half of the weight is enough"
    assert indices(ReportSettings(weight_success=0), without)[0].text == "—"


async def test_the_indices_stand_beside_their_parts_and_are_kept(city: City, browser: Browser):
    """On the page, in its file, in the report; weights changed later leave what was signed as it was."""
    async with city.db.unit_of_work() as session:
        await Month(session, city, 33).build()
    await filing.draft_due(city.db, city.clock)
    await as_(browser, "office")
    shown = await page(browser, f"/reports?{ASKED}")
    (transfer,) = re.findall(r"转接质量指数 ([\d.]+)", shown)
    assert "响应性指数" in shown
    assert f"转接质量指数,{transfer}" in await page(browser, f"/reports?{ASKED}&export=csv")
    path = await _report_path(city)
    assert f"转接质量指数 {transfer}" in await page(browser, path)
    city.db.provide(ReportSettings(weight_success=9))
    assert f"转接质量指数 {transfer}" in await page(browser, path)
    assert f"转接质量指数 {transfer}" not in await page(browser, f"/reports?{ASKED}")


async def test_the_workbook_has_every_part_of_the_report(city: City, browser: Browser):
    """Sheets for figures, splits, targets, indices, causes, units, scores and the contractor, with the page's numbers."""
    async with city.db.unit_of_work() as session:
        await Month(session, city, 34).build()
    await filing.draft_due(city.db, city.clock)
    await as_(browser, "office")
    body = await (await browser.get(f"{await _report_path(city)}/report.xlsx")).read()
    book = openpyxl.load_workbook(io.BytesIO(body))
    assert book.sheetnames == [
        "统计指标", "受理情况", "效能目标", "加权指数", "投诉事由", "各单位情况", "单位考评", "承包服务考核",
    ]  # fmt: skip
    async with city.db.reading() as session:
        said = (await _report(city, session)).revisions[-1].content
    sheet = {row[0].value: row for row in book["统计指标"].iter_rows() if row[0].value}
    assert all(sheet[one["key"]][2].value == one["text"] for one in said["figures"])
    rows = [[cell.value for cell in row] for row in book["受理情况"].iter_rows()]
    for split in ("渠道", "处理结果", "时刻", "线路", "单位"):
        assert sum(int(row[2]) for row in rows if row[0] == split) == said["balance"]["registered"]
    scores = [[cell.value for cell in row] for row in book["单位考评"].iter_rows()]
    assert [row[:3] for row in scores[1:]] == [
        [one["name"], one["class"], one["total"]] for one in said["scores"]
    ]
    assert dict(row[1:3] for row in _values(book["承包服务考核"]))["话务员培训"].startswith("有效")


def _values(sheet: openpyxl.worksheet.worksheet.Worksheet) -> list[list[str]]:
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


async def _report(city: City, session: AsyncSession) -> Report:
    wanted = select(Report.id).where(
        Report.region_id == city.regions["city"], Report.kind == PeriodKind.MONTH
    )
    return await filing.find(session, await session.scalar(wanted), frozenset(city.regions.values()))


async def _report_path(city: City) -> str:
    async with city.db.reading() as session:
        return f"/reports/filed/{(await _report(city, session)).id}"
