"""The ticket form beside the call (工单): reading, saving as typed, finishing with an outcome.

A save names the version it started from. When somebody was quicker the answer carries their text, so that the page
can show both and nothing is lost.
"""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from agent_desktop.desk.drafts import FIELDS, draft_in_hand, earlier_json, fields_of, form_json, own_ticket
from agent_desktop.desk.errors import NotYourCall, PracticeOnly, WrapUpUnfinished
from agent_desktop.keys import BOARD, CONTROL
from core.errors import InvalidInput
from core.people import Role
from core.web.keys import CLOCK, DB, person
from core.web.requests import json_body
from core.web.routes import Routes
from tickets import queries, service
from tickets.errors import DraftStale
from tickets.oversight.causes import cause_of

routes = Routes()
OPERATOR = (Role.OPERATOR,)
EARLIER_SHOWN = 8


@routes.get("/desk/tickets/{ticket_no}", roles=OPERATOR)
async def read(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        ticket = await own_ticket(session, person(request).user_id, request.match_info["ticket_no"])
    return web.json_response(form_json(ticket))


@routes.post("/desk/tickets/{ticket_no}", roles=OPERATOR)
async def save(request: web.Request) -> web.StreamResponse:
    """{"version", "fields"} → {"version"}; 409 with {"version", "theirs"} among the error's fields."""
    body = await json_body(request)
    try:
        return web.json_response({"version": await _save(request, body)})
    except DraftStale as stale:
        return await _both_texts(request, stale)


@routes.post("/desk/tickets/{ticket_no}/finish", roles=OPERATOR)
async def finish(request: web.Request) -> web.StreamResponse:
    """Save, then end the operator's part with an outcome, in one unit of work; then the wrap-up ends as well."""
    body, user_id = await json_body(request), person(request).user_id
    ticket_no = request.match_info["ticket_no"]
    try:
        async with request.app[DB].unit_of_work() as session:
            await service.save_draft(
                session, request.app[CLOCK], ticket_no=ticket_no, operator_id=user_id,
                fields=_fields(body), version=_version(body),
            )  # fmt: skip
            await service.finish(
                session, request.app[CLOCK], ticket_no=ticket_no, operator_id=user_id,
                outcome=str(body.get("outcome") or ""), duplicate_of=str(body.get("duplicate_of") or "")[:20],
            )  # fmt: skip
    except DraftStale as stale:
        return await _both_texts(request, stale)
    agent = request.app[BOARD].agent(user_id)
    if agent and agent.state == "wrapup" and agent.call and agent.call.ticket_no == ticket_no:
        await request.app[CONTROL].finish_wrap_up(user_id)
    return web.json_response({"ok": True})


@routes.post("/desk/tickets/{ticket_no}/complaint", roles=OPERATOR)
async def complain(request: web.Request) -> web.StreamResponse:
    """{"text", "cause"}: register what the caller said as a complaint of its own (M-50, M-136); its code is told now and never again."""
    user_id, app = person(request).user_id, request.app
    body = await json_body(request)
    text, cause = str(body.get("text") or "").strip(), cause_of(str(body.get("cause") or ""))
    if not text:
        raise InvalidInput(field="问题内容", reason="请先写明投诉的内容，再登记投诉")
    async with app[DB].unit_of_work() as session:
        ticket = await own_ticket(session, user_id, request.match_info["ticket_no"])
        if ticket.is_practice:
            raise PracticeOnly
        issued = await service.register_complaint(
            session, app[CLOCK], call_id=ticket.call_id, region_id=ticket.region_id, line=ticket.line,
            caller_number=ticket.caller_number, recording_id=None, about=None, text=text, operator_id=user_id,
            cause=cause,
        )  # fmt: skip
    return web.json_response(
        {"ticket_no": issued.ticket.ticket_no, "query_code": issued.query_code}, status=201
    )


@routes.get("/desk/earlier", roles=OPERATOR)
async def earlier(request: web.Request) -> web.StreamResponse:
    """Earlier tickets of the caller's number, for the operator's own running call."""
    app = request.app
    agent = app[BOARD].agent(person(request).user_id)
    call = agent.call if agent else None
    if call is None:
        raise NotYourCall
    if not call.caller_number:
        return web.json_response({"tickets": []})
    async with app[DB].reading() as session:
        found = await queries.earlier_by_number(session, call.caller_number, EARLIER_SHOWN)
        others = [ticket for ticket in found if ticket.ticket_no != call.ticket_no]
    return web.json_response({"tickets": earlier_json(others, app[CLOCK].now())})


async def refuse_unfinished(request: web.Request, user_id: int) -> None:
    """Raise WrapUpUnfinished while the call that was just talked has no outcome (M-23)."""
    agent = request.app[BOARD].agent(user_id)
    if agent is None or agent.state != "wrapup" or agent.call is None or not agent.call.ticket_no:
        return
    async with request.app[DB].reading() as session:
        draft = await draft_in_hand(session, user_id, agent.call.ticket_no)
    if draft and not draft.has_outcome:
        raise WrapUpUnfinished(ticket_no=draft.ticket_no)


async def _save(request: web.Request, body: dict[str, Any]) -> int:
    async with request.app[DB].unit_of_work() as session:
        ticket = await service.save_draft(
            session, request.app[CLOCK], ticket_no=request.match_info["ticket_no"],
            operator_id=person(request).user_id, fields=_fields(body), version=_version(body),
        )  # fmt: skip
    return ticket.draft_version


async def _both_texts(request: web.Request, stale: DraftStale) -> web.Response:
    async with request.app[DB].reading() as session:
        ticket = await own_ticket(session, person(request).user_id, request.match_info["ticket_no"])
    fields = {"version": ticket.draft_version, "theirs": fields_of(ticket)}
    error = {"code": stale.code, "message": stale.message, "fields": fields}
    return web.json_response({"error": error}, status=stale.status)


def _fields(body: dict[str, Any]) -> Mapping[str, Any]:
    fields = body.get("fields", {})
    if not isinstance(fields, dict):
        raise InvalidInput(field="工单", reason="内容无法识别，请刷新页面")
    return {name: value for name, value in fields.items() if name in FIELDS}


def _version(body: dict[str, Any]) -> int:
    version = body.get("version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise InvalidInput(field="版本", reason="缺少版本号，请刷新页面")
    return version
