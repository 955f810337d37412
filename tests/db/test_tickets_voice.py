"""Voicemail, complaints, wrong codes: what callers do without an operator."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select
from support.tickets import City

from core.units import Unit
from ivr.flow.codes import Codes
from recordings.models import Recording, RecordingKind
from tickets import queries, replies, service
from tickets.errors import ComplaintTooEarly, TooManyWrongCodes
from tickets.events import CodeGuessing
from tickets.lifecycle import IllegalTransition
from tickets.models import Channel, ClockKind, Outcome, State, StepResult, Ticket
from tickets.oversight import complaints
from tickets.query_codes import attempts, codes
from tickets.query_codes.codes import QueryCodeInvalid, QueryCodeUnknown


async def recording(city: City, session, call_id: int, kind: RecordingKind) -> int:
    row = Recording(
        call_id=call_id,
        kind=kind,
        path=f"{call_id}.wav",
        source=f"{call_id}.raw",
        started_at=city.clock.now(),
    )
    session.add(row)
    await session.flush()
    return row.id


async def voicemail(city: City, **more: object) -> service.Issued:
    async with city.db.unit_of_work() as session:
        call = await city.call(session)
        return await service.register_voicemail(
            session, city.clock, call_id=call.id, region_id=city.regions["city"], line="96128",
            caller_number=call.caller_number, callback_number="0872-2222222",
            recording_id=await recording(city, session, call.id, RecordingKind.VOICEMAIL), **more,
        )  # fmt: skip


async def complaint(
    city: City, about: Ticket | None = None, region: str = "city", *, spoken: bool = True
) -> service.Issued:
    async with city.db.unit_of_work() as session:
        call = await city.call(session)
        return await service.register_complaint(
            session, city.clock, call_id=call.id, region_id=city.regions[region], line="96128",
            caller_number=call.caller_number, about=about, text="" if spoken else "不满意",
            recording_id=await recording(city, session, call.id, RecordingKind.COMPLAINT) if spoken else None,
        )  # fmt: skip


async def finish(city: City, ticket: Ticket, outcome: Outcome, **fields: object) -> Ticket:
    async with city.db.unit_of_work() as session:
        if fields:
            await service.save_draft(
                session, city.clock, ticket_no=ticket.ticket_no, operator_id=city.users["operator"], fields=fields,
                version=ticket.draft_version,
            )  # fmt: skip
        return await service.finish(
            session,
            city.clock,
            ticket_no=ticket.ticket_no,
            operator_id=city.users["operator"],
            outcome=outcome,
        )


async def replied(city: City, unit: str = "a", liaison: str = "liaison_a") -> service.Issued:
    """A question assigned to a unit and answered by its liaison."""
    issued = await voicemail(city)
    await finish(city, issued.ticket, Outcome.ASSIGNED, question="问", unit_id=city.units[unit])
    async with city.db.unit_of_work() as session:
        user = await city.user(session, liaison)
        await replies.answer(session, city.clock, ticket_no=issued.ticket.ticket_no, user=user, answer="答")
    return issued


async def status(city: City, code: str) -> queries.CodeStatus:
    async with city.db.reading() as session:
        return await queries.status_by_code(session, city.clock, code)


async def test_a_message_is_a_ticket_at_once(city: City):
    """Voicemail has a ticket, a working code and the call centre's one-day clock (M-58, CC1)."""
    issued = await voicemail(city, unit_id=city.units["a"])
    told = await status(city, issued.query_code)
    assert (issued.ticket.channel, told.state, told.unit_name) == (Channel.VOICEMAIL, State.NEW, "centre局")
    assert str(told.due_on) == "2026-06-02"
    assert issued.ticket.unit_id == city.units["a"]


async def test_a_message_becomes_the_units_question(city: City):
    """The operator who registers a message owns it; the call centre's step ends and the unit's begins."""
    issued = await voicemail(city)
    done = await finish(city, issued.ticket, Outcome.ASSIGNED, unit_id=city.units["b"])
    async with city.db.reading() as session:
        first, second = await queries.steps_of(session, done.id)
    assert (first.clock, first.result, first.finished_at) == (
        ClockKind.CC1,
        StepResult.REGISTERED,
        city.clock.now(),
    )
    assert (second.clock, second.unit_id, second.finished_at) == (ClockKind.Q5, city.units["b"], None)
    assert done.operator_id == city.users["operator"]


async def test_a_blank_message_is_void_with_its_audio_kept(city: City):
    """Noise is void with a reason; the recording stays on the ticket (§5.7)."""
    issued = await voicemail(city)
    done = await finish(city, issued.ticket, Outcome.INVALID, reason="空白留言")
    assert (done.state, done.recording_id is not None) == (State.VOID, True)
    assert (await status(city, issued.query_code)).due_on is None


