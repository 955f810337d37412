"""Two months behind the demo: calls, then what became of the latest of them and of some before: tickets, replies, ratings.

All but the ratings goes through the rooms' own services, at the instant of the call, so that no state is invented.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from config.demo.people import Cast, Row
from config.settings import Settings
from core.clock import Clock
from core.db import Database
from core.people import Role, RoleGrant, User
from core.units import Region, Unit, UnitDuty
from recordings.demo.month import DemoCall, seed_history
from recordings.models import CallEnd
from tickets import replies, service
from tickets.models import Channel, Outcome, RatingAbout, SatisfactionRating

DAYS = 62
"""So that the whole of the last month has happened, whatever day it is."""
LATEST, EVERY = 50, 12
"""So many of the latest talks have a ticket, and one in so many of those before."""
SEED = 96128


@dataclass(frozen=True)
class At:
    """A clock that stands at the instant of a past call."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant


@dataclass(frozen=True)
class _Scene:
    session: AsyncSession
    line: str
    units: dict[int, dict[str, Unit]]
    """By region and code."""
    operators: Sequence[User]
    questions: list[Row]
    rng: random.Random
    until: datetime


async def seed_month(db: Database, clock: Clock, settings: Settings, cast: Cast) -> None:
    """Calls of two months, tickets for some, ratings; the same for the same day."""
    rng = random.Random(SEED)
    async with db.unit_of_work() as session:
        regions = (await session.scalars(select(Region).order_by(Region.code))).all()
        units = (await session.scalars(select(Unit).options(selectinload(Unit.liaisons)))).all()
        operators = await _operators(session)
        reachable = [unit for unit in units if unit.liaisons and unit.duty == UnitDuty.DEPARTMENT]
        calls = await seed_history(
            session, clock, regions, operators, reachable, rng,
            settings=settings.recordings, line=settings.line.number, days=DAYS,
        )  # fmt: skip
        by_region: dict[int, dict[str, Unit]] = {region.id: {} for region in regions}
        for unit in reachable:
            by_region[unit.region_id][unit.code] = unit
        scene = _Scene(
            session,
            settings.line.number,
            by_region,
            operators,
            cast.questions,
            rng,
            clock.now().astimezone(UTC),
        )
        await _tickets(scene, calls)


async def _operators(session: AsyncSession) -> Sequence[User]:
    held = select(RoleGrant.user_id).where(RoleGrant.role == Role.OPERATOR)
    return (await session.scalars(select(User).where(User.id.in_(held)).order_by(User.username))).all()


async def _tickets(scene: _Scene, calls: Sequence[DemoCall]) -> None:
    talked = [call for call in calls if call.operator_id is not None]
    for number, call in enumerate([*talked[:-LATEST:EVERY], *talked[-LATEST:]]):
        await _talk(scene, call, number)
    for call in talked:
        _rate(scene, call)
    for call in calls:
        if call.end == CallEnd.VOICEMAIL and call.recording_id:
            await service.register_voicemail(
                scene.session, At(call.ended_at), call_id=call.call_id, region_id=call.region_id, line=scene.line,
                caller_number=call.caller_number, callback_number=call.caller_number, recording_id=call.recording_id,
            )  # fmt: skip
        elif call.end == CallEnd.COMPLAINT and call.recording_id:
            await service.register_complaint(
                scene.session, At(call.ended_at), call_id=call.call_id, region_id=call.region_id, line=scene.line,
                caller_number=call.caller_number, recording_id=call.recording_id, about=None,
            )  # fmt: skip


async def _talk(scene: _Scene, call: DemoCall, number: int) -> None:
    """The ticket of one talk: answered, put through, assigned and perhaps replied, out of scope or unclear."""
    assert call.operator_id is not None
    clock = At(call.ended_at)
    issued = await service.open_for_call(
        scene.session, At(call.started_at), call_id=call.call_id, line=scene.line, region_id=call.region_id,
        caller_number=call.caller_number, operator_id=call.operator_id,
    )  # fmt: skip
    ticket, topic = issued.ticket, scene.questions[number % len(scene.questions)]
    outcome = Outcome.TRANSFERRED if call.unit_id else _OUTCOMES[number % len(_OUTCOMES)]
    units = scene.units[call.region_id]
    unit_id = call.unit_id or (units.get(topic["unit"]) or next(iter(units.values()))).id
    fields: dict[str, object] = {
        "subject": topic["subject"],
        "question": topic["question"],
        "unit_id": unit_id,
    }
    fields |= _typed(outcome, topic)
    await service.save_draft(
        scene.session, clock, ticket_no=ticket.ticket_no, operator_id=call.operator_id, fields=fields,
        version=ticket.draft_version,
    )  # fmt: skip
    await service.finish(
        scene.session, clock, ticket_no=ticket.ticket_no, operator_id=call.operator_id, outcome=outcome
    )
    if outcome == Outcome.ASSIGNED and number % 3:
        await _reply(scene, ticket.ticket_no, unit_id, topic, call.ended_at)


_OUTCOMES = (
    Outcome.ANSWERED,
    Outcome.ANSWERED,
    Outcome.ASSIGNED,
    Outcome.ANSWERED,
    Outcome.ASSIGNED,
    Outcome.UNCLEAR,
    Outcome.ASSIGNED,
    Outcome.OUT_OF_SCOPE,
)


def _typed(outcome: Outcome, topic: Row) -> dict[str, object]:
    if outcome in (Outcome.ANSWERED, Outcome.TRANSFERRED):
        return {"answer": topic["answer"]}
    if outcome == Outcome.UNCLEAR:
        return {"reason": "涉及多个部门，无法确定由谁办理"}
    if outcome == Outcome.OUT_OF_SCOPE:
        return {"guidance": "属于日常事务，请直接联系所在社区或物业服务单位。"}
    return {}


async def _reply(scene: _Scene, ticket_no: str, unit_id: int, topic: Row, asked_at: datetime) -> None:
    """The unit replies a day or two later, unless that is still to come."""
    at = asked_at + timedelta(hours=scene.rng.randrange(20, 50))
    if at >= scene.until:
        return
    user = await scene.session.scalar(
        select(User)
        .join(RoleGrant, RoleGrant.user_id == User.id)
        .where(User.unit_id == unit_id, RoleGrant.role == Role.LIAISON)
        .options(selectinload(User.grants))
        .limit(1)
    )
    assert user is not None
    await replies.answer(scene.session, At(at), ticket_no=ticket_no, user=user, answer=topic["answer"])


def _rate(scene: _Scene, call: DemoCall) -> None:
    """The survey's answers, written at once: nine hundred talks would take the service half a minute."""
    asked = (
        (RatingAbout.OPERATOR, call.operator_score, call.operator_id, None),
        (RatingAbout.UNIT, call.unit_score, None, call.unit_id),
    )
    for about, score, user_id, unit_id in asked:
        if score is not None:
            scene.session.add(
                SatisfactionRating(
                    subject=f"call:{call.call_id}:{about}", about=about, call_id=call.call_id, user_id=user_id,
                    unit_id=unit_id, score=score, channel=Channel.PHONE, first_at=call.ended_at, changed_at=call.ended_at,
                )
            )  # fmt: skip
