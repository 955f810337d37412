"""Controller and desk apart, over a real PostgreSQL: the board is mirrored, orders are carried out, refused or unanswered."""

import asyncio
import inspect
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from support.fake_control import FakeBoard, FakeControl, live_call
from support.killable import until
from support.postgres import PostgresServer

from core.bus import Bus
from core.channel import Channel
from core.clock import SystemClock
from core.db import Database, DatabaseSettings
from core.tasks import Tasks
from ivr.apart import mirror, remote_control
from ivr.apart.boards import Boards
from ivr.apart.feed import BoardFeed
from ivr.apart.orders import OrderTaker
from ivr.apart.remote_control import (
    CallElsewhere,
    ControllerAway,
    OrderRefused,
    OrderUnanswered,
    RemoteControl,
)
from ivr.apart.wire import ORDERS, Order, converter, order_topic
from ivr.board import WaitingView
from ivr.control import CallControl
from ivr.events import AgentChanged, BoardChanged
from ivr.talks.steps import NoCall
from ivr.talks.watch import Mode, Supervisor

OPERATOR, OTHER = 11, 12
PEOPLE = {OPERATOR: ("1001", "王话务", "1001"), OTHER: ("1002", "李话务", "1002")}


class ControllerSide:
    """A node's controller without a telephone, in what stands for its own process; `remote`: as its pages order, in `hotline run`."""

    def __init__(self, url: str, node: str = "n1") -> None:
        self.bus, self.tasks = Bus(), Tasks(SystemClock())
        self.db = Database(DatabaseSettings(url=url), self.bus)
        self.control: Any = FakeControl(FakeBoard(), self.bus, PEOPLE)
        channel = Channel(self.db)
        self.boards = Boards(channel, node, self.bus, self.tasks, self.control.board)
        self.remote: Any = RemoteControl(channel, node, self.boards, self.control)
        self.parts = {"asterisk": (True, "已连接")}
        feed = BoardFeed(channel, node, self.control, self.bus, lambda: self.parts)
        OrderTaker(channel, node, self.control, feed, self.tasks)
        self.tasks.loop("channel", channel.run)
        self.tasks.loop("board-feed", feed.run)

    async def close(self) -> None:
        await self.tasks.close()
        await self.db.close()


@dataclass
class Apart:
    url: str
    here: ControllerSide
    bus: Bus
    db: Database
    channel: Channel
    tasks: Tasks
    boards: Boards
    remote: Any

    @property
    def board(self) -> mirror.BoardMirror:
        return self.boards.mirror("n1")

    async def same(self) -> None:
        """Wait until the desk shows exactly what the controller has."""
        there = self.here.control.board

        def is_same() -> bool:
            return (
                self.board.agents() == sorted(there.agents(), key=lambda one: one.extension)
                and {one.linkedid: one for one in self.board.calls()}
                == {one.linkedid: one for one in there.calls()}
                and self.board.waiting() == there.waiting()
                and (self.board.registered, self.board.owed) == (there.registered, there.owed)
            )

        await until(is_same)


@pytest.fixture
async def apart(postgres: PostgresServer) -> AsyncIterator[Apart]:
    url = postgres.new_database()
    here = ControllerSide(url)
    bus, tasks = Bus(), Tasks(SystemClock())
    db = Database(DatabaseSettings(url=url), bus)
    channel = Channel(db)
    boards = Boards(channel, "n1", bus, tasks)
    remote = RemoteControl(channel, "n1", boards)
    tasks.loop("channel", channel.run)
    tasks.loop("board-mirror", boards.watch)
    one = Apart(url, here, bus, db, channel, tasks, boards, remote)
    await until(lambda: one.board.is_current and one.board.parts)
    yield one
    await one.here.close()
    await tasks.close()
    await db.close()


async def test_the_desk_shows_the_controllers_board(apart: Apart):
    """Seats, calls, waiting callers, telephones, owed calls and names; a change is told for the person it concerns."""
    changed: list[int] = []
    apart.bus.subscribe(AgentChanged, lambda event: changed.append(event.user_id))
    control, board = apart.here.control, apart.here.control.board
    await control.login(OPERATOR)
    call = live_call("n1-7.1", extensions=("1001",))
    board.live.append(call)
    board.queue.append(WaitingView("n1-8.1", "96128", None, datetime.now(UTC)))
    board.registered.update({"w1001", "1002"})
    board.owed = (3, 1)
    control.rings(OPERATOR, call)
    await apart.same()
    assert changed
    assert set(changed) == {OPERATOR}
    assert apart.board.call_with("1001") == call
    assert apart.board.call_with("1002") is None
    assert apart.remote.names() == {"1001": "王话务", "1002": "李话务"}
    assert apart.remote.line_names()["087296128"] == "大理专线"
    assert apart.board.parts == {"asterisk": (True, "已连接")}
    apart.here.parts["asterisk"] = (False, "连接中断")
    await until(lambda: apart.board.parts == {"asterisk": (False, "连接中断")})
    await control.logout(OPERATOR)
    board.live.clear()
    board.queue.clear()
    await apart.same()
    assert apart.board.call_with("1001") is None


