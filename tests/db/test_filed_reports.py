"""The way of a report (M-71): drafted by schedule, signed, sent up, received; frozen, and corrected in the open."""

import io
import json
from datetime import UTC, date, datetime
from typing import Any

import pypdfium2
import pytest
from sqlalchemy import select
from support.month import Month
from support.tickets import City, build_city
from support.web import PASSWORD, ROOT, TEST, browsing, give_password, web_app

from core import accounts
from core.db import Database
from core.errors import HotlineError, InvalidInput
from core.people import hash_password
from core.units import Unit
from reports.models import PeriodKind, Report
from reports.signed import content, filing
from reports.signed.periods import just_ended, period
from tickets.models import State, Ticket

IN_JULY = datetime(2026, 7, 1, 1, tzinfo=UTC)


@pytest.fixture
async def city(db: Database) -> City:
    city = await build_city(db)
    async with db.unit_of_work() as session:
        await Month(session, city, 21).build(calls=60, tickets=60)
    city.clock.move_to(IN_JULY)
    return city


async def of_region(city: City, name: str, session) -> Report:
    wanted = select(Report.id).where(Report.region_id == city.regions[name], Report.kind == PeriodKind.MONTH)
    return await filing.find(session, await session.scalar(wanted), frozenset(city.regions.values()))


@pytest.mark.parametrize(
    ("kind", "day", "name", "first", "last"),
    [
        (PeriodKind.MONTH, date(2026, 2, 28), "2026年2月", date(2026, 2, 1), date(2026, 2, 28)),
        (PeriodKind.MONTH, date(2026, 12, 31), "2026年12月", date(2026, 12, 1), date(2026, 12, 31)),
        (PeriodKind.QUARTER, date(2026, 6, 30), "2026年第二季度", date(2026, 4, 1), date(2026, 6, 30)),
        (PeriodKind.HALF, date(2026, 12, 1), "2026年下半年", date(2026, 7, 1), date(2026, 12, 31)),
        (PeriodKind.YEAR, date(2026, 3, 1), "2026年度", date(2026, 1, 1), date(2026, 12, 31)),
    ],
)
def test_periods_are_calendar_months_quarters_halves_and_years(
    kind: PeriodKind, day: date, name: str, first: date, last: date
):
    """Each with its name as an office writes it."""
    found = period(kind, day)
    assert (found.name, found.first, found.last) == (name, first, last)


def test_a_quarter_ends_with_its_last_month():
    """In July the month, quarter and half-year have ended, in January all four, in June the month alone."""
    assert [one.kind for one in just_ended(date(2026, 7, 9))] == [
        PeriodKind.MONTH,
        PeriodKind.QUARTER,
        PeriodKind.HALF,
    ]
    assert [one.kind for one in just_ended(date(2027, 1, 1))] == list(PeriodKind)
    assert [one.kind for one in just_ended(date(2026, 6, 1))] == [PeriodKind.MONTH]


@pytest.mark.parametrize(
    ("month", "due"),
    [
        ((2025, 12), "2026-01-08"),
        ((2026, 1), "2026-02-06"),
        ((2026, 4), "2026-05-11"),
        ((2026, 9), "2026-10-13"),
    ],
)
async def test_a_report_is_due_on_the_fifth_working_day(db: Database, month: tuple[int, int], due: str):
    """The vectors of mission §6.4."""
    city = await build_city(db)
    covered = period(PeriodKind.MONTH, date(*month, 1))
    city.clock.move_to(datetime(2026, 12, 1, tzinfo=UTC))
    async with db.unit_of_work() as session:
        region = (await session.get_one(Unit, city.units["office"])).region_id
        report = await filing.draft(
            session, city.clock, await session.get_one(content.Region, region), covered
        )
        assert report.due_on.isoformat() == due


async def test_reports_are_drafted_by_schedule_once(city: City, db: Database):
    """Every region with a government office gets month, quarter and half-year in July, and no second ones."""
    assert await filing.draft_due(db, city.clock) == 2 * 3
    assert await filing.draft_due(db, city.clock) == 0


