"""The alarm of guessed query codes (查询码试猜告警, §5.5) on the pages of supervisors, inspectors and the administrator."""

from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import beijing
from core.people import Role
from core.web.keys import CLOCK, person
from tickets import code_alarms

TOLD = frozenset({Role.SUPERVISOR, Role.INSPECTOR, Role.ADMIN})
DOORS = {"web": "网站和触摸屏", "api": "渠道接口", "open311": "Open311 接口"}


@dataclass(frozen=True)
class Alarm:
    where: str
    began: str
    last: str
    failures: int
    is_slow: bool
    """Answers about codes are held back now."""


async def alarms_for(request: web.Request, session: AsyncSession) -> list[Alarm]:
    """The last day's, newest first; nothing for whom they do not concern."""
    if not person(request).roles & TOLD:
        return []
    now = request.app[CLOCK].now()
    return [
        Alarm(
            DOORS.get(alarm.line, f"专线 {alarm.line}"), f"{beijing(alarm.began_at):%m-%d %H:%M}",
            f"{beijing(alarm.last_at):%H:%M}", alarm.failures, now - alarm.last_at < timedelta(minutes=1),
        )
        for alarm in await code_alarms.recent(session, request.app[CLOCK])
    ]  # fmt: skip
