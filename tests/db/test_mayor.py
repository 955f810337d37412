"""The mayor's hotline and letter box (M-122): handed over and back, both numbers kept, each answered once, counted."""

import asyncio
from datetime import date, datetime

import pytest
from support.case_site import CaseSite, case_site, colleagues
from support.tickets import City, question

from core.db import Database
from core.errors import InvalidInput, NotAllowed
from core.units import Unit, UnitDuty
from reports.counting import figures
from reports.counting.indicators import BY_KEY
from reports.counting.slices import Slice, days
from tickets import service
from tickets.errors import StepTaken
from tickets.intake.ask import Question
from tickets.mayor import referrals
from tickets.mayor.models import MayorReferral
from tickets.mayor.referrals import HandedOverAlready, NumberKnown, Told
from tickets.models import Channel, State
from tickets.service import Issued
from tickets.transfers import hand_to_unit


async def handed_over(city: City, ticket_no: str, who: str = "operator", **told: object) -> MayorReferral:
    async with city.db.unit_of_work() as session:
        user = await city.user(session, who)
        fields = {"way": "hotline", "note": "涉及全市的建议", **told}
        return await referrals.hand_over(
            session, city.clock, ticket_no=ticket_no, user=user, told=Told(**fields)
        )


async def taken_in(city: City, their_no: str = "SZ-7", who: str = "office", **told: object) -> Issued:
    asked = Question("路灯不亮", Channel.PHONE, "96128", city.regions["city"], city.units["a"])
    async with city.db.unit_of_work() as session:
        user = await city.user(session, who)
        wanted = Told(**{"way": "letters", "their_no": their_no, **told})
        return await referrals.take_in(session, city.clock, user=user, question=asked, told=wanted)


async def answer(city: City, row: MayorReferral, text: str = "已采纳") -> MayorReferral:
    async with city.db.unit_of_work() as session:
        user = await city.user(session, "office")
        return await referrals.answered(session, city.clock, referral_id=row.id, user=user, text=text)


async def test_a_ticket_is_handed_over_once_until_it_is_answered(city: City):
    """Two at once are one hand-over; answered, it may go there again; only who keeps the register may."""
    number = (await question(city)).ticket.ticket_no
    with pytest.raises(NotAllowed):
        await handed_over(city, number, "liaison_a")
    for wrong in ({"way": "radio"}, {"note": " "}):
        with pytest.raises(InvalidInput):
            await handed_over(city, number, **wrong)
    results = await asyncio.gather(*(handed_over(city, number) for _ in range(3)), return_exceptions=True)
    (row,) = [one for one in results if isinstance(one, MayorReferral)]
    assert [type(one) for one in results if one is not row] == [HandedOverAlready] * 2
    answers = await asyncio.gather(*(answer(city, row) for _ in range(3)), return_exceptions=True)
    assert [type(one) for one in answers if not isinstance(one, MayorReferral)] == [StepTaken] * 2
    assert (await handed_over(city, number)).id != row.id


async def test_what_comes_from_there_is_a_ticket_with_their_number_and_counted(city: City):
    """A unit's clock runs as for every question; the same number twice is refused; the figures count both ways."""
    await handed_over(city, (await question(city)).ticket.ticket_no, their_no="SZ-1")
    issued = await taken_in(city, due_on=date(2026, 6, 5))
    assert (issued.ticket.channel, issued.ticket.unit_id) == (Channel.MAYOR, city.units["a"])
    with pytest.raises(NumberKnown, match=issued.ticket.ticket_no):
        await taken_in(city)
    with pytest.raises(InvalidInput, match="不能早于今天"):
        await taken_in(city, "SZ-8", due_on=date(2026, 5, 29))
    with pytest.raises(InvalidInput, match="对方编号"):
        await taken_in(city, "")
    june = days(date(2026, 6, 1), date(2026, 6, 30))
    async with city.db.reading() as session:
        of = Slice(*june, city.clock.now())
        found = [
            await figures.figure(session, BY_KEY[key], of)
            for key in ("K-22", "K-22.received", "K-22.answered", "K-12")
        ]
    assert [(one.numerator, one.denominator) for one in found] == [(1, 2), (1, 2), (0, 1), (0, 2)]


