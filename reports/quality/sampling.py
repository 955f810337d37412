"""Drawing talks to grade (抽样, M-82 「随机检查、专项督查、重点抽查」).

A draw is repeatable: talks are ordered by a hash of seed and call, so the same seed over the same calls gives the same
talks on any database. Test and practice calls are never drawn; mystery calls are, for they are made to be graded (M-135).
"""

import hashlib
import heapq
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core import audit
from core.clock import Clock
from core.errors import InvalidInput, NotFound
from core.people import User
from recordings.models import GRADED, Call, CallMark, Recording, RecordingKind
from reports.counting import figures
from reports.counting.indicators import BY_KEY
from reports.counting.slices import Slice, days
from reports.quality.models import About, Draw, DrawnSample, Method, Sample, ScoreSheet
from tickets.models import SatisfactionRating, Ticket

MOST_DRAWN, MOST_SEED = 500, 2**31
LONGEST_DAYS = 366
LEAST_RATED = 10
"""A unit with fewer ratings is not judged by them (M-78)."""
WEAKEST = 3


@dataclass(frozen=True)
class Wish:
    """What is to be drawn; `region_ids` is as far as the person reaches."""

    region_id: int
    region_ids: frozenset[int]
    sheet: ScoreSheet
    method: Method
    first: date
    last: date
    seed: int = 1
    wanted: int = 10
    topic: str = ""
    unit_id: int | None = None


async def draw(session: AsyncSession, clock: Clock, user: User, wish: Wish) -> Draw:
    """The draw with its talks; raises InvalidInput for what cannot be drawn, NotFound when there is no such talk."""
    _check(wish)
    population = await _population(session, clock, wish)
    if not population:
        raise NothingToDraw
    is_whole = wish.method in {Method.BAD, Method.MYSTERY}
    chosen = choose(population, wish.seed, MOST_DRAWN if is_whole else wish.wanted)
    made = Draw(
        region_id=wish.region_id, sheet_id=wish.sheet.id, method=wish.method, seed=wish.seed, first_on=wish.first,
        last_on=wish.last, topic=wish.topic, unit_id=wish.unit_id, wanted=wish.wanted, found=len(population),
        drawn=len(chosen), author_id=user.id, made_at=clock.now(),
    )  # fmt: skip
    session.add(made)
    await session.flush()
    await _keep(session, made, wish.sheet, [call_id for call_id, _ in chosen])
    await audit.record(
        session, clock, actor=user.username, action="quality.draw", target=f"{made.id}:{made.drawn}",
        reason=f"{wish.method}，种子 {wish.seed}，{wish.first} 至 {wish.last}",
    )  # fmt: skip
    return made


async def single(session: AsyncSession, clock: Clock, user: User, call: Call, sheet: ScoreSheet) -> Sample:
    """One talk to be graded without a draw: a practice call (练习); the same sample when asked again."""
    of_call = select(Sample).where(Sample.call_id == call.id, Sample.about == sheet.about)
    if (known := await session.scalar(of_call)) is not None:
        return known
    unit_id = await session.scalar(select(User.unit_id).where(User.id == call.operator_id))
    made = Sample(
        call_id=call.id, about=sheet.about, sheet_id=sheet.id, user_id=call.operator_id, unit_id=unit_id
    )
    session.add(made)
    await session.flush()
    await audit.record(
        session, clock, actor=user.username, action="quality.single", target=f"{made.id}:{call.linkedid}"
    )
    return made


class NothingToDraw(NotFound):
    """No recorded talk meets the wish."""

    code = "nothing_to_draw"
    text = "该范围内没有可供抽查的通话录音，请调整时段、主题或单位后再试。"


def choose(population: list[tuple[int, str]], seed: int, wanted: int) -> list[tuple[int, str]]:
    """As many of (id, name) as wanted, in an order that the seed alone decides."""
    return heapq.nsmallest(
        wanted, population, key=lambda one: hashlib.sha256(f"{seed}:{one[1]}".encode()).digest()
    )


