"""The parts of a parallel case (并联事项) as they stand: read only. What may be done with them is `cases`'."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.units import Unit
from tickets.lifecycle import STATE_NAMES
from tickets.models import State, Step, Ticket, TicketKind

DONE = frozenset({State.REPLIED, State.CLOSED})
MEMBERS = frozenset({TicketKind.PARALLEL, TicketKind.PART})
"""A case and its parts."""


@dataclass(frozen=True)
class Share:
    """One unit's part: its ticket and the newest of its steps."""

    ticket: Ticket
    step: Step
    unit_name: str

    @property
    def is_done(self) -> bool:
        return self.ticket.state in DONE

    @property
    def is_withdrawn(self) -> bool:
        return self.ticket.state == State.VOID

    @property
    def is_open(self) -> bool:
        return not self.is_done and not self.is_withdrawn

    @property
    def state_name(self) -> str:
        return "已撤回" if self.is_withdrawn else STATE_NAMES[self.ticket.state]


def shares_query(case_id: int) -> Select[Ticket, Step, str]:
    """Rows of `Share`, in the order in which the units were involved."""
    return (
        select(Ticket, Step, Unit.name)
        .join(Step, Step.id == Ticket.last_step_id)
        .join(Unit, Unit.id == Step.unit_id)
        .where(Ticket.case_id == case_id)
        .order_by(Ticket.id)
    )


async def shares_of(session: AsyncSession, case_id: int) -> list[Share]:
    return [Share(*row) for row in await session.execute(shares_query(case_id))]


async def case_of(session: AsyncSession, ticket: Ticket) -> Ticket | None:
    """The case itself, for it or one of its parts; none for any other ticket."""
    if ticket.kind == TicketKind.PARALLEL:
        return ticket
    return await session.get(Ticket, ticket.case_id) if ticket.case_id else None


async def others_of(session: AsyncSession, ticket: Ticket) -> Sequence[Ticket]:
    """The rest of the case that a ticket belongs to; nothing for any other ticket."""
    if ticket.kind not in MEMBERS:
        return ()
    case_id = ticket.case_id or ticket.id
    rest = ((Ticket.case_id == case_id) | (Ticket.id == case_id)) & (Ticket.id != ticket.id)
    return (await session.scalars(select(Ticket).where(rest).order_by(Ticket.id))).all()


async def all_done(session: AsyncSession, case_id: int) -> bool:
    """Whether no part is being worked on; the case is held until the commit, so that its lead cannot reopen one meanwhile."""
    await session.scalar(select(Ticket.id).where(Ticket.id == case_id).with_for_update())
    running = (Ticket.case_id == case_id) & Ticket.state.not_in([*DONE, State.VOID])
    return await session.scalar(select(Ticket.id).where(running).limit(1)) is None


def merged(shares: Iterable[Share]) -> str:
    """The units' answers one after the other (汇总), for the lead to write its own from."""
    return "\n\n".join(f"{share.unit_name}：{share.step.reply}" for share in shares if share.is_done)
