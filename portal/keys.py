"""What the public pages are given by the composition root besides the common parts; set before `setup`."""

from typing import TYPE_CHECKING

from aiohttp import web

from portal.settings import PortalSettings
from tickets.settings import AttachmentSettings

if TYPE_CHECKING:
    from kb.search import Searcher

SEARCHER: "web.AppKey[Searcher]" = web.AppKey("SEARCHER")
"""Not set where no knowledge base is loaded: the search then says so."""
PORTAL = web.AppKey("PORTAL", PortalSettings)
ATTACHMENTS = web.AppKey("ATTACHMENTS", AttachmentSettings)
