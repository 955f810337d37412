"""What inspectors do with a ticket (投诉办理、问责、封存): each form comes from its page and goes back to it."""

from collections.abc import Mapping

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.inspect.casefile import case_papers
from agent_desktop.packing import send
from agent_desktop.ticket.acting import act
from agent_desktop.ticket.page import who_asks
from core.errors import InvalidInput
from core.people import Role, User
from core.web.keys import CLOCK, DB
from core.web.numbers import read_key
from core.web.requests import source_of
from core.web.routes import Routes
from tickets import sealing
from tickets.oversight import accountability, complaints, gists
from tickets.oversight.accountability import Decision
from tickets.oversight.causes import cause_of
from tickets.oversight.oversight_models import Grade

routes = Routes()
MON = (Role.INSPECTOR,)
Fields = Mapping[str, str]


@routes.post("/tickets/{ticket_no}/accept", roles=MON)
async def accept(request: web.Request) -> web.StreamResponse:
    async def work(session: AsyncSession, user: User, _: Fields) -> None:
        await complaints.accept(session, request.app[CLOCK], ticket_no=_no(request), user=user)

    return await act(request, "accept", work, "已受理，自提出之日起 15 个工作日内答复投诉人。")


@routes.post("/tickets/{ticket_no}/reject", roles=MON)
async def reject(request: web.Request) -> web.StreamResponse:
    """`reason`, told to whoever complained."""

    async def work(session: AsyncSession, user: User, fields: Fields) -> None:
        await complaints.reject(
            session, request.app[CLOCK], ticket_no=_no(request), user=user, reason=fields.get("reason", "")
        )

    return await act(request, "reject", work, "已决定不予受理，投诉人可凭查询码看到理由。")


@routes.post("/tickets/{ticket_no}/cause", roles=MON)
async def cause(request: web.Request) -> web.StreamResponse:
    """`cause`, what the complaint is about, before it is decided and also when it was rejected (M-136)."""

    async def work(session: AsyncSession, user: User, fields: Fields) -> None:
        chosen = cause_of(fields.get("cause", ""))
        await complaints.classify(
            session, request.app[CLOCK], ticket_no=_no(request), user=user, cause=chosen
        )

    return await act(request, "cause", work, "投诉事由已保存，统计随之更新。")


@routes.post("/tickets/{ticket_no}/gist", roles=MON)
async def gist(request: web.Request) -> web.StreamResponse:
    """`gist`, for the unit complained about."""

    async def work(session: AsyncSession, user: User, fields: Fields) -> None:
        await gists.write(
            session, request.app[CLOCK], ticket_no=_no(request), user=user, text=fields.get("gist", "")
        )

    return await act(request, "gist", work, "要点已告知被投诉单位。")


@routes.post("/tickets/{ticket_no}/verdict", roles=MON)
async def verdict(request: web.Request) -> web.StreamResponse:
    """`findings`, `opinion`, `result` (M-49); `upheld` yes or no, then `grade` (M-121), `redo` and `attitude`; `cause` (M-136)."""

    async def work(session: AsyncSession, user: User, fields: Fields) -> None:
        await complaints.reply(
            session, request.app[CLOCK], ticket_no=_no(request), user=user, verdict=_verdict(fields)
        )

    return await act(request, "verdict", work, "已答复投诉人，可凭投诉的查询码查看。")


def _verdict(fields: Fields) -> complaints.Verdict:
    if fields.get("upheld") not in {"yes", "no"}:
        raise InvalidInput(field="是否属实", reason="请选择属实或不属实")
    upheld = fields["upheld"] == "yes"
    if upheld and fields.get("grade") not in set(Grade):
        raise InvalidInput(field="处理等次", reason="投诉属实的，请选择处理等次")
    return complaints.Verdict(
        findings=fields.get("findings", ""),
        opinion=fields.get("opinion", ""),
        result=fields.get("result", ""),
        upheld=upheld,
        redo=bool(fields.get("redo")),
        grade=Grade(fields["grade"]) if upheld else Grade.MINOR,
        attitude=bool(fields.get("attitude")),
        cause=cause_of(fields.get("cause", "")),
    )


@routes.post("/tickets/{ticket_no}/judiciary", roles=MON)
async def judiciary(request: web.Request) -> web.StreamResponse:
    """`reason`, `recipient`, `papers`; the body's head approves (C4)."""

    async def work(session: AsyncSession, user: User, fields: Fields) -> None:
        texts = {name: fields.get(name, "") for name in ("reason", "recipient", "papers")}
        await complaints.ask_judiciary(
            session, request.app[CLOCK], ticket_no=_no(request), user=user, **texts
        )

    return await act(request, "judiciary", work, "移交申请已提交，等待负责人审核。")


@routes.get("/tickets/{ticket_no}/case.zip", roles=MON)
async def case_file(request: web.Request) -> web.StreamResponse:
    """What goes to the judiciary (M-53): each taking out is written down, then it is packed as it is sent."""
    async with request.app[DB].unit_of_work() as session:
        user = await who_asks(session, request)
        papers = await case_papers(session, request.app, user, _no(request), source=source_of(request))
    return await send(request, f"case-{_no(request)}", papers)


@routes.post("/tickets/{ticket_no}/accountability", roles=MON)
async def hold(request: web.Request) -> web.StreamResponse:
    """`outcome` and `reason`, for 移交司法 `recipient` and `papers`; with `order` about that order (M-134)."""

    async def work(session: AsyncSession, user: User, fields: Fields) -> None:
        texts = (fields.get(name, "") for name in ("outcome", "reason", "recipient", "papers"))
        decision = Decision(*texts)
        if fields.get("order"):
            order_id = read_key(fields.get("order", ""), "督办")
            await accountability.hold_for_order(
                session, request.app[CLOCK], order_id=order_id, user=user, decision=decision
            )
            return
        await accountability.hold(
            session, request.app[CLOCK], ticket_no=_no(request), user=user, decision=decision
        )

    return await act(request, "accountability", work, "问责决定已记录。")


@routes.post("/tickets/{ticket_no}/seal", roles=sealing.SEALERS)
async def seal(request: web.Request) -> web.StreamResponse:
    """`sealed` yes or no, and `reason`."""
    form = await request.post()
    sealed = form.get("sealed") == "yes"

    async def work(session: AsyncSession, user: User, fields: Fields) -> None:
        await sealing.set_sealed(
            session, request.app[CLOCK], ticket_no=_no(request), user=user, sealed=sealed,
            reason=fields.get("reason", ""),
        )  # fmt: skip

    return await act(request, "seal", work, "已封存。" if sealed else "已解除封存。")


def _no(request: web.Request) -> str:
    return request.match_info["ticket_no"]
