"""Wrong query codes: counted per caller number or address and per line, so that guessing is hopeless (§5.5).

A line on which codes are guessed answers slowly, right codes and wrong ones alike, until a minute passes with fewer
failures; the waiting holds no connection. Only well-formed codes that open nothing count: the check digit catches
honest slips, and whoever guesses knows it. The three tries of one call are the menu's own.
"""

import asyncio
from datetime import datetime, time, timedelta

import structlog
from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from core.bus import publish
from core.clock import BEIJING, Clock, beijing
from core.db import Database, provided
from tickets.errors import TooManyWrongCodes
from tickets.events import CodeGuessing
from tickets.queries import CodeStatus, status_of
from tickets.query_codes.code_alarms import raise_alarm
from tickets.query_codes.code_models import CodeFailure
from tickets.query_codes.codes import QueryCodeInvalid, QueryCodeUnknown, keyed_hash
from tickets.settings import TicketSettings

log = structlog.get_logger()
_OF_SOURCE = (CodeFailure.source_hash == bindparam("source")) & (CodeFailure.at >= bindparam("today"))
_RECENT = (CodeFailure.line == bindparam("line")) & (CodeFailure.at > bindparam("minute"))
_COUNT = select(func.count()).select_from(CodeFailure)
_COUNTED = select(_COUNT.where(_OF_SOURCE).scalar_subquery(), _COUNT.where(_RECENT).scalar_subquery())
"""Made once: putting it together takes longer than its answer."""


async def status_for_stranger(
    db: Database, clock: Clock, code: str, *, source: str, line: str = ""
) -> CodeStatus:
    """`status_by_code` for a caller number or network address; a failure is counted and stays counted.

    Raises QueryCodeInvalid, QueryCodeUnknown, TooManyWrongCodes. A hidden number shares one count with all others
    hidden, so pass the call's channel id for those.
    """
    wait_s, found = await db.look(lambda session: _look(session, clock, code, source, line))
    if isinstance(found, QueryCodeUnknown):
        async with db.unit_of_work() as session:
            await count_failure(session, clock, source=source, line=line)
    await asyncio.sleep(wait_s)
    if isinstance(found, CodeStatus):
        return found
    raise found


async def count_failure(session: AsyncSession, clock: Clock, *, source: str, line: str) -> None:
    """Store one failure; from the thirtieth a minute on one line, tell those who watch (CodeGuessing)."""
    session.add(CodeFailure(at=clock.now(), source_hash=_hashed(session, source), line=line))
    await session.flush()
    failures = await session.scalar(_COUNT.where(_RECENT), {"line": line, "minute": _minute(clock)}) or 0
    if failures >= provided(session, TicketSettings).code_alarm_a_minute:
        log.warning("query_codes_guessed", line=line, failures=failures)
        await raise_alarm(session, clock, line, failures)
        publish(session, CodeGuessing(line, failures))


def _look(
    session: Session, clock: Clock, code: str, source: str, line: str
) -> tuple[float, CodeStatus | QueryCodeInvalid | QueryCodeUnknown]:
    """For how long the answer is held back, and the answer; raises TooManyWrongCodes."""
    of_source, on_line = _counted(session, clock, source, line)
    _refuse_if_spent(session, clock, of_source)
    wait_s = _slowness(session, on_line)
    try:
        return wait_s, status_of(session, code)
    except (QueryCodeInvalid, QueryCodeUnknown) as error:
        return wait_s, error


def _counted(session: Session, clock: Clock, source: str, line: str) -> tuple[int, int]:
    """Unknown codes of this source today, and on the line within the last minute: one question."""
    asked = {
        "source": _hashed(session, source),
        "today": _today(clock),
        "line": line,
        "minute": _minute(clock),
    }
    row = session.execute(_COUNTED, asked).one()
    return row[0], row[1]


def _refuse_if_spent(session: Session, clock: Clock, failures: int) -> None:
    """Raises TooManyWrongCodes when a source with so many failures has used up its day."""
    if failures >= provided(session, TicketSettings).code_failures_a_day:
        wait = _today(clock) + timedelta(days=1) - beijing(clock.now())
        raise TooManyWrongCodes(wait_s=int(wait.total_seconds()) + 1)


def _slowness(session: Session, failures: int) -> float:
    """Seconds by which an answer is held back on a line with so many failures within the last minute."""
    settings = provided(session, TicketSettings)
    return settings.code_slow_s if failures >= settings.code_alarm_a_minute else 0.0


def _minute(clock: Clock) -> datetime:
    return clock.now() - timedelta(minutes=1)


def _today(clock: Clock) -> datetime:
    return datetime.combine(beijing(clock.now()).date(), time(), BEIJING)


def _hashed(session: AsyncSession | Session, source: str) -> str:
    return keyed_hash(session, f"source:{source}")
