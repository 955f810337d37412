"""The public side (公众端): what the hotline is, what it knows, asking, and how far a question has come.

Everything is rendered on the server and works without scripts; no telephone and no staff page is reachable here.
"""

from functools import partial

from aiohttp import web

from core.web.app import add_room
from core.web.keys import CLOCK, DB, TASKS
from portal import api, embed, front, kept, tracking
from portal.displays import kiosk, news, screen
from portal.keys import ATTACHMENTS, PORTAL
from portal.limits import LIMITS, Limits
from portal.open311 import description
from portal.open311 import views as open311
from portal.reading import answers, bulletin, card, cases, citations, directory, finances
from portal.settings import PortalSettings
from portal.submitting import applying, asking, remarks
from portal.webhook_sender import send_all
from tickets.settings import AttachmentSettings


def setup(app: web.Application) -> None:
    add_room(app, "portal", prefix="portal")
    settings = app.setdefault(PORTAL, PortalSettings())
    app.setdefault(ATTACHMENTS, AttachmentSettings())
    kept.prepare(app)
    app[LIMITS] = Limits(app[CLOCK], settings)
    for part in (
        front,
        answers,
        card,
        asking,
        applying,
        tracking,
        directory,
        kiosk,
        screen,
        bulletin,
        citations,
        remarks,
        cases,
        finances,
        embed,
        open311,
        description,
    ):
        part.routes.register(app)
    api.setup(app)
    news.setup(app)
    app.on_startup.append(_start)


async def _start(app: web.Application) -> None:
    app[TASKS].loop("webhooks", partial(send_all, app[DB], app[CLOCK]))
