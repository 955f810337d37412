"""What searches teach (M-84): entries chosen, questions without an answer, and wordings learnt from both.

A wording that two different people answered with the same entry is proposed as its alias, found at once with half
weight; an editor confirms or refuses it (`kb.entries.set_aliases`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock, beijing
from core.errors import NotFound
from kb import personal
from kb.entries import touch
from kb.models import Alias, AliasState, Entry, SearchLog
from kb.searching.ordering import HALF_LIFE_DAYS
from kb.searching.text import normalise, normalise_query

PEOPLE_TO_LEARN = 2
SHORTEST_ALIAS = 2
LONGEST_LOGGED = 200


@dataclass(frozen=True)
class Gap:
    """A question that found nothing: how often, and when last."""

    query: str
    times: int
    last_at: datetime


async def chosen(
    session: AsyncSession,
    clock: Clock,
    *,
    query: str,
    entry_id: int,
    user_id: int | None,
    shown_ids: Sequence[int] = (),
    ticket_no: str | None = None,
) -> None:
    """Note that this entry answered the question, on this ticket where there is one; raises NotFound."""
    entry = await session.get(Entry, entry_id)
    if entry is None:
        raise NotFound
    today = beijing(clock.now()).date()
    age_days = (today - entry.chosen_on).days if entry.chosen_on else 0
    entry.chosen_weight = entry.chosen_weight * 0.5 ** (age_days / HALF_LIFE_DAYS) + 1
    entry.chosen_count += 1
    entry.chosen_on = today
    what = {"shown_ids": list(shown_ids), "chosen_id": entry_id, "ticket_no": ticket_no}
    session.add(_row(clock, query, user_id, **what))
    await session.flush()
    await _learn(session, entry, normalise_query(query)[:LONGEST_LOGGED])
    touch(session, clock, entry)


async def not_found(
    session: AsyncSession, clock: Clock, *, query: str, user_id: int | None, shown_ids: Sequence[int] = ()
) -> None:
    """Note that nothing answered the question: it goes on the editors' list, unless it says nothing or names somebody (M-70)."""
    if not is_telling(query):
        return
    session.add(_row(clock, query, user_id, shown_ids=list(shown_ids), not_found=True))
    await session.flush()


def is_telling(query: str) -> bool:
    """Whether the editors learn anything from this search, and nobody is named in it."""
    return bool(normalise_query(query)) and not personal.find(query)


async def gaps(
    session: AsyncSession, since: datetime, limit: int = 100, *, until: datetime | None = None
) -> list[Gap]:
    """Questions that found nothing since an instant, or up to another, the most frequent first."""
    asked = SearchLog.at >= since if until is None else (SearchLog.at >= since) & (SearchLog.at < until)
    times = func.count().label("times")
    query = (
        select(func.min(SearchLog.query), times, func.max(SearchLog.at))
        .where(SearchLog.not_found, asked)
        .group_by(SearchLog.normal)
        .order_by(times.desc(), func.max(SearchLog.at).desc())
        .limit(limit)
    )
    return [Gap(*row) for row in (await session.execute(query)).all()]


def _row(clock: Clock, query: str, user_id: int | None, **what: object) -> SearchLog:
    normal, query = normalise_query(query)[:LONGEST_LOGGED], query.replace("\0", "")
    return SearchLog(at=clock.now(), query=query[:LONGEST_LOGGED], normal=normal, user_id=user_id, **what)


async def _learn(session: AsyncSession, entry: Entry, normal: str) -> None:
    if len(normal) < SHORTEST_ALIAS or normal in normalise(entry.title):
        return
    people = await session.scalar(
        select(func.count(func.distinct(SearchLog.user_id))).where(
            SearchLog.normal == normal, SearchLog.chosen_id == entry.id
        )
    )
    known = select(Alias.id).where(Alias.entry_id == entry.id, Alias.text == normal)
    if (people or 0) >= PEOPLE_TO_LEARN and await session.scalar(known) is None:
        session.add(Alias(entry_id=entry.id, text=normal, state=AliasState.PROPOSED))
        await session.flush()
