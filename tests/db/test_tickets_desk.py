"""What an operator does with a ticket, from the ring to the outcome."""

import pytest
from sqlalchemy import func, select
from support.tickets import City

from core.errors import HotlineError, InvalidInput
from recordings import ledger
from recordings.models import Call, CallEvent
from tickets import queries, service
from tickets.errors import DraftStale, OutcomeMissing, TicketNotFound
from tickets.events import TicketChanged
from tickets.guards import GuardFailed
from tickets.lifecycle import IllegalTransition
from tickets.models import ClockKind, Outcome, State, Step, StepResult, Ticket, TrailRow
from tickets.query_codes.code_models import QueryCode
from tickets.query_codes.codes import is_well_formed


async def opened(city: City, operator: str = "operator", **call: object) -> service.Issued:
    async with city.db.unit_of_work() as session:
        row = await city.call(session, **call)
        return await service.open_for_call(
            session, city.clock, call_id=row.id, line="96128", region_id=city.regions["city"],
            caller_number=row.caller_number, operator_id=city.users[operator],
        )  # fmt: skip


async def typed(
    city: City, ticket: Ticket, operator: str = "operator", version: int = 1, **fields: object
) -> Ticket:
    async with city.db.unit_of_work() as session:
        return await service.save_draft(
            session, city.clock, ticket_no=ticket.ticket_no, operator_id=city.users[operator], fields=fields,
            version=version,
        )  # fmt: skip


async def finished(city: City, ticket: Ticket, outcome: Outcome | str | None, **more: object) -> Ticket:
    async with city.db.unit_of_work() as session:
        return await service.finish(
            session, city.clock, ticket_no=ticket.ticket_no, operator_id=city.users["operator"], outcome=outcome,
            **more,
        )  # fmt: skip


async def steps(city: City, ticket: Ticket) -> list[Step]:
    async with city.db.reading() as session:
        return list(await queries.steps_of(session, ticket.id))


async def stored(city: City, ticket: Ticket) -> Ticket:
    async with city.db.reading() as session:
        return await session.get_one(Ticket, ticket.id)


async def test_answering_opens_a_ticket_with_a_number_and_a_code(city: City):
    """An answered call has a ticket at once; the code is well formed and only its hash is kept."""
    heard: list[TicketChanged] = []
    city.db.bus.subscribe(TicketChanged, heard.append)
    issued = await opened(city)
    assert is_well_formed(issued.query_code)
    assert issued.ticket.state == State.NEW
    assert issued.ticket.ticket_no.startswith("2026060100001")
    assert heard == [TicketChanged(issued.ticket.ticket_no)]
    async with city.db.reading() as session:
        code = (await session.scalars(select(QueryCode))).one()
        assert code.last4 == issued.query_code[-4:]
        assert issued.query_code not in code.code_hash


async def test_a_call_that_comes_back_keeps_its_ticket(city: City):
    """A second operator on the same call gets the same ticket; both codes the caller may hold work."""
    first = await opened(city)
    async with city.db.unit_of_work() as session:
        second = await service.open_for_call(
            session, city.clock, call_id=first.ticket.call_id or 0, line="96128", region_id=city.regions["city"],
            caller_number="13800005678", operator_id=city.users["colleague"],
        )  # fmt: skip
    assert second.ticket.id == first.ticket.id
    assert (await stored(city, first.ticket)).operator_id == city.users["colleague"]
    async with city.db.reading() as session:
        for issued in (first, second):
            assert (
                await queries.status_by_code(session, city.clock, issued.query_code)
            ).ticket.id == first.ticket.id


async def test_typing_is_saved_and_a_stale_page_overwrites_nothing(city: City):
    """A save from an older version is refused with 409 and the newer text stays."""
    issued = await opened(city)
    saved = await typed(city, issued.ticket, question="社保卡丢了怎么补办？", unit_id=city.units["a"])
    assert saved.draft_version == 2
    with pytest.raises(DraftStale) as refused:
        await typed(city, issued.ticket, question="旧页面", version=1)
    assert refused.value.status == 409
    assert refused.value.fields["version"] == 2
    assert (await stored(city, issued.ticket)).question == "社保卡丢了怎么补办？"


