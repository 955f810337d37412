"""Units answer, people see their own, callers rate."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from support.tickets import CAST, City

from core.errors import InvalidInput, NotFound
from recordings import ledger
from recordings.models import Call, CallEvent
from tickets import access, queries, replies, satisfaction, service
from tickets.errors import RatingClosed, RatingTooEarly, TicketNotFound
from tickets.guards import GuardFailed, NotHolder
from tickets.lifecycle import IllegalTransition
from tickets.models import Channel, Outcome, RatingAbout, SatisfactionRating, State, Step, StepResult, Ticket


async def assigned(
    city: City, unit: str = "a", outcome: Outcome = Outcome.ASSIGNED, **fields: object
) -> service.Issued:
    """A phone question that left the operator for a unit; with `took_call` the unit answered a transferred call."""
    took_call = outcome == Outcome.TRANSFERRED
    async with city.db.unit_of_work() as session:
        liaison = (
            {"liaison_id": city.users["liaison_a"], "liaison_unit_id": city.units[unit]} if took_call else {}
        )
        call = await city.call(
            session, ended_at=city.clock.now(), operator_id=city.users["operator"], **liaison
        )
        session.add(CallEvent(call_id=call.id, at=city.clock.now(), kind=ledger.TRANSFER_ANSWERED, data={}))
        desk = {"operator_id": city.users["operator"]}
        issued = await service.open_for_call(
            session, city.clock, call_id=call.id, line="96128", region_id=city.regions["city"],
            caller_number=call.caller_number, **desk,
        )  # fmt: skip
        number = issued.ticket.ticket_no
        typed = {"question": "问", "reason": "无法明确部门", "unit_id": city.units[unit], **fields}
        await service.save_draft(session, city.clock, ticket_no=number, fields=typed, version=1, **desk)
        await service.finish(session, city.clock, ticket_no=number, outcome=outcome, **desk)
    return issued


async def answer(city: City, ticket: Ticket, who: str = "liaison_a", **said: str) -> Ticket:
    async with city.db.unit_of_work() as session:
        user = await city.user(session, who)
        return await replies.answer(session, city.clock, ticket_no=ticket.ticket_no, user=user, **said)


async def last_step(city: City, ticket: Ticket) -> Step:
    async with city.db.reading() as session:
        return (await queries.steps_of(session, ticket.id))[-1]


async def test_the_holder_replies(city: City):
    """T13: the reply ends the step, stops the clock and is read by code."""
    issued = await assigned(city)
    city.clock.move_to(city.clock.now() + timedelta(days=2))
    done = await answer(city, issued.ticket, answer="六月底完工。")
    step = await last_step(city, done)
    assert (done.state, step.result, step.finished_at) == (
        State.REPLIED,
        StepResult.REPLIED,
        city.clock.now(),
    )
    assert step.person_id == city.users["liaison_a"]
    async with city.db.reading() as session:
        assert (await queries.status_by_code(session, city.clock, issued.query_code)).reply == "六月底完工。"


async def test_other_ways_are_a_reply_and_nothing_is_not(city: City):
    """M-27: empty-handed refused; the other ways and procedure are a reply."""
    issued = await assigned(city)
    with pytest.raises(GuardFailed, match="其他查询方式、程序"):
        await answer(city, issued.ticket)
    done = await answer(city, issued.ticket, guidance="请到市档案馆申请查询。")
    assert done.state == State.REPLIED
    async with city.db.reading() as session:
        status = await queries.status_by_code(session, city.clock, issued.query_code)
    assert status.reply == "请到市档案馆申请查询。"


async def test_only_the_holder_replies_and_only_once(city: City):
    """Another unit's liaison finds nothing; people of the unit without the duty are refused; twice is refused."""
    issued = await assigned(city)
    with pytest.raises(TicketNotFound):
        await answer(city, issued.ticket, "liaison_b", answer="越权")
    with pytest.raises(NotHolder):
        await answer(city, issued.ticket, "operator", answer="越权")
    with pytest.raises(NotHolder):
        await answer(city, issued.ticket, "head_a_above", answer="主管部门只看不答")
    await answer(city, issued.ticket, answer="答")
    with pytest.raises(IllegalTransition):
        await answer(city, issued.ticket, answer="再答")
    assert (await last_step(city, issued.ticket)).reply == "答"