async def test_a_complaint_without_a_code(city: City):
    """M-50: own code, fifteen working days, the region's supervision body; the operator is not told."""
    issued = await complaint(city)
    told = await status(city, issued.query_code)
    assert (told.state, told.unit_name, str(told.due_on)) == (State.C_NEW, "inspection局", "2026-06-23")
    async with city.db.reading() as session:
        assert await queries.earlier_by_number(session, "13800005678", 10) == []


async def test_a_written_complaint_by_code_waits_for_the_reply(city: City):
    """M-48: refused while the question is open, and the refusal says what to do instead; nothing is stored."""
    issued = await voicemail(city)
    with pytest.raises(ComplaintTooEarly, match="其他投诉或举报"):
        await complaint(city, issued.ticket, spoken=False)
    async with city.db.reading() as session:
        assert len((await session.scalars(select(Ticket))).all()) == 1


async def test_a_spoken_complaint_about_an_open_question_is_kept(city: City):
    """M-50: what was said about the handling is a complaint without a code; the question goes on as it was."""
    issued = await voicemail(city)
    kept = await complaint(city, issued.ticket)
    assert (kept.ticket.about_id, kept.ticket.state) == (None, State.C_NEW)
    assert issued.ticket.ticket_no in kept.ticket.reason
    assert (await status(city, issued.query_code)).state == State.NEW


async def test_a_complaint_by_code_goes_to_the_supervision_of_the_unit(city: City):
    """The reply is complained about once at a time; the complaint is linked and has a code of its own (T15)."""
    first = await replied(city)
    issued = await complaint(city, first.ticket)
    assert issued.ticket.about_id == first.ticket.id
    assert issued.query_code != first.query_code
    told = await status(city, first.query_code)
    assert (told.state, told.reply, told.may_complain) == (State.IN_COMPLAINT, "答", False)
    assert (await status(city, issued.query_code)).unit_name == "inspection局"
    with pytest.raises(IllegalTransition, match="投诉处理中"):
        await complaint(city, first.ticket, spoken=False)


async def by_phone(city: City, code: str) -> tuple[str | None, str | None, dict[str, list[str]]]:
    """Where keys 3 and 2-1 lead with this code, and what is said there."""

    async def say(text: str) -> list[str]:
        return [text]

    slots: dict[str, list[str]] = {}
    call = SimpleNamespace(line="96128")
    caller = SimpleNamespace(code_failures=0, number="13800001111", linkedid="1", call=call)
    deps = SimpleNamespace(db=city.db, clock=city.clock, say=say)
    spoken = Codes(deps, caller, None, slots, None, None)  # type: ignore[arg-type]
    return await spoken.query_code(code), await spoken.complaint_code(code), slots


async def test_by_phone_each_state_is_told_in_whole_sentences(city: City):
    """No sentence has a hole: a date only where there is one, somebody's name always; a complaint's reply is heard (M-20, M-49)."""
    async with city.db.unit_of_work() as session:
        call = await city.call(session)
        fresh = await service.open_for_call(
            session, city.clock, call_id=call.id, line="96128", region_id=city.regions["city"],
            caller_number=call.caller_number, operator_id=city.users["operator"],
        )  # fmt: skip
    asked, answered = await voicemail(city), await replied(city)
    lodged = await complaint(city, answered.ticket)
    found = [await by_phone(city, issued.query_code) for issued in (fresh, asked, answered, lodged)]
    assert [ways[:2] for ways in found] == [
        ("done", "done"), ("open", "open"), ("replied", "complained"), ("open", "open")
    ]  # fmt: skip
    assert found[0][2]["unit"] == ["an-operator"]
    assert [bool(slots["due"]) for _, _, slots in found] == [False, True, False, True]
    async with city.db.unit_of_work() as session:
        user, number = await city.user(session, "inspector"), lodged.ticket.ticket_no
        verdict = complaints.Verdict("已调查", "已批评", "已改正", upheld=False)
        await complaints.accept(session, city.clock, ticket_no=number, user=user)
        await complaints.reply(session, city.clock, ticket_no=number, user=user, verdict=verdict)
    *ways, slots = await by_phone(city, lodged.query_code)
    assert ways == ["answered", "done"]
    assert "办理结果：已改正" in slots["reply"][0]


async def test_a_complaint_about_an_office_goes_one_level_up(city: City):
    """§5.3-6: nobody judges their own level's office; a county without a body is served by the level above."""
    issued = await voicemail(city)
    await finish(city, issued.ticket, Outcome.UNCLEAR, question="问", reason="无法明确部门")
    async with city.db.reading() as session:
        office = await session.get_one(Unit, city.units["office"])
        supervising = await service.complaint_handler(session, city.regions["neighbour"], None)
        from tickets.bodies import supervision_of

        above = await supervision_of(session, office)
        county = await supervision_of(session, await session.get_one(Unit, city.units["county_inspection"]))
    assert above is not None
    assert above.id == city.units["province_inspection"]
    assert county is not None
    assert county.id == city.units["inspection"]
    assert supervising is not None
    assert supervising.id == city.units["province_inspection"]


