"""Lists of praise and criticism (M-78): by class, with a rule each, signed by two bodies before the public reads them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from support.tickets import City, build_city
from support.web import as_, browsing, give_password, web_app

from core.db import Database
from core.errors import InvalidInput
from core.units import Region
from reports.models import CitationList, PeriodKind
from reports.signed import citations
from reports.signed.periods import period
from tickets.models import (
    Channel,
    ClockKind,
    RatingAbout,
    SatisfactionRating,
    State,
    Step,
    StepResult,
    Ticket,
    TicketKind,
)
from tickets.oversight.oversight_models import ComplaintReply

JUNE = period(PeriodKind.MONTH, date(2026, 6, 1))
IN_JUNE = datetime(2026, 6, 10, 3, tzinfo=UTC)


@pytest.fixture
async def city(db: Database) -> City:
    """b: eleven ratings, all good. a: nine good ratings only. county_a: an extension, an unanswered step, an attitude case."""
    city = await build_city(db)
    async with db.unit_of_work() as session:
        for unit, number, score in (("b", 11, 1), ("a", 9, 1), ("above_a", 10, 3)):
            for place in range(number):
                session.add(
                    SatisfactionRating(subject=f"{unit}:{place}", about=RatingAbout.UNIT, unit_id=city.units[unit], region_id=city.regions["city"],
                                       score=score, channel=Channel.WEB, first_at=IN_JUNE, changed_at=IN_JUNE)
                )  # fmt: skip
        bad = city.units["county_a"]
        question = _ticket(city, "Q1", TicketKind.QUESTION, State.WORKING, unit_id=bad)
        session.add(question)
        await session.flush()
        session.add(_step(city, question, bad, ClockKind.Q5, extended_at=IN_JUNE))
        complaint = _ticket(city, "C1", TicketKind.COMPLAINT, State.C_REPLIED, about_id=question.id)
        session.add(complaint)
        await session.flush()
        session.add(
            _step(
                city,
                complaint,
                city.units["inspection"],
                ClockKind.C15,
                finished_at=IN_JUNE,
                result=StepResult.REPLIED,
            )
        )
        session.add(
            ComplaintReply(
                ticket_id=complaint.id, findings="查", opinion="处", result="办", upheld=True, attitude=True
            )
        )
    city.clock.move_to(datetime(2026, 7, 2, 2, tzinfo=UTC))
    return city


def _ticket(city: City, number: str, kind: TicketKind, state: State, **more: object) -> Ticket:
    return Ticket(
        ticket_no=number,
        kind=kind,
        state=state,
        channel=Channel.WEB,
        region_id=city.regions["county"],
        received_at=IN_JUNE,
        **more,
    )


def _step(city: City, ticket: Ticket, unit: int, clock: ClockKind, **more: object) -> Step:
    return Step(
        ticket_id=ticket.id, position=1, unit_id=unit, region_id=city.region_of(unit), clock=clock, started_at=IN_JUNE, days=5, due_on=IN_JUNE.date(),
        cut_off_at=IN_JUNE + timedelta(days=1), table_version="t", warn_at=IN_JUNE, accountable_at=IN_JUNE, **more,
    )  # fmt: skip


async def drafted(city: City) -> CitationList:
    async with city.db.unit_of_work() as session:
        region = await session.get_one(Region, city.regions["city"])
        return await citations.draft(session, city.clock, await city.user(session, "office"), region, JUNE)


async def test_each_class_names_whom_its_rule_meets(city: City):
    """Ten ratings are needed for praise; extended, unanswered and attitude name unit and region alike."""
    made = await drafted(city)
    named = {
        part["key"]: [(one["kind"], one["name"], one["text"]) for one in part["entries"]]
        for part in made.content
    }
    assert named["satisfied"] == [("unit", "b局", "100.00%")]
    assert named["well_served"] == []
    assert named["extended"] == [
        ("unit", "county_a局", "1 件，占 100.00%"),
        ("region", "county", "1 件，占 100.00%"),
    ]
    assert named["unanswered"] == [("unit", "county_a局", "1 件"), ("region", "county", "1 件")]
    assert named["attitude"] == [("unit", "county_a局", "1 件"), ("region", "county", "1 件")]


async def test_a_list_is_for_a_period_that_has_ended_and_there_once(city: City):
    """July is still running; June is drafted once."""
    await drafted(city)
    with pytest.raises(citations.ListKnown):
        await drafted(city)
    async with city.db.unit_of_work() as session:
        region, user = await session.get_one(Region, city.regions["city"]), await city.user(session, "office")
        with pytest.raises(InvalidInput):
            await citations.draft(
                session, city.clock, user, region, period(PeriodKind.MONTH, date(2026, 7, 1))
            )


async def test_the_public_reads_a_list_after_both_have_signed(city: City, db: Database):
    """Office signs, inspectors cosign, office publishes; nobody out of turn or of another level; then it stays."""
    await give_password(db, ["office", "inspector", "county_office", "county_inspector", "supervisor"])
    async with browsing(web_app(db, city.clock)) as browser:
        await browser.sign_in("office")
        assert (
            await browser.post("/reports/citations", {"kind": "month", "day": "2026-07-01"})
        ).status == 422
        path = (await browser.post("/reports/citations", {"kind": "month", "day": "2026-06-01"})).headers[
            "Location"
        ]
        assert "county_a局" in await (await browser.get(path)).text()

        async def press(step: str) -> int:
            return (await browser.post(f"{path}/{step}")).status

        assert [await press(step) for step in ("publish", "cosign", "reckon", "sign", "sign")] == [
            409,
            403,
            303,
            303,
            409,
        ]
        for who in ("county_office", "county_inspector"):
            await as_(browser, who)
            assert (await browser.get(path)).status == 404
            assert await press("cosign") == 404
        await as_(browser, "inspector")
        assert [await press(step) for step in ("sign", "cosign", "publish")] == [403, 303, 403]
        async with db.reading() as session:
            assert await citations.published(session) == []
        await as_(browser, "office")
        assert [await press(step) for step in ("reckon", "publish", "publish")] == [409, 303, 409]
        await as_(browser, "supervisor")
        assert "已公布" in await (await browser.get("/reports/citations")).text()
    async with db.reading() as session:
        (one,) = await citations.published(session, "city")
        assert await citations.published(session, "county") == []
    assert (one.region, one.period.name) == ("city", "2026年6月")
    assert [part["title"] for part in one.classes if part["praise"]] == ["回复效果好", "服务质量高"]
