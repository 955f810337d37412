"""What the public pages are given by the composition root besides the common parts; set before `setup`."""

from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from portal.settings import PortalSettings
from tickets.settings import AttachmentSettings

if TYPE_CHECKING:
    from kb.searching.search import Searcher

KB_FILES = web.AppKey("KB_FILES", Path)
"""The folder of the entries' attachments; not set: none are served."""
SEARCHER: "web.AppKey[Searcher]" = web.AppKey("SEARCHER")
"""Not set where no knowledge base is loaded: the search then says so."""
PORTAL = web.AppKey("PORTAL", PortalSettings)
ATTACHMENTS = web.AppKey("ATTACHMENTS", AttachmentSettings)
