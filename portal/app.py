"""The public side (公众端): what the hotline is, what it knows, how far a question has come.

Everything is rendered on the server and works without scripts; no telephone and no staff page is reachable here.
"""

from aiohttp import web

from core.web.app import add_room
from core.web.keys import CLOCK
from portal import api, views
from portal.keys import PORTAL
from portal.limits import LIMITS, Limits
from portal.settings import PortalSettings


def setup(app: web.Application) -> None:
    add_room(app, "portal", prefix="portal")
    settings = app.setdefault(PORTAL, PortalSettings())
    app[LIMITS] = Limits(app[CLOCK], settings)
    views.routes.register(app)
    api.setup(app)
