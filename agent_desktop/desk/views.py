"""The operator's desk `/desk` (话务台): the page, its live line, the seat and the call. Tickets and search stand beside.

Every wish goes to call control, which refuses in Chinese; what became of it comes back as a new state.
"""

from typing import Any

from aiohttp import web

from agent_desktop.desk import codes, door, kb_views, live, own
from agent_desktop.desk.directory import directory_json, places_json
from agent_desktop.desk.errors import NotYourCall, ReasonUnknown, WishUnknown
from agent_desktop.desk.live import DESK_PUSH
from agent_desktop.desk.owed_calls import routes as owed_routes
from agent_desktop.desk.phrases import PhrasesChanged, current, load, phrases_json
from agent_desktop.desk.practice import routes as practice_routes
from agent_desktop.desk.ticket_views import refuse_unfinished
from agent_desktop.desk.ticket_views import routes as ticket_routes
from agent_desktop.keys import BOARD, CONTROL, WRAP_UP_REMIND_S
from core import audit
from core.clock import beijing
from core.errors import InvalidInput
from core.people import Role
from core.web import changes
from core.web.app import add_room, render
from core.web.keys import CLOCK, DB, SETTINGS, person
from core.web.requests import json_body, source_of
from core.web.routes import Routes
from tickets.oversight.causes import CAUSES
from tickets.words import OUTCOMES

routes = Routes()
OPERATOR = (Role.OPERATOR,)
PAUSE_REASONS = ("小休", "会议", "培训", "用餐")
MAX_NUMBER_LENGTH = 20


@routes.get("/desk", roles=OPERATOR, nav="话务台")
async def page(request: web.Request) -> web.StreamResponse:
    return render(
        request, "desk/index.html", person=person(request), pause_reasons=PAUSE_REASONS, outcomes=OUTCOMES.items(),
        causes=CAUSES, wrap_up_remind_s=request.app[WRAP_UP_REMIND_S],
        **await kb_views.choices(request),
    )  # fmt: skip


@routes.get("/desk/ws", roles=OPERATOR)
async def websocket(request: web.Request) -> web.StreamResponse:
    return await request.app[DESK_PUSH].serve(request, person(request).user_id)


@routes.get("/desk/directory", roles=(Role.OPERATOR, Role.LIAISON, Role.HEAD, Role.OFFICE))
async def directory(request: web.Request) -> web.StreamResponse:
    today = beijing(request.app[CLOCK].now()).date()
    async with request.app[DB].reading() as session:
        units = await directory_json(session, today)
        return web.json_response({"units": units, "places": await places_json(session)})


