"""`/supervise/live` (实时监督): the board of calls and seats, true to the second, and a supervisor's orders to them.

Every order goes to call control, which audits it and refuses in Chinese; only what is within the supervisor's regions
can be seen or ordered.
"""

from collections.abc import Collection
from typing import Any

from aiohttp import web
from sqlalchemy import select

from agent_desktop.desk.errors import WishUnknown
from agent_desktop.keys import CONTROL, EVERYWHERE
from agent_desktop.live import StatePush
from agent_desktop.supervise import access
from agent_desktop.supervise.live_state import live_state, reaches
from core.errors import InvalidInput
from core.people import Role
from core.units import Region
from core.web.app import render
from core.web.keys import CLOCK, DB, person
from core.web.requests import json_body, source_of
from core.web.routes import Routes
from ivr.queue.seats import REASONS
from ivr.talks.watch import Mode, Supervisor
from recordings.calls import Scope
from recordings.errors import CallUnknown

routes = Routes()
SUPERVISOR = (Role.SUPERVISOR,)


class LiveStates:
    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._scopes: dict[int, Scope] = {}
        self._regions: dict[int, str] = {}

    async def learn(self, request: web.Request) -> Scope:
        """How far the person behind a request reaches, anew for every page and order."""
        async with self._app[DB].reading() as session:
            scope = access.scope(request, await access.listener(request, session))
            rows = await session.execute(select(Region.id, Region.name))
            self._regions = {row.id: row.name for row in rows}
        self._scopes[person(request).user_id] = scope
        return scope

    async def of(self, user_ids: Collection[int]) -> dict[int, dict[str, Any]]:
        """By supervisor."""
        board, control, now = self._app[EVERYWHERE], self._app[CONTROL], self._app[CLOCK].now()
        calls, agents, names = board.calls(), board.agents(), control.names()
        return {
            user_id: live_state(
                now, self._scopes.get(user_id, Scope()), user_id, calls, agents, control.watches, names, self._regions
            )
            for user_id in user_ids
        }  # fmt: skip


STATES: web.AppKey[LiveStates] = web.AppKey("SUPERVISE_STATES", LiveStates)
PUSH: web.AppKey[StatePush] = web.AppKey("SUPERVISE_PUSH", StatePush)


@routes.get("/supervise/live", roles=SUPERVISOR, nav="实时监督")
async def page(request: web.Request) -> web.StreamResponse:
    await request.app[STATES].learn(request)
    user_id = person(request).user_id
    states = await request.app[STATES].of([user_id])
    return render(
        request,
        "supervise/live.html",
        state=states[user_id],
        reasons=REASONS,
        lines=request.app[CONTROL].line_names(),
    )


@routes.get("/supervise/live/ws", roles=SUPERVISOR)
async def websocket(request: web.Request) -> web.StreamResponse:
    await request.app[STATES].learn(request)
    return await request.app[PUSH].serve(request, person(request).user_id)


@routes.post("/supervise/live/page", roles=SUPERVISOR)
async def page_life(request: web.Request) -> web.StreamResponse:
    """{"event": loaded | left}: the page with the telephone comes or goes; what it listened to is over."""
    form = await request.post() if request.content_type == "multipart/form-data" else await json_body(request)
    if form.get("event") == "left":
        await request.app[CONTROL].stop_supervising(person(request).user_id)
    return web.json_response({"ok": True})


@routes.post("/supervise/live/call", roles=SUPERVISOR)
async def call(request: web.Request) -> web.StreamResponse:
    """{"call_id", "action": listen | whisper | barge | take_over | stop | front | operator | line, "user_id", "line"}"""
    body, control, by = await json_body(request), request.app[CONTROL], _who(request)
    action, linkedid = body.get("action"), str(body.get("call_id") or "")
    if action == "stop":
        await control.stop_supervising(by.user_id)
        return _done(request)
    await _refuse_beyond(request, linkedid)
    match action:
        case Mode.LISTEN | Mode.WHISPER | Mode.BARGE | Mode.TAKE_OVER:
            await control.supervise(by, linkedid, Mode(action))
        case "front":
            await control.move_to_front(by, linkedid)
        case "operator":
            await control.move_to_operator(by, linkedid, await _seat_within_reach(request, body))
        case "line":
            await control.move_to_line(by, linkedid, str(body.get("line") or ""))
        case other:
            raise WishUnknown(wish=str(other)[:40])
    return _done(request)


@routes.post("/supervise/live/seat", roles=SUPERVISOR)
async def seat(request: web.Request) -> web.StreamResponse:
    """{"user_id", "reason"}: the seat is offered nothing more until its operator is ready again."""
    body = await json_body(request)
    user_id = await _seat_within_reach(request, body)
    await request.app[CONTROL].pause_seat(_who(request), user_id, str(body.get("reason") or ""))
    return _done(request)


@routes.post("/supervise/live/practice", roles=SUPERVISOR)
async def practice(request: web.Request) -> web.StreamResponse:
    """{"user_id"}: the supervisor's own telephone rings this paused seat, as a caller to practise with (M-89)."""
    user_id = await _seat_within_reach(request, await json_body(request))
    await request.app[CONTROL].play_caller(_who(request), user_id)
    return _done(request)


def _who(request: web.Request) -> Supervisor:
    user = person(request)
    return Supervisor(user.user_id, user.username, source_of(request))


async def _refuse_beyond(request: web.Request, linkedid: str) -> None:
    """A call of another region does not exist for this supervisor."""
    scope = await request.app[STATES].learn(request)
    found = next((one for one in request.app[EVERYWHERE].calls() if one.linkedid == linkedid), None)
    if found is None or not reaches(scope, found.region_id):
        raise CallUnknown(linkedid=linkedid)


async def _seat_within_reach(request: web.Request, body: dict[str, Any]) -> int:
    scope = await request.app[STATES].learn(request)
    user_id = body.get("user_id")
    agent = request.app[EVERYWHERE].agent(user_id) if isinstance(user_id, int) else None
    if agent is None or not reaches(scope, agent.region_id):
        raise InvalidInput(field="座席", reason="请从列表中选择在岗的座席")
    return agent.user_id


def _done(request: web.Request) -> web.Response:
    request.app[PUSH].changed(person(request).user_id)
    return web.json_response({"ok": True})


async def start(app: web.Application) -> None:
    app[PUSH] = StatePush(app, "supervise", app[STATES].of)


async def stop(app: web.Application) -> None:
    app[PUSH].close()


def setup(app: web.Application) -> None:
    app[STATES] = LiveStates(app)
    routes.register(app)
    app.on_startup.append(start)
    app.on_cleanup.append(stop)