async def test_what_was_signed_stays_whatever_happens_later(city: City, db: Database):
    """Signed figures do not move; a correction is a second version that names what changed, the first stays readable."""
    await filing.draft_due(db, city.clock)
    async with db.unit_of_work() as session:
        user = await city.user(session, "office")
        report = await of_region(city, "city", session)
        with pytest.raises(HotlineError):
            await filing.correct(session, city.clock, report, user, "数据有误")
        await filing.sign(session, city.clock, report, user)
    async with db.unit_of_work() as session:
        report, user = await of_region(city, "city", session), await city.user(session, "office")
        signed = report.revisions[-1].content
        with pytest.raises(filing.NothingChanged):
            await filing.correct(session, city.clock, report, user, "核对后重新计算")
    async with db.unit_of_work() as session:
        taken = select(Ticket).where(Ticket.kind == "question", Ticket.state != State.VOID)
        for ticket in (await session.scalars(taken.limit(30))).all():
            ticket.state = State.CLOSED if ticket.state == State.WORKING else State.VOID
    async with db.unit_of_work() as session:
        report, user = await of_region(city, "city", session), await city.user(session, "office")
        assert report.revisions[-1].content == signed
        with pytest.raises(InvalidInput):
            await filing.correct(session, city.clock, report, user, "错")
        await filing.correct(session, city.clock, report, user, "六月末数件误登记，予以更正")
    async with db.reading() as session:
        report = await of_region(city, "city", session)
        first, second = (revision.content for revision in report.revisions)
        assert first == signed
        changed = {one["name"] for one in content.changes(first, second)}
        assert "办结率" in changed
        figure = next(one for one in first["figures"] if one["key"] == "K-12")
        assert len(figure["rows"]["denominator"]) == figure["denominator"]
        assert len(figure["rows"]["numerator"]) == figure["numerator"]


async def test_a_report_is_signed_sent_up_and_received(city: City, db: Database):
    """The county signs and sends, the city receives; nobody skips a step or takes another's, and late ones are named."""
    secret = hash_password(PASSWORD)
    await filing.draft_due(db, city.clock)
    async with db.unit_of_work() as session:
        for name in city.users:
            (await city.user(session, name)).password_hash = secret
        county = f"/reports/filed/{(await of_region(city, 'county', session)).id}"
    city.clock.move_to(datetime(2026, 7, 20, tzinfo=UTC))
    async with browsing(web_app(db, city.clock)) as browser:
        await browser.sign_in("office")
        listed = await (await browser.get("/reports/filed?late=1&kind=month")).text()
        assert "逾期" in listed
        assert "county" in listed
        assert (await browser.post(f"{county}/sign")).status == 403
        assert (await browser.post(f"{county}/receive")).status == 403
        await browser.post("/logout")
        await browser.sign_in("county_office")
        assert (await browser.post(f"{county}/send")).status == 403
        for step in ("reckon", "sign", "send"):
            assert (await browser.post(f"{county}/{step}")).status == 303
        assert (await browser.post(f"{county}/sign")).status == 403
        await browser.post("/logout")
        await browser.sign_in("office")
        assert (await browser.post(f"{county}/receive")).status == 303
        page = await (await browser.get(county)).text()
        assert "已签收" in page
        assert "逾期" in page
        async with db.unit_of_work() as session:
            june = Ticket.received_at.between(
                datetime(2026, 6, 2, tzinfo=UTC), datetime(2026, 6, 29, tzinfo=UTC)
            )
            of_county = (Ticket.region_id == city.regions["county"]) & (Ticket.kind == "question") & june
            ticket = (
                await session.scalars(select(Ticket).where(of_county, Ticket.state == State.CLOSED).limit(1))
            ).one()
            ticket.state = State.WORKING
            report, user = await of_region(city, "county", session), await city.user(session, "county_office")
            await filing.correct(session, city.clock, report, user, "核对后更正一件")
        assert "待签收" in await (await browser.get("/notices")).text()
        assert (await browser.post(f"{county}/receive")).status == 303
        await browser.post("/logout")
        await browser.sign_in("county_inspector")
        assert (await browser.get(f"/reports/filed/{await _city_report(city, db)}")).status == 404


async def _city_report(city: City, db: Database) -> int:
    async with db.reading() as session:
        return (await of_region(city, "city", session)).id


