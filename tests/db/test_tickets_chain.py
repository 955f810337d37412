"""Tickets handed on, extended, complained about: the mission's chain and the people's rights in it."""

import asyncio
from datetime import date, datetime

import pytest
from sqlalchemy import select
from support.tickets import City, do, question

from core.calendar import holidays
from core.errors import HotlineError, InvalidInput, NotAllowed
from tickets import handover, queries, replies, service
from tickets.clocks import extensions
from tickets.clocks.recompute import recompute_open_clocks
from tickets.errors import NothingToDecide, RequestPending, TicketLocked, TicketNotFound
from tickets.guards import GuardFailed, NotHolder, OwnRequest, TooLate
from tickets.lifecycle import IllegalTransition
from tickets.models import Outcome, RequestKind, State, Step, StepRequest, StepResult, Ticket
from tickets.oversight import complaints
from tickets.oversight.complaints import Verdict

DONE = Verdict("已调查", "批评教育", "已整改", upheld=True)


def at(city: City, day: str) -> None:
    city.clock.move_to(datetime.fromisoformat(f"2026-{day}:00+08:00"))


async def forward(city: City, ticket: Ticket, who: str = "liaison_a", **how: object) -> Ticket:
    return await do(city, handover.ask_forward, ticket, who, **{"reason": "不属于本局职责", **how})


async def steps(city: City, ticket: Ticket) -> list[Step]:
    async with city.db.reading() as session:
        return list(await queries.steps_of(session, ticket.id))


async def status(city: City, code: str) -> queries.CodeStatus:
    async with city.db.reading() as session:
        return await queries.status_by_code(session, city.clock, code)


async def test_the_chain_of_the_mission(city: City):
    """§6.3: A, the city's office, the county's office, B: four steps, four due dates; the code tells the current one."""
    at(city, "06-01T10:00")
    issued = await question(city)
    ticket = issued.ticket
    at(city, "06-03T10:00")
    await forward(city, ticket)
    at(city, "06-04T10:00")
    await do(city, handover.decide_forward, ticket, "head_a", approve=True)
    assert str((await status(city, issued.query_code)).due_on) == "2026-06-11"
    at(city, "06-08T10:00")
    reason = {"office_id": city.units["county_office"], "reason": "属县级事权"}
    await do(city, handover.ask_level, ticket, "office", **reason)
    await do(city, handover.decide_level, ticket, "office_deputy", approve=True)
    at(city, "06-12T10:00")
    to = {"unit_id": city.units["county_a"], "question_class": "important"}
    await do(city, handover.dispatch, ticket, "county_office", **to)
    told = [(step.clock, f"{step.due_on:%m-%d}", step.result) for step in await steps(city, ticket)]
    assert told == [
        ("Q5", "06-08", StepResult.FORWARDED),
        ("G5", "06-11", StepResult.DISPATCHED),
        ("G5", "06-15", StepResult.DISPATCHED),
        ("Q10", "06-29", None),
    ]
    now = await status(city, issued.query_code)
    assert (now.unit_name, str(now.due_on), now.state) == ("county_a局", "2026-06-29", State.WORKING)
    await do(city, replies.answer, ticket, "liaison_county", answer="答")
    assert (await status(city, issued.query_code)).reply == "答"
    async with city.db.reading() as session:
        trail = await queries.trail_of(session, ticket.id)
        assert [row.rule for row in trail] == ["T1", "T3", "T8", "T9", "T7", "T6", "T13"]
        stored = await session.get_one(Ticket, ticket.id)
        assert stored.first_unit_id == city.units["a"]


