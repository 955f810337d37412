"""The composition root (装配): which processes there are, what each consists of, and in which order it starts and stops."""

from functools import partial
from typing import cast

from config.common import OneProcessOnly
from config.open_node import OpenNode
from config.pages import WithPages
from config.public import public_side
from config.staff import staff_side
from config.telephones import guests
from config.telephony import Telephony
from core.web.keys import PartState
from ivr.apart.boards import Boards
from ivr.apart.remote_control import RemoteControl
from ivr.control import CallControl


class Hotline(Telephony, WithPages):
    """`hotline run`: everything in one process."""

    async def start(self) -> None:
        """Returns when calls are answered and pages served."""
        await self.start_telephony()
        probes = self.telephony_probes() | self.common_probes(self.settings.recordings.archive_dir)
        board, callers = self.controller.board, tuple(guests(self.settings, self.folders))
        staff = partial(staff_side, self._orders(), board, self.everywhere, callers)
        await self.serve(probes, staff, public_side)
        await self.hear_others()
        self.calm_memory()

    def _orders(self) -> CallControl:
        """What the pages may order: where nodes share the database, of the others too, as those may of this one."""
        if self.boards is None:
            return self.control
        OpenNode(self, lambda: bool(self.nodes.others))
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


class DeskProcess(WithPages):
    """`hotline serve desk`: the staff's pages of one node; it holds no password of Asterisk's."""

    async def start(self) -> None:
        """Returns when pages are served, with or without a controller."""
        boards = Boards(self.channel, self.name, self.bus, self.tasks)
        self.board = boards.mirror(self.name)
        control = ordering(RemoteControl(self.channel, self.name, boards))
        await self.hear_others()
        self.tasks.loop("board-mirror", boards.watch)
        depot = ["depot"] if self.settings.recordings.depot else []
        names = ("controller", "asterisk", "ledger", "reconciliation", "nodes", *depot)
        probes = self.common_probes() | {name: partial(self._part, name) for name in names}
        await self.serve(probes, partial(staff_side, control, boards.own, boards, ()))

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
