"""How each liaison does (联络员情况, M-34 「服务态度、服务水平、对部门工作和相关政策的熟悉程度」): rung, answered, how quickly, and
what came of it.

Two indicators count rings of a person, one row each: how the ring ended. The rest are the units' own indicators by
person: satisfaction, quality, forwards, overdue steps. A ring belongs to the unit that was called, wherever the person
works by now.
"""

from sqlalchemy import ColumnElement, and_, func, literal_column, or_, select
from sqlalchemy.orm import aliased, join

from core.sql import elapsed_ms
from recordings import ledger
from recordings.call_story.legs import DEPARTMENT_ROLES
from recordings.models import Call, CallEvent, CallMark
from reports.counting.indicators import BY_KEY, Group, Indicator, Show
from reports.counting.sources import Source

_End, _Start, _Rang, _Any = (aliased(CallEvent) for _ in range(4))
_started: ColumnElement[str] = literal_column(f"'{ledger.TRANSFER_STARTED}'")
"""Spoken out, so that its partial index serves."""
_unit = (
    select(_Start.data["unit"].as_integer())
    .where(_Start.call_id == _End.call_id, _Start.id < _End.id, _Start.kind == _started)
    .order_by(_Start.id.desc())
    .limit(1)
    .correlate(_End)
    .scalar_subquery()
)
_rang_at = (
    select(_Rang.at)
    .where(
        _Rang.call_id == _End.call_id, _Rang.id < _End.id,
        _Rang.kind.in_([ledger.OFFERED, ledger.TRANSFER_STARTED]),
    )
    .order_by(_Rang.id.desc())
    .limit(1)
    .correlate(_End)
    .scalar_subquery()
)  # fmt: skip
_user = _End.data["user"].as_integer()
_answered = _End.kind == ledger.TRANSFER_ANSWERED
_missed = and_(
    _End.kind == ledger.NO_ANSWER,
    _End.data["role"].as_string().in_(sorted(DEPARTMENT_ROLES)),
    func.coalesce(_End.data["why"].as_string(), "") != "cancelled",
)
RINGS = Source(
    "振铃", join(Call, _End, _End.call_id == Call.id), _End.id, Call.started_at,
    where=(
        Call.direction == "in", Call.mark == CallMark.NONE, Call.ended_at.is_not(None),
        select(_Any.id).where(_Any.call_id == Call.id, _Any.kind == _started).exists(), or_(_answered, _missed), _user.is_not(None),
    ),
    region=Call.region_id, unit=_unit, line=Call.line, person=_user, linkedid=Call.linkedid,
)  # fmt: skip

RATE = Indicator(
    "L-01", "接听率", Group.UNIT, RINGS,
    "本人接听的振铃 ÷ 转接时打到本人的振铃；无人接听、占线、拒接、不在线、未按键确认都算未接，话务员收回的不计。",
    "M-34 「服务态度、服务水平、对部门工作和相关政策的熟悉程度」[I]", counted=_answered,
)  # fmt: skip
SPEED = Indicator(
    "L-02", "平均接听用时", Group.UNIT, RINGS.only(_answered),
    "从振铃到接听的时间之和 ÷ 本人接听的振铃。", "M-34 [I]",
    amount=elapsed_ms(_End.at, _rang_at), show=Show.SECONDS, higher_is_better=False,
)  # fmt: skip
OF_LIAISONS = (RATE, SPEED, *(BY_KEY[key] for key in ("K-09", "K-21.unit", "K-17", "K-16")))
"""In the order of the table: 接听率, 用时, 满意率, 质检得分, 转发率, 逾期率."""
OWN = {one.key: one for one in (RATE, SPEED)}
"""Those that are not among the units' indicators."""
