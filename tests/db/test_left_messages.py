"""Messages that callers leave, however the controller fared meanwhile: one ticket of each, on both engines."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from support.callcast import settings_in
from support.tickets import City, build_city, question
from support.tones import sine

from core.db import Database
from core.lines import Line
from core.units import Region
from ivr.outages import left_messages
from ivr.outages.left_messages import LeftMessage, Told
from ivr.outages.leftovers import Leftovers
from recordings import ledger
from recordings.audio import wav_header
from recordings.intake import take_in
from recordings.models import Call, CallEnd, CallEvent, Recording, RecordingKind
from recordings.settings import RecordingSettings
from tickets import service
from tickets.models import Channel, ClockKind, Outcome, Step, Ticket, TicketKind
from tickets.query_codes.code_models import QueryCode

CHANNEL = "n1-7.1"
BEGAN = 1_780_300_000


class Notes:
    """Asterisk's database with the notes of messages."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def add(self, told: str = "voicemail||", channel: str = CHANNEL) -> None:
        self.kept[channel] = f"{BEGAN}|96128|13900001111|{channel}|{told}"

    async def listing(self, name: str, **_: object) -> list[dict[str, str]]:
        assert name == "DBGetTree"
        return [{"Key": f"/message/{key}", "Val": value} for key, value in self.kept.items()]

    async def action(self, name: str, **fields: Any) -> None:
        assert name == "DBDel"
        del self.kept[fields["Key"]]


class Mailbox:
    """The messages' folder, the notes, and who makes tickets of them."""

    def __init__(self, city: City, settings: RecordingSettings, line: Line) -> None:
        self.city, self.settings, self.notes = city, settings, Notes()
        self._leftovers = Leftovers(city.db, city.clock, settings, {line.number: line})

    def record(self, seconds: float, at: int = BEGAN, channel: str = CHANNEL) -> Path:
        file = self.settings.spool_dir / "message" / f"{channel}-{at}.wav"
        data = sine(440, seconds).tobytes()
        file.write_bytes(wav_header(1, len(data)) + data)
        return file

    async def look(self, *live: str) -> list[Ticket]:
        """What every later look finds the same; the tickets there are."""
        for _ in range(2):
            await self._leftovers.take_messages(self.notes, live)  # type: ignore[arg-type]
        async with self.city.db.reading() as session:
            return list(await session.scalars(select(Ticket).order_by(Ticket.id)))

    async def call(self, **columns: object) -> Call:
        async with self.city.db.unit_of_work() as session:
            call = await self.city.call(session, **columns)
            call.linkedid = CHANNEL
            return call

    async def taken_in(self) -> tuple[Call, Recording]:
        """A message whose audio is in the archive."""
        call = await self.call()
        kept = await take_in(
            self.city.db, self.city.clock, self.settings, file=self.record(4), call_id=call.id,
            kind=RecordingKind.VOICEMAIL, started_at=self.city.clock.now(),
        )  # fmt: skip
        assert kept
        return call, kept

    async def rows(self, table: type[Any]) -> list[Any]:
        async with self.city.db.reading() as session:
            return list(await session.scalars(select(table)))


@pytest.fixture
async def mailbox(db: Database, tmp_path: Path) -> AsyncIterator[Mailbox]:
    city = await build_city(db)
    async with db.unit_of_work() as session:
        region = await session.get_one(Region, city.regions["city"])
        line = Line(number="96128", name="", region_id=region.id)
        line.region = region
        session.add(line)
    yield Mailbox(city, settings_in(tmp_path), line)


