"""Live pages (实时推送): one bounded queue and one writer per socket.

Messages are whole states, so a page that missed some only needs the newest: a client that cannot keep up is
disconnected (1013) and loads its state anew, and nobody ever waits for it.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from core.clock import Clock
from core.db import Database
from core.errors import NotAllowed
from core.web.keys import CLOCK, DB, HUB, SESSION_ID, SETTINGS, TASKS, USER
from core.web.requests import from_our_pages
from core.web.sessions import SignedOut, forget_old, touch
from core.web.settings import HttpSettings

log = structlog.get_logger()
QUEUE_LENGTH = 32
HEARTBEAT_S = 20.0
SEND_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0
KEEP_EVERY_S = 60.0
SESSION_ENDED = 4401
"""Close code: signed out; the page goes to the login."""

Message = dict[str, Any]
First = Callable[[], Awaitable[Message]]
Heard = Callable[["Client", Message], Awaitable[None]]


class Client:
    """One open live page."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self.session_id = request[SESSION_ID]
        self.user_id = user.user_id if (user := request[USER]) else None
        self._request = request
        self._socket = socket
        self._queue: asyncio.Queue[str] = asyncio.Queue(QUEUE_LENGTH)
        self._ended = asyncio.Event()
        self._code = int(WSCloseCode.OK)

    def send(self, message: Message) -> None:
        """Queue a message; never waits."""
        self.send_text(json.dumps(message, ensure_ascii=False, separators=(",", ":")))

    def send_text(self, text: str) -> None:
        try:
            self._queue.put_nowait(text)
        except asyncio.QueueFull:
            if not self._ended.is_set():
                log.warning("push_client_too_slow", user_id=self.user_id)
            self.end(WSCloseCode.TRY_AGAIN_LATER)

    def end(self, code: int) -> None:
        """Close this page's socket soon."""
        if not self._ended.is_set():
            self._code = int(code)
            self._ended.set()

    async def run(self, heard: Heard | None) -> None:
        """Serve until the page leaves, is too slow, or is ended."""
        ways = [self._read(heard), self._write(), self._ended.wait()]
        tasks = [asyncio.ensure_future(way) for way in ways]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if error := task.exception():
                    log.error("push_client_failed", user_id=self.user_id, exc_info=error)
                    self.end(WSCloseCode.INTERNAL_ERROR)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """Say good-bye; cut the line when the page does not take even that."""
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._socket.close(code=self._code)
        transport = self._request.transport
        if transport is not None and self._code != WSCloseCode.OK:
            transport.abort()

    async def _write(self) -> None:
        while True:
            text = await self._queue.get()
            try:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await self._socket.send_str(text)
            except (TimeoutError, ConnectionError):
                self.end(WSCloseCode.TRY_AGAIN_LATER)
                return

    async def _read(self, heard: Heard | None) -> None:
        async for frame in self._socket:
            if frame.type is not WSMsgType.TEXT or heard is None:
                continue
            try:
                message = json.loads(frame.data)
            except ValueError:
                message = None
            if not isinstance(message, dict):
                self.end(WSCloseCode.INVALID_TEXT)
                return
            await heard(self, message)


class Hub:
    """All open live pages by topic."""

    def __init__(self) -> None:
        self._topics: dict[str, set[Client]] = defaultdict(set)

    def __len__(self) -> int:
        return sum(len(clients) for clients in self._topics.values())

    def send(self, topic: str, message: Message) -> None:
        """Queue a message for every page on this topic; safe to call from a bus handler."""
        if clients := self._topics.get(topic):
            text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
            for client in list(clients):
                client.send_text(text)

    def watched(self, topic: str) -> bool:
        """Whether any page listens, so that nobody computes a state for no one."""
        return topic in self._topics

    def watching(self, topic: str) -> int:
        """How many pages listen."""
        return len(self._topics.get(topic, ()))

    def clients(self) -> list[Client]:
        return [client for clients in self._topics.values() for client in clients]

    def end_session(self, session_id: int) -> None:
        for client in self.clients():
            if client.session_id == session_id:
                client.end(SESSION_ENDED)

    def end_person(self, news: SignedOut) -> None:
        for client in self.clients():
            if client.user_id == news.user_id and client.session_id != news.kept_id:
                client.end(SESSION_ENDED)

    async def serve(
        self, request: web.Request, *, topic: str, first: First | None = None, heard: Heard | None = None
    ) -> web.WebSocketResponse:
        """Turn a request into a live page on `topic`: sends `first()`, then whatever comes; `heard` gets its JSON."""
        if not from_our_pages(request):
            raise NotAllowed
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=64 * 1024)
        await socket.prepare(request)
        client = Client(request, socket)
        self._topics[topic].add(client)
        try:
            if first:
                client.send(await first())
            await client.run(heard)
        finally:
            self._leave(topic, client)
            await client.close()
        return socket

    def _leave(self, topic: str, client: Client) -> None:
        self._topics[topic].discard(client)
        if not self._topics[topic]:
            del self._topics[topic]


async def start(app: web.Application) -> None:
    """Keep sessions in order for as long as the application runs."""
    hub, db, clock, settings = app[HUB], app[DB], app[CLOCK], app[SETTINGS]

    async def keep(beat: Callable[[], None]) -> None:
        while True:
            await keep_sessions(hub, db, clock, settings)
            beat()
            await asyncio.sleep(KEEP_EVERY_S)

    app[TASKS].loop("web_sessions", keep)


async def stop(app: web.Application) -> None:
    for client in app[HUB].clients():
        client.end(WSCloseCode.GOING_AWAY)


async def keep_sessions(hub: Hub, db: Database, clock: Clock, settings: HttpSettings) -> None:
    """Forget what has ended; an open live page counts as presence, and closes with its session."""
    async with db.unit_of_work() as session:
        await forget_old(session, clock, settings)
        present = {client.session_id for client in hub.clients() if client.session_id is not None}
        gone = [session_id for session_id in present if not await touch(session, clock, session_id)]
    for session_id in gone:
        hub.end_session(session_id)
