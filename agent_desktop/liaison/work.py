"""What the people of a unit do with a ticket (办理): answer, hand on, ask for time, explain; and heads decide (审核).

Each form comes from the ticket's page and goes back to it; who may is decided by `tickets`, refusals included.
"""

from collections.abc import Mapping

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.ticket.acting import act
from core.errors import InvalidInput
from core.people import Role, User
from core.web.keys import CLOCK
from core.web.numbers import whole_number
from core.web.routes import Routes
from tickets import handover, replies
from tickets.clocks import extensions
from tickets.models import QuestionClass, RequestKind
from tickets.oversight import complaints

routes = Routes()
HOLDERS = (Role.LIAISON, Role.HEAD, Role.OFFICE)
ASKERS = (*HOLDERS, Role.INSPECTOR)
DECIDERS = (Role.HEAD, Role.OFFICE)
ASKED = {
    RequestKind.EXTEND: "延期申请已提交，等待负责人审核。",
    RequestKind.CHANGE_CLASS: "类别调整申请已提交，等待负责人审核。",
    RequestKind.EXPLAIN: "逾期说明已提交，负责人审核后公开。",
}
Fields = Mapping[str, str]


@routes.post("/tickets/{ticket_no}/answer", roles=HOLDERS)
async def answer(request: web.Request) -> web.StreamResponse:
    """`answer` or, when it cannot be answered, `guidance` (M-27); `question` where it was not recorded yet."""

    async def work(session: AsyncSession, user: User, fields: Fields) -> None:
        texts = {name: fields.get(name, "") for name in ("answer", "guidance", "question")}
        await replies.answer(session, request.app[CLOCK], ticket_no=_no(request), user=user, **texts)

    return await act(request, "answer", work, "已答复，提问人可凭查询码查看。")


@routes.post("/tickets/{ticket_no}/forward", roles=HOLDERS)
async def forward(request: web.Request) -> web.StreamResponse:
    """`reason`, `target` (a unit; empty: the own level's office); a joint reply with `joint`, `part`, `subject` (M-39)."""

    async def work(session: AsyncSession, user: User, fields: Fields) -> None:
        await handover.ask_forward(
            session, request.app[CLOCK], ticket_no=_no(request), user=user, reason=fields.get("reason", ""),
            target_unit_id=_unit_key(fields.get("target", "")), joint=bool(fields.get("joint")),
            part=fields.get("part", ""), subject=fields.get("subject", ""),
        )  # fmt: skip

    return await act(request, "forward", work, "转发申请已提交，审核同意后转出。")


@routes.post("/tickets/{ticket_no}/ask", roles=ASKERS)
async def ask(request: web.Request) -> web.StreamResponse:
    """`kind` (extend, change_class, explain) with `reason`; the class asked for is the other one."""
    form = await request.post()
    kind = _kind(form.get("kind"), ASKED)

    async def work(session: AsyncSession, user: User, fields: Fields) -> None:
        wanted = fields.get("question_class", "")
        await extensions.ask_for(
            session, request.app[CLOCK], ticket_no=_no(request), user=user, kind=kind, reason=fields.get("reason", ""),
            question_class=QuestionClass(wanted) if wanted in set(QuestionClass) else None,
        )  # fmt: skip

    return await act(request, str(kind), work, ASKED[kind])


@routes.post("/tickets/{ticket_no}/decide", roles=DECIDERS)
async def decide(request: web.Request) -> web.StreamResponse:
    """`kind` of the request, `decision` (approve, refuse) and, to refuse, `refusal`."""
    form = await request.post()
    kind = _kind(form.get("kind"), set(RequestKind))
    if form.get("decision") not in {"approve", "refuse"}:
        raise InvalidInput(field="审核意见", reason="请选择同意或不同意")
    approve = form["decision"] == "approve"

    async def work(session: AsyncSession, user: User, fields: Fields) -> None:
        refusal = fields.get("refusal", "")
        if not approve and not refusal.strip():
            raise InvalidInput(field="不同意的理由", reason="请填写")
        await _decide(session, request, user, kind, approve=approve, refusal=refusal)

    return await act(request, "decide", work, "已同意。" if approve else "已退回，理由已记入办理轨迹。")


async def _decide(
    session: AsyncSession, request: web.Request, user: User, kind: RequestKind, *, approve: bool, refusal: str
) -> None:
    clock, number = request.app[CLOCK], _no(request)
    services = {
        RequestKind.FORWARD: handover.decide_forward,
        RequestKind.LEVEL: handover.decide_level,
        RequestKind.JUDICIARY: complaints.decide_judiciary,
    }
    if service := services.get(kind):
        await service(session, clock, ticket_no=number, user=user, approve=approve, refusal=refusal)
        return
    await extensions.decide_on(
        session, clock, ticket_no=number, user=user, kind=kind, approve=approve, refusal=refusal
    )


def _no(request: web.Request) -> str:
    return request.match_info["ticket_no"]


def _kind(value: object, known: object) -> RequestKind:
    try:
        kind = RequestKind(str(value))
    except ValueError:
        kind = None
    if kind is None or kind not in known:  # type: ignore[operator]
        raise InvalidInput(field="申请事项", reason="请从页面上选择")
    return kind


def _unit_key(text: str) -> int | None:
    return (whole_number(text) or 0) if text else None
