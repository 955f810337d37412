"""The public side (公众门户): what the citizens' pages need, and a process of their own without any telephony (M-97)."""

from aiohttp import web

import portal.app
from config.pages import WithPages
from config.settings import Settings
from kb.searching.search import Searcher
from portal import keys


def public_side(settings: Settings, searcher: Searcher, app: web.Application) -> None:
    """The portal's pages and the channels' API in an application."""
    app[keys.SEARCHER], app[keys.PORTAL] = searcher, settings.portal
    app[keys.ATTACHMENTS] = settings.attachments
    portal.app.setup(app)


class PublicProcess(WithPages):
    """`hotline serve portal`."""

    async def start(self) -> None:
        """Returns when the public pages are served."""
        await self.serve(self.common_probes(), public_side)
        await self.hear_others()
