"""The ledger repaired from Asterisk's own CEL (通话补记): calls that ended, or came and went, while no controller watched.

Owns the decision what is missing: of calls that a controller has followed to their end nothing, of others what the CEL tells
beyond the stored lines. Where there is no CEL either, a call is closed as "unseen" at its last known moment.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.db import Database
from core.lines import Line
from ivr.controller import Controller
from ivr.ledger import cel
from ivr.ledger.ledger_store import event_row
from ivr.models import OwedKind
from ivr.outages.leftovers import Leftovers
from ivr.outages.recall import story_of
from ivr.queue import owed_calls
from ivr.tracking.live_call import LedgerLine, LiveCall
from ivr.tracking.outcome import how_ended
from recordings import ledger
from recordings.models import Call, CallEnd, CallEvent, CallMark, Recording, RecordingKind
from tickets import service
from tickets.models import Channel, Ticket, TicketKind

log = structlog.get_logger()
LOOK_S = 15.0
ASKED_TOGETHER = 500
"""Calls in one question to the database."""
IN_STEP_LOOK_S = 0.5
LONGEST_CALL = timedelta(days=2)
"""How far back an open call is looked for."""


class Repair:
    """`file` is where Asterisk writes its CEL; `lines` are the hotline's, by number.

    Only calls of our own Asterisk (`system_name` begins their linkedids) are repaired; others have a controller of their own.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        controller: Controller,
        leftovers: Leftovers,
        lines: Mapping[str, Line],
        file: Path,
        system_name: str,
    ) -> None:
        self._db = db
        self._clock = clock
        self._controller = controller
        self._leftovers = leftovers
        self._hotline_lines = lines
        self._file = file
        self._own = f"{system_name}-"
        self._read_to = 0
        self._rows: dict[str, list[cel.Cells]] = {}
        """Of calls whose end is not in the file yet, and of those waiting for repair."""

    async def run(self, beat: Callable[[], None]) -> None:
        """Loop for `core.tasks`: what a controller before this one has missed, then what this one misses."""
        while True:
            beat()
            if not self._controller.in_step:
                await asyncio.sleep(IN_STEP_LOOK_S)
                continue
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Messages first, since who left one is owed no call; audio last, since it belongs to calls."""
        await self._leftovers.take_messages(self._controller.ami, self._followed())
        await self._repair_calls()
        await self._leftovers.sweep(self._followed())

    def _followed(self) -> set[str]:
        """The channels of calls that this controller follows: they go on, or their record is about to be closed."""
        legs = (leg for call in self._controller.tracker.calls.values() for leg in call.legs)
        return {*self._controller.tracker.calls, *self._controller.callers, *legs}

    async def _repair_calls(self) -> None:
        ended = await asyncio.to_thread(self._read_on)
        lost = await self._lost(ended)
        rows = await self._controller.ami.listing("CoreShowChannels") if lost else []
        alive = {row.get("Linkedid") for row in rows}
        for linkedid in lost:
            if linkedid not in alive:
                await self._repair(linkedid, cel.rows(self._rows.get(linkedid, [])))
        for linkedid in ended:
            self._rows.pop(linkedid, None)

    async def _lost(self, ended: list[str]) -> list[str]:
        """Of the calls that have ended and those open in the database: the ones nobody follows and nobody has closed.

        Asked for many together, because nearly every ended call was closed by its controller.
        """
        unfollowed = [one for one in [*ended, *await self._open_calls()] if not self._is_followed(one)]
        closed: set[str] = set()
        async with self._db.reading() as session:
            for start in range(0, len(unfollowed), ASKED_TOGETHER):
                some = unfollowed[start : start + ASKED_TOGETHER]
                query = select(Call.linkedid).where(Call.linkedid.in_(some), Call.ended_at.is_not(None))
                closed.update(await session.scalars(query))
        return [one for one in dict.fromkeys(unfollowed) if one not in closed]

    def _is_followed(self, linkedid: str) -> bool:
        return linkedid in self._controller.callers or linkedid in self._controller.tracker.calls

    def _read_on(self) -> list[str]:
        """Read what was written since the last time; returns calls that have ended in it."""
        if not self._file.exists():
            return []
        with self._file.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(self._read_to if self._read_to <= size else 0)  # a smaller file is a new one
            text = file.read()
            whole = text.rfind(b"\n") + 1
            self._read_to = file.tell() - len(text) + whole
        ended = []
        for cells in cel.read(text[:whole].decode("utf-8", "replace").splitlines()):
            linkedid = cells[cel.LINKEDID]
            self._rows.setdefault(linkedid, []).append(cells)
            if cells[cel.EVENT] == "LINKEDID_END":
                ended.append(linkedid)
        return ended

    async def _open_calls(self) -> list[str]:
        since = self._clock.now() - LONGEST_CALL
        own = Call.linkedid.startswith(self._own, autoescape=True)
        query = select(Call.linkedid).where(Call.ended_at.is_(None), Call.started_at > since, own)
        async with self._db.reading() as session:
            return list(await session.scalars(query))

    async def _repair(self, linkedid: str, rows: list[cel.Row]) -> None:
        async with self._db.unit_of_work() as session:
            call = await session.scalar(select(Call).where(Call.linkedid == linkedid).with_for_update())
            if call is not None and call.ended_at is not None:
                return
            known = await _events(session, call) if call else []
            registered = self._controller.board.registered
            story = await story_of(session, self._clock, rows, call, known, registered)
            if call is None:
                if story.call is None or story.call.line not in self._hotline_lines:
                    return
                call = await self._begin(session, story.call)
            await self._tell(session, call, known, story)
            await self._follow(session, call, story.call)
        log.info("call_repaired", call=call.id, end=str(call.end))

    async def _begin(self, session: AsyncSession, witnessed: LiveCall) -> Call:
        """A record for a call that came and went unseen; `witnessed` is the call as CEL tells it."""
        call = Call(
            linkedid=witnessed.linkedid, line=witnessed.line[:20], caller_number=witnessed.caller[:32],
            started_at=witnessed.started_at, region_id=self._hotline_lines[witnessed.line].region_id,
        )  # fmt: skip
        session.add(call)
        await session.flush()
        return call

    async def _tell(
        self, session: AsyncSession, call: Call, known: Sequence[CallEvent], story: cel.Story
    ) -> None:
        """Append the missing lines and close the record."""
        lines = cel.missing(story.lines, [(one.kind, one.channel) for one in known])
        if story.call is None:  # nothing better is known
            last = max((one.at for one in known), default=call.started_at)
            lines = [
                LedgerLine(call.linkedid, last, ledger.ENDED, call.linkedid, {"cause": "unseen", "node": ""})
            ]
        if lines:
            await session.execute(insert(CallEvent), [event_row(line, call.id) for line in lines])
        for one in story.lines:
            if one.kind == ledger.TRANSFER_ANSWERED and story.call and story.call.liaison:
                call.liaison_id, call.liaison_unit_id = one.data.get("user"), one.data["unit"]
        outcome = await _left_message(session, call)
        self._close(call, story.call, lines[-1].at if lines else call.started_at, outcome)

    def _close(self, call: Call, witnessed: LiveCall | None, ended_at: datetime, outcome: str) -> None:
        if witnessed is None:
            call.ended_at, call.end = ended_at, CallEnd.UNSEEN
            return
        call.started_at = min(call.started_at, witnessed.started_at)
        call.ended_at = witnessed.ended_at
        call.end = CallEnd.LIAISON if call.liaison_id else how_ended(witnessed, outcome)
        call.queued_at = call.queued_at or witnessed.queued_at
        call.answered_at = call.answered_at or witnessed.answered_at
        call.talk_ms, call.end_node = witnessed.talk_ms, witnessed.node[:30]
        call.node_path = ">".join(witnessed.nodes)
        if call.operator_id is None:
            call.operator_id = self._controller.seats.user_ids().get(witnessed.operator)

    async def _follow(self, session: AsyncSession, call: Call, witnessed: LiveCall | None) -> None:
        """Do what a controller does when a call ends: open the talk's ticket, owe a call to who was not served (M-13, M-23).

        A practice call that nobody saw to its end is simply over.
        """
        if call.direction != "in" or call.mark == CallMark.PRACTICE:
            return
        if call.region_id and not await _has_ticket(session, call):
            await self._open_ticket(session, call, call.region_id)
        if call.end in (CallEnd.QUEUE, CallEnd.UNSEEN) or (witnessed and witnessed.is_turned_away):
            await owed_calls.owe(session, call_id=call.id, kind=OwedKind.MISSED, asked_at=call.queued_at)

    async def _open_ticket(self, session: AsyncSession, call: Call, region_id: int) -> None:
        """The ticket belongs to whoever talked to the caller: the operator, or the unit that the menu led to."""
        about: dict[str, Any] = {
            "call_id": call.id, "line": call.line, "region_id": region_id, "caller_number": call.caller_number,
        }  # fmt: skip
        if call.answered_at and call.operator_id:
            await service.open_for_call(session, self._clock, **about, operator_id=call.operator_id)
        elif call.liaison_unit_id:
            about |= {"unit_id": call.liaison_unit_id, "liaison_id": call.liaison_id}
            await service.open_for_unit(session, self._clock, **about)


async def _events(session: AsyncSession, call: Call) -> Sequence[CallEvent]:
    query = select(CallEvent).where(CallEvent.call_id == call.id).order_by(CallEvent.id)
    return (await session.scalars(query)).all()


async def _has_ticket(session: AsyncSession, call: Call) -> bool:
    """Whether its talk has one; the ticket of a message left in the same call does not count."""
    own = (
        (Ticket.call_id == call.id) & (Ticket.kind == TicketKind.QUESTION) & (Ticket.channel == Channel.PHONE)
    )
    return await session.scalar(select(Ticket.id).where(own).limit(1)) is not None


async def _left_message(session: AsyncSession, call: Call) -> str:
    """The kind of the message that was left in the call, which is what the menus achieved; empty for none."""
    kind = Recording.kind.in_((RecordingKind.VOICEMAIL, RecordingKind.COMPLAINT))
    query = select(Recording.kind).where(Recording.call_id == call.id, kind).order_by(Recording.id.desc())
    return await session.scalar(query.limit(1)) or ""
