"""Applying for disclosure (依申请公开, M-110): a ticket of its own kind, under the clock of the disclosure regulation.

It goes a question's way: to the unit named, or to the government office that finds out; what is given to the
applicant, and whether it may be given, is decided outside. 《政府信息公开条例》第二十九条 says what an application holds:
who applies and how to be reached, what is wanted, and in what way.
"""

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.errors import InvalidInput
from tickets.intake.ask import Question, ask
from tickets.intake.models import DisclosureWish, Way
from tickets.models import TicketKind
from tickets.service import Issued
from tickets.text import clean

SENT = frozenset({Way.POST, Way.EMAIL})
"""Ways that need an address."""


async def apply(
    session: AsyncSession,
    clock: Clock,
    question: Question,
    *,
    way: str,
    address: str = "",
    code_seed: str = "",
) -> Issued:
    """`question` says who applies (name and number are compulsory) and what is wanted.

    Raises InvalidInput, and what `ask` raises.
    """
    wish = _wish(question, way, clean("address", address))
    application = replace(question, kind=TicketKind.DISCLOSURE)
    issued = await ask(session, clock, application, code_seed=code_seed)
    wish.ticket_id = issued.ticket.id
    session.add(wish)
    await session.flush()
    return issued


def _wish(question: Question, way: str, address: str) -> DisclosureWish:
    if not clean("question", question.text):
        raise InvalidInput(field="所需信息", reason="请写明信息的名称、文号或便于查找的特征")
    if not clean("asker_name", question.asker_name):
        raise InvalidInput(field="申请人", reason="请填写姓名或单位名称")
    if not any(c.isdigit() for c in question.callback_number):
        raise InvalidInput(field="联系电话", reason="请填写能联系到您的电话")
    if way not in set(Way):
        raise InvalidInput(field="获取方式", reason="请从列表中选择")
    if way in SENT and not address:
        raise InvalidInput(field="寄送地址", reason="邮寄或电子邮件发送的，请填写地址")
    if way == Way.EMAIL and "@" not in address:
        raise InvalidInput(field="寄送地址", reason="请填写电子邮箱，如 name@example.com")
    return DisclosureWish(way=Way(way), address=address if way in SENT else "")