async def test_a_large_board_needs_many_messages(apart: Apart):
    """Five hundred seats and calls are more than one NOTIFY takes; they all arrive, and so do single changes."""
    control, board = apart.here.control, apart.here.control.board
    await control.login(OPERATOR)
    first = board.seats[OPERATOR]
    for number in range(500):
        call = live_call(f"n1-{number}.1", menu_path=("WELCOME", "MAIN", "Q", "QS") * 20)
        board.live.append(call)
        board.seats[1_000 + number] = replace(
            first, user_id=1_000 + number, extension=f"{5000 + number}", call=call
        )
    control.board_changed()
    await apart.same()
    control.set(1_400, state="ready")
    board.live.pop()
    await apart.same()


async def test_a_desk_that_missed_something_asks_for_the_whole(apart: Apart):
    """Its connection was cut while the board changed: afterwards it shows what is, and notices within a beat."""
    control = apart.here.control
    await control.login(OPERATOR)
    await apart.same()
    for number in range(5):
        async with apart.here.db.engine.connect() as connection:
            await connection.execute(text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ))  # fmt: skip
        control.set(OPERATOR, state="ready", reason=str(number))
    control.board.owed = (9, 9)
    await apart.same()


async def test_another_controller_is_taken_as_it_is(apart: Apart):
    """After a restart nothing of the old board is left."""
    await apart.here.control.login(OPERATOR)
    await apart.same()
    await apart.here.close()
    apart.here = ControllerSide(apart.url)
    await apart.here.control.login(OTHER)
    await apart.same()
    assert [agent.user_id for agent in apart.board.agents()] == [OTHER]


async def test_orders_and_their_answers(apart: Apart):
    """What a page asks arrives with its shapes, its result comes back, and the board shows it by then."""
    await apart.remote.login(OPERATOR, desk_phone=True)
    seat = apart.board.agent(OPERATOR)
    assert seat is not None
    assert seat.state == "paused"
    assert await apart.remote.call_back(OPERATOR, "13800005678", "Q1") == "fake-out-2"
    by = Supervisor(OTHER, "supervisor1", "127.0.0.1")
    await apart.remote.supervise(by, "n1-1.1", Mode.WHISPER)
    assert apart.here.control.wishes == [
        ("login", True), ("call_back", "13800005678", "Q1"), ("supervise", "n1-1.1", "whisper"),
    ]  # fmt: skip
    watch = apart.remote.watches[OTHER]
    assert (watch.by, watch.mode) == (by, Mode.WHISPER)
    apart.here.control.watches[OTHER].mode = Mode.BARGE
    apart.here.control.board_changed()
    await until(lambda: apart.remote.watches[OTHER].mode == Mode.BARGE)


async def test_a_refusal_comes_back_in_its_own_words(apart: Apart, monkeypatch: pytest.MonkeyPatch):
    """Code, status and sentence are the controller's; a fault there is the usual apology."""

    async def refuse(user_id: int) -> None:
        raise NoCall

    async def fail(user_id: int) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(apart.here.control, "hang_up", refuse)
    monkeypatch.setattr(apart.here.control, "play_code", fail)
    with pytest.raises(OrderRefused) as refused:
        await apart.remote.hang_up(OPERATOR)
    error = refused.value
    assert (error.code, error.status, error.message) == (NoCall.code, NoCall.status, NoCall.text)
    with pytest.raises(OrderRefused) as failed:
        await apart.remote.play_code(OPERATOR)
    assert failed.value.status == 500