async def test_another_operators_ticket_does_not_exist(city: City):
    """Typing into a colleague's ticket answers not found."""
    issued = await opened(city)
    with pytest.raises(TicketNotFound):
        await typed(city, issued.ticket, operator="colleague", question="x")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"question": "好" * 1_000_000}, "“问题内容”最多 10000 个字，现有 1000000 个字，请精简后再保存。"),
        ({"answer": "好" * 10_001}, "“答复内容”最多 10000 个字，现有 10001 个字，请精简后再保存。"),
        ({"unit_id": 4711}, "没有这个单位，请重新选择。"),
        ({"unit_id": "0x10; DROP"}, "没有这个单位，请重新选择。"),
        ({"question": 7}, "问题内容：应为文字"),
        ({"question_class": "urgent"}, "question_class：请从列表中选择"),
        ({"state": "CLOSED"}, "state：没有这个栏目"),
    ],
)
async def test_bad_fields_are_named_in_chinese(city: City, fields: dict[str, object], sentence: str):
    """Each field that cannot be stored is refused with a sentence that names it; the ticket stays as it was."""
    issued = await opened(city)
    with pytest.raises(InvalidInput) as refused:
        await typed(city, issued.ticket, **fields)
    assert refused.value.message == sentence
    assert (await stored(city, issued.ticket)).draft_version == 1


async def test_control_and_direction_marks_are_cleaned(city: City):
    """NUL, bells and right-to-left marks never reach the database; line breaks do."""
    issued = await opened(city)
    saved = await typed(city, issued.ticket, question="一\x00二\x07\r\n三\u202e四\u200f\ud800")
    assert saved.question == "一二\n三四"


async def test_no_outcome_no_end(city: City):
    """Wrap-up without an outcome is refused and the ticket stays open."""
    issued = await opened(city)
    for nothing in (None, ""):
        with pytest.raises(OutcomeMissing):
            await finished(city, issued.ticket, nothing)
    with pytest.raises(InvalidInput):
        await finished(city, issued.ticket, "whatever")
    assert (await stored(city, issued.ticket)).state == State.NEW


async def test_answered_on_the_spot(city: City):
    """An answer closes the ticket with no clock; the code reads the answer (T2)."""
    issued = await opened(city)
    with pytest.raises(GuardFailed, match="请填写答复内容"):
        await finished(city, issued.ticket, Outcome.ANSWERED)
    await typed(city, issued.ticket, answer="带身份证到市社保大厅三号窗口。")
    done = await finished(city, issued.ticket, Outcome.ANSWERED)
    assert (done.state, done.outcome, done.closed_at) == (State.CLOSED, Outcome.ANSWERED, city.clock.now())
    assert await steps(city, done) == []
    async with city.db.reading() as session:
        status = await queries.status_by_code(session, city.clock, issued.query_code)
    assert status.reply == "带身份证到市社保大厅三号窗口。"
    assert status.may_complain


async def test_a_replayed_outcome_is_refused(city: City):
    """The same outcome sent twice takes effect once."""
    issued = await opened(city)
    await typed(city, issued.ticket, answer="好")
    await finished(city, issued.ticket, Outcome.ANSWERED)
    for again in (Outcome.ANSWERED, Outcome.UNCLEAR, Outcome.INVALID):
        with pytest.raises(IllegalTransition):
            await finished(city, issued.ticket, again)
    with pytest.raises(IllegalTransition):
        await typed(city, issued.ticket, version=2, question="更改")


async def test_other_ways_need_their_text(city: City):
    """ "Cannot answer" is saved only with the other ways and procedure (M-27)."""
    issued = await opened(city)
    await typed(city, issued.ticket, answer="不清楚")
    with pytest.raises(GuardFailed, match="其他查询方式、程序"):
        await finished(city, issued.ticket, Outcome.OTHER_WAYS)
    await typed(city, issued.ticket, version=2, guidance="可到市档案馆二楼查询。")
    assert (await finished(city, issued.ticket, Outcome.OTHER_WAYS)).state == State.CLOSED


