"""`/supervise/scores` (满意度, M-83): every rating, and the talk behind it one click away."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from sqlalchemy import ColumnElement, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from agent_desktop.keys import RECORDINGS
from agent_desktop.supervise import access, forms
from agent_desktop.supervise.one_call import player_data
from core.units import Unit
from core.web.app import render
from core.web.keys import CLOCK, DB
from core.web.lists import page_of
from core.web.routes import Routes
from recordings import calls
from recordings.call_story import story
from recordings.call_story.legs import DEPARTMENT_ROLES
from recordings.calls import Scope, WholeCall
from recordings.listening.permission import Listener, facts_of, may_listen
from recordings.models import Call, CallMark, RecordingKind
from tickets.models import RatingAbout, SatisfactionRating, Ticket

routes = Routes()
PAGE = 40
_MARKED = func.coalesce(SatisfactionRating.call_id, 0).in_(select(Call.id).where(Call.mark != CallMark.NONE))
"""Ratings given in 试拨 and 暗访 calls: listed, but no part of the shares (M-135)."""
ABOUT = {RatingAbout.OPERATOR: "话务员服务", RatingAbout.UNIT: "部门答复"}


@dataclass(frozen=True)
class Share:
    """One question's answers: satisfied and fairly satisfied of those rated (K-09, K-10); never asked is not here."""

    about: str
    counts: dict[str, int]

    @property
    def rated(self) -> int:
        return sum(self.counts.get(key, 0) for key in ("1", "2", "3"))

    @property
    def satisfied(self) -> int:
        return self.counts.get("1", 0) + self.counts.get("2", 0)

    @property
    def percent(self) -> str:
        return f"{self.satisfied / self.rated:.2%}" if self.rated else "—"


