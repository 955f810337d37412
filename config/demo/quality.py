"""Quality in the demo (演示的质检): two score sheets, talks drawn, most of them graded, some twice; last month's list of praise."""

import random
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.clock import Clock, beijing
from core.people import User
from core.units import Region, regions_below
from reports.models import PeriodKind
from reports.quality import grading, sampling, sheets
from reports.quality.models import About, DrawnSample, GradeKind, Method, Sample
from reports.quality.sampling import NothingToDraw, Wish
from reports.quality.sheets import STANDARD
from reports.signed import citations
from reports.signed.periods import period

NAMES = {About.OPERATOR: "话务员评分表", About.UNIT: "联络员评分表"}
SEED, DRAWN, LEFT_WAITING = 96128, 12, 3
LOOKED_BACK = timedelta(days=60)


async def seed_quality(session: AsyncSession, clock: Clock) -> None:
    """Sheets, a draw of each, most of it graded; what the latest talks of the demo allow."""
    rng = random.Random(SEED)
    supervisor, office, inspector = [
        await _person(session, name) for name in ("supervisor1", "office1", "inspector1")
    ]
    region = await session.get_one(Region, supervisor.region_id)
    below = frozenset(await session.scalars(regions_below(region.id)))
    today = beijing(clock.now()).date()
    for about, name in NAMES.items():
        sheet = await sheets.create(
            session, clock, supervisor, region_id=region.id, about=about, name=name, questions=STANDARD[about]
        )
        wish = Wish(
            region.id, below, sheet, Method.RANDOM, today - LOOKED_BACK, today, seed=SEED, wanted=DRAWN
        )
        try:
            made = await sampling.draw(session, clock, supervisor, wish)
        except NothingToDraw:
            continue
        drawn = (
            select(DrawnSample.sample_id).where(DrawnSample.draw_id == made.id).order_by(DrawnSample.position)
        )
        for place, sample_id in enumerate((await session.scalars(drawn)).all()[LEFT_WAITING:]):
            await _grade(session, clock, sample_id, supervisor, GradeKind.FIRST, rng)
            if place % 4 == 0:
                await _grade(session, clock, sample_id, office, GradeKind.SECOND, rng)
    await _citations(session, clock, region, office, inspector)


async def _grade(
    session: AsyncSession,
    clock: Clock,
    sample_id: int,
    user: User,
    kind: GradeKind,
    rng: random.Random,
) -> None:
    sample = await grading.find(session, sample_id, Sample.id.is_not(None))
    asked = (await grading.version_for(session, sample)).questions
    answers = [one["weight"] - rng.choice([0, 0, 0, 1, 2, 4]) for one in asked]
    await grading.grade(session, clock, user, sample, kind, answers, "")


async def _citations(
    session: AsyncSession, clock: Clock, region: Region, office: User, inspector: User
) -> None:
    """Last month's list, signed by both and published."""
    last = beijing(clock.now()).date().replace(day=1) - timedelta(days=1)
    made = await citations.draft(session, clock, office, region, period(PeriodKind.MONTH, last))
    for step, user in ((citations.sign, office), (citations.cosign, inspector), (citations.publish, office)):
        await step(session, clock, made, user)
        await session.refresh(made, ["signed_at", "cosigned_at", "published_at"])


async def _person(session: AsyncSession, username: str) -> User:
    found = select(User).where(User.username == username).options(selectinload(User.grants))
    return (await session.scalars(found)).one()