async def test_an_answer_on_the_call_is_filled_in_later(city: City):
    """T2b: filled in a day later it counts as answered at call time."""
    issued = await assigned(city, outcome=Outcome.TRANSFERRED)
    at = city.clock.now()
    city.clock.move_to(at + timedelta(days=1))
    done = await answer(city, issued.ticket, answer="电话中已答复：可以。")
    step = await last_step(city, done)
    assert (done.state, step.result, step.finished_at) == (State.CLOSED, StepResult.ON_SPOT, at)


async def test_filled_in_after_the_due_day_it_is_late(city: City):
    """T2b: never filled in, the ordinary five days count; afterwards it is late."""
    issued = await assigned(city, outcome=Outcome.TRANSFERRED)
    city.clock.move_to(city.clock.now() + timedelta(days=10))
    done = await answer(city, issued.ticket, answer="补录")
    step = await last_step(city, done)
    assert step.finished_at == city.clock.now()
    assert step.finished_at > step.cut_off_at


async def test_the_liaison_of_a_direct_call_writes_the_question_too(city: City):
    """M-33: answered without a page open; the question is compulsory when filling in."""
    async with city.db.unit_of_work() as session:
        call = await city.call(session, liaison_unit_id=city.units["a"])
        issued = await service.open_for_unit(
            session, city.clock, call_id=call.id, line="96128", region_id=city.regions["city"],
            caller_number="", unit_id=city.units["a"], liaison_id=city.users["liaison_a"],
        )  # fmt: skip
    with pytest.raises(replies.QuestionMissing):
        await answer(city, issued.ticket, answer="答")
    assert (await answer(city, issued.ticket, answer="答", question="问")).state == State.CLOSED


SEES_UNIT_TICKET = {
    "office_deputy",
    "operator", "liaison_a", "head_a", "head_a_above", "office", "inspector", "supervisor",
}  # fmt: skip
SEES_COUNTY_TICKET = {
    "office",
    "office_deputy",
    "operator",
    "liaison_county",
    "county_deputy",
    "county_office",
    "county_inspector",
    "supervisor",
    "county_supervisor",
}
SEES_COMPLAINT = {"inspector", "head_inspection"}


async def seen_by(city: City, ticket: Ticket) -> set[str]:
    seen = set()
    async with city.db.reading() as session:
        for name in CAST:
            user = await city.user(session, name)
            try:
                await access.ticket_for(session, user, ticket.ticket_no)
            except TicketNotFound:
                continue
            seen.add(name)
            assert (
                ticket.id in (await session.scalars(select(Ticket.id).where(access.visible_to(user)))).all()
            )
    return seen


async def test_who_sees_a_question(city: City):
    """§5.9: own, unit, unit above, level and region; the colleague, the other unit and the administrator find nothing."""
    assert await seen_by(city, (await assigned(city)).ticket) == SEES_UNIT_TICKET
    assert await seen_by(city, (await assigned(city, "county_a")).ticket) == SEES_COUNTY_TICKET


async def test_an_open_call_is_seen_by_every_operator(city: City):
    """While the call runs colleagues may help; afterwards it is its own operator's."""
    issued = await assigned(city)
    async with city.db.unit_of_work() as session:
        await session.execute(update(Call).where(Call.id == issued.ticket.call_id).values(ended_at=None))
    assert await seen_by(city, issued.ticket) == SEES_UNIT_TICKET | {"colleague"}


