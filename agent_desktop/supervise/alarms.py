"""Alarms on the pages of those who watch (告警): guessed query codes (§5.5), 接通率 of the last 24 hours, bursts of one topic."""

from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.wallboard.state import LEAST_ANSWERED, SLIDING
from core.clock import beijing
from core.people import Role
from core.web.keys import CLOCK, person
from recordings.listening.permission import Listener
from reports.breakdowns import topics
from reports.counting import figures
from reports.counting.indicators import BY_KEY
from reports.counting.slices import Slice
from tickets.query_codes import code_alarms

TOLD = frozenset({Role.SUPERVISOR, Role.INSPECTOR, Role.ADMIN})
WATCHES_SERVICE = frozenset({Role.SUPERVISOR, Role.OFFICE})
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


async def of_service(request: web.Request, session: AsyncSession, who: Listener) -> list[str]:
    """Sentences about the person's region and below: too few answered within 24 hours, a topic asked about all at once."""
    if not who.roles & WATCHES_SERVICE:
        return []
    now = request.app[CLOCK].now()
    of = Slice(now - SLIDING, now, now, region_ids=who.regions_below)
    answered = await figures.figure(session, BY_KEY["K-01"], of)
    told = []
    if answered.value is not None and answered.value < LEAST_ANSWERED:
        told.append(
            f"近 24 小时接通率 {answered.text}（{answered.numerator} ÷ {answered.denominator}），低于 {LEAST_ANSWERED:.0%}"
        )
    return told + [
        f"突发：“{one.subject}”自 {beijing(one.first_at):%H:%M} 起 3 小时内 {one.number} 件，最近一件 {beijing(one.last_at):%H:%M}"
        for one in await topics.bursts(session, of)
        if one.last_at > now - topics.BURST
    ]