async def test_the_report_prints_as_an_a4_pdf_with_chinese_text(city: City, db: Database):
    """Title, period, tables and signature block are text in the file, on A4; the sheet has the same figures."""
    await filing.draft_due(db, city.clock)
    secret = hash_password(PASSWORD)
    async with db.unit_of_work() as session:
        (await city.user(session, "office")).password_hash = secret
        report = await of_region(city, "city", session)
    async with browsing(web_app(db, city.clock)) as browser:
        await browser.sign_in("office")
        answer = await browser.get(f"/reports/filed/{report.id}/report.pdf")
        assert answer.content_type == "application/pdf"
        paper = pypdfium2.PdfDocument(io.BytesIO(await answer.read()))
        said = "".join(page.get_textpage().get_text_range() for page in paper).replace("\r\n", "")
        for wanted in (
            "96128政务信息查询专线2026年6月统计报表",
            "2026年6月1日至2026年6月30日",
            "按时办结率",
            "签发人",
            "盖章",
        ):
            assert wanted in said
        assert tuple(round(side) for side in paper[0].get_size()) == (595, 842)
        sheet = await (await browser.get(f"/reports/filed/{report.id}/report.xlsx")).read()
        assert sheet.startswith(b"PK")


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("calls", "rate"), [(0, "—"), (1, "100.00%")])
async def test_a_month_with_no_call_or_one_is_filed_like_any_other(db: Database, calls: int, rate: str):
    """Page, paper and sheet of a month in which nothing happened, or one thing: “—” or that one, and no fault."""
    city = await build_city(db)
    now = city.clock.now()
    async with db.unit_of_work() as session:
        for _ in range(calls):
            await city.call(
                session, queued_at=now, answered_at=now, ended_at=now, operator_id=city.users["operator"]
            )
    city.clock.move_to(IN_JULY)
    await filing.draft_due(db, city.clock)
    await give_password(db, ["office"])
    path = f"/reports/filed/{await _city_report(city, db)}"
    async with browsing(web_app(db, city.clock)) as browser:
        await browser.sign_in("office")
        assert rate in await (await browser.get(path)).text()
        said = await (await browser.get(f"{path}/report.pdf")).read()
        pages = pypdfium2.PdfDocument(io.BytesIO(said))
        assert f"K-01 接通率 {rate}" in " ".join(
            page.get_textpage().get_text_range() for page in pages
        ).replace("\r\n", " ")
        assert (await browser.get(f"{path}/report.xlsx")).status == 200


async def test_the_level_above_reads_signed_reports_by_token(city: City):
    """Drafts are not given out; the signed one says what its page says; a county's token reads its own, a liaison's none."""
    await filing.draft_due(city.db, city.clock)
    async with city.db.unit_of_work() as session:
        report = await of_region(city, "city", session)
        await filing.sign(session, city.clock, report, await city.user(session, "office"))
        said = report.revisions[-1].content
        tokens = {
            name: await accounts.issue_token(
                session, city.clock, TEST, name="省平台", user=await city.user(session, name)
            )
            for name in ("office", "county_office", "liaison_a")
        }
    async with browsing(web_app(city.db, city.clock)) as browser:

        async def asked(who: str, query: str = "") -> tuple[int, Any]:
            headers = {"Authorization": f"Bearer {tokens[who]}"}
            response = await browser.client.get(f"/api/v1/reports{query}", headers=headers)
            return response.status, await response.json()

        (one,) = (await asked("office", "?kind=month"))[1]["items"]
        assert (one["region_code"], one["first_on"], one["state"], one["revision"]) == (
            "city", "2026-06-01", "signed", 1,
        )  # fmt: skip
        (sample,) = json.loads((ROOT / "docs/samples/reports.json").read_text(encoding="utf-8"))["items"]
        shapes = [(set(part), set(part["counts"]), set(part["figures"][0])) for part in (one, sample)]
        assert shapes[0] == shapes[1]
        assert one["counts"] == said["balance"]
        assert [(f["id"], f["text"]) for f in one["figures"]] == [
            (f["key"], f["text"]) for f in said["figures"]
        ]
        assert (await asked("county_office"))[1] == {"items": []}
        assert [(await asked(*way))[0] for way in (("liaison_a",), ("office", "?kind=week"))] == [403, 422]