async def test_ten_complaints_at_once_on_one_ticket(city: City):
    """Racing complaints by the same code: one is linked; written ones are refused, spoken ones all kept."""
    first = await replied(city)
    written = await asyncio.gather(
        *(complaint(city, first.ticket, spoken=False) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(result, service.Issued) for result in written) == 1
    assert sum(isinstance(result, IllegalTransition) for result in written) == 4
    other = await replied(city)
    spoken = await asyncio.gather(*(complaint(city, other.ticket) for _ in range(5)))
    assert sum(result.ticket.about_id == other.ticket.id for result in spoken) == 1
    assert len({result.query_code for result in spoken}) == 5


async def test_a_callers_number_is_never_why_a_message_is_lost(city: City):
    """Numbers as garbled as telephony may hand them over are cut and cleaned."""
    async with city.db.unit_of_work() as session:
        call = await city.call(session)
        issued = await service.register_voicemail(
            session, city.clock, call_id=call.id, region_id=city.regions["city"], line="96128",
            caller_number="\x00\u202e1" * 90, callback_number="9" * 500, recording_id=None,
        )  # fmt: skip
    assert (issued.ticket.caller_number, issued.ticket.callback_number) == ("1" * 32, "9" * 32)


async def test_tickets_opened_at_once_have_different_numbers(city: City):
    """Concurrent openings never share a number or a code."""
    issued = await asyncio.gather(*(voicemail_alone(city) for _ in range(12)))
    assert len({one.ticket.ticket_no for one in issued}) == 12
    assert len({one.query_code for one in issued}) == 12


async def voicemail_alone(city: City) -> service.Issued:
    async with city.db.unit_of_work() as session:
        call = await city.call(session)
        return await service.register_voicemail(
            session, city.clock, call_id=call.id, region_id=city.regions["city"], line="96128",
            caller_number="", callback_number="", recording_id=None,
        )  # fmt: skip


async def test_a_lost_code_dies_when_a_new_one_is_issued(city: City):
    """§5.5: re-issue kills the old code."""
    issued = await voicemail(city)
    async with city.db.unit_of_work() as session:
        fresh = await service.reissue_code(
            session, city.clock, ticket_no=issued.ticket.ticket_no, operator_id=city.users["operator"]
        )
    assert (await status(city, fresh)).ticket.id == issued.ticket.id
    with pytest.raises(QueryCodeUnknown):
        await status(city, issued.query_code)


async def stranger(
    city: City, code: str, source: str = "13800005678", line: str = "96128"
) -> queries.CodeStatus:
    return await attempts.status_for_stranger(city.db, city.clock, code, source=source, line=line)


async def test_ten_unknown_codes_a_day(city: City):
    """The eleventh try of a source waits till Beijing midnight, even with a right code; others go on."""
    issued = await voicemail(city)
    for _ in range(10):
        with pytest.raises(QueryCodeUnknown):
            await stranger(city, codes.new_code())
    with pytest.raises(TooManyWrongCodes) as refused:
        await stranger(city, issued.query_code)
    assert 0 < refused.value.fields["wait_s"] <= 14 * 3600 + 1
    assert (await stranger(city, issued.query_code, source="10.0.0.7")).ticket.id == issued.ticket.id
    city.clock.move_to(city.clock.now() + timedelta(hours=14))
    assert (await stranger(city, issued.query_code)).ticket.id == issued.ticket.id


async def test_slips_do_not_count_and_sound_the_same(city: City):
    """A wrong check digit is never counted; its sentence does not differ from an unknown code's."""
    for _ in range(12):
        with pytest.raises(QueryCodeInvalid) as slip:
            await stranger(city, "572044198036")
    with pytest.raises(QueryCodeUnknown) as unknown:
        await stranger(city, codes.new_code())
    assert slip.value.message == unknown.value.message
    assert (slip.value.code, slip.value.status) == (unknown.value.code, unknown.value.status)


async def test_thirty_unknown_codes_a_minute_raise_the_alarm(city: City):
    """Guessing on one line is told to those who watch, from the thirtieth failure within a minute on."""
    heard: list[CodeGuessing] = []
    city.db.bus.subscribe(CodeGuessing, heard.append)
    for number in range(30):
        with pytest.raises(QueryCodeUnknown):
            await stranger(city, codes.new_code(), source=f"caller {number}")
    assert heard == [CodeGuessing("96128", 30)]
    city.clock.move_to(city.clock.now() + timedelta(seconds=61))
    with pytest.raises(QueryCodeUnknown):
        await stranger(city, codes.new_code(), source="another")
    assert len(heard) == 1
