"""The record of what is done (办理经过): one line on the notice's page and one in the audit log, in the same transaction."""

from sqlalchemy.ext.asyncio import AsyncSession

from core import audit
from core.clock import Clock
from core.people import User
from tickets.finances.models import FinanceMark, FinanceNotice

DEEDS = {
    "begin": "起草",
    "edit": "修改内容",
    "paper": "附上材料",
    "void_paper": "撤下材料",
    "sign_off": "主要负责人审签",
    "signature": "登记代表签字",
    "void_signature": "撤销代表签字",
    "channel": "登记公开方式",
    "advance": "完成阶段",
    "return": "退回重新准备",
    "receipt": "录入回执",
    "promise": "作出整改承诺",
    "proof": "报告整改情况",
    "check": "核查整改",
}
"""What is done with a notice, as people read it."""


async def mark(
    session: AsyncSession, clock: Clock, user: User, notice: FinanceNotice, deed: str, text: str = ""
) -> None:
    """Of a `deed` out of DEEDS; the stage is the one the notice is in now."""
    session.add(
        FinanceMark(
            notice_id=notice.id,
            stage=notice.stage,
            deed=deed,
            at=clock.now(),
            user_id=user.id,
            text=text,
        )
    )
    await audit.record(
        session, clock, actor=user.username, action=f"finance.{deed}", target=f"finance:{notice.public_id}",
        reason=text[:500],
    )  # fmt: skip
