"""Asterisk's own CEL -> the story of a call that no controller has seen (通话补记). Pure: rows in, ledger lines out.

`dialplan/cel_custom.conf` writes the rows. Each is turned back into the AMI events that would have told the same, and these
are fed to a tracker of their own, so that there is one way of telling a story. What only a controller knows (menu nodes,
keys, who of a unit is rung) is in no row; as far as the stored ledger has it, it is handed in as turns.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ivr.tracking.live_call import LedgerLine, LiveCall
from ivr.tracking.tracker import Fields, Tracker
from recordings import ledger

QUEUE_APP = "Queue"
_RINGING_APPS = frozenset({QUEUE_APP, "Dial"})
_UNIT_CONTEXTS = frozenset({"to-department", "consult"})
"""Where the dialplan rings somebody who answers for a unit."""
_FULL = "full"
"""Where the dialplan sends a caller for whom the line has no place."""
Cells = list[str]
"""One row of the file as it stands there."""
COLUMNS, EVENT, UNIQUEID, LINKEDID = 11, 0, 7, 8
"""How many columns there are, and the places of three of them."""
_STATUS = {"17": "BUSY", "21": "NOANSWER", "26": "CANCEL", "34": "CONGESTION"}
"""DialStatus that goes with the Q.850 cause of a telephone that was not answered."""


@dataclass(frozen=True)
class Row:
    """One CEL event, with its columns in the order of `dialplan/cel_custom.conf`."""

    event: str
    at: datetime
    number: str
    exten: str
    context: str
    channel: str
    app: str
    uniqueid: str
    linkedid: str
    extra: dict[str, Any]

    @property
    def is_caller(self) -> bool:
        return self.uniqueid == self.linkedid


Turn = tuple[datetime, Callable[[LiveCall], None]]
"""An instant, and what a controller did to the call then, to be done again while the story is told."""


@dataclass(frozen=True)
class Story:
    """What the rows of one call tell."""

    call: LiveCall | None
    """As it was at its end; None when it did not begin on a line of ours, or has not ended."""
    lines: list[LedgerLine]
    running: LiveCall | None = None
    """As it is after the last row, while it has not ended."""


def read(text: Iterable[str]) -> Iterator[Cells]:
    """The lines of a CEL file; what is no row (cut by a crash) is passed over."""
    return (cells for cells in csv.reader(text) if len(cells) == COLUMNS)


def rows(lines: Iterable[Cells]) -> list[Row]:
    """The cells as rows, those that cannot be read left out; ten times as slow as `read`, so only for calls that matter."""
    return [row for cells in lines if (row := _row(cells))]


def story(rows: Iterable[Row], turns: Iterable[Turn] = ()) -> Story:
    """The story of one call from all of its rows, in the order they were written, and its turns by time."""
    return _Telling(turns).tell(list(rows))


def missing(told: Iterable[LedgerLine], stored: Iterable[tuple[str, str]]) -> list[LedgerLine]:
    """The lines of a story that a ledger, given as (kind, channel) of its lines, lacks; of equal ones the latest."""
    known = list(stored)
    lacking: list[LedgerLine] = []
    for line in reversed(list(told)):
        here = sum(one.kind == line.kind and one.channel == line.channel for one in lacking)
        there = known.count((line.kind, line.channel))
        total = sum(one.kind == line.kind and one.channel == line.channel for one in told)
        if here + there < total:
            lacking.append(line)
    return lacking[::-1]


class _Telling:
    """Tells one call's story, row by row."""

    def __init__(self, turns: Iterable[Turn]) -> None:
        self._tracker = Tracker()
        self._turns = sorted(turns, key=lambda turn: turn[0])
        self._call: LiveCall | None = None
        self._lines: list[LedgerLine] = []
        self._in_queue = False
        self._rings_unit = False

    def tell(self, rows: list[Row]) -> Story:
        for row in rows:
            self._turn(row.at)
            if row.event == "APP_START" and row.app in _RINGING_APPS:
                self._rings_unit = row.context in _UNIT_CONTEXTS
            for event in self._events(row, rows):
                self._take(event, row.at)
        self._turn(None)
        if self._call and self._call.ended_at:
            return Story(self._call, self._lines)
        return Story(None, self._lines, self._call)

    def _turn(self, until: datetime | None) -> None:
        """Do what a controller did up to this instant; None: all of the rest."""
        while self._call and self._turns and (until is None or self._turns[0][0] <= until):
            self._turns.pop(0)[1](self._call)

    def _take(self, event: Fields, at: datetime) -> None:
        operator = self._call.operator if self._call else ""
        for line in self._tracker.handle(event, at):
            self._call = self._tracker.calls.get(line.linkedid, self._call)
            self._lines.append(self._with_role(line, operator))

    def _with_role(self, line: LedgerLine, operator: str) -> LedgerLine:
        """Who answers where the dialplan rings a unit is a liaison, even when no turn has told of the transfer."""
        call = self._call
        if (
            line.kind != ledger.ANSWERED
            or line.data["role"] != "operator"
            or not self._rings_unit
            or call is None
        ):
            return line
        call.operator, call.liaison = operator, line.data["extension"]
        return LedgerLine(line.linkedid, line.at, line.kind, line.channel, {**line.data, "role": "liaison"})

    def _events(self, row: Row, rows: list[Row]) -> list[Fields]:
        own = {"Uniqueid": row.uniqueid, "Linkedid": row.linkedid, "Channel": row.channel}
        if row.event == "CHAN_START":
            new = {
                "Event": "Newchannel",
                "Exten": row.exten,
                "Context": row.context,
                "CallerIDNum": row.number,
            }
            device = row.channel.removeprefix("PJSIP/").rpartition("-")[0]
            begins = {"Event": "DialBegin", "DestUniqueid": row.uniqueid, "DialString": device}
            rings = [] if row.is_caller else [begins]
            return [own | new, *rings]
        if row.event == "ANSWER" and not row.is_caller:
            return [{"Event": "DialEnd", "DestUniqueid": row.uniqueid, "DialStatus": "ANSWER"}]
        if row.event in ("BRIDGE_ENTER", "BRIDGE_EXIT"):
            return self._bridge(row, own)
        if row.is_caller and row.app == QUEUE_APP and row.event in ("APP_START", "APP_END"):
            return self._queue(row, own, rows)
        if row.event == "HANGUP":
            return self._hangup(row, own)
        return []

    def _bridge(self, row: Row, own: Fields) -> list[Fields]:
        enters = row.event == "BRIDGE_ENTER"
        event = own | {
            "Event": "BridgeEnter" if enters else "BridgeLeave",
            "BridgeUniqueid": row.extra.get("bridge_id", ""),
        }
        leaves_queue = enters and row.is_caller and self._in_queue
        return [own | {"Event": "QueueCallerLeave"}, event] if leaves_queue else [event]

    def _queue(self, row: Row, own: Fields, rows: list[Row]) -> list[Fields]:
        self._in_queue = row.event == "APP_START"
        if self._in_queue:
            return [own | {"Event": "QueueCallerJoin", "Queue": "operators"}]
        own_rows = [one for one in rows if one.uniqueid == row.uniqueid]
        after = own_rows[own_rows.index(row) + 1 :]
        left = own | {"Event": "QueueCallerLeave"}
        gave_up = bool(after) and after[0].event == "HANGUP"
        return [left] if gave_up else [left, own | {"Event": "UserEvent", "UserEvent": "LeftQueue"}]

    def _hangup(self, row: Row, own: Fields) -> list[Fields]:
        cause = str(row.extra.get("hangupcause", ""))
        status = _STATUS.get(cause, "NOANSWER")
        unanswered = {"Event": "DialEnd", "DestUniqueid": row.uniqueid, "DialStatus": status}
        turned_away = {"Event": "UserEvent", "UserEvent": "TurnedAway", "Linkedid": row.linkedid}
        before = [] if row.is_caller else [unanswered]
        if row.is_caller and row.exten == _FULL:
            before = [turned_away]
        return [*before, own | {"Event": "Hangup", "Cause": cause}]


def _row(cells: Cells) -> Row | None:
    event, at, number, exten, context, channel, app, uniqueid, linkedid, _, extra = cells
    try:
        return Row(
            event, datetime.fromisoformat(at), number, exten, context, channel, app, uniqueid, linkedid,
            json.loads(extra) if extra else {},
        )  # fmt: skip
    except ValueError:
        return None
