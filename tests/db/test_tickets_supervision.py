"""Due soon, overdue, unexplained: found once, told to those concerned, whoever else looks at the same time."""

import asyncio
from collections import Counter
from datetime import datetime

from sqlalchemy import func, select, update
from support.tickets import City, do, question

from core.db import Database, DatabaseSettings
from tickets import notices, replies, satisfaction, service
from tickets.clocks import extensions
from tickets.clocks.supervision import sweep
from tickets.clocks.timers import archive
from tickets.models import RequestKind, Stage, State, Step, Ticket, TrailRow
from tickets.oversight.complaints import Verdict, accept, reply
from tickets.oversight.oversight_models import Notice, NoticeKind


async def at(city: City, day: str) -> int:
    city.clock.move_to(datetime.fromisoformat(f"2026-{day}:00+08:00"))
    return await sweep(city.db, city.clock)


async def told(city: City, kind: NoticeKind) -> set[tuple[str, str]]:
    """(role, unit) of every notice of this kind."""
    names = {key: name for name, key in city.units.items()}
    async with city.db.reading() as session:
        rows = (await session.scalars(select(Notice).where(Notice.kind == kind))).all()
    assert len(rows) == len({(row.role, row.unit_id) for row in rows})
    return {(row.role, names[row.unit_id]) for row in rows}


async def test_a_question_runs_out(city: City):
    """M-46, M-52: warned a working day before, overdue a second after the cut-off, listed from the second day."""
    ticket = (await question(city)).ticket
    assert await at(city, "06-04T23:59") == 0
    assert await at(city, "06-05T08:00") == 1
    assert await told(city, NoticeKind.DUE_SOON) == {("liaison", "a"), ("head", "a"), ("office", "office")}
    assert await at(city, "06-08T18:00") == 0
    assert await at(city, "06-08T18:01") == 1
    everybody = {("liaison", "a"), ("head", "a"), ("office", "office"), ("inspector", "inspection")}
    assert await told(city, NoticeKind.OVERDUE) == everybody
    assert await at(city, "06-10T00:01") == 1
    assert await told(city, NoticeKind.UNEXPLAINED) == everybody
    assert await at(city, "06-30T00:00") == 0
    async with city.db.reading() as session:
        rows = await session.scalars(select(TrailRow.action).where(TrailRow.ticket_id == ticket.id))
        assert list(rows)[-3:] == ["due_soon", "overdue", "unexplained"]


async def test_an_explanation_keeps_it_off_the_list(city: City):
    """§6.2: explained on the day after, the step stays overdue and is never listed."""
    ticket = (await question(city)).ticket
    await at(city, "06-09T10:00")
    await do(city, extensions.ask_for, ticket, "liaison_a", kind=RequestKind.EXPLAIN, reason="等待省厅批复")
    await do(city, extensions.decide_on, ticket, "head_a", kind=RequestKind.EXPLAIN, approve=True)
    await at(city, "06-12T10:00")
    assert await told(city, NoticeKind.UNEXPLAINED) == set()


async def test_an_extension_begins_anew(city: City):
    """M-42: warned for the first date, an extended step is warned again for the second."""
    ticket = (await question(city)).ticket
    await at(city, "06-05T08:00")
    await do(city, extensions.ask_for, ticket, "liaison_a", kind=RequestKind.EXTEND, reason="情况特殊")
    await do(city, extensions.decide_on, ticket, "head_a", kind=RequestKind.EXTEND, approve=True)
    assert await at(city, "06-12T10:00") == 0
    assert await at(city, "06-29T10:00") == 1


async def test_what_is_finished_is_left_alone(city: City):
    """A reply in time ends the watching."""
    ticket = (await question(city)).ticket
    await do(city, replies.answer, ticket, "liaison_a", answer="答")
    assert await at(city, "06-30T10:00") == 0


async def test_after_a_long_sleep_only_the_last_stage_is_told(city: City):
    """Nobody is warned of what is overdue already."""
    await question(city)
    assert await at(city, "06-20T10:00") == 1
    assert await told(city, NoticeKind.DUE_SOON) == set()
    assert await told(city, NoticeKind.UNEXPLAINED) != set()


async def test_a_message_nobody_opened_by_noon(city: City):
    """§5.7: the call centre's supervisors learn of it at twelve of the next working day."""
    async with city.db.unit_of_work() as session:
        call = await city.call(session)
        await service.register_voicemail(
            session, city.clock, call_id=call.id, region_id=city.regions["city"], line="96128", caller_number="",
            callback_number="", recording_id=None,
        )  # fmt: skip
    assert await at(city, "06-02T12:00") == 0
    assert await at(city, "06-02T12:01") == 1
    assert await told(city, NoticeKind.MESSAGE_UNOPENED) == {("supervisor", "centre")}


async def test_complaints_are_told_to_inspectors_alone(city: City):
    """M-88: no department and no office hears of a complaint; the body's own delay is told a level up."""
    async with city.db.unit_of_work() as session:
        await service.register_complaint(
            session, city.clock, call_id=None, region_id=city.regions["city"], line="96128", caller_number="",
            recording_id=None, about=None, text="服务态度",
        )  # fmt: skip
    await at(city, "06-22T10:00")
    own = {("inspector", "inspection"), ("head", "inspection")}
    assert await told(city, NoticeKind.DUE_SOON) == own
    await at(city, "06-23T20:00")
    assert await told(city, NoticeKind.OVERDUE) == own | {("inspector", "province_inspection")}


