"""Whether more is sent in than people send (防刷): by one address within an hour, by everybody within a minute.

Counted in the database, so that several processes count together and a new start forgets nothing.
"""

from datetime import timedelta

from aiohttp import web
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.web.keys import CLOCK, DB
from core.web.requests import source_of
from portal.keys import PORTAL
from portal.models import Sending
from tickets.query_codes.codes import keyed_hash

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


async def is_flood(request: web.Request) -> bool:
    """Whether the next question of this address has to do the sum."""
    settings, now = request.app[PORTAL], request.app[CLOCK].now()
    count = select(func.count()).select_from(Sending)
    async with request.app[DB].reading() as session:
        of_source = (Sending.source_hash == _hashed(session, request)) & (Sending.at > now - HOUR)
        of_all = Sending.at > now - MINUTE
        both = select(count.where(of_source).scalar_subquery(), count.where(of_all).scalar_subquery())
        theirs, everybodys = (await session.execute(both)).one()
    return bool(theirs >= settings.questions_an_hour or everybodys >= settings.all_questions_a_minute)


async def note(session: AsyncSession, request: web.Request) -> None:
    """One was taken in; what is older than an hour is forgotten."""
    now = request.app[CLOCK].now()
    await session.execute(delete(Sending).where(Sending.at <= now - HOUR))
    session.add(Sending(source_hash=_hashed(session, request), at=now))


def _hashed(session: AsyncSession, request: web.Request) -> str:
    return keyed_hash(session, f"sending:{source_of(request)}")
