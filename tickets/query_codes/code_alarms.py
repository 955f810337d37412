"""The alarm when query codes are guessed on a line (查询码试猜告警, §5.5 「raise an alarm and slow answers」).

Guessing that goes on is one alarm, with one row of the audit log; it ends when the line was quiet for QUIET.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core import audit
from core.clock import Clock
from tickets.query_codes.code_models import CodeAlarm

QUIET = timedelta(minutes=10)
SHOWN_FOR = timedelta(hours=24)


async def raise_alarm(session: AsyncSession, clock: Clock, line: str, failures: int) -> None:
    """`failures` unknown codes came in on the line within a minute: a new alarm, or the one that lasts goes on."""
    now = clock.now()
    lasting = select(CodeAlarm).where(CodeAlarm.line == line, CodeAlarm.last_at > now - QUIET)
    alarm = await session.scalar(lasting.order_by(CodeAlarm.id.desc()).limit(1))
    if alarm is not None:
        alarm.last_at, alarm.failures = now, max(alarm.failures, failures)
        return
    session.add(CodeAlarm(line=line, began_at=now, last_at=now, failures=failures))
    await audit.record(
        session, clock, actor="system", action="code.alarm", target=f"line:{line}",
        reason=f"一分钟内 {failures} 次输入不存在的查询码",
    )  # fmt: skip


async def recent(session: AsyncSession, clock: Clock) -> Sequence[CodeAlarm]:
    """The alarms of the last day, newest first."""
    shown = select(CodeAlarm).where(CodeAlarm.last_at > clock.now() - SHOWN_FOR)
    return (await session.scalars(shown.order_by(CodeAlarm.last_at.desc()).limit(10))).all()