async def test_notices_are_read_one_by_one(city: City):
    """What one person has seen is still new to another; nobody sees what was not for them."""
    await question(city)
    await at(city, "06-08T20:00")
    async with city.db.unit_of_work() as session:
        head = await city.user(session, "head_a")
        shown = await notices.of_person(session, city.clock, head)
        assert [(line.text, line.is_read) for line in shown] == [("已经逾期，请立即办理并说明情况", False)]
        ids = [line.notice.id for line in shown]
        await notices.mark_read(session, city.clock, await city.user(session, "liaison_b"), ids)
        await notices.mark_read(session, city.clock, head, ids)
        await notices.mark_read(session, city.clock, head, ids)
    async with city.db.reading() as session:
        counts = Counter(dict.fromkeys(("head_a", "liaison_a", "liaison_b", "office", "county_office"), 0))
        for name in counts:
            counts[name] = await notices.unread(session, city.clock, await city.user(session, name))
    assert counts == {"head_a": 0, "liaison_a": 1, "liaison_b": 0, "office": 1, "county_office": 0}


async def test_four_sweeps_at_once_move_each_step_once(city: City):
    """Several processes on one database: every overdue step is moved by exactly one of them."""
    for _ in range(30):
        await question(city)
    city.clock.move_to(datetime.fromisoformat("2026-06-08T20:00:00+08:00"))
    others = [Database(DatabaseSettings(url=str(city.db.url))) for _ in range(4)]
    try:
        moved = await asyncio.gather(*(sweep(other, city.clock) for other in others))
    finally:
        for other in others:
            await other.close()
    assert sum(moved) == 30
    async with city.db.reading() as session:
        lines = select(TrailRow.step_id, func.count()).where(TrailRow.action == Stage.OVERDUE)
        assert [row[1] for row in await session.execute(lines.group_by(TrailRow.step_id))] == [1] * 30


async def test_a_bad_row_never_stalls_the_rest(city: City):
    """A step that nobody can make sense of is put off for an hour; its neighbours are told of as ever."""
    bad, good = (await question(city)).ticket, (await question(city)).ticket
    async with city.db.unit_of_work() as session:
        await session.execute(update(Step).where(Step.ticket_id == bad.id).values(clock="??"))
    assert await at(city, "06-08T20:00") == 1
    async with city.db.reading() as session:
        stages = {s.ticket_id: s for s in await session.scalars(select(Step))}
    assert stages[good.id].stage == Stage.OVERDUE
    assert stages[bad.id].stage == Stage.ON_TIME
    later = stages[bad.id].watch_at
    assert later is not None
    assert later.isoformat() == "2026-06-08T13:00:00+00:00"


async def state_of(city: City, ticket: Ticket) -> State:
    async with city.db.reading() as session:
        return State((await session.get_one(Ticket, ticket.id)).state)


async def test_a_rated_reply_is_archived(city: City):
    """T14: rated, at once; unrated, after fifteen working days without a complaint."""
    rated, quiet = (await question(city)).ticket, (await question(city)).ticket
    for ticket in (rated, quiet):
        await do(city, replies.answer, ticket, "liaison_a", answer="答")
    async with city.db.unit_of_work() as session:
        await satisfaction.rate(
            session, city.clock, ticket_id=rated.id, about="unit", score=1, channel="phone"
        )
    assert await archive(city.db, city.clock) == 1
    assert (await state_of(city, rated), await state_of(city, quiet)) == (State.CLOSED, State.REPLIED)
    await at(city, "06-23T17:59")
    assert await archive(city.db, city.clock) == 0
    await at(city, "06-23T18:00")
    assert await archive(city.db, city.clock) == 1
    assert await state_of(city, quiet) == State.CLOSED


async def test_a_settled_complaint_is_closed_in_time(city: City):
    """C3: a complaint's reply is archived after the quiet time, and the reply it was about starts its own anew."""
    ticket = (await question(city)).ticket
    await do(city, replies.answer, ticket, "liaison_a", answer="答")
    async with city.db.unit_of_work() as session:
        about = await session.get_one(Ticket, ticket.id)
        issued = await service.register_complaint(
            session, city.clock, call_id=None, region_id=city.regions["city"], line="96128", caller_number="",
            recording_id=None, about=about, text="不满意",
        )  # fmt: skip
    await at(city, "06-30T10:00")
    assert await archive(city.db, city.clock) == 0
    await do(city, accept, issued.ticket, "inspector")
    verdict = Verdict("已调查", "批评教育", "已整改", upheld=True)
    await do(city, reply, issued.ticket, "inspector", verdict=verdict)
    await at(city, "07-21T18:00")
    assert await archive(city.db, city.clock) == 2
    assert await state_of(city, issued.ticket) == State.C_CLOSED
    assert await state_of(city, ticket) == State.CLOSED
