"""The public side (公众端): what the hotline is, what it knows, how far a question has come.

Everything is rendered on the server and works without scripts; no telephone and no staff page is reachable here.
"""

from aiohttp import web

from core.web.app import add_room
from portal import api, views


def setup(app: web.Application) -> None:
    add_room(app, "portal", prefix="portal")
    views.prepare(app)
    views.routes.register(app)
    api.routes.register(app)
