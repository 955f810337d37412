"""The staff's side (工作人员端) of a process: what their pages are given, whether the controller is here or elsewhere."""

from collections.abc import Sequence
from dataclasses import replace

from aiohttp import web

import agent_desktop.app
from agent_desktop import keys
from agent_desktop.phone.settings import GuestAccount
from agent_desktop.softphone.settings import SoftphoneSettings
from config.prompts import studio
from config.settings import Settings
from ivr.asterisk.site import Telephone
from ivr.board import Shown
from ivr.control import CallControl
from kb.searching.search import Searcher


def staff_side(
    control: CallControl,
    board: Shown,
    everywhere: Shown,
    guests: Sequence[Telephone],
    settings: Settings,
    searcher: Searcher,
    app: web.Application,
) -> None:
    """`board`: this node's, `everywhere`: that of all nodes; `guests`: the telephones of the demo's callers."""
    accounts = tuple(GuestAccount(guest.extension, guest.password) for guest in guests)
    app[keys.CONTROL], app[keys.BOARD], app[keys.EVERYWHERE] = control, board, everywhere
    app[keys.SOFTPHONE] = SoftphoneSettings(asterisk_ws_url=settings.asterisk.websocket_url)
    app[keys.CALLER_PHONE] = replace(settings.caller_phone, guests=accounts)
    app[keys.RECORDINGS] = settings.recordings
    app[keys.SEARCHER] = searcher
    app[keys.ATTACHMENTS], app[keys.LINE] = settings.attachments, settings.line.number
    app[keys.WRAP_UP_REMIND_S] = settings.calls.wrap_up_remind_s
    app[keys.PUBLIC_URL] = settings.portal.public_url.rstrip("/")
    app[keys.KB_FILES] = settings.kb_files
    app[keys.STUDIO] = studio(settings)
    agent_desktop.app.setup(app)
