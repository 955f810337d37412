"""The counts that must reconcile (登记平衡, M-76): 登记 = 办结 + 在办 + 无效 + 超范围, for any slice and any split of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, not_
from sqlalchemy.ext.asyncio import AsyncSession

from reports.passes import rows
from reports.slices import Slice
from reports.sources import NOTHING, QUESTIONS
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
}


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
    return (await split(session, of, ""))[0]


async def split(session: AsyncSession, of: Slice, name: str) -> Sequence[Balance]:
    """One balance for each value of a split in SPLITS, the largest first; their sums are the whole's."""
    counts = [func.count().filter(condition) for _, condition in PARTS.values()]
    query = rows(QUESTIONS, of).with_only_columns(func.count(Ticket.id), *counts)
    if name:
        key = SPLITS[name][1]
        query = query.add_columns(key).group_by(key).order_by(func.count(Ticket.id).desc(), key)
    else:
        query = query.add_columns(NOTHING)
    return [Balance(row[-1], *row[:-1]) for row in await session.execute(query)]