@routes.get("/desk/phrases", roles=OPERATOR)
async def phrases(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        situations = await current(session)
    return web.json_response({"situations": phrases_json(situations, request.app[SETTINGS].hotline_number)})


@routes.post("/desk/seat", roles=OPERATOR)
async def seat(request: web.Request) -> web.StreamResponse:
    """{"action": login | logout | ready | pause, "reason", "desk_phone"} → {"ok", "warning"}.

    None leaves a wrap-up without an outcome; `warning` is about trainings that are missing or end soon.
    """
    body, user_id, control = await json_body(request), person(request).user_id, request.app[CONTROL]
    action, warning = body.get("action"), ""
    if action != "login":
        await refuse_unfinished(request, user_id)
    match action:
        case "login":
            warning = await door.warning(request)
            await control.login(user_id, desk_phone=body.get("desk_phone") is True)
        case "logout":
            await control.logout(user_id)
        case "ready":
            await control.ready(user_id)
        case "pause":
            await control.pause(user_id, _reason(body))
        case other:
            raise WishUnknown(wish=str(other)[:40])
    return _done(request, user_id, warning)


@routes.post("/desk/call", roles=OPERATOR)
async def call(request: web.Request) -> web.StreamResponse:
    """{"action": hang_up | blind | consult | complete | three_way | cancel | play_code | return_call | call_out, …}"""
    body, user_id, control = await json_body(request), person(request).user_id, request.app[CONTROL]
    match body.get("action"):
        case "hang_up":
            await control.hang_up(user_id)
        case "blind":
            await control.blind_transfer(user_id, *chosen_party(body))
        case "consult":
            await control.consult(user_id, *chosen_party(body))
        case "complete":
            await control.complete_transfer(user_id)
        case "three_way":
            await control.three_way(user_id)
        case "cancel":
            await control.cancel_consult(user_id)
        case "play_code":
            await control.play_code(user_id)
        case "return_call":
            await control.return_call(user_id, _key(body, "owed_call_id"))
        case "call_out":
            await control.call_out(user_id, _number(body), body.get("ticket_no") or None)
        case other:
            raise WishUnknown(wish=str(other)[:40])
    return _done(request, user_id)


@routes.post("/desk/page", roles=OPERATOR)
async def page_life(request: web.Request) -> web.StreamResponse:
    """{"event": loaded | left, "in_call"}: the page that holds the telephone comes or goes; a form when it goes."""
    user_id, control = person(request).user_id, request.app[CONTROL]
    form = await request.post() if request.content_type == "multipart/form-data" else await json_body(request)
    if form.get("event") == "left":
        await control.page_left(user_id)
    else:
        await control.page_loaded(user_id, in_call=form.get("in_call") is True)
    return _done(request, user_id)


@routes.post("/desk/reveal", roles=OPERATOR)
async def reveal(request: web.Request) -> web.StreamResponse:
    """The caller's number in full, for the operator's own running call; leaves an audit row (§5.9)."""
    user, app = person(request), request.app
    agent = app[BOARD].agent(user.user_id)
    call = agent.call if agent else None
    wanted = (await json_body(request)).get("call_id")
    if call is None or call.linkedid != wanted:
        raise NotYourCall
    async with app[DB].unit_of_work() as session:
        await audit.record(
            session, app[CLOCK], actor=user.username, role=Role.OPERATOR, action="number.reveal",
            target=f"call:{call.linkedid}", source=source_of(request),
        )  # fmt: skip
    return web.json_response({"number": call.caller_number})


def _done(request: web.Request, user_id: int, warning: str = "") -> web.Response:
    request.app[DESK_PUSH].changed(user_id)
    return web.json_response({"ok": True, "warning": warning})


def _reason(body: dict[str, Any]) -> str:
    reason = body.get("reason")
    if reason not in PAUSE_REASONS:
        raise ReasonUnknown
    return str(reason)


def chosen_party(body: dict[str, Any]) -> tuple[int, int | None]:
    """The unit, and the liaison where one was picked, that a page wants the caller put through to."""
    return _key(body, "unit_id"), _optional_key(body, "liaison_id")


def _key(body: dict[str, Any], name: str) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**31:
        raise InvalidInput(field="单位", reason="请从通讯录中选择")
    return value


def _optional_key(body: dict[str, Any], name: str) -> int | None:
    return None if body.get(name) is None else _key(body, name)


def _number(body: dict[str, Any]) -> str:
    """A telephone number as dialled: digits, perhaps a leading +; spaces and dashes are dropped."""
    number = str(body.get("number", "")).replace(" ", "").replace("-", "")
    digits = number.removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and 3 <= len(digits) <= MAX_NUMBER_LENGTH):
        raise InvalidInput(field="电话号码", reason="请输入 3 至 20 位数字")
    return number


def setup(app: web.Application) -> None:
    load()  # a fault in the file is told at the start
    changes.announce(app, PhrasesChanged, "phrases")
    add_room(app, "agent_desktop.desk", prefix="desk")
    for part in (routes, codes.routes, ticket_routes, kb_views.routes, owed_routes, practice_routes):
        part.register(app)
    own.setup(app)
    app.on_startup.append(live.start)
    app.on_cleanup.append(live.stop)
