"""Which weights hold when (考评权重, M-77): a change takes effect with the running month and never before it."""

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from core import audit
from core.clock import Clock, beijing
from core.errors import Conflict, InvalidInput
from core.people import User
from core.units import Region
from reports.counting.indicators import BY_KEY
from reports.scores.clerks import OF_CLERKS, TRAINING
from reports.scores.models import Judged, ScoreWeights

STANDARD = {
    "K-07": 10, "K-08": 10, "K-09": 25, "K-11": 5, "K-12": 10, "K-13": 25, "K-15": 5, "K-16.extended": 5,
    "K-17.returned": 0, "K-18.upheld": 0, "K-20": 0, "K-21.unit": 5,
}  # fmt: skip
"""Every possible component of a unit's sheet with its weight while nobody has decided otherwise [I]."""
STANDARDS: Mapping[Judged, Mapping[str, int]] = {
    Judged.UNIT: STANDARD,
    Judged.CLERK: {"W-01": 30, "W-02": 40, "W-03": 10, TRAINING: 20},
}
NAMES = (
    {key: one.name for key, one in BY_KEY.items()}
    | {one.key: one.name for one in OF_CLERKS}
    | {TRAINING: "岗位培训"}
)
LESS_IS_BETTER = {one.key for one in (*BY_KEY.values(), *OF_CLERKS) if not one.higher_is_better}
MOST = 100


class WeightsUnchanged(Conflict):
    """The new version would say what holds already."""

    code = "weights_unchanged"
    text = "权重没有变化，无需保存。"


async def holding(
    session: AsyncSession, region: Region, day: date, judged: Judged = Judged.UNIT
) -> ScoreWeights | None:
    """The version for a period that ends that day: the region's own, else of the nearest region above; None: STANDARDS."""
    wanted: int | None = region.id
    while wanted is not None:
        found = await session.scalar(
            select(ScoreWeights)
            .where(ScoreWeights.region_id == wanted, ScoreWeights.judged == judged, ScoreWeights.from_on <= day)
            .order_by(ScoreWeights.number.desc()).limit(1)
        )  # fmt: skip
        if found is not None:
            return found
        wanted = await session.scalar(select(Region.parent_id).where(Region.id == wanted))
    return None


async def versions(
    session: AsyncSession, region_id: int, judged: Judged = Judged.UNIT
) -> Sequence[ScoreWeights]:
    """All of the region's own, the newest first."""
    wanted = select(ScoreWeights).where(ScoreWeights.region_id == region_id, ScoreWeights.judged == judged)
    return (await session.scalars(wanted.order_by(ScoreWeights.number.desc()))).all()


async def change(
    session: AsyncSession,
    clock: Clock,
    user: User,
    region: Region,
    weights: Mapping[str, int],
    judged: Judged = Judged.UNIT,
) -> ScoreWeights:
    """A further version from this month on; raises InvalidInput, WeightsUnchanged."""
    kept = checked(weights, judged)
    today = beijing(clock.now()).date()
    now = await holding(session, region, today, judged)
    if kept == (now.weights if now else STANDARDS[judged]):
        raise WeightsUnchanged
    known = await versions(session, region.id, judged)
    made = ScoreWeights(
        region_id=region.id, judged=judged, number=known[0].number + 1 if known else 1, from_on=today.replace(day=1),
        made_at=clock.now(), author_id=user.id, weights=kept,
    )  # fmt: skip
    session.add(made)
    try:
        await session.flush()
    except IntegrityError:
        raise Conflict from None
    said = " ".join(f"{key}={weight}" for key, weight in kept.items())
    await audit.record(
        session, clock, actor=user.username, action="scores.weights", target=f"{region.code}:{judged}:{made.number}",
        reason=said,
    )  # fmt: skip
    return made


def checked(weights: Mapping[str, int], judged: Judged = Judged.UNIT) -> dict[str, int]:
    """The weights of every possible component, in their order; raises InvalidInput for what cannot weigh."""
    possible = STANDARDS[judged]
    for key, weight in weights.items():
        if key not in possible or not 0 <= weight <= MOST:
            raise InvalidInput(field=NAMES.get(key, key), reason=f"请填写 0 到 {MOST} 的整数")
    kept = {key: weights.get(key, 0) for key in possible}
    if not any(kept.values()):
        raise InvalidInput(field="权重", reason="至少一项大于 0")
    return kept
