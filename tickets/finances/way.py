"""A notice's way through its stages (M-112): begun, written, each stage finished in turn, sent back to the beginning.

Whoever writes claims the notice in the stage that they think it is in: a compare-and-set, which also holds it until the
commit. Two people at once, a page left open and a forged request all end there.
"""

import secrets
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock, beijing
from core.db import hit_one
from core.errors import InvalidInput, NotAllowed
from core.people import Role, User
from core.units import Unit
from tickets.finances.access import find_own, reach_of
from tickets.finances.dossier import dossier_of
from tickets.finances.errors import Recorded, Unfinished, WrongStage
from tickets.finances.marks import mark
from tickets.finances.models import FinanceNotice, FinancePaper, FinanceSignature
from tickets.finances.stages import STAGES, TABLE, Level, Purpose, Stage, Subject
from tickets.text import clean

SHORTEST_REASON = 5
FORMS = {"paper": "纸质档案", "electronic": "电子档案", "both": "纸质和电子档案"}


@dataclass(frozen=True)
class Draft:
    """What is written in 准备; texts as typed."""

    title: str
    level: Level
    first_on: date
    last_on: date
    village: str = ""
    subjects: tuple[Subject, ...] = ()
    content: str = ""
    decision: str = ""
    decided_on: date | None = None


async def begin(
    session: AsyncSession, clock: Clock, *, user: User, unit_id: int, draft: Draft
) -> FinanceNotice:
    """A new notice of an own unit; raises NotAllowed, InvalidInput, Recorded for the same once more."""
    if unit_id not in (await reach_of(session, user)).own:
        raise NotAllowed
    now = clock.now()
    values = _checked(clock, draft)
    notice = FinanceNotice(
        public_id=secrets.token_hex(8), unit_id=unit_id, author_id=user.id, begun_at=now, changed_at=now, **values
    )  # fmt: skip
    notice.unit = await session.get_one(Unit, unit_id)
    notice.stage = Stage.PREPARATION
    session.add(notice)
    await _stored(session)
    await mark(session, clock, user, notice, "begin", notice.title)
    return notice


async def edit(
    session: AsyncSession, clock: Clock, *, user: User, notice_id: int, draft: Draft
) -> FinanceNotice:
    """While in 准备; raises NotFound, NotAllowed, WrongStage, InvalidInput, Recorded."""
    values = _checked(clock, draft)
    notice = await claim(session, clock, user, notice_id, Stage.PREPARATION)
    for name, value in values.items():
        setattr(notice, name, value)
    await _stored(session)
    await mark(session, clock, user, notice, "edit")
    return notice


async def advance(
    session: AsyncSession, clock: Clock, *, user: User, notice_id: int, seen: Stage, archive_no: str = "",
    archive_form: str = "",
) -> FinanceNotice:  # fmt: skip
    """Finish the stage `seen` on the page; raises NotFound, NotAllowed, WrongStage, Unfinished.

    `archive_no` and `archive_form` (of FORMS) belong to 建档 alone.
    """
    notice = await claim(session, clock, user, notice_id, seen)
    if seen == Stage.ARCHIVE:
        notice.archive_no = clean("archive_no", archive_no)
        notice.archive_form = archive_form if archive_form in FORMS else ""
        notice.filed_at = clock.now()
    lacking = (await dossier_of(session, notice)).lacking
    if lacking:
        raise Unfinished(stage=STAGES[seen], lacking="；".join(lacking))
    await mark(session, clock, user, notice, "advance", f"“{STAGES[seen]}”完成")
    notice.stage = TABLE[seen].following
    await session.flush()
    return notice


async def send_back(
    session: AsyncSession, clock: Clock, *, user: User, notice_id: int, reason: str
) -> FinanceNotice:
    """The principal finds it wrong in 审核: to be prepared anew, and signed anew. Raises as `advance`, InvalidInput."""
    why = clean("reason", reason)
    if Role.HEAD not in user.roles:
        raise NotAllowed
    if len(why) < SHORTEST_REASON:
        raise InvalidInput(field="退回理由", reason=f"请写明需要改正什么，至少 {SHORTEST_REASON} 个字")
    notice = await claim(session, clock, user, notice_id, Stage.REVIEW)
    void = {"void_at": clock.now()}
    theirs = FinanceSignature.notice_id == notice.id, FinanceSignature.void_at.is_(None)
    await session.execute(update(FinanceSignature).where(*theirs).values(**void))
    scans = FinancePaper.notice_id == notice.id, FinancePaper.purpose == Purpose.SIGNATURES
    await session.execute(update(FinancePaper).where(*scans, FinancePaper.void_at.is_(None)).values(**void))
    await mark(session, clock, user, notice, "return", why)
    notice.stage, notice.signed_at, notice.signer_id = Stage.PREPARATION, None, None
    await session.flush()
    return notice


async def claim(
    session: AsyncSession, clock: Clock, user: User, notice_id: int, stage: Stage
) -> FinanceNotice:
    """The notice, held in this stage until the commit; raises NotFound, NotAllowed, WrongStage."""
    notice = await find_own(session, user, notice_id)
    held = update(FinanceNotice).where(
        FinanceNotice.id == notice.id, FinanceNotice.stage == stage, FinanceNotice.stage != Stage.FILED
    )
    got = hit_one(await session.execute(held.values(changed_at=clock.now())))
    fresh = select(FinanceNotice).where(FinanceNotice.id == notice.id)
    notice = (await session.scalars(fresh.execution_options(populate_existing=True))).one()
    if not got:
        raise WrongStage(now=STAGES[notice.stage], wanted=STAGES[stage])
    return notice


def _checked(clock: Clock, draft: Draft) -> dict[str, object]:
    """The columns; raises InvalidInput."""
    today = beijing(clock.now()).date()
    title = clean("notice_title", draft.title)
    if not title:
        raise InvalidInput(field="标题", reason="请填写，如“二〇二六年第二季度财务收支公开”")
    if draft.last_on < draft.first_on:
        raise InvalidInput(field="公开期间", reason="截止日期不能早于起始日期")
    if draft.decided_on is not None and draft.decided_on > today:
        raise InvalidInput(field="集体讨论的日期", reason="不能晚于今天")
    village = clean("village", draft.village) if draft.level == Level.VILLAGE else ""
    return asdict(draft) | {
        "title": title,
        "village": village,
        "subjects": list(draft.subjects),
        "content": clean("notice_content", draft.content),
        "decision": clean("decision", draft.decision),
    }


async def _stored(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError:
        raise Recorded(what="本单位同一期间、同一标题的财务公开") from None
