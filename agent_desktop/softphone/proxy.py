"""The line between a page's telephone and Asterisk's WebSocket, on our own port and origin (SIP 代理).

Passes messages on, both ways, one at a time: whoever does not take the next one in time is cut off, so nothing piles
up. Owns the rule "one telephone per person": a second page is refused, or takes over when no call is up.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp
import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from agent_desktop.softphone.settings import SoftphoneSettings
from agent_desktop.softphone.sip_text import FROM_BROWSER, Dialogs, SipHead, parse, refusal
from core.web.keys import TASKS

log = structlog.get_logger()
IN_USE = 4409
"""Close code: the telephone is in use elsewhere."""
TAKEN_OVER = 4410
"""Close code: another page has taken the telephone."""
MAX_TAB_LENGTH = 64
Invited = Callable[[SipHead], str]
"""Judges a call going out: empty lets it pass, otherwise the reason phrase of its refusal."""


@dataclass(eq=False)
class Connection:
    """One page's open line."""

    account: str
    tab: str
    socket: web.WebSocketResponse
    dialogs: Dialogs = field(default_factory=Dialogs)


class Lines:
    """The open lines of this server by account: at most one each (M-29 「每个话务座席…」: one audio extension)."""

    def __init__(self) -> None:
        self._open: dict[str, Connection] = {}

    def admit(self, new: Connection, *, take: bool) -> tuple[bool, Connection | None]:
        """Make `new` the line of its account, unless another page has it and keeps it; and who is to be closed."""
        old = self._open.get(new.account)
        if old and old.tab != new.tab and not (take and not old.dialogs.busy):
            return False, None
        self._open[new.account] = new
        return True, old

    def release(self, connection: Connection) -> None:
        if self._open.get(connection.account) is connection:
            del self._open[connection.account]

    async def close(self) -> None:
        """Tell every page that the server goes away."""
        for connection in list(self._open.values()):
            await connection.socket.close(code=WSCloseCode.GOING_AWAY)


LINES: web.AppKey[Lines] = web.AppKey("LINES", Lines)


def let_pass(_: SipHead) -> str:
    return ""


async def carry(
    request: web.Request, account: str, settings: SoftphoneSettings, *, invited: Invited = let_pass
) -> web.WebSocketResponse:
    """Serve one page's line until either side ends it; only `account` may register or call here."""
    socket = web.WebSocketResponse(protocols=("sip",), max_msg_size=settings.max_frame_bytes, heartbeat=20)
    await socket.prepare(request)
    tab = request.query.get("tab", "")[:MAX_TAB_LENGTH]
    connection = Connection(account, tab, socket)
    lines = request.app[LINES]
    admitted, old = lines.admit(connection, take="take" in request.query)
    if not admitted:
        await socket.close(code=IN_USE, message=b"in use elsewhere")
        return socket
    if old:  # it may be a ghost that answers no more: nobody waits for it
        closing = old.socket.close(code=TAKEN_OVER, message=b"taken over")
        request.app[TASKS].job(closing, "close_taken_line")
    try:
        await _join(connection, settings, invited)
    except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
        log.warning("sip_line_broken", account=account, why=type(error).__name__)
        await socket.close(code=WSCloseCode.TRY_AGAIN_LATER)
    finally:
        lines.release(connection)
    return socket


async def _join(connection: Connection, settings: SoftphoneSettings, invited: Invited) -> None:
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(
            settings.asterisk_ws_url, protocols=("sip",), max_msg_size=settings.max_frame_bytes, heartbeat=20
        ) as asterisk,
    ):
        pumps = [
            asyncio.create_task(_from_page(connection, asterisk, settings, invited)),
            asyncio.create_task(_from_asterisk(connection, asterisk, settings)),
        ]
        try:
            done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        await connection.socket.close()
        for pump in done:
            pump.result()


async def _from_page(
    connection: Connection,
    asterisk: aiohttp.ClientWebSocketResponse,
    settings: SoftphoneSettings,
    invited: Invited,
) -> None:
    async for message in connection.socket:
        if message.type is not WSMsgType.TEXT:
            continue
        head = parse(message.data)
        if head and not _allowed(head, connection.account):
            log.warning("sip_refused", account=connection.account, method=head.method)
            await connection.socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"not your telephone")
            return
        if (
            head
            and head.method == "INVITE"
            and head.is_initial
            and (why := _judge(connection, head, invited))
        ):
            await _in_time(connection.socket.send_str(refusal(head, 503, why)), settings)
            continue
        if head:
            connection.dialogs.see(head)
        await _in_time(asterisk.send_str(message.data), settings)


async def _from_asterisk(
    connection: Connection, asterisk: aiohttp.ClientWebSocketResponse, settings: SoftphoneSettings
) -> None:
    async for message in asterisk:
        if message.type is WSMsgType.TEXT:
            if head := parse(message.data):
                connection.dialogs.see(head)
            await _in_time(connection.socket.send_str(message.data), settings)


def _judge(connection: Connection, head: SipHead, invited: Invited) -> str:
    """Ask once per call: the same INVITE comes again with its credentials, under the same Call-ID."""
    return "" if connection.dialogs.knows(head.one("call-id")) else invited(head)


def _allowed(head: SipHead, account: str) -> bool:
    """REGISTER and a new INVITE only under one's own name; inside a dialog From is whoever began it."""
    if head.status:
        return True
    if head.method == "REGISTER" or (head.method == "INVITE" and head.is_initial):
        return head.from_user == account
    return head.method in FROM_BROWSER


async def _in_time(sending: Awaitable[None], settings: SoftphoneSettings) -> None:
    async with asyncio.timeout(settings.send_timeout_s):
        await sending
