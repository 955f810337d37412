"""Supervision orders, accountability, seals and gists: what inspectors and offices do beside the ticket's own way."""

from datetime import date, datetime

import pytest
from sqlalchemy import select
from support.tickets import City, do, question

from core.errors import HotlineError, InvalidInput, NotAllowed, NotFound
from tickets import handover, notices, replies, sealing, service
from tickets.access import is_shielded, ticket_for
from tickets.clocks import extensions
from tickets.clocks.supervision import sweep
from tickets.errors import StepTaken, TicketLocked, TicketNotFound
from tickets.guards import GuardFailed
from tickets.models import Outcome, RequestKind, Step, Ticket
from tickets.oversight import accountability, complaints, gists, orders
from tickets.oversight.accountability import Decision
from tickets.oversight.oversight_models import AccountabilityRecord, ComplaintReply, Grade, SupervisionOrder


async def at(city: City, day: str) -> None:
    city.clock.move_to(datetime.fromisoformat(f"2026-{day}:00+08:00"))
    await sweep(city.db, city.clock)


async def listed(city: City) -> list[str]:
    """The accountability list's ticket numbers."""
    async with city.db.reading() as session:
        query = select(Ticket.ticket_no).join(Step, Step.ticket_id == Ticket.id)
        undecided = accountability.is_accountable(city.clock.now()) & ~accountability.is_decided()
        return list((await session.scalars(query.where(undecided).order_by(Ticket.id))).all())


async def complaint_about(city: City, ticket: Ticket) -> Ticket:
    async with city.db.unit_of_work() as session:
        issued = await service.register_complaint(
            session, city.clock, call_id=None, region_id=city.regions["city"], line="96128",
            caller_number="13800005678", recording_id=None, about=await session.get_one(Ticket, ticket.id), text="敷衍",
        )  # fmt: skip
    return issued.ticket


async def test_only_the_unexplained_is_on_the_list(city: City):
    """M-52: of two overdue questions the explained one is not listed; decided about, the other leaves the list."""
    explained, silent = (await question(city)).ticket, (await question(city)).ticket
    await at(city, "06-09T10:00")
    assert await listed(city) == []
    explain = {"kind": RequestKind.EXPLAIN}
    await do(city, extensions.ask_for, explained, "liaison_a", reason="等待省厅批复", **explain)
    await do(city, extensions.decide_on, explained, "head_a", approve=True, **explain)
    with pytest.raises(GuardFailed):
        await do(city, accountability.hold, silent, "inspector", decision=Decision("criticism", "未说明"))
    await at(city, "06-10T00:01")
    assert await listed(city) == [silent.ticket_no]
    with pytest.raises(GuardFailed):
        await do(city, accountability.hold, explained, "inspector", decision=Decision("criticism", "逾期"))
    await do(city, accountability.hold, silent, "inspector", decision=Decision("criticism", "逾期且未说明"))
    assert await listed(city) == []
    with pytest.raises(accountability.HeldAlready):
        await do(city, accountability.hold, silent, "inspector", decision=Decision("none", "重复"))


@pytest.mark.parametrize(
    ("who", "decision", "error"),
    [
        ("head_a", Decision("criticism", "逾期"), NotAllowed),
        ("county_inspector", Decision("criticism", "逾期"), TicketNotFound),
        ("inspector", Decision("criticism", ""), GuardFailed),
        ("inspector", Decision("prison", "逾期"), InvalidInput),
        ("inspector", Decision("judiciary", "涉嫌犯罪"), GuardFailed),
    ],
)
async def test_who_may_hold_accountable_and_how(
    city: City, who: str, decision: Decision, error: type[HotlineError]
):
    """Inspectors of the level, with a reason and a listed outcome; 移交司法 names who receives which papers."""
    ticket = (await question(city)).ticket
    await at(city, "06-12T10:00")
    with pytest.raises(error):
        await do(city, accountability.hold, ticket, who, decision=decision)
    async with city.db.reading() as session:
        assert (await session.scalars(select(AccountabilityRecord))).all() == []


async def test_an_offices_delay_is_judged_a_level_up(city: City):
    """§5.3-6: the county's late office is seen and judged by the city's inspectors, by its own level's not."""
    ticket = (await question(city, Outcome.UNCLEAR)).ticket
    down = {"office_id": city.units["county_office"], "reason": "属县级事权"}
    await do(city, handover.ask_level, ticket, "office", **down)
    await do(city, handover.decide_level, ticket, "office_deputy", approve=True)
    with pytest.raises(TicketNotFound):
        await do(city, accountability.hold, ticket, "inspector", decision=Decision("criticism", "逾期"))
    await at(city, "06-12T10:00")
    await do(city, accountability.hold, ticket, "inspector", decision=Decision("criticism", "逾期未转交"))