async def test_a_message_nobody_saw_is_one_ticket_with_its_clock_and_code(mailbox: Mailbox):
    """M-58: the unit it is for, the hour it was left, the centre's clock, a query code, a line in the ledger."""
    mailbox.record(4)
    mailbox.notes.add(f"voicemail|{mailbox.city.units['a']}|")
    (ticket,) = await mailbox.look()
    assert (ticket.channel, ticket.unit_id, ticket.caller_number, ticket.callback_number) == (
        Channel.VOICEMAIL, mailbox.city.units["a"], "13900001111", "13900001111",
    )  # fmt: skip
    since = mailbox.city.clock.now() - datetime.now(UTC)
    assert abs(ticket.received_at - (datetime.fromtimestamp(BEGAN, UTC) + since)) < timedelta(minutes=1)
    assert [step.clock for step in await mailbox.rows(Step)] == [ClockKind.CC1]
    assert len(await mailbox.rows(QueryCode)) == 1
    (recording,) = await mailbox.rows(Recording)
    assert (recording.id, recording.kind) == (ticket.recording_id, RecordingKind.VOICEMAIL)
    assert [event.data for event in await mailbox.rows(CallEvent) if event.kind == ledger.TICKET] == [
        {"ticket_no": ticket.ticket_no}
    ]
    assert mailbox.notes.kept == {}


async def test_a_number_typed_after_the_message_outlives_the_process(mailbox: Mailbox):
    """M-28: it stands in the note, and the ticket has it to be called back; the caller's own stays the caller's."""
    mailbox.record(4)
    mailbox.notes.add(f"voicemail|{mailbox.city.units['a']}||13712345678")
    (ticket,) = await mailbox.look()
    assert (ticket.caller_number, ticket.callback_number) == ("13900001111", "13712345678")


async def test_a_message_of_a_call_that_goes_on_is_left_alone(mailbox: Mailbox):
    """The flow that is with the caller makes the ticket; only afterwards is it anybody else's."""
    mailbox.record(4)
    mailbox.notes.add()
    assert await mailbox.look(CHANNEL) == []
    assert len(mailbox.notes.kept) == 1
    assert len(await mailbox.look()) == 1


async def test_the_process_ended_between_the_audio_and_the_ticket(mailbox: Mailbox):
    """The audio is in the archive already and the file gone: the ticket is made of that recording."""
    call, kept = await mailbox.taken_in()
    mailbox.notes.add()
    (ticket,) = await mailbox.look()
    assert (ticket.recording_id, ticket.call_id) == (kept.id, call.id)


async def test_the_process_ended_between_the_ticket_and_the_note(mailbox: Mailbox):
    """A note that outlived its ticket makes no second one."""
    mailbox.record(4)
    mailbox.notes.add()
    (ticket,) = await mailbox.look()
    mailbox.notes.add()
    assert [one.id for one in await mailbox.look()] == [ticket.id]
    assert mailbox.notes.kept == {}


async def test_of_several_attempts_the_last_real_one_counts(mailbox: Mailbox):
    """A second attempt that was cut off after a second does not take the place of the message before it."""
    mailbox.record(2, BEGAN - 20)
    real = mailbox.record(4, BEGAN - 10)
    mailbox.record(1)
    mailbox.notes.add()
    (ticket,) = await mailbox.look()
    (recording,) = await mailbox.rows(Recording)
    assert (ticket.recording_id, recording.source) == (recording.id, f"message/{real.name}")


async def test_an_empty_message_is_none(mailbox: Mailbox):
    """Who hangs up at the tone has said nothing: no ticket, no note."""
    mailbox.record(0)
    mailbox.notes.add()
    assert await mailbox.look() == []
    assert mailbox.notes.kept == {}


async def test_a_message_that_cannot_be_taken_in_keeps_back_no_other(mailbox: Mailbox):
    """The one stays with its note until it can be, the next is registered."""
    (mailbox.settings.spool_dir / "message" / f"n1-6.1-{BEGAN}.wav").mkdir()
    mailbox.notes.add(channel="n1-6.1")
    mailbox.record(4)
    mailbox.notes.add()
    assert len(await mailbox.look()) == 1
    assert list(mailbox.notes.kept) == ["n1-6.1"]