async def test_a_forward_needs_reason_and_another_person(city: City):
    """M-38: short reason refused, own request not approved, not in the target's inbox before; refused it comes back."""
    issued = await question(city)
    with pytest.raises(GuardFailed, match="转发理由"):
        await forward(city, issued.ticket, reason="不管")
    await forward(city, issued.ticket)
    assert len(await steps(city, issued.ticket)) == 1
    with pytest.raises(IllegalTransition):
        await forward(city, issued.ticket)
    with pytest.raises(NotAllowed):
        await do(city, handover.decide_forward, issued.ticket, "liaison_a", approve=True)
    with pytest.raises(GuardFailed, match="请填写理由"):
        await do(city, handover.decide_forward, issued.ticket, "head_a", approve=False)
    back = await do(
        city, handover.decide_forward, issued.ticket, "head_a", approve=False, refusal="属本局职责"
    )
    (step,) = await steps(city, issued.ticket)
    assert (back.state, step.finished_at) == (State.WORKING, None)
    async with city.db.reading() as session:
        (request,) = (await session.scalars(select(StepRequest))).all()
    assert (request.approved, request.refusal, request.reason) == (False, "属本局职责", "不属于本局职责")


async def test_the_requester_never_approves_even_with_both_roles(city: City):
    """A head who asked cannot decide; where nobody else is head, the supervising unit's head stands in (§5.3-4)."""
    issued = await question(city)
    async with city.db.unit_of_work() as session:
        from core.people import Role, RoleGrant

        session.add(RoleGrant(user_id=city.users["head_a"], role=Role.LIAISON))
    await forward(city, issued.ticket, "head_a")
    with pytest.raises(OwnRequest):
        await do(city, handover.decide_forward, issued.ticket, "head_a", approve=True)
    done = await do(city, handover.decide_forward, issued.ticket, "head_a_above", approve=True)
    assert done.state == State.DISPATCH


async def test_nobody_stands_in_while_the_unit_has_a_head(city: City):
    """Supervising unit and office review only for a unit without a head of its own."""
    issued = await question(city)
    await forward(city, issued.ticket)
    for outsider in ("head_a_above", "office"):
        with pytest.raises(NotHolder):
            await do(city, handover.decide_forward, issued.ticket, outsider, approve=True)


async def test_out_of_scope_goes_to_the_own_office_only(city: City):
    """M-37: no hand-off from department to department; another level's office neither."""
    issued = await question(city)
    for target in ("b", "county_office"):
        with pytest.raises(GuardFailed, match="同级政府办"):
            await forward(city, issued.ticket, target_unit_id=city.units[target])


async def test_a_joint_question_passes_on_with_its_parts(city: City):
    """M-39: own part and category first; the asker reads the parts in order with the units' names."""
    issued = await question(city)
    to_b = {"target_unit_id": city.units["b"], "joint": True}
    with pytest.raises(GuardFailed, match="联合回复"):
        await forward(city, issued.ticket, **to_b)
    await forward(city, issued.ticket, **to_b, part="本局部分", subject="社保")
    await do(city, handover.decide_forward, issued.ticket, "head_a", approve=True)
    first, second = await steps(city, issued.ticket)
    assert (first.result, second.unit_id, second.clock) == (StepResult.PART_REPLIED, city.units["b"], "Q5")
    await do(city, replies.answer, issued.ticket, "liaison_b", answer="乙局部分")
    assert (await status(city, issued.query_code)).reply == "a局：本局部分\n\nb局：乙局部分"


async def test_ping_pong_is_flagged_and_needs_designation(city: City):
    """M-55: back to a unit that forwarded it only by 指定办理, and flagged."""
    issued = await question(city)
    await forward(city, issued.ticket)
    await do(city, handover.decide_forward, issued.ticket, "head_a", approve=True)
    to_a = {"unit_id": city.units["a"]}
    with pytest.raises(GuardFailed, match="指定办理"):
        await do(city, handover.dispatch, issued.ticket, "office", **to_a)
    await do(city, handover.dispatch, issued.ticket, "office", **to_a, designate=True)
    last = (await steps(city, issued.ticket))[-1]
    assert (last.ping_pong, last.designated) == (True, True)


async def test_the_third_forward_is_flagged(city: City):
    """M-55: three units each hand it on for the first time; none declined before, and yet it is passed around."""
    issued = await question(city)
    for unit, liaison, head in (("a", "liaison_a", "head_a"), ("b", "liaison_b", "head_b"), ("above_a", "head_a_above", "office")):  # fmt: skip
        if unit != "a":
            await do(city, handover.dispatch, issued.ticket, "office", unit_id=city.units[unit])
        await forward(city, issued.ticket, liaison)
        await do(city, handover.decide_forward, issued.ticket, head, approve=True)
    assert [step.ping_pong for step in await steps(city, issued.ticket)] == [*[False] * 5, True]