@routes.get("/supervise/scores", roles=access.SCORES, nav="满意度")
async def page(request: web.Request) -> web.StreamResponse:
    query, number = request.query, page_of(request.query)
    async with request.app[DB].reading() as session:
        who = await access.listener(request, session)
        scope = access.scope(request, who)
        conditions = _conditions(query, scope)
        total = await _count(session, conditions)
        rows = [
            await _row(request, session, who, rating)
            for rating in await _ratings(session, conditions, number)
        ]
        shares = await _shares(session, [*_conditions(query, scope, without_score=True), ~_MARKED])
    return render(
        request,
        "supervise/scores.html",
        rows=rows,
        plays=[_button(row) for row in rows],
        shares=shares,
        total=total,
        page=number,
        pages=max(1, -(-total // PAGE)),
        query=query,
        link=lambda **changes: forms.link(query, **({"about": query.get("about", "")} | changes)),
        about=ABOUT,
        scores=forms.SCORE_CHOICES,
        score_text=story.score_text,
    )


def _conditions(query: Any, scope: Scope, *, without_score: bool = False) -> list[ColumnElement[bool]]:
    since, until = forms.period(query)
    found = [_in_scope(scope)]
    if since:
        found.append(SatisfactionRating.changed_at >= since)
    if until:
        found.append(SatisfactionRating.changed_at < until)
    if query.get("about") in {"operator", "unit"} and not without_score:
        found.append(SatisfactionRating.about == RatingAbout(query["about"]))
    score = query.get("score", "")
    if score in forms.SCORE_CHOICES and not without_score:
        no_key = SatisfactionRating.score.is_(None)
        found.append(no_key if score == "0" else SatisfactionRating.score == int(score))
    return found


def _in_scope(scope: Scope) -> ColumnElement[bool]:
    """Ratings of calls in the scope, and of replies by units in it."""
    of_calls = SatisfactionRating.call_id.in_(select(Call.id).where(calls.in_scope(scope)))
    regions = select(Unit.id).where(Unit.region_id.in_(scope.region_ids))
    of_units = SatisfactionRating.unit_id.in_(regions) if scope.region_ids else false()
    own_unit = SatisfactionRating.unit_id == scope.unit_id if scope.unit_id is not None else false()
    return or_(of_calls, of_units & SatisfactionRating.call_id.is_(None), own_unit)


async def _count(session: AsyncSession, conditions: list[ColumnElement[bool]]) -> int:
    return await session.scalar(select(func.count(SatisfactionRating.id)).where(*conditions)) or 0


async def _ratings(
    session: AsyncSession, conditions: list[ColumnElement[bool]], number: int
) -> list[SatisfactionRating]:
    query = select(SatisfactionRating).where(*conditions)
    query = query.order_by(SatisfactionRating.changed_at.desc(), SatisfactionRating.id.desc())
    return list(await session.scalars(query.offset((number - 1) * PAGE).limit(PAGE)))


async def _shares(session: AsyncSession, conditions: list[ColumnElement[bool]]) -> list[Share]:
    fields = (SatisfactionRating.about, SatisfactionRating.score, func.count(SatisfactionRating.id))
    query = select(*fields).where(*conditions).group_by(SatisfactionRating.about, SatisfactionRating.score)
    counts: dict[str, Counter[str]] = {str(about): Counter() for about in ABOUT}
    for about, score, number in await session.execute(query):
        counts[str(about)][str(score or 0)] += number
    return [Share(text, dict(counts[str(about)])) for about, text in ABOUT.items()]


async def _row(
    request: web.Request, session: AsyncSession, who: Listener, rating: SatisfactionRating
) -> dict[str, Any]:
    names = await calls.names_of(session, {rating.user_id}, {rating.unit_id})
    ticket = await session.get(Ticket, rating.ticket_id) if rating.ticket_id else None
    found = await _call(request, session, who, rating)
    return {
        "rating": rating,
        "about": ABOUT[RatingAbout(rating.about)],
        "who": names.units.get(rating.unit_id or 0) or names.users.get(rating.user_id or 0, ""),
        "ticket_no": ticket.ticket_no if ticket else "",
        "call": found.call if found else None,
        "play": await _play(request, session, who, found, rating) if found else None,
    }


def _button(row: dict[str, Any]) -> dict[str, Any] | None:
    """What the row's play button hands to the script."""
    if row["play"] is None:
        return None
    title = f"{row['about']}：{story.score_text(row['rating'].score)}　{row['who']}"
    return {**row["play"], "title": title, "link": f"/supervise/calls/{row['call'].linkedid}"}


async def _call(
    request: web.Request, session: AsyncSession, who: Listener, rating: SatisfactionRating
) -> WholeCall | None:
    scope = access.scope(request, who)
    query = select(Call).where(Call.id == rating.call_id, calls.in_scope(scope))
    call = await session.scalar(query.options(selectinload(Call.events), selectinload(Call.recordings)))
    return await calls.whole(session, call, scope) if call else None


async def _play(
    request: web.Request, session: AsyncSession, who: Listener, found: WholeCall, rating: SatisfactionRating
) -> dict[str, Any] | None:
    """The talk's player data and the place where the rated person begins; None when it may not be heard."""
    recording = next((r for r in found.recordings if r.kind == RecordingKind.TALK), None)
    if recording is None:
        return None
    facts = await facts_of(session, recording, found.call)
    permission = may_listen(who, facts, request.app[CLOCK].now(), request.app[RECORDINGS])
    if permission is None:
        return None
    at_ms = begin_of(found, RatingAbout(rating.about)) if permission.parts is None else 0
    return {"data": player_data(found, recording, permission), "at_ms": at_ms}


def begin_of(found: WholeCall, about: RatingAbout) -> int:
    """Where in the talk recording the rated side's first words are, in ms."""
    passed = 0
    for span in found.spans:
        is_department = span.leg is not None and span.leg.role in DEPARTMENT_ROLES
        if is_department == (about == RatingAbout.UNIT):
            return passed
        passed += span.ms
    return 0
