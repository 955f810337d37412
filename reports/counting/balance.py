"""The counts that must reconcile (登记平衡, M-76): 登记 = 办结 + 在办 + 无效 + 超范围, for any slice and any split of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, not_
from sqlalchemy.ext.asyncio import AsyncSession

from core.sql import beijing_hour
from reports.counting.passes import rows
from reports.counting.slices import Slice
from reports.counting.sources import QUESTIONS
from tickets.lifecycle import REPLIED_STATES
from tickets.models import Outcome, State, Ticket

_VOID = Ticket.state == State.VOID
_OUT_OF_SCOPE = and_(_VOID, func.coalesce(Ticket.outcome, "") == Outcome.OUT_OF_SCOPE)
PARTS: dict[str, tuple[str, ColumnElement[bool]]] = {
    "finished": ("办结", Ticket.state.in_(REPLIED_STATES)),
    "open": ("在办", not_(_VOID) & Ticket.state.not_in(REPLIED_STATES)),
    "void": ("无效、并案", and_(_VOID, not_(_OUT_OF_SCOPE))),
    "out_of_scope": ("超范围", _OUT_OF_SCOPE),
}
SPLITS: dict[str, tuple[str, Any]] = {
    "channel": ("渠道", Ticket.channel),
    "class": ("类别", Ticket.question_class),
    "subject": ("主题", Ticket.subject),
    "unit": ("单位", Ticket.unit_id),
    "line": ("线路", Ticket.line),
    "region": ("地区", Ticket.region_id),
    "outcome": ("处理结果", Ticket.outcome),
    "hour": ("时刻", beijing_hour(Ticket.received_at)),
}
TOGETHER = (("channel", "class", "outcome", "hour"), ("line", "region"), ("subject",), ("unit",))
"""Splits that one statement counts: together they have few combinations."""


@dataclass(frozen=True)
class Balance:
    """How many questions were registered, and what became of them."""

    key: Any
    registered: int
    finished: int
    open: int
    void: int
    out_of_scope: int


async def balance(session: AsyncSession, of: Slice) -> Balance:
    """The whole slice's."""
    ((_, numbers),) = await _counted(session, of, ())
    return Balance(None, *numbers)


async def split(session: AsyncSession, of: Slice, name: str) -> Sequence[Balance]:
    """One balance for each value of a split in SPLITS, the largest first, hours in order; their sums are the whole's."""
    return _part(await _counted(session, of, (name,)), 0, name)


async def splits(session: AsyncSession, of: Slice) -> dict[str, Sequence[Balance]]:
    """Every split, as `split` gives it."""
    found: dict[str, Sequence[Balance]] = {}
    for names in TOGETHER:
        counted = await _counted(session, of, names)
        found |= {name: _part(counted, place, name) for place, name in enumerate(names)}
    return {name: found[name] for name in SPLITS}


Counted = list[tuple[tuple[Any, ...], tuple[int, ...]]]
"""The values of some splits, and what was counted where they meet."""


async def _counted(session: AsyncSession, of: Slice, names: Sequence[str]) -> Counted:
    keys = [SPLITS[name][1].label(name) for name in names]
    numbers = [func.count(Ticket.id), *(func.count().filter(condition) for _, condition in PARTS.values())]
    query = rows(QUESTIONS, of).with_only_columns(*keys, *numbers).group_by(*keys)
    return [(tuple(row[: len(keys)]), tuple(row[len(keys) :])) for row in await session.execute(query)]


def _part(counted: Counted, place: int, name: str) -> list[Balance]:
    sums: dict[Any, Counter[int]] = {}
    for keys, numbers in counted:
        sums.setdefault(keys[place], Counter()).update(dict(enumerate(numbers)))
    found = [Balance(key, *(sums[key][n] for n in range(1 + len(PARTS)))) for key in sums]
    if name == "hour":
        return sorted(found, key=lambda one: one.key)
    return sorted(found, key=lambda one: (-one.registered, str(one.key)))
