"""What a room full of seats costs the controller: `python -m bench.board`, by default 500 seats and 200 talks.

In memory alone, in milliseconds of processor: the views that pages are made of, what one change costs to tell the other
processes, and beside it the same board told whole each time.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import count
from types import SimpleNamespace
from typing import Any

from core.bus import Bus
from ivr.apart.feed import BoardFeed
from ivr.board import Board, Seat
from ivr.tracking.live_call import Leg, LiveCall
from ivr.tracking.tracker import Tracker

FIRST_EXTENSION, FIRST_LIAISON = 3001, 20001
AT = datetime(2026, 6, 1, 2, tzinfo=UTC)


class Unheard:
    """Instead of the channel between processes: counts what would be said."""

    def __init__(self) -> None:
        self.messages = self.bytes = 0

    async def send(self, _: str, text: str) -> None:
        self.messages += 1
        self.bytes += len(text.encode())


def _board(seats: int, talks: int) -> Board:
    board = Board(Tracker())
    for number in range(seats):
        extension = str(FIRST_EXTENSION + number)
        board.seats[number] = Seat(
            number, extension, f"话务员{extension}", extension, f"PJSIP/w{extension}", paused=False, reason="",
            since_at=AT, region_id=1,
        )  # fmt: skip
        board.registered.add(f"w{extension}")
    for number in range(talks):
        extension, linkedid = str(FIRST_EXTENSION + number % seats), f"n1-{number}.1"
        call = LiveCall(
            linkedid, f"PJSIP/trunk-{number:08x}", "96128", "13800138000", AT, phase="talking",
            nodes=["WELCOME", "MAIN", "OP", "OP-QUEUE"], queued_at=AT, answered_at=AT, operator=extension,
        )  # fmt: skip
        leg = Leg(
            f"{linkedid}1", f"PJSIP/w{extension}-{number:08x}", extension, AT, answered_at=AT, rings=False
        )
        call.legs[leg.uniqueid] = leg
        board.tracker.calls[linkedid] = call
    return board


def _feed(board: Board, liaisons: int) -> tuple[BoardFeed, Unheard]:
    names = {str(FIRST_LIAISON + number): f"联络员{number}" for number in range(liaisons)}
    control: Any = SimpleNamespace(
        board=board, watches={}, names=lambda: dict(names), line_names=lambda: {"96128": "96128"}
    )
    channel: Any = Unheard()
    return BoardFeed(channel, "n1", control, Bus(), lambda: {"asterisk": (True, "已连接")}), channel


async def _cost_ms(work: Callable[[], Awaitable[object]], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        await work()
    return (time.process_time() - began) / times * 1000


async def _measure(given: argparse.Namespace) -> None:
    board = _board(given.seats, given.talks)
    feed, channel = _feed(board, given.liaisons)
    calls, turns = list(board.tracker.calls.values()), count()

    async def views() -> None:
        _moved(board, calls[next(turns) % len(calls)])
        board.agents(), board.calls(), board.waiting()

    async def tell(*, whole: bool) -> None:
        _moved(board, calls[next(turns) % len(calls)])
        await feed.tell(whole=whole)

    await feed.tell()
    print(f"{given.seats} seats, {given.talks} talks, {given.liaisons} liaisons; after each change:\n")
    print("| | ms | messages | kB |\n| --- | ---: | ---: | ---: |")
    print(f"| every seat, call and waiting caller seen once | {await _cost_ms(views, given.times):.2f} | | |")
    for what, whole in (("the change told", False), ("the whole board told", True)):
        channel.messages = channel.bytes = 0
        cost_ms = await _cost_ms(lambda whole=whole: tell(whole=whole), given.times)  # type: ignore[misc]
        said, size_kb = channel.messages / given.times, channel.bytes / given.times / 1000
        print(f"| {what} | {cost_ms:.2f} | {said:.0f} | {size_kb:.1f} |")


def _moved(board: Board, call: LiveCall) -> None:
    """The caller is put on hold, or taken back."""
    call.held = not call.held
    board.tracker.handle({"Event": "Hold"}, AT)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seats", type=int, default=500)
    parser.add_argument("--talks", type=int, default=200)
    parser.add_argument("--liaisons", type=int, default=2_000, help="people with a telephone and no seat")
    parser.add_argument("--times", type=int, default=50)
    asyncio.run(_measure(parser.parse_args()))


if __name__ == "__main__":
    main()
