"""The score sheet of each window clerk (窗口人员考评, M-124 「考评激励机制」): what was done at the counter, what came of it, and the trainings.

A question registered at the window or for a visitor belongs to the clerk who typed it, whichever unit it went to; so do
the ratings of an answer given across the counter, and the complaints about it. A clerk who lacks a training that the
post needs (「窗口工作人员全部统一接受岗前集中培训」) is named on the sheet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, join

from core.clock import beijing
from core.db import provided
from core.people import Role, RoleGrant, User
from core.units import Unit
from reports.counting import figures, sources
from reports.counting.figures import Figure
from reports.counting.indicators import Group, Indicator
from reports.counting.slices import Slice
from reports.scores.sheets import Component, class_of, component, total_of
from reports.training.models import Topic
from reports.training.settings import TrainingSettings
from reports.training.standing import LACKING, WORKS_IN, Share, standings
from reports.training.words import TOPICS
from tickets.lifecycle import REPLIED_STATES
from tickets.models import Channel, Outcome, SatisfactionRating, State, Ticket
from tickets.oversight.oversight_models import ComplaintReply

TRAINING = "training"
"""The component that is no indicator."""
_BASIS = "M-124 「考评激励机制」[I]"
_COUNTER = (Channel.WINDOW, Channel.VISIT)
_Clerk = aliased(User)
_at_counter = replace(
    sources.QUESTIONS, tables=join(Ticket, _Clerk, _Clerk.id == Ticket.operator_id), unit=_Clerk.unit_id
).only(Ticket.channel.in_(_COUNTER), Ticket.state != State.VOID)
_is_on_spot = Ticket.state.in_(REPLIED_STATES) & Ticket.outcome.in_([Outcome.ANSWERED, Outcome.OTHER_WAYS])
_ratings = replace(
    sources.RATINGS,
    tables=join(sources.RATINGS.tables, _Clerk, _Clerk.id == SatisfactionRating.user_id), unit=_Clerk.unit_id,
).only(Ticket.channel.in_(_COUNTER), Ticket.operator_id == SatisfactionRating.user_id)  # fmt: skip
_complaints = replace(
    sources.FINISHED_COMPLAINTS,
    tables=join(sources.FINISHED_COMPLAINTS.tables, _Clerk, _Clerk.id == sources.QUESTIONED.operator_id),
    unit=_Clerk.unit_id, person=sources.QUESTIONED.operator_id,
).only(
    ComplaintReply.upheld.is_(True),
    sources.QUESTIONED.channel.in_(_COUNTER),
    sources.QUESTIONED.outcome.in_([Outcome.ANSWERED, Outcome.OTHER_WAYS]),
)  # fmt: skip

ON_SPOT = Indicator(
    "W-01", "现场办结率", Group.UNIT, _at_counter,
    "本人在窗口（含来访）当场答复的提问 ÷ 本人在窗口登记的提问，按受理日期；无效、并案和超范围不计。",
    "M-126 「现场办结90%以上」[I]", counted=_is_on_spot,
)  # fmt: skip
OF_CLERKS = (
    ON_SPOT,
    Indicator(
        "W-02", "服务满意率", Group.UNIT, _ratings,
        "（满意 + 基本满意）÷ 对本人当场答复的评价，按评价时间；未评价不计。", _BASIS, counted=SatisfactionRating.score <= 2,
    ),
    Indicator(
        "W-03", "属实投诉率", Group.UNIT, _at_counter.only(_is_on_spot),
        "对本人当场答复的投诉中查证属实的 ÷ 本人当场答复的提问，各按自己的日期。", _BASIS,
        apart=_complaints, higher_is_better=False,
    ),
)  # fmt: skip
"""In the order of the sheet; 受理件数 is the first one's denominator."""


@dataclass(frozen=True)
class Trained:
    """The trainings that the post needs, on the last day of the period."""

    weight: int
    share: Share
    lacking: tuple[str, ...]
    """Topics that are missing or have expired, as people call them."""

    @property
    def points(self) -> float | None:
        return 100 * self.share.valid / self.share.needed if self.share.needed else None


@dataclass(frozen=True)
class ClerkSheet:
    user: User
    unit: Unit | None
    taken: Figure
    """Its denominator: how many questions were registered."""
    components: tuple[Component, ...]
    trained: Trained

    @property
    def total(self) -> float | None:
        """None too for whoever registered nothing: a training alone judges nobody."""
        if not any(one.points is not None for one in self.components):
            return None
        return total_of([*self.components, self.trained])

    @property
    def class_name(self) -> str:
        return class_of(self.total)


async def of_slice(session: AsyncSession, of: Slice, weights: Mapping[str, int]) -> list[ClerkSheet]:
    """A sheet for each clerk of the slice, by unit and name: who holds the role now, or registered something then."""
    found = await figures.table(session, OF_CLERKS, of, "person")
    people = await _people(session, of, frozenset(found[ON_SPOT.key]))
    trained = await _trained(session, of, [user.id for user, _ in people])

    def figure(one: Indicator, user: User) -> Figure:
        return found[one.key].get(user.id, Figure(one))

    return [
        ClerkSheet(
            user, unit, figure(ON_SPOT, user),
            tuple(component(figure(one, user), weights[one.key]) for one in OF_CLERKS if weights.get(one.key)),
            Trained(weights.get(TRAINING, 0), *trained.get(user.id, (Share(0, 0), ()))),
        )
        for user, unit in people
    ]  # fmt: skip


async def _people(
    session: AsyncSession, of: Slice, known: frozenset[int]
) -> Sequence[tuple[User, Unit | None]]:
    clerks = select(RoleGrant.user_id).where(RoleGrant.role == Role.WINDOW)
    holds_post = User.id.in_(clerks) & User.is_active
    wanted = (
        select(User, Unit)
        .outerjoin(Unit, Unit.id == User.unit_id)
        .where(or_(holds_post & _works_in(of), User.id.in_(known)))
        .order_by(User.region_id, Unit.code, User.display_name, User.id)
    )
    return [(user, unit) for user, unit in await session.execute(wanted)]


def _works_in(of: Slice) -> ColumnElement[bool]:
    if of.person_id is not None:
        return User.id == of.person_id
    if of.unit_ids is not None:
        return User.unit_id.in_(of.unit_ids)
    return WORKS_IN.in_(of.region_ids or ())


async def _trained(
    session: AsyncSession, of: Slice, user_ids: Sequence[int]
) -> dict[int, tuple[Share, tuple[str, ...]]]:
    """What each needs and lacks on the last day of the period, or today where that is earlier."""
    day = beijing(min(of.until - timedelta(seconds=1), of.now)).date()
    only = select(User.id).where(User.id.in_(user_ids))
    rows = standings(provided(session, TrainingSettings), day, only)
    states: dict[int, list[tuple[str, bool]]] = {}
    for user_id, topic, state in await session.execute(
        select(rows.c.user_id, rows.c.topic, rows.c.state).order_by(rows.c.key)
    ):
        states.setdefault(user_id, []).append((topic, state in LACKING))
    return {
        user_id: (
            Share(len(topics), sum(not lacks for _, lacks in topics)),
            tuple(TOPICS[Topic(topic)] for topic, lacks in topics if lacks),
        )
        for user_id, topics in states.items()
    }
