"""The two gates of 审核 (M-113): the principal's sign-off, and signatures of each category in numbers set per unit.

The numbers are set by the body that supervises the unit, not by the unit whose gate they are.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from core import audit
from core.clock import Clock, beijing
from core.errors import InvalidInput, NotAllowed, NotFound
from core.people import Role, User
from core.units import Unit
from tickets.finances.access import Reach, reach_of
from tickets.finances.errors import OwnDraft, Recorded, SignedAlready
from tickets.finances.marks import mark
from tickets.finances.models import FinanceNotice, FinanceNumber, FinanceSignature
from tickets.finances.stages import SIGNATORIES, Signatory, Stage
from tickets.finances.way import claim
from tickets.text import clean

MOST = 99


async def sign_off(session: AsyncSession, clock: Clock, *, user: User, notice_id: int) -> None:
    """The unit's principal, once, and never of an own draft; raises NotFound, NotAllowed, WrongStage, SignedAlready, OwnDraft."""
    if Role.HEAD not in user.roles:
        raise NotAllowed
    notice = await claim(session, clock, user, notice_id, Stage.REVIEW)
    if notice.signed_at is not None:
        raise SignedAlready
    if notice.author_id == user.id:
        raise OwnDraft
    notice.signed_at, notice.signer_id = clock.now(), user.id
    await mark(session, clock, user, notice, "sign_off")


async def add_signature(
    session: AsyncSession, clock: Clock, *, user: User, notice_id: int, category: Signatory, name: str, signed_on: date
) -> None:  # fmt: skip
    """One representative's; raises NotFound, NotAllowed, WrongStage, InvalidInput, Recorded."""
    notice = await claim(session, clock, user, notice_id, Stage.REVIEW)
    who = clean("person_name", name)
    if not who:
        raise InvalidInput(field="签字人姓名", reason="请填写")
    if signed_on > beijing(clock.now()).date():
        raise InvalidInput(field="签字日期", reason="不能晚于今天")
    session.add(FinanceSignature(notice_id=notice.id, category=category, name=who, signed_on=signed_on))
    try:
        await session.flush()
    except IntegrityError:
        raise Recorded(what=f"{SIGNATORIES[category]}{who}的签字") from None
    await mark(session, clock, user, notice, "signature", f"{SIGNATORIES[category]}：{who}")


async def take_back(
    session: AsyncSession, clock: Clock, *, user: User, notice_id: int, signature_id: int
) -> None:
    """One entered by mistake; raises NotFound, NotAllowed, WrongStage."""
    notice = await claim(session, clock, user, notice_id, Stage.REVIEW)
    theirs = FinanceSignature.id == signature_id, FinanceSignature.notice_id == notice.id
    found = await session.scalar(select(FinanceSignature).where(*theirs, FinanceSignature.void_at.is_(None)))
    if found is None:
        raise NotFound
    found.void_at = clock.now()
    what = f"{SIGNATORIES[Signatory(found.category)]}：{found.name}"
    await mark(session, clock, user, notice, "void_signature", what)


async def set_numbers(
    session: AsyncSession, clock: Clock, *, user: User, unit_id: int, numbers: Mapping[Signatory, int]
) -> None:
    """By an inspector of the unit's supervising body; raises NotFound, NotAllowed, InvalidInput."""
    reach = await reach_of(session, user)
    if unit_id not in reach.seen:
        raise NotFound
    if unit_id not in reach.watched:
        raise NotAllowed
    if not any(numbers.values()) or not all(0 <= least <= MOST for least in numbers.values()):
        raise InvalidInput(field="签字人数", reason=f"请填写 0 至 {MOST} 的整数，至少有一类不为 0")
    unit = (await session.scalars(select(Unit).where(Unit.id == unit_id).with_for_update())).one()
    await session.execute(delete(FinanceNumber).where(FinanceNumber.unit_id == unit_id))
    session.add_all(
        FinanceNumber(unit_id=unit_id, category=key, least=least) for key, least in numbers.items()
    )
    said = "、".join(f"{SIGNATORIES[key]} {least} 人" for key, least in numbers.items())
    await audit.record(
        session, clock, actor=user.username, action="finance.numbers", target=f"unit:{unit.region_id}/{unit.code}",
        reason=said,
    )  # fmt: skip


async def waiting(session: AsyncSession, user: User, reach: Reach, most: int = 20) -> Sequence[FinanceNotice]:
    """What this person, as a head, has to sign off or send back."""
    if Role.HEAD not in user.roles:
        return ()
    in_review = FinanceNotice.stage == Stage.REVIEW, FinanceNotice.signed_at.is_(None)
    theirs = FinanceNotice.unit_id.in_(reach.own), FinanceNotice.author_id != user.id
    wanted = select(FinanceNotice).where(*in_review, *theirs).order_by(FinanceNotice.id).limit(most)
    return (await session.scalars(wanted)).all()
