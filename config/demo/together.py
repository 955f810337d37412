"""What units do together in the demo (演示的并联件和市长热线往来): a case with one unit done and one late, hand-overs both ways."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from config.demo.history import At
from core.clock import Clock, beijing
from core.people import User
from core.units import Region, Unit
from tickets import replies
from tickets.intake.ask import Question
from tickets.mayor import referrals
from tickets.mayor.models import Way
from tickets.mayor.referrals import Told
from tickets.models import Channel, QuestionClass, Ticket, TicketKind
from tickets.parallel import cases
from tickets.parallel.cases import NewCase, Wanted
from tickets.parallel.shares import shares_of

REGION, LEAD = "5399", "liaison10"
OPENED_BEFORE, ANSWERED_AFTER = timedelta(days=10), timedelta(days=2)


async def seed_together(session: AsyncSession, clock: Clock, line: str) -> None:
    await _case(session, clock, line)
    await _mayor(session, clock, line)


async def _case(session: AsyncSession, clock: Clock, line: str) -> None:
    """Ten days old: the tax bureau has answered, the housing bureau is late, the health commission has time."""
    opened = At(clock.now() - OPENED_BEFORE)
    lead, units = await _user(session, LEAD), await _units(session)
    parts = (
        Wanted(units["107"], "核定税种，开通办税账户"),
        Wanted(units["105"], "出具经营场所消防和房屋安全意见"),
        Wanted(units["104"], "现场核查后发放卫生许可", QuestionClass.IMPORTANT),
    )
    assert lead.unit_id is not None
    new = NewCase(
        lead.unit_id, "新开餐饮店一件事", "在示范市金穗路开办餐饮店，申请营业执照、消防、卫生和税务一并办理。", line,
        asker_name="赵先生", parts=parts,
    )  # fmt: skip
    issued = await cases.open_case(session, opened, user=lead, new=new)
    first = (await shares_of(session, issued.ticket.id))[0]
    answered = At(opened.now() + ANSWERED_AFTER)
    await replies.answer(
        session, answered, ticket_no=first.ticket.ticket_no, user=await _user(session, "liaison9"),
        answer="已核定增值税，办税账户已开通。",
    )  # fmt: skip
    await cases.coordinate(
        session, answered, ticket_no=issued.ticket.ticket_no, user=lead,
        text="请住建局、卫健委约定同一天到现场，避免申请人重复等候。",
    )  # fmt: skip


async def _mayor(session: AsyncSession, clock: Clock, line: str) -> None:
    office, units = await _user(session, "office1"), await _units(session)
    assert office.region_id is not None
    region = Ticket.region_id == office.region_id
    newest = (
        select(Ticket.ticket_no).where(region, Ticket.kind == TicketKind.QUESTION).order_by(Ticket.id.desc())
    )
    ticket_no = (await session.scalars(newest.limit(1))).one()
    out = Told(Way.HOTLINE, "SZRX-0815", "来电人要求直接向市长反映，已说明去向。")
    await referrals.hand_over(session, clock, ticket_no=ticket_no, user=office, told=out)
    asked = Question(
        "金穗路路灯半个月不亮，夜间出行不便。", Channel.MAYOR, line, office.region_id, units["105"], subject="路灯维修",
        asker_name="周女士",
    )  # fmt: skip
    due_on = beijing(clock.now()).date() + timedelta(days=7)
    came = Told(Way.LETTERS, "SZXX-2231", "请于一周内办理并回复。", due_on)
    await referrals.take_in(
        session, At(clock.now() - timedelta(hours=3)), user=office, question=asked, told=came
    )


async def _user(session: AsyncSession, username: str) -> User:
    query = select(User).where(User.username == username).options(selectinload(User.grants))
    return (await session.scalars(query)).one()


async def _units(session: AsyncSession) -> dict[str, int]:
    """The keys of the prefecture's units by code."""
    rows = await session.execute(
        select(Unit.code, Unit.id).join(Region, Region.id == Unit.region_id).where(Region.code == REGION)
    )
    return {row.code: row.id for row in rows}