async def test_an_office_dispatches_only_what_it_holds_and_within_its_level(city: City):
    """M-40, M-45: another level's unit needs the other office; a second office or a department finds no way."""
    issued = await question(city, Outcome.UNCLEAR)
    with pytest.raises(GuardFailed, match="本地区本级"):
        await do(city, handover.dispatch, issued.ticket, "office", unit_id=city.units["county_a"])
    for stranger in ("county_office", "liaison_a", "head_a"):
        with pytest.raises((TicketNotFound, NotAllowed)):
            await do(city, handover.dispatch, issued.ticket, stranger, unit_id=city.units["a"])
    level = {"reason": "属于下级事权"}
    with pytest.raises(GuardFailed, match="上一级或下一级"):
        await do(
            city, handover.ask_level, issued.ticket, "office", office_id=city.units["inspection"], **level
        )
    await do(
        city, handover.ask_level, issued.ticket, "office", office_id=city.units["county_office"], **level
    )
    with pytest.raises(OwnRequest):
        await do(city, handover.decide_level, issued.ticket, "office", approve=True)
    with pytest.raises(RequestPending):
        await do(
            city, handover.ask_level, issued.ticket, "office", office_id=city.units["county_office"], **level
        )
    await do(city, handover.decide_level, issued.ticket, "office_deputy", approve=True)
    with pytest.raises(NotHolder):
        await do(
            city, handover.ask_level, issued.ticket, "office", office_id=city.units["county_office"], **level
        )


async def extension(
    city: City, ticket: Ticket, kind: RequestKind, asker: str = "liaison_a", **how: object
) -> Ticket:
    return await do(city, extensions.ask_for, ticket, asker, kind=kind, reason="情况特殊需要核实", **how)


async def approve(city: City, ticket: Ticket, kind: RequestKind, who: str = "head_a") -> Ticket:
    return await do(city, extensions.decide_on, ticket, who, kind=kind, approve=True)


async def test_extension_to_a_total_of_twenty(city: City):
    """§6.2: received 06-01, extended to 06-30; by the liaison refused, a second time refused (M-42)."""
    issued = await question(city)
    await extension(city, issued.ticket, RequestKind.EXTEND)
    with pytest.raises(NotAllowed):
        await approve(city, issued.ticket, RequestKind.EXTEND, "liaison_a")
    await approve(city, issued.ticket, RequestKind.EXTEND)
    (step,) = await steps(city, issued.ticket)
    assert (str(step.due_on), step.days, step.extended_at) == ("2026-06-30", 20, city.clock.now())
    with pytest.raises(TooLate):
        await extension(city, issued.ticket, RequestKind.EXTEND)


async def test_extension_after_expiry_is_too_late_for_both(city: City):
    """Asked in time but decided after the cut-off: refused, the request stays undecided."""
    issued = await question(city)
    await extension(city, issued.ticket, RequestKind.EXTEND)
    at(city, "06-08T18:01")
    with pytest.raises(TooLate):
        await approve(city, issued.ticket, RequestKind.EXTEND)
    (step,) = await steps(city, issued.ticket)
    assert (step.extended_at, str(step.due_on)) == (None, "2026-06-08")