@pytest.mark.parametrize(("question_class", "clock", "due_on"), [("general", "Q5", "2026-06-08"), ("important", "Q10", "2026-06-15")])  # fmt: skip
async def test_assigned_to_a_unit(city: City, question_class: str, clock: str, due_on: str):
    """The unit's clock starts, the first responsible unit is fixed, the code tells the due date (T3, M-41)."""
    issued = await opened(city)
    await typed(
        city, issued.ticket, question="何时修路？", unit_id=city.units["a"], question_class=question_class
    )
    done = await finished(city, issued.ticket, Outcome.ASSIGNED)
    (step,) = await steps(city, done)
    assert (done.state, done.first_unit_id) == (State.WORKING, city.units["a"])
    assert (step.clock, str(step.due_on), step.table_version) == (clock, due_on, "cn-2026")
    async with city.db.reading() as session:
        status = await queries.status_by_code(session, city.clock, issued.query_code)
    assert (status.unit_name, status.unit_code, status.state_name) == ("a局", "101", "办理中")
    assert (str(status.due_on), status.reply, status.may_complain) == (due_on, None, False)


async def test_assigned_needs_question_and_unit(city: City):
    """Without the question or the unit nothing leaves the operator."""
    issued = await opened(city)
    await typed(city, issued.ticket, question="何时修路？")
    with pytest.raises(InvalidInput, match="没有这个单位"):
        await finished(city, issued.ticket, Outcome.ASSIGNED)
    await typed(city, issued.ticket, version=2, question="", unit_id=city.units["a"])
    with pytest.raises(InvalidInput, match="问题内容"):
        await finished(city, issued.ticket, Outcome.ASSIGNED)
    assert await steps(city, issued.ticket) == []


async def test_a_county_unit_settles_the_county_and_a_unit_above_is_refused(city: City):
    """The city's line may hand down to a county's unit; crossing sideways or upward only an office may (M-03)."""
    issued = await opened(city)
    await typed(city, issued.ticket, question="县里的事", unit_id=city.units["county_a"])
    assert (await finished(city, issued.ticket, Outcome.ASSIGNED)).region_id == city.regions["county"]
    issued = await opened(city)
    await typed(city, issued.ticket, question="省里的事", unit_id=city.units["province_inspection"])
    with pytest.raises(GuardFailed, match="转政府办区分"):
        await finished(city, issued.ticket, Outcome.ASSIGNED)


async def test_unclear_goes_to_the_government_office(city: City):
    """Without a reason refused; with one the same level's office gets it with five working days (T4, M-25)."""
    issued = await opened(city)
    await typed(city, issued.ticket, question="归谁管？")
    with pytest.raises(GuardFailed, match="请填写理由"):
        await finished(city, issued.ticket, Outcome.UNCLEAR)
    await typed(city, issued.ticket, version=2, reason="涉及两个部门，无法明确")
    done = await finished(city, issued.ticket, Outcome.UNCLEAR)
    (step,) = await steps(city, done)
    assert (done.state, step.unit_id, step.clock) == (State.DISPATCH, city.units["office"], ClockKind.G5)
    assert (str(step.due_on), done.first_unit_id) == ("2026-06-08", None)


async def test_out_of_scope_needs_guidance(city: City):
    """An everyday enquiry is void with the guidance given, and has no clock (T5, M-19)."""
    issued = await opened(city)
    with pytest.raises(GuardFailed, match="超出范围"):
        await finished(city, issued.ticket, Outcome.OUT_OF_SCOPE)
    await typed(city, issued.ticket, guidance="天气请拨12121。")
    done = await finished(city, issued.ticket, Outcome.OUT_OF_SCOPE)
    assert (done.state, done.reason) == (State.VOID, "日常事务，超出范围")
    assert await steps(city, done) == []


async def test_duplicate_names_another_ticket(city: City):
    """A duplicate is void and linked; without, with an unknown or with its own number it is refused."""
    first, second = await opened(city), await opened(city)
    with pytest.raises(GuardFailed, match="另一件工单"):
        await finished(city, second.ticket, Outcome.DUPLICATE)
    with pytest.raises(TicketNotFound):
        await finished(city, second.ticket, Outcome.DUPLICATE, duplicate_of="20260601999990")
    with pytest.raises(InvalidInput, match="自身"):
        await finished(city, second.ticket, Outcome.DUPLICATE, duplicate_of=second.ticket.ticket_no)
    done = await finished(city, second.ticket, Outcome.DUPLICATE, duplicate_of=first.ticket.ticket_no)
    assert (done.state, done.duplicate_of_id) == (State.VOID, first.ticket.id)