async def test_the_first_responsible_unit_sees_all_later_steps(city: City):
    """M-31: the ticket went on to another unit; the first one still sees it."""
    issued = await assigned(city)
    async with city.db.unit_of_work() as session:
        await session.execute(
            update(Step).where(Step.ticket_id == issued.ticket.id).values(unit_id=city.units["b"])
        )
    assert {"liaison_a", "liaison_b"} <= await seen_by(city, issued.ticket)


async def test_a_complaint_is_the_inspectors_alone(city: City):
    """M-88: neither the unit complained about nor office, operator or supervisor sees a complaint."""
    first = await assigned(city)
    await answer(city, first.ticket, answer="答")
    async with city.db.unit_of_work() as session:
        about = await session.get_one(Ticket, first.ticket.id)
        call = await city.call(session)
        issued = await service.register_complaint(
            session, city.clock, call_id=call.id, region_id=city.regions["city"], line="96128",
            caller_number=call.caller_number, recording_id=None, about=about, text="态度恶劣",
        )  # fmt: skip
    assert await seen_by(city, issued.ticket) == SEES_COMPLAINT


async def test_a_sealed_ticket_is_inspectors_and_secrecys(city: City):
    """M-86: sealing leaves inspector and secrecy reviewer only."""
    issued = await assigned(city)
    async with city.db.unit_of_work() as session:
        await session.execute(update(Ticket).where(Ticket.id == issued.ticket.id).values(sealed=True))
    assert await seen_by(city, issued.ticket) == {"inspector", "secrecy"}


async def rate(city: City, score: int | None, **what: object) -> SatisfactionRating:
    async with city.db.unit_of_work() as session:
        return await satisfaction.rate(session, city.clock, score=score, **{"channel": Channel.PHONE, **what})


async def test_survey_after_the_talk(city: City):
    """M-61: operator and unit are rated apart; no key stores "not rated" and wipes nothing out."""
    issued = await assigned(city, outcome=Outcome.TRANSFERRED, answer="答")
    call_id = issued.ticket.call_id
    operator = await rate(city, 1, call_id=call_id, about="operator")
    unit = await rate(city, None, call_id=call_id, about="unit")
    assert (operator.user_id, operator.unit_id, operator.score) == (city.users["operator"], None, 1)
    assert (unit.unit_id, unit.user_id, unit.score) == (city.units["a"], city.users["liaison_a"], None)
    assert (await rate(city, None, call_id=call_id, about="operator")).score == 1
    assert operator.ticket_id == issued.ticket.id


async def test_one_rating_per_reply_the_last_wins_for_a_week(city: City):
    """M-62: web then phone is one row with the last value; after seven days it stands."""
    issued = await assigned(city)
    what = {"ticket_id": issued.ticket.id, "about": RatingAbout.UNIT}
    with pytest.raises(RatingTooEarly):
        await rate(city, 1, **what)
    await answer(city, issued.ticket, answer="答")
    await rate(city, 2, **what, channel=Channel.WEB)
    city.clock.move_to(city.clock.now() + timedelta(days=7))
    last = await rate(city, 3, **what)
    async with city.db.reading() as session:
        (row,) = (await session.scalars(select(SatisfactionRating))).all()
    assert (row.id, row.score, row.channel, row.unit_id) == (last.id, 3, Channel.PHONE, city.units["a"])
    assert (await last_step(city, issued.ticket)).review_wanted_at == city.clock.now()
    city.clock.move_to(city.clock.now() + timedelta(seconds=1))
    with pytest.raises(RatingClosed):
        await rate(city, 1, **what)


async def test_what_is_no_score_is_refused(city: City):
    """Scores are 1, 2, 3 or no key; unknown calls and tickets are not found."""
    issued = await assigned(city, outcome=Outcome.TRANSFERRED, answer="答")
    for score in (0, 4, -1):
        with pytest.raises(InvalidInput):
            await rate(city, score, call_id=issued.ticket.call_id, about="unit")
    for nothing in ({"call_id": 4711}, {"ticket_id": 4711}, {}):
        with pytest.raises(NotFound):
            await rate(city, 1, about="unit", **nothing)