async def test_an_order_is_answered_or_listed(city: City):
    """M-134: what, until when, the answer once; unanswered past its day it is overdue and may be decided about."""
    ticket = (await question(city)).ticket
    async with city.db.unit_of_work() as session:
        inspector = await city.user(session, "inspector")
        for until in (date(2026, 5, 29), date(2026, 6, 6), date(2099, 1, 1)):
            with pytest.raises(InvalidInput):
                await orders.issue(
                    session,
                    city.clock,
                    ticket_no=ticket.ticket_no,
                    user=inspector,
                    text="说明",
                    until_on=until,
                )
    two = []
    for _ in range(2):
        async with city.db.unit_of_work() as session:
            order = await orders.issue(
                session, city.clock, ticket_no=ticket.ticket_no, user=await city.user(session, "inspector"),
                text="三日内书面说明", until_on=date(2026, 6, 3),
            )  # fmt: skip
            two.append(order.id)

    async def reply(who: str, order_id: int) -> SupervisionOrder:
        async with city.db.unit_of_work() as session:
            user = await city.user(session, who)
            return await orders.answer(session, city.clock, order_id=order_id, user=user, text="已办理")

    with pytest.raises(NotFound):
        await reply("liaison_b", two[0])
    await reply("liaison_a", two[0])
    with pytest.raises(StepTaken):
        await reply("head_a", two[0])
    await at(city, "06-03T18:01")
    async with city.db.reading() as session:
        kept = [await session.get_one(SupervisionOrder, order_id) for order_id in two]
        assert [order.overdue_at is not None for order in kept] == [False, True]
        told = await notices.of_person(session, city.clock, await city.user(session, "inspector"))
        assert [line.notice.kind for line in told] == ["order_overdue", "order_answered"]

    async def hold(order_id: int) -> None:
        async with city.db.unit_of_work() as session:
            await accountability.hold_for_order(
                session, city.clock, order_id=order_id, user=await city.user(session, "inspector"),
                decision=Decision("sanction", "督办逾期未反馈"),
            )  # fmt: skip

    with pytest.raises(GuardFailed):
        await hold(two[0])
    await hold(two[1])
    with pytest.raises(accountability.HeldAlready):
        await hold(two[1])


async def test_departments_issue_no_orders(city: City):
    """督办 comes from offices and inspectors of the level."""
    ticket = (await question(city)).ticket
    for who, error in (("head_a", NotAllowed), ("county_office", TicketNotFound)):
        with pytest.raises(error):
            await do(city, orders.issue, ticket, who, text="办", until_on=date(2026, 6, 3))


async def test_a_sealed_ticket_vanishes_for_all_others(city: City):
    """M-86: sealed with a reason by inspectors; the unit and the office no longer find it; lifted it is back."""
    ticket = (await question(city)).ticket
    with pytest.raises(NotAllowed):
        await do(city, sealing.set_sealed, ticket, "head_a", sealed=True, reason="涉密")
    with pytest.raises(GuardFailed):
        await do(city, sealing.set_sealed, ticket, "inspector", sealed=True, reason=" ")
    await do(city, sealing.set_sealed, ticket, "inspector", sealed=True, reason="涉及个人隐私")
    for who in ("liaison_a", "office", "supervisor", "head_a"):
        async with city.db.reading() as session:
            with pytest.raises(TicketNotFound):
                await ticket_for(session, await city.user(session, who), ticket.ticket_no)
    await do(city, sealing.set_sealed, ticket, "secrecy", sealed=False, reason="审查无密")
    await do(city, replies.answer, ticket, "liaison_a", answer="答")


async def test_the_unit_complained_about_reads_a_gist_alone(city: City):
    """M-88: it never finds the complaint; it reads the inspectors' words, and its asker's identity is hidden from now on."""
    ticket = (await question(city)).ticket
    await do(city, replies.answer, ticket, "liaison_a", answer="答")
    complaint = await complaint_about(city, ticket)
    with pytest.raises(HotlineError):
        await do(city, gists.write, complaint, "inspector", text="未受理不能写")
    await do(city, complaints.accept, complaint, "inspector")
    await do(city, gists.write, complaint, "inspector", text="来件反映答复未说明办理依据")
    async with city.db.reading() as session:
        liaison = await city.user(session, "liaison_a")
        with pytest.raises(TicketNotFound):
            await ticket_for(session, liaison, complaint.ticket_no)
        assert await is_shielded(session, liaison, ticket)
        assert not await is_shielded(session, await city.user(session, "inspector"), ticket)
        assert [gist.text for gist in await gists.about(session, ticket.id)] == ["来件反映答复未说明办理依据"]
        told = await notices.of_person(session, city.clock, liaison)
        assert [(line.notice.kind, line.ticket.ticket_no) for line in told] == [("gist", ticket.ticket_no)]


async def test_an_upheld_complaint_has_a_grade(city: City):
    """M-121: the grade of an upheld complaint is kept with its one consequence; one not upheld has none."""
    ticket = (await question(city)).ticket
    await do(city, replies.answer, ticket, "liaison_a", answer="答")
    complaint = await complaint_about(city, ticket)
    await do(city, complaints.accept, complaint, "inspector")
    verdict = complaints.Verdict("查", "处", "果", upheld=True, grade=Grade.ABUSE)
    await do(city, complaints.reply, complaint, "inspector", verdict=verdict)
    async with city.db.reading() as session:
        kept = await session.get_one(ComplaintReply, complaint.id)
        assert complaints.CONSEQUENCES[Grade(kept.grade or "")][1] == "移交监察部门"


async def test_what_is_with_the_judiciary_is_neither_sealed_nor_ordered(city: City):
    """M-53: locked is locked."""
    ticket = (await question(city)).ticket
    await do(city, replies.answer, ticket, "liaison_a", answer="答")
    complaint = await complaint_about(city, ticket)
    await do(city, complaints.accept, complaint, "inspector")
    papers = {"reason": "涉嫌犯罪", "recipient": "市检察院", "papers": "卷宗一册"}
    await do(city, complaints.ask_judiciary, complaint, "inspector", **papers)
    await do(city, complaints.decide_judiciary, complaint, "head_inspection", approve=True)
    with pytest.raises(TicketLocked):
        await do(city, sealing.set_sealed, complaint, "inspector", sealed=True, reason="涉密")
    with pytest.raises(TicketLocked):
        await do(city, orders.issue, complaint, "inspector", text="办", until_on=date(2026, 6, 3))
    with pytest.raises(HotlineError):
        await do(city, gists.write, complaint, "inspector", text="要点")
