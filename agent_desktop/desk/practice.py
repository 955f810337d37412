"""Practising at the desk (练习, M-89): the sample calls, and having one ring."""

from aiohttp import web

from agent_desktop.desk.live import DESK_PUSH
from agent_desktop.keys import CONTROL
from core.people import Role
from core.web.keys import person
from core.web.requests import json_body
from core.web.routes import Routes
from ivr.practice_samples import samples

routes = Routes()
OPERATOR = (Role.OPERATOR,)


@routes.get("/desk/practice", roles=OPERATOR)
async def offer(_: web.Request) -> web.StreamResponse:
    """{"samples": [{"key", "title", "about"}]}"""
    offered = samples().values()
    return web.json_response(
        {"samples": [{"key": one.key, "title": one.title, "about": one.about} for one in offered]}
    )


@routes.post("/desk/practice", roles=OPERATOR)
async def practise(request: web.Request) -> web.StreamResponse:
    """{"sample": key}: it rings this operator; the seat takes no real calls until the operator is ready again."""
    user_id = person(request).user_id
    await request.app[CONTROL].practise(user_id, str((await json_body(request)).get("sample", "")))
    request.app[DESK_PUSH].changed(user_id)
    return web.json_response({"ok": True})