async def test_a_caller_put_through_to_the_hotline_is_handed_over_by_that(city: City):
    """The unit with that duty works on no ticket: the transfer ends it and is registered; with nobody there the office has it."""
    desk = {"operator_id": city.users["operator"]}
    tickets = []
    async with city.db.unit_of_work() as session:
        mayor = Unit(region_id=city.regions["city"], code="012", name="市长热线", duty=UnitDuty.MAYOR)
        session.add(mayor)
        await session.flush()
        for _ in range(2):
            call = await city.call(session, ended_at=city.clock.now(), liaison_unit_id=mayor.id)
            issued = await service.open_for_call(
                session, city.clock, call_id=call.id, line="96128", region_id=city.regions["city"],
                caller_number="13800005678", **desk,
            )  # fmt: skip
            typed = {"question": "建议", "unit_id": mayor.id}
            await service.save_draft(
                session, city.clock, ticket_no=issued.ticket.ticket_no, fields=typed, version=1, **desk
            )
            tickets.append(issued.ticket)
        through, unheard = tickets
        with pytest.raises(InvalidInput, match="不承办工单"):
            await service.finish(session, city.clock, ticket_no=through.ticket_no, outcome="assigned", **desk)
        await service.finish(session, city.clock, ticket_no=through.ticket_no, outcome="transferred", **desk)
        await hand_to_unit(session, city.clock, ticket_id=unheard.id, unit_id=mayor.id)
        (row,) = await referrals.of_ticket(session, through.id)
    assert (row.direction, row.note, through.state) == ("out", "通话中转接", State.CLOSED)
    assert (unheard.state, unheard.unit_id) == (State.DISPATCH, city.units["office"])


@pytest.fixture
async def site(db: Database) -> CaseSite:
    return await case_site(db)


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
async def test_both_numbers_stand_on_page_list_and_slip(site: CaseSite):
    """Handed over from the ticket, numbered later, answered; taken in by a form, late it rings the office's bell."""
    number = await site.asked()
    async with colleagues(site, "operator", "office", "liaison_a") as (operator, office, liaison):
        assert "移交市长热线、市长信箱" in await operator.open(f"/tickets/{number}")
        refused = await operator.send(number, "mayor", way="hotline", note="")
        assert (refused.status, "移交说明" in await refused.text()) == (422, True)
        assert (await operator.send(number, "mayor", way="hotline", note="请市长热线答复")).status == 303
        await operator.open(f"/tickets/{number}")
        assert (await operator.send(number, "mayor-number", referral="1", their_no="SZ-42")).status == 303
        assert '对方编号 <span class="mono">SZ-42' in await liaison.open(f"/tickets/{number}")
        assert "移交市长热线、市长信箱" not in await liaison.open(f"/tickets/{number}")
        for path in ("/mayor", "/mayor/1/slip"):
            page = await office.open(path)
            assert (number in page, "SZ-42" in page) == (True, True), path
        assert number in await office.open("/office?view=level&q=SZ-42")
        await office.open("/mayor/9/slip", status=404)
        await operator.open(f"/tickets/{number}")
        assert (
            await operator.send(number, "mayor-answer", referral="1", answer="已转交建设局")
        ).status == 303
        assert "SZ-42" not in await office.open("/mayor")
        assert "已转交建设局" in await office.open("/mayor/1/slip")
        form = {"form": "f", "way": "letters", "their_no": "XX-9", "text": "路灯不亮", "due_on": "2026-06-03"}
        wrong = await office.browser.post("/mayor/new", {**form, "text": ""})
        assert (wrong.status, "XX-9" in await wrong.text()) == (422, True)
        made = await office.browser.post("/mayor/new", form)
        page = await made.text()
        assert (made.status, "查询码只显示这一次" in page) == (200, True)
        assert page == await (await office.browser.post("/mayor/new", form)).text()
        assert "市长信箱转来" in await office.open("/mayor")
        assert "XX-9" not in await office.open("/notices")
        site.city.clock.move_to(datetime.fromisoformat("2026-06-04T10:00:00+08:00"))
        await office.browser.sign_in("office")
        assert "市长热线转来：XX-9" in await office.open("/notices")
        assert "逾期未回复" in await office.open("/mayor?view=late")