async def test_all_nodes_on_one_board(apart: Apart, monkeypatch: pytest.MonkeyPatch):
    """A supervisor sees and steers the calls and seats of another node, except by telephone; when it is silent they are gone, but
    nobody who may wait there still is overtaken; and the operators' board has always been their own node's.
    """
    monkeypatch.setattr(mirror, "AWAY_S", 2.0)
    other, everywhere = ControllerSide(apart.url, "n2"), apart.boards
    await apart.remote.login(OPERATOR)
    await other.control.login(OTHER)
    other.control.board.live.append(live_call("n2-1.1", extensions=("1002",)))
    other.control.board.queue.append(WaitingView("n2-2.1", "96128", None, datetime.now(UTC)))
    other.control.board_changed()
    await until(lambda: [one.linkedid for one in everywhere.waiting()] == ["n2-2.1"])
    assert [one.user_id for one in everywhere.agents()] == [OPERATOR, OTHER]
    assert [one.linkedid for one in everywhere.calls()] == ["n2-1.1"]
    assert everywhere.call_with("1002") == other.control.board.live[0]
    assert (apart.board.calls(), apart.board.agent(OTHER)) == ([], None)
    by = Supervisor(99, "supervisor1")
    await apart.remote.pause_seat(by, OTHER, "培训")
    await apart.remote.move_to_front(by, "n2-1.1")
    assert other.control.wishes[1:] == [("pause_seat", OTHER, "培训"), ("front", "n2-1.1")]
    with pytest.raises(CallElsewhere, match="节点 n2"):
        await apart.remote.supervise(by, "n2-1.1", Mode.LISTEN)
    assert apart.here.control.wishes == [("login", False)]
    await other.close()
    await until(lambda: everywhere.calls() == [])
    assert [one.user_id for one in everywhere.agents()] == [OPERATOR]
    assert everywhere.waiting() == []
    long_ago = datetime.now(UTC) - timedelta(minutes=10)
    assert [one.linkedid for one in everywhere.may_wait({"n2"}, long_ago)] == ["n2-2.1"]
    assert everywhere.may_wait(set(), long_ago) == [], "the node is known to be dead"
    assert everywhere.may_wait({"n2"}, datetime.now(UTC)) == [], "no queue holds anybody so long"


async def test_pages_beside_a_controller_reach_the_other_nodes(apart: Apart):
    """As in `hotline run`: the other node's calls are shown and steered, the own orders need no word between processes, and
    what happens elsewhere is not told as if it had happened here.
    """
    other, elsewhere = ControllerSide(apart.url, "n2"), []
    other.bus.subscribe(BoardChanged, lambda event: elsewhere.append(event.elsewhere))
    await apart.remote.login(OPERATOR)
    apart.here.control.board.live.append(live_call("n1-1.1", extensions=("1001",)))
    apart.here.control.board_changed()
    await until(lambda: [one.linkedid for one in other.boards.calls()] == ["n1-1.1"])
    assert set(elsewhere) == {True}
    assert (other.boards.own.calls(), other.boards.own.agent(OPERATOR)) == ([], None)
    await other.remote.pause_seat(Supervisor(99, "supervisor1"), OPERATOR, "培训")
    assert apart.here.control.wishes[1:] == [("pause_seat", OPERATOR, "培训")]
    assert other.remote.watches is other.control.watches
    await other.tasks.close()  # no word between processes any more
    await other.remote.login(OTHER)
    assert other.boards.own.agent(OTHER).state == "paused"
    await other.db.close()


async def test_a_controller_that_is_away(apart: Apart, monkeypatch: pytest.MonkeyPatch):
    """Orders are refused at once with a sentence that says what to do, pages are told, and its return too."""
    monkeypatch.setattr(mirror, "AWAY_S", 2.0)
    news: list[bool] = []
    apart.bus.subscribe(BoardChanged, lambda _: news.append(apart.board.is_current))
    await apart.here.close()
    await until(lambda: news[-1:] == [False])
    with pytest.raises(ControllerAway, match="请直接用话机接听和挂断"):
        await apart.remote.ready(OPERATOR)
    apart.here = ControllerSide(apart.url)
    await until(lambda: news[-1:] == [True])
    await apart.remote.login(OPERATOR)


async def test_an_order_without_an_answer(apart: Apart, monkeypatch: pytest.MonkeyPatch):
    """A controller that lives and does not answer: the page is told to look before trying again."""

    async def for_ever(user_id: int) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(remote_control, "ANSWER_LIMIT_S", 0.3)
    monkeypatch.setattr(apart.here.control, "hang_up", for_ever)
    with pytest.raises(OrderUnanswered, match="再决定是否重试"):
        await apart.remote.hang_up(OPERATOR)


async def test_only_orders_are_carried_out(apart: Apart):
    """What is no order of a page cannot be asked for, neither here nor by a message."""
    with pytest.raises(AttributeError):
        _ = apart.remote.hand_back_from
    order = Order("1", "nobody", "set", [OPERATOR], {"state": "ready"})
    await apart.channel.send(order_topic("n1"), converter.dumps(order))
    await apart.remote.login(OPERATOR)
    assert apart.here.control.wishes == [("login", False)]


def test_every_order_of_a_page_is_one():
    """Whatever the pages call on call control is in the list, and each of the list is a method that waits."""
    sources = [file.read_text(encoding="utf-8") for file in Path("agent_desktop").rglob("*.py")]
    asked = {
        name for source in sources for name in re.findall(r"await .*(?:control|\[CONTROL\])\.(\w+)\(", source)
    }
    assert asked == ORDERS
    assert all(inspect.iscoroutinefunction(getattr(CallControl, name)) for name in ORDERS)