async def take_call(city: City, issued: service.Issued) -> None:
    async with city.db.unit_of_work() as session:
        call = await session.get_one(Call, issued.ticket.call_id)
        call.liaison_id, call.liaison_unit_id = city.users["liaison_a"], city.units["a"]
        session.add(CallEvent(call_id=call.id, at=city.clock.now(), kind=ledger.TRANSFER_ANSWERED, data={}))


async def test_transferred_needs_the_call_record(city: City):
    """ "Answered by the unit" is believed only when the call record shows that the unit took the call (T2b)."""
    issued = await opened(city)
    await typed(city, issued.ticket, question="问", answer="答", unit_id=city.units["a"])
    with pytest.raises(GuardFailed, match="没有该单位接听"):
        await finished(city, issued.ticket, Outcome.TRANSFERRED)
    assert await steps(city, issued.ticket) == []
    await take_call(city, issued)
    done = await finished(city, issued.ticket, Outcome.TRANSFERRED)
    (step,) = await steps(city, done)
    assert (done.state, step.result, step.reply) == (State.CLOSED, StepResult.ON_SPOT, "答")
    assert (done.first_unit_id, done.first_person_id) == (city.units["a"], city.users["liaison_a"])


async def test_transferred_without_the_answer_waits_for_the_liaison(city: City):
    """Known is only that the unit answered: its liaison fills the answer in, the ordinary clock runs (T3)."""
    issued = await opened(city)
    await take_call(city, issued)
    await typed(city, issued.ticket, question="问", unit_id=city.units["a"])
    done = await finished(city, issued.ticket, Outcome.TRANSFERRED)
    (step,) = await steps(city, done)
    assert (done.state, step.finished_at, step.answered_call_id) == (
        State.WORKING,
        None,
        issued.ticket.call_id,
    )


async def test_a_direct_call_to_a_unit_has_a_ticket(city: City):
    """A call that went from the menu straight to a liaison is a ticket of that unit with a code."""
    async with city.db.unit_of_work() as session:
        call = await city.call(session, liaison_id=city.users["liaison_a"], liaison_unit_id=city.units["a"])
        issued = await service.open_for_unit(
            session, city.clock, call_id=call.id, line="96128", region_id=city.regions["city"],
            caller_number=call.caller_number, unit_id=city.units["a"], liaison_id=city.users["liaison_a"],
        )  # fmt: skip
    (step,) = await steps(city, issued.ticket)
    assert (issued.ticket.state, step.clock, step.person_id) == (State.WORKING, "Q5", city.users["liaison_a"])


async def test_every_change_leaves_trail_and_audit(city: City):
    """Opening, outcome and note each leave a row in the trail; a draft save does not."""
    issued = await opened(city)
    await typed(city, issued.ticket, question="问", unit_id=city.units["a"])
    await finished(city, issued.ticket, Outcome.ASSIGNED)
    async with city.db.unit_of_work() as session:
        await service.add_note(
            session, city.clock, ticket=await session.get_one(Ticket, issued.ticket.id),
            user_id=city.users["operator"], text="已电话提醒",
        )  # fmt: skip
    async with city.db.reading() as session:
        rows = await queries.trail_of(session, issued.ticket.id)
        assert [(r.rule, r.action, r.from_state, r.to_state) for r in rows] == [
            ("T1", "open", None, "NEW"),
            ("T3", "assign", "NEW", "WORKING"),
            ("", "note", "WORKING", "WORKING"),
        ]
        assert (rows[1].to_unit_id, rows[1].step_id is not None, rows[2].text) == (
            city.units["a"],
            True,
            "已电话提醒",
        )


async def test_a_failed_action_leaves_nothing(city: City):
    """A refused outcome rolls everything back: no step, no trail row."""
    issued = await opened(city)
    await typed(city, issued.ticket, question="问", unit_id=city.units["province_inspection"])
    with pytest.raises(HotlineError):
        await finished(city, issued.ticket, Outcome.ASSIGNED)
    async with city.db.reading() as session:
        assert await session.scalar(select(func.count()).select_from(TrailRow)) == 1
    assert await steps(city, issued.ticket) == []
