"""Calls taken up again after an interruption (接续): their story so far, from the stored ledger and Asterisk's own CEL.

Owns what a controller needs to go on with a call that it, or the one before it, has lost sight of: the call as it is now,
the lines that the ledger lacks, what the caller has already been asked. Without CEL or database nothing is recalled.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.exc import NoResultFound
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import Database, is_away
from core.units import Unit
from ivr.board import CallNotes
from ivr.flow.context import Caller
from ivr.ledger import cel
from ivr.talks import directory
from ivr.tracking.live_call import LedgerLine, LiveCall
from recordings import ledger
from recordings.models import Call, CallEvent
from tickets.models import Channel, State, Ticket, TicketKind

log = structlog.get_logger()
LIMIT_S = 5.0
LOOK_BACK = 32 * 2**20
"""Bytes at the end of the CEL file in which a running call is looked for: some five thousand calls."""
SAME_INSTANT = timedelta(seconds=0.5)
"""How far apart the ledger and CEL may tell one instant on one clock."""
_BETWEEN = '","'


@dataclass(frozen=True)
class Recalled:
    """A call taken up again.

    `call` is the call as Asterisk's CEL tells it, running or ended; `lacking` the lines of its story that the ledger does
    not have yet; `events` those that it has.
    """

    call: LiveCall
    lacking: list[LedgerLine]
    events: Sequence[CallEvent]
    ticket: Ticket | None
    unit: Unit | None

    def remind(self, caller: Caller, notes: CallNotes) -> None:
        """Give the caller back what the menus and desks knew: unit, ticket, what has been asked and rated."""
        caller.call = self.call
        for event in self.events:
            _remind(caller, event.kind, event.data)
        caller.unit = self.unit or caller.unit
        notes.unit_id = caller.unit_id
        if self.ticket:
            caller.ticket_no, caller.ticket_id = self.ticket.ticket_no, self.ticket.id
            notes.ticket_no = caller.ticket_no
            caller.outcome = _outcome(self.ticket) or caller.outcome
            if self.ticket.state == State.C_NEW and self.ticket.cause is None:
                caller.complaint_id = self.ticket.id


class Recall:
    """`file` is where Asterisk writes its CEL; `registered` are the telephones reachable now."""

    def __init__(
        self, db: Database, clock: Clock, file: Path, registered: Callable[[], Collection[str]]
    ) -> None:
        self._db = db
        self._clock = clock
        self._file = file
        self._registered = registered

    async def __call__(self, linkedids: Collection[str]) -> Mapping[str, Recalled]:
        """These calls by linkedid, as far as CEL tells of them; none while the database is away."""
        if not linkedids or not self._file.exists():
            return {}
        try:
            async with asyncio.timeout(LIMIT_S), self._db.reading() as session:
                return await self._recalled(session, frozenset(linkedids))
        except Exception as error:
            if not is_away(error):
                raise
            log.warning("calls_not_recalled", calls=len(linkedids))
            return {}

    async def _recalled(self, session: AsyncSession, linkedids: frozenset[str]) -> dict[str, Recalled]:
        stored = {one.linkedid: one for one in await _all(session, Call, Call.linkedid.in_(linkedids))}
        keys = [one.id for one in stored.values()]
        events = await _all(session, CallEvent, CallEvent.call_id.in_(keys))
        tickets = {one.call_id: one for one in await _all(session, Ticket, Ticket.call_id.in_(keys))}
        known: dict[str, list[CallEvent]] = {
            linkedid: [
                event for event in events if linkedid in stored and event.call_id == stored[linkedid].id
            ]
            for linkedid in linkedids
        }
        units = {key: await _menu_unit(session, events) for key, events in known.items()}
        registered = frozenset(self._registered())
        turns = {key: await _turns(session, events, registered) for key, events in known.items()}
        rows = await asyncio.to_thread(self._rows, linkedids)
        found: dict[str, Recalled] = {}
        for key, own in rows.items():
            record = stored.get(key)
            story = _story(own, record, turns[key], self._clock)
            if call := story.call or story.running:
                call.line = record.line if record else call.line
                call.whisper = f"{key}-whisper" if call.answered_at else ""
                lacking = cel.missing(story.lines, [(one.kind, one.channel) for one in known[key]])
                ticket = tickets.get(record.id) if record else None
                found[key] = Recalled(call, lacking, known[key], ticket, units[key])
        return found

    def _rows(self, linkedids: frozenset[str]) -> dict[str, list[cel.Row]]:
        """The rows of these calls in the last `LOOK_BACK` bytes of the file, which may begin in the middle of a row."""
        with self._file.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - LOOK_BACK))
            lines = file.read().decode("utf-8", "replace").splitlines()
        found: dict[str, list[cel.Cells]] = {}
        for cells in cel.read(line for line in lines if _linkedid(line) in linkedids):
            found.setdefault(cells[cel.LINKEDID], []).append(cells)
        return {linkedid: cel.rows(cells) for linkedid, cells in found.items()}


async def story_of(
    session: AsyncSession,
    clock: Clock,
    rows: Iterable[cel.Row],
    record: Call | None,
    events: Iterable[CallEvent],
    registered: Collection[str],
) -> cel.Story:
    """One call's story from CEL and from what is stored of it."""
    return _story(rows, record, await _turns(session, events, frozenset(registered)), clock)


