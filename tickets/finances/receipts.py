"""《财务公开回执单》 (M-117 「制发并收集群众代表填写的」): numbered forms given out after publishing, entered as they come back, counted."""

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.errors import Conflict, InvalidInput
from core.people import User
from tickets.finances.access import find_own
from tickets.finances.errors import Recorded
from tickets.finances.feedback_models import FinanceReceipt
from tickets.finances.marks import mark
from tickets.finances.models import FinanceChannel, FinanceNotice
from tickets.finances.stages import SIGNATORIES, Signatory
from tickets.text import clean

LARGEST_NUMBER = 9999
_SO = {"yes": "是", "no": "否", "unsure": "不清楚"}
QUESTIONS: dict[str, tuple[str, Mapping[str, str]]] = {
    "timely": ("公开是否及时", _SO),
    "complete": ("公开内容是否全面", _SO),
    "true": ("公开内容是否真实", _SO),
    "clear": ("是否看得懂", _SO),
    "overall": ("总体评价", {"good": "满意", "fair": "基本满意", "bad": "不满意"}),
}
"""Question → how it reads, and its answers."""


class NotPublished(Conflict):
    """Receipts and rectification follow the publication."""

    code = "finance_not_published"
    text = "这件财务公开还没有以任何方式公开，公开以后才能录入回执和整改。"


async def enter(
    session: AsyncSession,
    clock: Clock,
    *,
    user: User,
    notice_id: int,
    number: int,
    category: Signatory,
    answers: Mapping[str, str],
    opinion: str,
    corrects: bool = False,
) -> FinanceReceipt:
    """One receipt under the number printed on it; with `corrects` instead of what was entered under it before.

    Raises NotFound, NotAllowed, NotPublished, InvalidInput, Recorded.
    """
    notice = await published_own(session, user, notice_id)
    if not 1 <= number <= LARGEST_NUMBER:
        raise InvalidInput(field="回执编号", reason=f"请填写 1 至 {LARGEST_NUMBER} 的整数")
    for key, (text, offered) in QUESTIONS.items():
        if answers.get(key) not in offered:
            raise InvalidInput(field=text, reason="请按回执单上勾选的填写")
    wanted = FinanceReceipt.notice_id == notice.id, FinanceReceipt.number == number
    receipt = await session.scalar(select(FinanceReceipt).where(*wanted))
    if receipt is not None and not corrects:
        raise Recorded(what=f"编号 {number} 的回执")
    receipt = receipt or FinanceReceipt(notice_id=notice.id, number=number)
    receipt.category, receipt.answers = category, {key: answers[key] for key in QUESTIONS}
    receipt.opinion, receipt.entered_at = clean("feedback", opinion), clock.now()
    receipt.entered_by_id = user.id
    session.add(receipt)
    await mark(session, clock, user, notice, "receipt", f"编号 {number}，{SIGNATORIES[category]}")
    return receipt


async def receipts_of(session: AsyncSession, notice_id: int) -> Sequence[FinanceReceipt]:
    """By number."""
    wanted = select(FinanceReceipt).where(FinanceReceipt.notice_id == notice_id)
    return (await session.scalars(wanted.order_by(FinanceReceipt.number))).all()


def tally(receipts: Sequence[FinanceReceipt]) -> dict[str, Counter[str]]:
    """Question → how often each answer was given."""
    return {key: Counter(receipt.answers[key] for receipt in receipts) for key in QUESTIONS}


async def published_own(session: AsyncSession, user: User, notice_id: int) -> FinanceNotice:
    """An own notice that has been published somehow, held until the commit; raises NotFound, NotAllowed, NotPublished."""
    notice = await find_own(session, user, notice_id)
    await session.scalar(select(FinanceNotice.id).where(FinanceNotice.id == notice.id).with_for_update())
    ways = select(FinanceChannel.id).where(FinanceChannel.notice_id == notice.id).limit(1)
    if await session.scalar(ways) is None:
        raise NotPublished
    return notice
