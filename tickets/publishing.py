"""What a unit tells everybody (公开文字): it names nobody and carries nobody's number (§5.10, M-51).

The patterns are the knowledge base's; here a suspicion is enough, since a sentence about a delay needs none of it.
"""

from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import HotlineError
from core.units import published_numbers
from kb import personal
from tickets.models import Ticket


class NamesSomebody(HotlineError):
    """A text for the public seems to hold personal data; `findings` says what."""

    code = "public_text_personal"
    status = 422
    text = "这段文字将向社会公开，不能含有个人信息：{findings}。请删去后再提交。"


async def refuse_personal(session: AsyncSession, ticket: Ticket, text: str) -> None:
    """Raises NamesSomebody for the asker's name and numbers, and for whatever looks like personal data."""
    asker = (ticket.asker_name, ticket.caller_number, ticket.callback_number)
    found = personal.find(text, public=await published_numbers(session), known=filter(None, asker))
    if found:
        raise NamesSomebody(findings="；".join(one.sentence for one in found))