async def test_two_heads_decide_at_once(city: City):
    """A decision is made once, whoever is quicker."""
    issued = await question(city)
    await extension(city, issued.ticket, RequestKind.EXTEND)
    results = await asyncio.gather(
        *(approve(city, issued.ticket, RequestKind.EXTEND) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(result, Ticket) for result in results) == 1
    assert all(isinstance(result, Ticket | NothingToDecide | TooLate) for result in results)


async def test_class_change_keeps_day_zero(city: City):
    """T12: general to important on day three is due on day ten from receipt."""
    issued = await question(city)
    at(city, "06-03T10:00")
    await extension(city, issued.ticket, RequestKind.CHANGE_CLASS, question_class="important")
    await approve(city, issued.ticket, RequestKind.CHANGE_CLASS)
    (step,) = await steps(city, issued.ticket)
    assert (step.clock, str(step.due_on)) == ("Q10", "2026-06-15")
    with pytest.raises(TooLate):
        await extension(city, issued.ticket, RequestKind.CHANGE_CLASS, question_class="general")


async def test_an_overdue_step_is_explained_in_public(city: City):
    """T18, M-51: before expiry refused; afterwards the text is read by code, the step stays overdue."""
    issued = await question(city)
    with pytest.raises(GuardFailed, match="尚未逾期"):
        await extension(city, issued.ticket, RequestKind.EXPLAIN)
    at(city, "06-09T10:00")
    await extension(city, issued.ticket, RequestKind.EXPLAIN)
    await approve(city, issued.ticket, RequestKind.EXPLAIN)
    assert (await status(city, issued.query_code)).explanation == "情况特殊需要核实"
    (step,) = await steps(city, issued.ticket)
    assert (step.finished_at, step.explained_at) == (None, city.clock.now())


async def complained(city: City) -> tuple[service.Issued, service.Issued]:
    """An answered question and the complaint about it."""
    first = await question(city)
    await do(city, replies.answer, first.ticket, "liaison_a", answer="旧答复")
    async with city.db.unit_of_work() as session:
        about = await session.get_one(Ticket, first.ticket.id)
        call = await city.call(session)
        issued = await service.register_complaint(
            session, city.clock, call_id=call.id, region_id=city.regions["city"], line="96128", caller_number="",
            recording_id=None, about=about, text="答非所问",
        )  # fmt: skip
    return first, issued


async def test_a_complaint_is_replied_in_three_parts(city: City):
    """M-49: two parts are not enough; the complainant reads the three by code, the question is replied again (T16)."""
    first, issued = await complained(city)
    await do(city, complaints.accept, issued.ticket, "inspector")
    with pytest.raises(GuardFailed, match="三项"):
        await do(
            city, complaints.reply, issued.ticket, "inspector", verdict=Verdict("查", "处", " ", upheld=True)
        )
    await do(city, complaints.reply, issued.ticket, "inspector", verdict=DONE)
    told = await status(city, issued.query_code)
    assert (told.state, told.reply) == (
        State.C_REPLIED,
        "调查情况：已调查\n处理意见：批评教育\n办理结果：已整改",
    )
    again = await status(city, first.query_code)
    assert (again.state, again.may_complain, again.reply) == (State.REPLIED, True, "旧答复")


async def test_an_upheld_complaint_may_have_the_reply_given_anew(city: City):
    """T17: a new step at the unit with a new clock; afterwards the new reply is the one that is read."""
    first, issued = await complained(city)
    await do(city, complaints.accept, issued.ticket, "inspector")
    at(city, "06-05T10:00")
    redo = Verdict("已调查", "责成重办", "重新答复", upheld=True, redo=True)
    await do(city, complaints.reply, issued.ticket, "inspector", verdict=redo)
    told = await status(city, first.query_code)
    assert (told.state, told.unit_name, str(told.due_on), told.reply) == (
        State.WORKING,
        "a局",
        "2026-06-12",
        None,
    )
    await do(city, replies.answer, first.ticket, "liaison_a", answer="新答复")
    assert (await status(city, first.query_code)).reply == "新答复"


async def test_a_rejected_complaint_tells_its_reason(city: City):
    """C2: only with a reason, which the complainant reads by code."""
    first, issued = await complained(city)
    with pytest.raises(GuardFailed):
        await do(city, complaints.reject, issued.ticket, "inspector", reason="")
    await do(city, complaints.reject, issued.ticket, "inspector", reason="不属于投诉范围")
    told = await status(city, issued.query_code)
    assert (told.state, told.reply) == (State.C_REJECTED, "不属于投诉范围")
    assert (await status(city, first.query_code)).state == State.REPLIED


async def test_other_bodies_never_touch_a_complaint(city: City):
    """M-88: unit, office and another level's inspectors find nothing."""
    _, issued = await complained(city)
    for stranger in ("liaison_a", "head_a", "office", "supervisor", "county_inspector", "admin"):
        with pytest.raises(TicketNotFound):
            await do(city, complaints.accept, issued.ticket, stranger)


async def test_a_complaint_is_extended_by_the_bodys_head(city: City):
    """M-43: 15 to a total of 30, decided by the head of the supervision body."""
    _, issued = await complained(city)
    await do(city, complaints.accept, issued.ticket, "inspector")
    await extension(city, issued.ticket, RequestKind.EXTEND, "inspector")
    await approve(city, issued.ticket, RequestKind.EXTEND, "head_inspection")
    (step,) = await steps(city, issued.ticket)
    assert (step.days, str(step.due_on)) == (30, "2026-07-14")


async def test_handed_to_the_judiciary_it_is_locked(city: City):
    """C4, M-53: recipient and papers, the head approves; afterwards nothing can be changed or added."""
    _, issued = await complained(city)
    await do(city, complaints.accept, issued.ticket, "inspector")
    papers = {"reason": "涉嫌犯罪", "recipient": "市检察院"}
    with pytest.raises(GuardFailed, match="材料清单"):
        await do(city, complaints.ask_judiciary, issued.ticket, "inspector", **papers, papers="")
    await do(city, complaints.ask_judiciary, issued.ticket, "inspector", **papers, papers="录音一份")
    with pytest.raises(NotAllowed):
        await do(city, complaints.decide_judiciary, issued.ticket, "inspector", approve=True)
    done = await do(city, complaints.decide_judiciary, issued.ticket, "head_inspection", approve=True)
    assert done.state == State.C_JUDICIAL
    with pytest.raises(IllegalTransition):
        await do(city, complaints.reply, issued.ticket, "inspector", verdict=DONE)
    with pytest.raises(TicketLocked):
        async with city.db.unit_of_work() as session:
            ticket = await session.get_one(Ticket, issued.ticket.id)
            await service.add_note(
                session, city.clock, ticket=ticket, user_id=city.users["inspector"], text="补"
            )


async def test_an_imported_year_moves_open_clocks_only(city: City):
    """M-11: importing 2027 settles the provisional date of an open step; a finished one keeps its own."""
    at(city, "12-21T10:00")
    issued, finished = await question(city, question_class="important"), await question(city)
    await do(city, replies.answer, finished.ticket, "liaison_a", answer="答")
    assert (await status(city, issued.query_code)).provisional
    kept = (await steps(city, finished.ticket))[0].table_version
    async with city.db.unit_of_work() as session:
        days_off = {date(2027, 1, 1): "元旦", date(2027, 1, 4): "元旦", date(2027, 1, 5): "元旦"}
        await holidays.import_year(
            session, city.clock, year=2027, off=days_off, make_up={}, source="国办通知", actor="admin"
        )
        assert await recompute_open_clocks(session) == 1
        assert await recompute_open_clocks(session) == 0
    told = await status(city, issued.query_code)
    assert (str(told.due_on), told.provisional) == ("2027-01-07", False)
    assert (await steps(city, finished.ticket))[0].table_version == kept


async def test_long_texts_are_refused_on_every_way_in(city: City):
    """A megabyte of text is refused with the field's name wherever people write."""
    huge = "字" * 1_000_000
    issued = await question(city)
    for what, how in (
        (handover.ask_forward, {"reason": huge}),
        (handover.ask_forward, {"reason": "不属于本局职责", "part": huge}),
        (extensions.ask_for, {"kind": RequestKind.EXTEND, "reason": huge}),
        (replies.answer, {"answer": huge}),
        (replies.answer, {"guidance": huge}),
    ):
        with pytest.raises(InvalidInput, match="请精简"):
            await do(city, what, issued.ticket, "liaison_a", **how)
    with pytest.raises(HotlineError):
        await do(city, replies.answer, issued.ticket, "liaison_a", answer="\u202e\u0000 ")
