"""The composition root (装配): which processes there are, what each consists of, and in which order it starts and stops."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import cast

from aiohttp import web

from config.common import Common
from config.public import public_side
from config.settings import Settings
from config.staff import staff_side
from config.telephony import Telephony
from config.web_server import WebServer
from core.clock import Clock
from core.web.app import make_app
from core.web.keys import PartState, WebDeps
from ivr.apart.feed import BoardFeed
from ivr.apart.orders import OrderTaker
from ivr.apart.remote_control import RemoteControl
from ivr.control import CallControl
from kb.searching.search import Searcher

PARTS_EVERY_S = 2.0


class Hotline(Telephony):
    """`hotline run`: everything in one process."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self.searcher = Searcher(settings.kb_index, self.db, clock)
        self._web = WebServer(settings.http)

    async def start(self) -> None:
        """Returns when calls are answered and pages served."""
        await self.start_telephony()
        await self.searcher.open()
        self.tasks.loop("kb-index", self.searcher.follow)
        await self._web.start(self._app())
        await self.hear_others()
        self.calm_memory()

    async def stop(self) -> None:
        await self._web.stop()
        await self.stop_telephony()
        await self.searcher.close()
        await self.db.close()

    def _app(self) -> web.Application:
        probes = self.telephony_probes() | self.common_probes(self.settings.recordings.archive_dir)
        deps = WebDeps(self.db, self.clock, self.bus, self.tasks, self.settings.http, probes=probes)
        board = self.controller.board
        staff = partial(
            staff_side, self.settings, self.searcher, self.control, board, board, tuple(self.guests())
        )
        return make_app(deps, [staff, partial(public_side, self.settings, self.searcher)])


class ControllerProcess(Telephony):
    """`hotline serve controller`: the telephone without a page; the desk steers it over the database's channel."""

    async def start(self) -> None:
        """Returns when calls are answered."""
        channel, name = self.channel, self.settings.asterisk.system_name
        await self.start_telephony()
        self._parts: dict[str, tuple[bool, str]] = {}
        feed = BoardFeed(channel, name, self.control, self.bus, lambda: self._parts)
        OrderTaker(channel, name, self.control, feed, self.tasks)
        await self.hear_others()
        self.tasks.loop("board-feed", feed.run)
        self.tasks.loop("parts", self._look_at_parts)
        self.calm_memory()

    async def stop(self) -> None:
        await self.stop_telephony()
        await self.db.close()

    async def _look_at_parts(self, beat: Callable[[], None]) -> None:
        while True:
            for name, probe in self.telephony_probes().items():
                state = await probe()
                self._parts[name] = (state.ok, state.text)
            beat()
            await asyncio.sleep(PARTS_EVERY_S)


class DeskProcess(Common):
    """`hotline serve desk`: the staff's pages of one node; it holds no password of Asterisk's."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self.searcher = Searcher(settings.kb_index, self.db, clock)
        self._web = WebServer(settings.http)

    async def start(self) -> None:
        """Returns when pages are served, with or without a controller."""
        self.control = RemoteControl(self.channel, self.settings.asterisk.system_name, self.bus, self.tasks)
        await self.searcher.open()
        self.tasks.loop("kb-index", self.searcher.follow)
        await self.hear_others()
        self.tasks.loop("board-mirror", self.control.boards.watch)
        names = (
            "controller",
            "asterisk",
            "ledger",
            "reconciliation",
            "nodes",
            *(["depot"] if self.settings.recordings.depot else []),
        )
        probes = self.common_probes() | {name: partial(self._part, name) for name in names}
        deps = WebDeps(self.db, self.clock, self.bus, self.tasks, self.settings.http, probes=probes)
        control = cast("CallControl", self.control)  # an order's name is a method's
        boards = self.control.boards
        staff = partial(staff_side, self.settings, self.searcher, control, boards.own, boards, ())
        await self._web.start(make_app(deps, [staff]))

    async def stop(self) -> None:
        await self._web.stop()
        await self.tasks.close()
        await self.searcher.close()
        await self.db.close()

    async def _part(self, name: str) -> PartState:
        """The controller's own parts as it last told them."""
        board = self.control.board
        if name == "controller" or not board.is_current:
            text = "已连接" if board.is_current else "没有响应，正在重试"
            return PartState(ok=board.is_current, text=text)
        return PartState(*board.parts.get(name, (True, "")))
