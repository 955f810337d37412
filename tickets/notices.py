"""Notices (通知): written for a role of a unit, read by each of its people for themselves (M-46)."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, exists, func, insert, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from core.bus import publish
from core.clock import Clock
from core.db import UtcDateTime
from core.people import User
from tickets.access import visible_to
from tickets.events import NoticesPosted
from tickets.models import Step, Ticket
from tickets.oversight.oversight_models import Notice, NoticeKind, NoticeRead
from tickets.recipients import Audience, Directory, addressed_to

SHOWN_FOR = timedelta(days=30)
SHOWN_MOST = 50
TEXTS = {
    NoticeKind.DUE_SOON: "即将到期，请尽快办理",
    NoticeKind.OVERDUE: "已经逾期，请立即办理并说明情况",
    NoticeKind.UNEXPLAINED: "逾期未说明情况，已列入问责清单",
    NoticeKind.MESSAGE_UNOPENED: "留言至今无人开启，请安排登记",
    NoticeKind.PING_PONG: "多次转发或转回曾转出的单位，已作推诿标记",
    NoticeKind.APPROVAL: "有申请等待审核",
    NoticeKind.REFUSED: "申请未获同意，请查看理由后继续办理",
    NoticeKind.UNHAPPY: "提问人对答复不满意，请复核",
    NoticeKind.UNHAPPY_AGAIN: "重新办理后提问人仍不满意，请督促",
    NoticeKind.ORDER: "收到督办，请按期办理并反馈",
    NoticeKind.ORDER_OVERDUE: "督办逾期未反馈，已列入问责清单",
    NoticeKind.ORDER_ANSWERED: "督办已反馈",
    NoticeKind.GIST: "对本单位答复的投诉正在调查，要点见工单",
    NoticeKind.PART: "收到并联事项，请按期办理",
    NoticeKind.PART_RETURNED: "并联事项由牵头单位退回补充",
    NoticeKind.PART_WITHDRAWN: "并联事项已由牵头单位撤回",
    NoticeKind.PART_DONE: "并联单位已答复",
    NoticeKind.COORDINATION: "并联件有新的协调记录",
}


GRAVE = frozenset({NoticeKind.OVERDUE, NoticeKind.UNEXPLAINED, NoticeKind.PING_PONG, NoticeKind.UNHAPPY,
                   NoticeKind.UNHAPPY_AGAIN})  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """One notice as a page shows it."""

    notice: Notice
    ticket: Ticket
    step: Step | None
    is_read: bool

    @property
    def text(self) -> str:
        return TEXTS[NoticeKind(self.notice.kind)]


async def post(
    session: AsyncSession, rows: Sequence[dict[str, object]], audiences: Iterable[Audience]
) -> None:
    """Write many at once (`rows`: columns of `Notice`) and tell the open pages of the `audiences`."""
    if rows:
        await session.execute(insert(Notice), list(rows))
        publish(session, NoticesPosted(frozenset(audiences)))


async def post_about(
    session: AsyncSession, clock: Clock, kind: NoticeKind, step: Step, told: Collection[Audience]
) -> None:
    """One notice about a step to each of these."""
    common = {"at": clock.now(), "kind": kind, "ticket_id": step.ticket_id, "step_id": step.id}
    await post(session, [common | audience._asdict() for audience in told], told)


async def post_ping_pong(session: AsyncSession, clock: Clock, step: Step) -> None:
    """M-55 「推诿、拖拉、扯皮」: the office and the inspectors of the level learn that a ticket is passed around."""
    if step.unit_id is None:
        return
    directory = await Directory.read(session)
    told = directory.office(step.unit_id) | directory.inspectors(step.unit_id)
    await post_about(session, clock, NoticeKind.PING_PONG, step, told)


async def of_person(
    session: AsyncSession, clock: Clock, user: User, limit: int = SHOWN_MOST
) -> Sequence[Shown]:
    """The newest notices of the last thirty days to this person, of tickets they may see."""
    found = (
        select(Notice, Ticket, Step, _read_by(user))
        .join(Ticket, Ticket.id == Notice.ticket_id)
        .outerjoin(Step, Step.id == Notice.step_id)
        .where(_shown_to(user, clock))
        .order_by(Notice.id.desc())
        .limit(limit)
    )
    return [Shown(*row) for row in (await session.execute(found)).all()]


async def unread(session: AsyncSession, clock: Clock, user: User) -> int:
    """How many this person has not seen yet, as far as they are shown."""
    rows = select(Notice.id).join(Ticket, Ticket.id == Notice.ticket_id)
    newest = rows.where(_shown_to(user, clock), ~_read_by(user)).limit(SHOWN_MOST * 2)
    return await session.scalar(select(func.count()).select_from(newest.subquery())) or 0


async def mark_read(session: AsyncSession, clock: Clock, user: User, notice_ids: Iterable[int]) -> None:
    """This person has seen these; others' notices and those seen before are passed over."""
    kind = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    theirs = (
        select(literal(user.id), Notice.id, literal(clock.now(), UtcDateTime))
        .join(Ticket, Ticket.id == Notice.ticket_id)
        .where(Notice.id.in_(list(notice_ids)), _shown_to(user, clock))
    )
    seen = kind.insert(NoticeRead).from_select(["user_id", "notice_id", "at"], theirs)
    await session.execute(seen.on_conflict_do_nothing(index_elements=["user_id", "notice_id"]))


def _shown_to(user: User, clock: Clock) -> ColumnElement[bool]:
    return (Notice.at > clock.now() - SHOWN_FOR) & addressed_to(user) & visible_to(user)


def _read_by(user: User) -> ColumnElement[bool]:
    return exists().where(NoticeRead.notice_id == Notice.id, NoticeRead.user_id == user.id)
