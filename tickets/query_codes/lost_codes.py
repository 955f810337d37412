"""A lost query code (补发查询码, §5.5): found again by the caller's number, issued anew, the old one dies.

The operator types the number the caller names or calls from; only tickets of exactly that number are found.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from core import audit
from core.clock import Clock
from core.errors import InvalidInput
from core.log import mask_number
from core.people import User
from core.units import regions_below
from tickets.errors import TicketNotFound
from tickets.models import Ticket, TicketKind
from tickets.service import reissue_code

SHOWN = 20
SHORTEST = 5


async def matching(
    session: AsyncSession, clock: Clock, *, user: User, number: str, source: str = ""
) -> Sequence[Ticket]:
    """The newest tickets of this number in the operator's region; the look-up is written down."""
    found = select(Ticket).where(_of_number(user, number)).order_by(Ticket.received_at.desc()).limit(SHOWN)
    await audit.record(
        session, clock, actor=user.username, action="code.lookup", target=mask_number(number), source=source
    )
    return (await session.scalars(found)).all()


async def issue_anew(session: AsyncSession, clock: Clock, *, user: User, number: str, ticket_no: str) -> str:
    """The new code, the only time it is known in full. Raises TicketNotFound when the number is another's."""
    mine = select(Ticket.id).where(Ticket.ticket_no == ticket_no, _of_number(user, number))
    if await session.scalar(mine) is None:
        raise TicketNotFound
    return await reissue_code(session, clock, ticket_no=ticket_no, operator_id=user.id)


def _of_number(user: User, number: str) -> ColumnElement[bool]:
    digits = "".join(character for character in number if character not in " -\u3000")
    if not (digits.isascii() and digits.isdigit() and SHORTEST <= len(digits) <= 20):
        raise InvalidInput(field="电话号码", reason="请输入完整的号码，固定电话请加区号")
    theirs = (Ticket.caller_number == digits) | (Ticket.callback_number == digits)
    in_region = Ticket.region_id.in_(regions_below(user.region_id))
    return theirs & in_region & (Ticket.kind != TicketKind.COMPLAINT) & Ticket.sealed.is_(False)