def _story(
    rows: Iterable[cel.Row], record: Call | None, turns: Iterable[cel.Turn], clock: Clock
) -> cel.Story:
    """The story with CEL's times and ours on one clock.

    CEL has the machine's time, the hotline's may be a test clock's; and where the machine's clock was set between the two
    records, what only we know is moved by what they differ at the call's arrival.
    """
    shift = clock.now() - datetime.now(UTC)
    moved = [replace(row, at=row.at + shift) for row in rows]
    drift = moved[0].at - record.started_at if moved and record else timedelta()
    drift = drift if abs(drift) > SAME_INSTANT else timedelta()
    return cel.story(moved, [(at + drift, act) for at, act in turns])


async def _turns(
    session: AsyncSession, events: Iterable[CallEvent], registered: frozenset[str]
) -> list[cel.Turn]:
    """What CEL does not tell because only a controller knew it: menu nodes, which unit was rung, transfers cancelled.

    Each is a change of the call at its instant, to be made between Asterisk's own events.
    """
    found: list[cel.Turn] = []
    for event in events:
        if event.kind == ledger.TRANSFER_STARTED:
            try:
                unit_id = event.data["unit"]
                target = await directory.target(session, unit_id, event.at, registered=registered)
            except (directory.UnitUnreachable, NoResultFound):  # the unit has changed since
                continue
            found.append((event.at, partial(_transfer, target, event.data)))
        elif act := _turn(event):
            found.append((event.at, act))
    return found


async def _menu_unit(session: AsyncSession, events: Iterable[CallEvent]) -> Unit | None:
    """The unit that the caller chose in the menu and was put through to."""
    chosen = [one.data for one in events if one.kind == ledger.TRANSFER_STARTED]
    if not chosen or chosen[-1]["mode"] != "menu":
        return None
    return await directory.unit(session, chosen[-1]["unit"])


def _turn(event: CallEvent) -> Callable[[LiveCall], None] | None:
    data = event.data
    if event.kind == ledger.NODE:
        return lambda call: call.nodes.append(data["node"])
    if event.kind == ledger.TRANSFER_FAILED and data["why"] == "cancelled":
        return lambda call: setattr(call, "transfer", None)
    if event.kind == ledger.HANDED_BACK:
        return lambda call: setattr(call, "handed_back", call.phase != "three_way")
    if event.kind == ledger.QUEUED and data["queue"] == "same-operator":
        return lambda call: setattr(call, "queued_at", call.queued_at or event.at)
    return None


def _transfer(target: directory.Target, started: Mapping[str, Any], call: LiveCall) -> None:
    """Begin the transfer of this ledger line again, without another line."""
    mode, by = started["mode"], started["by"]
    back_to = call.operator if mode == "onward" else by
    directory.begin_transfer(call, target, mode=mode, by=by, back_to=back_to, note=lambda *_, **__: None)


def _outcome(ticket: Ticket) -> str:
    """What the menus have achieved already (`Caller.outcome`)."""
    if ticket.kind == TicketKind.COMPLAINT:
        return "complaint"
    return "voicemail" if ticket.channel == Channel.VOICEMAIL else ""


def _remind(caller: Caller, kind: str, data: Mapping[str, Any]) -> None:
    if kind == ledger.SURVEYED:
        caller.asked.add(data["about"])
        caller.rated.add(data["about"])
    elif kind == ledger.TRANSFER_STARTED:
        caller.unit_id = data["unit"]
    elif kind == ledger.TRANSFER_ANSWERED:
        caller.liaison_id, caller.failed_unit_id = data.get("user"), None
    elif kind == ledger.TRANSFER_FAILED and data["why"] != "cancelled":
        caller.failed_unit_id = data["unit"]


def _linkedid(line: str) -> str:
    """A row's linkedid; most rows are of other calls, and reading all eleven columns of each would take too long."""
    cells = line.split(_BETWEEN, cel.LINKEDID + 1)
    return cells[cel.LINKEDID] if len(cells) > cel.LINKEDID + 1 else ""


async def _all(session: AsyncSession, kind: type[Any], condition: Any) -> Sequence[Any]:
    return (await session.scalars(select(kind).where(condition).order_by(kind.id))).all()
