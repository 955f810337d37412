"""The composition root (装配): which processes there are, what each consists of, and in which order it starts and stops."""

from functools import partial
from typing import cast

from aiohttp import web

from config.common import Common, OneProcessOnly
from config.open_node import OpenNode
from config.public import public_side
from config.settings import Settings
from config.staff import staff_side
from config.telephony import Telephony
from config.web_server import WebServer
from core.clock import Clock
from core.web.app import make_app
from core.web.keys import PartState, WebDeps
from ivr.apart.boards import Boards
from ivr.apart.remote_control import RemoteControl
from ivr.control import CallControl
from kb.searching.search import Searcher


class Hotline(Telephony):
    """`hotline run`: everything in one process."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self.searcher = Searcher(settings.kb_index, self.db, clock)
        self._web = WebServer(settings.http)

    async def start(self) -> None:
        """Returns when calls are answered and pages served."""
        await self.start_telephony()
        orders = self._orders()
        await self.searcher.open()
        self.tasks.loop("kb-index", self.searcher.follow)
        await self._web.start(self._app(orders))
        await self.hear_others()
        self.calm_memory()

    async def stop(self) -> None:
        await self._web.stop()
        await self.stop_telephony()
        await self.searcher.close()
        await self.db.close()

    def _app(self, control: CallControl) -> web.Application:
        probes = self.telephony_probes() | self.common_probes(self.settings.recordings.archive_dir)
        deps = WebDeps(self.db, self.clock, self.bus, self.tasks, self.settings.http, probes=probes)
        board, guests = self.controller.board, tuple(self.guests())
        staff = partial(staff_side, self.settings, self.searcher, control, board, self.everywhere, guests)
        return make_app(deps, [staff, partial(public_side, self.settings, self.searcher)])

    def _orders(self) -> CallControl:
        """What the pages may order: where nodes share the database, of the others too, as those may of this one."""
        if self.boards is None:
            return self.control
        OpenNode(self, lambda: self.nodes.are_several)
        return ordering(RemoteControl(self.channel, self.name, self.boards, self.control))


class ControllerProcess(Telephony):
    """`hotline serve controller`: the telephone without a page; the desk steers it over the database's channel."""

    async def start(self) -> None:
        """Returns when calls are answered."""
        if not self.db.is_postgresql:
            raise OneProcessOnly
        await self.start_telephony()
        OpenNode(self)
        await self.hear_others()
        self.calm_memory()

    async def stop(self) -> None:
        await self.stop_telephony()
        await self.db.close()


class DeskProcess(Common):
    """`hotline serve desk`: the staff's pages of one node; it holds no password of Asterisk's."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self.searcher = Searcher(settings.kb_index, self.db, clock)
        self._web = WebServer(settings.http)

    async def start(self) -> None:
        """Returns when pages are served, with or without a controller."""
        boards = Boards(self.channel, self.name, self.bus, self.tasks)
        self.board = boards.mirror(self.name)
        control = ordering(RemoteControl(self.channel, self.name, boards))
        await self.searcher.open()
        self.tasks.loop("kb-index", self.searcher.follow)
        await self.hear_others()
        self.tasks.loop("board-mirror", boards.watch)
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
        staff = partial(staff_side, self.settings, self.searcher, control, boards.own, boards, ())
        await self._web.start(make_app(deps, [staff]))

    async def stop(self) -> None:
        await self._web.stop()
        await self.tasks.close()
        await self.searcher.close()
        await self.db.close()

    async def _part(self, name: str) -> PartState:
        """The controller's own parts as it last told them."""
        board = self.board
        if name == "controller" or not board.is_current:
            text = "已连接" if board.is_current else "没有响应，正在重试"
            return PartState(ok=board.is_current, text=text)
        return PartState(*board.parts.get(name, (True, "")))


def ordering(control: RemoteControl) -> CallControl:
    """As the pages take it: an order's name is a method's."""
    return cast("CallControl", control)
