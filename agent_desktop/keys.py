"""What the staff's side is given by the composition root besides the common parts; set before `setup`."""

from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from agent_desktop.phone.settings import CallerPhoneSettings
from agent_desktop.softphone.settings import SoftphoneSettings
from recordings.settings import RecordingSettings
from tickets.settings import AttachmentSettings

if TYPE_CHECKING:
    from ivr.board import Shown
    from ivr.control import CallControl
    from ivr.speech.studio import Studio
    from kb.searching.search import Searcher

CONTROL: "web.AppKey[CallControl]" = web.AppKey("CONTROL")
BOARD: "web.AppKey[Shown]" = web.AppKey("BOARD")
"""The calls and seats of this desk's node"""
EVERYWHERE: "web.AppKey[Shown]" = web.AppKey("EVERYWHERE")
"""Those of all nodes; with one node the same board"""
SEARCHER: "web.AppKey[Searcher]" = web.AppKey("SEARCHER")
SOFTPHONE = web.AppKey("SOFTPHONE", SoftphoneSettings)
CALLER_PHONE = web.AppKey("CALLER_PHONE", CallerPhoneSettings)
RECORDINGS = web.AppKey("RECORDINGS", RecordingSettings)
KB_FILES = web.AppKey("KB_FILES", Path)
"""The folder of the knowledge base's attachments"""
ATTACHMENTS = web.AppKey("ATTACHMENTS", AttachmentSettings)
WRAP_UP_REMIND_S = web.AppKey("WRAP_UP_REMIND_S", int)
"""After so long in wrap-up the desk reminds its operator."""
STUDIO: "web.AppKey[Studio]" = web.AppKey("STUDIO")
"""Where texts of the menus are tried before callers hear them"""
LINE = web.AppKey("LINE", str)
"""The number that citizens dial: of what is registered at a window."""
PUBLIC_URL = web.AppKey("PUBLIC_URL", str)
"""How citizens reach the portal, for the QR code of a slip; empty: as the page itself was reached."""