def _check(wish: Wish) -> None:
    if not 0 < wish.wanted <= MOST_DRAWN:
        raise InvalidInput(field="抽查数量", reason=f"请填写 1 到 {MOST_DRAWN}")
    if not 0 <= wish.seed < MOST_SEED:
        raise InvalidInput(field="随机种子", reason=f"请填写 0 到 {MOST_SEED - 1} 的整数")
    if wish.first > wish.last or (wish.last - wish.first).days > LONGEST_DAYS:
        raise InvalidInput(field="日期", reason="起始日期不能晚于截止日期，且最多一年")
    if wish.method == Method.TOPIC and not wish.topic:
        raise InvalidInput(field="主题", reason="按主题抽查须填写主题")
    if wish.method == Method.UNIT and (wish.unit_id is None or wish.sheet.about != About.UNIT):
        raise InvalidInput(field="单位", reason="按单位抽查须选择单位，并使用单位评分表")
    if wish.method == Method.WEAK and wish.sheet.about != About.UNIT:
        raise InvalidInput(field="评分表", reason="抽查薄弱单位须使用单位评分表")


async def _population(session: AsyncSession, clock: Clock, wish: Wish) -> list[tuple[int, str]]:
    """(id, linkedid) of every recorded talk that the wish admits."""
    since, until = days(wish.first, wish.last)
    of_operator = wish.sheet.about == About.OPERATOR
    query = select(Call.id, Call.linkedid).where(
        Call.started_at >= since, Call.started_at < until, Call.direction == "in", Call.mark.in_(GRADED),
        Call.ended_at.is_not(None), Call.region_id.in_(wish.region_ids),
        (Call.operator_id if of_operator else Call.liaison_unit_id).is_not(None),
        Call.id.in_(select(Recording.call_id).where(
            Recording.kind == RecordingKind.TALK, Recording.deleted_at.is_(None), Recording.sealed.is_(False)
        )),
    )  # fmt: skip
    match wish.method:
        case Method.TOPIC:
            query = query.where(Call.id.in_(select(Ticket.call_id).where(Ticket.subject == wish.topic)))
        case Method.UNIT:
            query = query.where(Call.liaison_unit_id == wish.unit_id)
        case Method.WEAK:
            query = query.where(Call.liaison_unit_id.in_(await _weakest(session, clock, wish)))
        case Method.BAD:
            bad = select(SatisfactionRating.call_id).where(
                SatisfactionRating.score == 3, SatisfactionRating.about == wish.sheet.about
            )
            query = query.where(Call.id.in_(bad))
        case Method.MYSTERY:
            query = query.where(Call.mark == CallMark.MYSTERY)
    return [(call_id, name) for call_id, name in await session.execute(query)]


async def _weakest(session: AsyncSession, clock: Clock, wish: Wish) -> list[int]:
    """The units whose answers please least (K-09) in the period, of those with enough ratings."""
    of = Slice(*days(wish.first, wish.last), clock.now(), region_ids=wish.region_ids)
    found = await figures.by(session, BY_KEY["K-09"], of, "unit")
    rated = {
        unit: one.value
        for unit, one in found.items()
        if one.denominator >= LEAST_RATED and one.value is not None
    }
    return sorted(rated, key=lambda unit: (rated[unit], unit))[:WEAKEST]


async def _keep(session: AsyncSession, made: Draw, sheet: ScoreSheet, call_ids: list[int]) -> None:
    """Each call's sample, made where it was never drawn before."""
    known = await session.scalars(
        select(Sample).where(Sample.call_id.in_(call_ids), Sample.about == sheet.about)
    )
    samples = {sample.call_id: sample for sample in known}
    new = [call_id for call_id in call_ids if call_id not in samples]
    rows = select(Call.id, Call.operator_id, User.unit_id, Call.liaison_id, Call.liaison_unit_id)
    of_operator = sheet.about == About.OPERATOR
    for call_id, operator, centre, liaison, unit in await session.execute(
        rows.outerjoin(User, User.id == Call.operator_id).where(Call.id.in_(new))
    ):
        samples[call_id] = Sample(
            call_id=call_id, about=sheet.about, sheet_id=sheet.id,
            user_id=operator if of_operator else liaison, unit_id=centre if of_operator else unit,
        )  # fmt: skip
        session.add(samples[call_id])
    await session.flush()
    for position, call_id in enumerate(call_ids, start=1):
        session.add(DrawnSample(draw_id=made.id, sample_id=samples[call_id].id, position=position))
