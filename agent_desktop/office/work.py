"""What the office does with a ticket it holds: dispatch to a unit (转交、分发、指定办理), or ask to hand it a level up or down."""

from collections.abc import Mapping

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.ticket.acting import act
from core.errors import InvalidInput
from core.people import Role, User
from core.web.keys import CLOCK
from core.web.numbers import read_key
from core.web.routes import Routes
from tickets import handover
from tickets.models import QuestionClass

routes = Routes()
Fields = Mapping[str, str]


@routes.post("/tickets/{ticket_no}/dispatch", roles=(Role.OFFICE,))
async def dispatch(request: web.Request) -> web.StreamResponse:
    """`unit`, `question_class`, `note`; `designate` for a unit that declined before (M-55)."""

    async def work(session: AsyncSession, user: User, fields: Fields) -> None:
        question_class = fields.get("question_class", "")
        if question_class not in set(QuestionClass):
            raise InvalidInput(field="问题类别", reason="请选择一般性问题或重要复杂问题")
        await handover.dispatch(
            session, request.app[CLOCK], ticket_no=request.match_info["ticket_no"], user=user,
            unit_id=read_key(fields.get("unit", ""), "承办单位"), question_class=question_class, note=fields.get("note", ""),
            designate=bool(fields.get("designate")),
        )  # fmt: skip

    return await act(request, "dispatch", work, "已转交，承办单位的时限自今日起算。")


@routes.post("/tickets/{ticket_no}/level", roles=(Role.OFFICE,))
async def level(request: web.Request) -> web.StreamResponse:
    """`office` one level up or down and `reason`; a colleague of the office approves it (T7)."""

    async def work(session: AsyncSession, user: User, fields: Fields) -> None:
        await handover.ask_level(
            session, request.app[CLOCK], ticket_no=request.match_info["ticket_no"], user=user,
            office_id=read_key(fields.get("office", ""), "政府办"), reason=fields.get("reason", ""),
        )  # fmt: skip

    return await act(request, "level", work, "申请已提交，由本办另一位人员审核。")
