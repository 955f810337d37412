"""Calls that no controller has followed, repaired from Asterisk's own record: one ticket of each matter, on both engines."""

import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select
from support.callcast import settings_in
from support.tickets import City, build_city
from support.tones import sine

from core.db import Database
from core.lines import Line
from core.people import User
from core.units import Region
from ivr.outages.leftovers import Leftovers
from ivr.outages.repair import Repair
from recordings import ledger
from recordings.audio import wav_header
from recordings.models import Call, CallEnd, CallEvent
from tickets.models import Channel, Ticket, TicketKind

TALK = Path(__file__).parents[1] / "traces" / "cel" / "talk.csv"
CALL, BEGAN, CALLER = "n1-1795641129.6", 1_795_641_129, "13900000003"


class Controller:
    """One that follows no call; Asterisk has the notes given to it, and nobody on the line."""

    def __init__(self, city: City, notes: dict[str, str]) -> None:
        self.ami = self
        self.notes = notes
        self.board = SimpleNamespace(registered=frozenset({"1001"}))
        self.tracker = SimpleNamespace(calls={})
        self.callers: dict[str, object] = {}
        self.seats = SimpleNamespace(user_ids=lambda: {"1001": city.users["operator"]})

    async def listing(self, name: str, **_: object) -> list[dict[str, str]]:
        assert name in ("DBGetTree", "CoreShowChannels")
        notes = [{"Key": f"/message/{key}", "Val": value} for key, value in self.notes.items()]
        return notes if name == "DBGetTree" else []

    async def action(self, name: str, **fields: Any) -> None:
        assert name == "DBDel"
        del self.notes[fields["Key"]]


class Bench:
    def __init__(self, city: City, folder: Path, line: Line) -> None:
        self.city, self._line = city, line
        self.file, self.settings = folder / "Master.csv", settings_in(folder)
        self.notes: dict[str, str] = {}

    def leave_message(self, told: str) -> None:
        """Four seconds at the end of the call, with its note."""
        data = sine(440, 4).tobytes()
        file = self.settings.spool_dir / "message" / f"{CALL}-{BEGAN}.wav"
        file.write_bytes(wav_header(1, len(data)) + data)
        self.notes[CALL] = f"{BEGAN}|96128|{CALLER}|{CALL}|{told}"

    async def look(self, change: Callable[[str], str] = str) -> list[Ticket]:
        """What two controllers one after the other make of it."""
        self.file.write_text(change(TALK.read_text()))
        lines = {self._line.number: self._line}
        for _ in range(2):
            leftovers = Leftovers(self.city.db, self.city.clock, self.settings, lines)
            controller: Any = Controller(self.city, self.notes)
            await Repair(self.city.db, self.city.clock, controller, leftovers, lines, self.file, "n1").look()
        return await self.rows(Ticket)

    async def rows(self, table: type[Any]) -> list[Any]:
        async with self.city.db.reading() as session:
            return list(await session.scalars(select(table).order_by(table.id)))


@pytest.fixture
async def bench(db: Database, tmp_path: Path) -> AsyncIterator[Bench]:
    city = await build_city(db)
    async with db.unit_of_work() as session:
        region = await session.get_one(Region, city.regions["city"])
        line = Line(number="96128", name="", region_id=region.id)
        line.region = region
        session.add(line)
    yield Bench(city, tmp_path, line)


@pytest.mark.parametrize(
    ("told", "kind", "channel"),
    [
        ("voicemail||", TicketKind.QUESTION, Channel.VOICEMAIL),
        ("complaint||", TicketKind.COMPLAINT, Channel.PHONE),
    ],
)
async def test_a_talk_and_a_message_in_one_call(bench: Bench, told: str, kind: TicketKind, channel: Channel):
    """Each has a ticket of its own, however often it is looked; the call ended as a talk."""
    bench.leave_message(told)
    message, talk = await bench.look()
    assert (message.kind, message.channel, message.operator_id) == (kind, channel, None)
    assert message.recording_id
    assert (talk.kind, talk.channel, talk.recording_id) == (TicketKind.QUESTION, Channel.PHONE, None)
    assert talk.operator_id == bench.city.users["operator"]
    (call,) = await bench.rows(Call)
    assert (call.end, message.call_id, talk.call_id) == (CallEnd.OPERATOR, call.id, call.id)


async def test_a_talk_with_a_unit_straight_from_the_menu(bench: Bench):
    """M-33: its liaison finds the unit's ticket to fill in, as after a talk that was watched."""
    city = bench.city
    async with city.db.unit_of_work() as session:
        liaison = await session.get_one(User, city.users["liaison_a"])
        liaison.extension = "1001"
        began = datetime.fromtimestamp(BEGAN, UTC) + (city.clock.now() - datetime.now(UTC))
        call = Call(linkedid=CALL, line="96128", region_id=city.regions["city"], caller_number=CALLER,
                    started_at=began)  # fmt: skip
        session.add(call)
        await session.flush()
        chosen = {"mode": "menu", "unit": city.units["a"], "extension": "1001", "by": ""}
        session.add(CallEvent(call_id=call.id, at=began, kind=ledger.TRANSFER_STARTED, data=chosen))

    def to_the_unit(text: str) -> str:
        return re.sub(r'"Queue"', '"Dial"', text).replace('"operators"', '"to-department"')

    (ticket,) = await bench.look(to_the_unit)
    assert (ticket.first_unit_id, ticket.first_person_id, ticket.operator_id) == (
        city.units["a"], city.users["liaison_a"], None,
    )  # fmt: skip
    (call,) = await bench.rows(Call)
    assert (call.end, call.liaison_id) == (CallEnd.LIAISON, city.users["liaison_a"])