@pytest.mark.parametrize(
    ("told", "kind", "end"),
    [
        ("voicemail||", TicketKind.QUESTION, CallEnd.VOICEMAIL),
        ("complaint||", TicketKind.COMPLAINT, CallEnd.COMPLAINT),
    ],
)
async def test_the_call_ended_as_its_message_says(
    mailbox: Mailbox, told: str, kind: TicketKind, end: CallEnd
):
    """A call whose end was told before its message was found is one in which a message was left."""
    await mailbox.call(ended_at=mailbox.city.clock.now(), end=CallEnd.MENU)
    mailbox.record(4)
    mailbox.notes.add(told)
    (ticket,) = await mailbox.look()
    (call,) = await mailbox.rows(Call)
    assert (ticket.kind, call.end) == (kind, end)


async def test_a_complaint_about_a_reply_finds_it(mailbox: Mailbox):
    """M-48: the ticket whose code was typed before the message is in complaint."""
    issued = await question(mailbox.city, Outcome.ANSWERED, answer="答")
    mailbox.record(4)
    mailbox.notes.add(f"complaint||{issued.ticket.id}")
    complaint = (await mailbox.look())[-1]
    assert (complaint.kind, complaint.about_id) == (TicketKind.COMPLAINT, issued.ticket.id)


async def test_a_complaint_about_published_finances_outlives_the_controller(mailbox: Mailbox):
    """M-116: the note names the unit, so the ticket goes to the body that supervises it and needs no further cause."""
    mailbox.record(4)
    mailbox.notes.add(f"complaint|{mailbox.city.units['county_a']}|")
    (ticket,) = await mailbox.look()
    assert (ticket.cause, ticket.subject) == ("finance", "涉及county_a局")
    assert [step.unit_id for step in await mailbox.rows(Step)] == [mailbox.city.units["county_inspection"]]


async def test_a_message_after_a_failed_transfer_joins_the_calls_ticket(mailbox: Mailbox):
    """M-12: the ticket that the operator opened goes to the unit that did not answer, with the message."""
    call, unit = await mailbox.call(), mailbox.city.units["a"]
    async with mailbox.city.db.unit_of_work() as session:
        told = {"unit": unit, "why": "no_answer", "mode": "blind", "tried": []}
        session.add(
            CallEvent(call_id=call.id, at=mailbox.city.clock.now(), kind=ledger.TRANSFER_FAILED, data=told)
        )
        issued = await service.open_for_call(
            session, mailbox.city.clock, call_id=call.id, line="96128", region_id=mailbox.city.regions["city"],
            caller_number="13900001111", operator_id=mailbox.city.users["operator"],
        )  # fmt: skip
    mailbox.record(4)
    mailbox.notes.add()
    (found,) = await mailbox.look()
    assert (found.id, found.unit_id, found.outcome) == (issued.ticket.id, unit, Outcome.ASSIGNED)
    assert found.recording_id is not None


async def test_flow_and_repair_together_make_one(mailbox: Mailbox):
    """Whoever comes second finds the ticket by its recording."""
    call, kept = await mailbox.taken_in()
    message = LeftMessage(call.id, kept.id, mailbox.city.regions["city"], "96128", "139", Told())
    async with mailbox.city.db.unit_of_work() as session:
        assert await left_messages.register(session, mailbox.city.clock, message)
    async with mailbox.city.db.unit_of_work() as session:
        assert await left_messages.register(session, mailbox.city.clock, message) is None


@pytest.mark.parametrize("value", ["", "x|96128|139|n1-1.1", "1|96128|139", "||||", "1e9|a|b|c"])
def test_what_is_no_note_is_passed_over(value: str):
    """A row of Asterisk's database that no dialplan of ours wrote is none of ours."""
    assert left_messages.parse(CHANNEL, value) is None


def test_a_note_says_what_was_told():
    """Kind, unit and ticket come back as they were written; without them it is a voicemail for nobody in particular."""
    told = Told(RecordingKind.COMPLAINT, 12, 34)
    note = left_messages.parse(CHANNEL, f"1|96128|139|{CHANNEL}|{told}")
    assert note
    assert note.told == told
    bare = left_messages.parse(CHANNEL, f"1|96128|139|{CHANNEL}|voicemail")
    assert bare
    assert bare.told == Told()
    assert left_messages.parse(CHANNEL, str(replace(note, callback_number="08721234"))) == replace(
        note, callback_number="08721234"
    )
