"""The controller's process killed as by `kill -9` with callers everywhere (控制进程被杀), started again at once or later.

What each caller hears meanwhile, and what is on record after the return: one of everything, credited to the right people.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import select
from support.calls import CALLER_HZ, KEY_GAP_S, LIAISON_HZ, OPERATOR_HZ
from support.killable import KillableHotline, until
from support.quick import tone_prompts, write_tone
from support.sipphone import Call, Phone

from ivr.asterisk.ami import ActionRefused
from ivr.models import OwedCall, OwedState
from ivr.outages import left_messages
from recordings import ledger
from recordings.models import Call as CallRecord
from recordings.models import CallEnd, Recording, RecordingKind
from tickets.models import ClockKind, SatisfactionRating, Step, Ticket
from tickets.oversight.causes import Cause
from tickets.query_codes.code_models import QueryCode

pytestmark = pytest.mark.asyncio(loop_scope="module")
TONES = {
    "main-menu": 550, "fallback-operator": 600, "fallback-voicemail": 750, "fallback-saved": 950, "goodbye": 1050,
    "thanks": 1150, "your-query-code-is": 1250, "review-message": 1350,
    "complaint-cause": 1450,
}  # fmt: skip
WELCOME_HZ = 500
SILENCE_S = 2.5
"""The longest pause that anybody hears who is not left in a menu."""
TAKEN_OVER_S = 3.0
"""How long at most a caller in the menu hears nothing before there is music, or the dialplan goes on alone."""
SPOKEN_S = 3.6
"""A message that is long enough to be one."""
ONCE = ("arrived", "answered", "bridged", "unbridged", "party_left", "ended")
PATIENT = {"HOTLINE__CALLS__RING_S": "600", "HOTLINE__CALLS__ALONE_QUEUE_S": "600"}
"""However long a loaded machine takes to start a process, the liaison rings and callers wait."""
UNIT, CALL_BACK = "101", "13712345678"
_numbers = iter(range(1000))


@dataclass
class Line:
    """One caller's telephone and call."""

    phone: Phone
    call: Call

    @property
    def number(self) -> str:
        return self.phone.account.name

    def silence_s(self, since: float) -> float:
        return self.call.longest_silence_s(since, time.monotonic() - 0.3)


@dataclass
class Scene:
    """A talk, a caller who waits, a transfer that rings a liaison."""

    hotline: KillableHotline
    operator: Phone
    liaison: Phone
    talking: Line
    answered: Call
    queued: Line
    transferred: Line
    ringing: Call


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def hotline(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KillableHotline]:
    """A hotline in a process of its own; what the dialplan plays, and some of the menus' prompts, are tones."""
    folder: Path = tmp_path_factory.mktemp("killed")
    async with KillableHotline(folder, **PATIENT) as running:
        tone_prompts(running.folders, TONES)
        write_tone(running.folders.sounds / "hotline" / "welcome.wav", WELCOME_HZ, 2)
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def phones() -> AsyncIterator[list[Phone]]:
    """Every telephone of a test; afterwards all have hung up."""
    opened: list[Phone] = []
    yield opened
    for phone in opened:
        await phone.close()


async def staff(hotline: KillableHotline, phones: list[Phone], name: str, hz: float) -> Phone:
    phone = await Phone.start(hotline.city.extensions[name], hotline.city.sip, f"sip-{name}", tone_hz=hz)
    phones.append(phone)
    await phone.register()
    return phone


async def dials(hotline: KillableHotline, phones: list[Phone]) -> Line:
    phone = await Phone.start(f"1390007{next(_numbers):04}", hotline.city.sip, tone_hz=CALLER_HZ)
    phones.append(phone)
    call = await phone.call("96128")
    await call.answered()
    return Line(phone, call)


async def walks(hotline: KillableHotline, line: Line, *steps: tuple[str, str]) -> None:
    for node, keys in steps:
        await hotline.been_at(line.number, node)
        await line.call.dtmf(keys, gap_ms=int(KEY_GAP_S * 1000))


async def ready(hotline: KillableHotline) -> None:
    """The operator takes calls, as after the ticket of the last one is finished: not before the controller has paused the seat."""
    await hotline.until_paused()
    await hotline.ask_asterisk("QueuePause", Interface="PJSIP/1001", Paused="false")


async def everywhere(hotline: KillableHotline, phones: list[Phone]) -> Scene:
    operator = await staff(hotline, phones, "operator1", OPERATOR_HZ)
    liaison = await staff(hotline, phones, "liaison1", LIAISON_HZ)
    liaison.on_invite = "ignore"
    with suppress(ActionRefused):  # a test before this one has added it
        await hotline.seat(paused=True)
    await ready(hotline)
    talking = await dials(hotline, phones)
    await walks(hotline, talking, ("MAIN", "0"))
    answered = await operator.incoming(15)
    await talking.call.until_hears(OPERATOR_HZ, timeout=10)
    queued, transferred = await dials(hotline, phones), await dials(hotline, phones)
    await walks(hotline, queued, ("MAIN", "0"))
    await walks(
        hotline, transferred, ("MAIN", "1"), ("Q", "1"), ("QD", "1"), ("QD-CODE", "101"), ("QD-OK", "1")
    )
    ringing = await liaison.incoming(15)
    await hotline.until_told(queued.number, ledger.QUEUED)
    return Scene(hotline, operator, liaison, talking, answered, queued, transferred, ringing)


async def listens(hotline: KillableHotline, phones: list[Phone]) -> Line:
    """A caller in the menu: the last to come, for nobody stays there long."""
    line = await dials(hotline, phones)
    await hotline.been_at(line.number, "MAIN")
    return line


async def hears_code_and_rates(hotline: KillableHotline, line: Line) -> None:
    """After the talk: the query code, then the survey, to which the caller presses 1."""
    await line.call.until_hears(TONES["your-query-code-is"], timeout=15)
    await walks(hotline, line, ("SURVEY", "1"))
    assert (await line.call.ended(20)).by == "remote"


async def served_once(hotline: KillableHotline, line: Line, end: CallEnd) -> CallRecord:
    """One record, one ticket, one whole recording, each turn of the talk told once."""
    record = await hotline.closed(line.number)
    told = Counter(kind for kind, _ in await hotline.ledger(line.number))
    assert {kind: told[kind] for kind in ONCE} == dict.fromkeys(ONCE, 1)
    assert record.end == end
    assert len(await hotline.of_call(Ticket, record, 1)) == 1
    (recording,) = await hotline.of_call(Recording, record, 1)
    assert (recording.kind, recording.damaged) == (RecordingKind.TALK, False)
    return record


async def test_killed_and_started_again_at_once(hotline: KillableHotline, phones: list[Phone]):
    """Nobody is dropped or left in silence; talk, queue and transfer go on under the new process, with code and survey."""
    scene, complaining = await asyncio.gather(everywhere(hotline, phones), complains(hotline, phones))
    in_menu = await listens(hotline, phones)
    await complaining.call.dtmf("#")
    await walks(hotline, complaining, ("C-REVIEW", "3"))
    await hotline.been_at(complaining.number, "CODE")
    killed = time.monotonic()
    await hotline.kill()
    await hotline.keep_in_doubt()
    await hotline.start()
    await hotline.until_beat_is(lambda age: 0 <= age <= 1)
    heard_at = await in_menu.call.until_hears(WELCOME_HZ, timeout=10, since=killed)
    assert in_menu.call.longest_silence_s(killed, heard_at) < TAKEN_OVER_S
    code_hz, later = TONES["your-query-code-is"], killed + TAKEN_OVER_S
    heard_at = await complaining.call.until_hears(code_hz, timeout=15, since=later)
    assert complaining.call.longest_silence_s(killed, heard_at) < TAKEN_OVER_S
    await complaining.call.until_hears(TONES["complaint-cause"], timeout=15, since=heard_at)
    await complaining.call.dtmf("2")
    await scene.answered.until_hears(CALLER_HZ)
    await scene.talking.call.until_hears(OPERATOR_HZ)
    assert scene.talking.silence_s(killed) < SILENCE_S
    assert scene.queued.silence_s(killed) < SILENCE_S
    assert scene.transferred.silence_s(killed) < SILENCE_S
    await in_menu.call.hangup()

    scene.ringing.answer()
    await scene.transferred.call.until_hears(LIAISON_HZ, timeout=10)
    await scene.answered.hangup()
    await hears_code_and_rates(hotline, scene.talking)
    await ready(hotline)
    next_talk = await scene.operator.incoming(15)
    assert next_talk.remote_number == scene.queued.number
    await scene.queued.call.until_hears(OPERATOR_HZ, timeout=10)
    await next_talk.until_hears(CALLER_HZ)
    await next_talk.hangup()
    await scene.queued.call.until_hears(TONES["your-query-code-is"], timeout=15)
    await scene.queued.call.hangup()
    await scene.ringing.hangup()
    await scene.transferred.call.until_hears(TONES["your-query-code-is"], timeout=15)
    await scene.transferred.call.hangup()

    operator = hotline.city.users["operator1"]
    talk = await served_once(hotline, scene.talking, CallEnd.OPERATOR)
    (rating,) = await hotline.of_call(SatisfactionRating, talk, 1)
    assert (talk.operator_id, rating.about, rating.score) == (operator, "operator", 1)
    assert talk.node_path.startswith("WELCOME>MAIN>OP")
    assert (await served_once(hotline, scene.queued, CallEnd.OPERATOR)).operator_id == operator
    to_unit = await served_once(hotline, scene.transferred, CallEnd.LIAISON)
    assert (to_unit.liaison_id, to_unit.liaison_unit_id) == (
        hotline.city.users["liaison1"], hotline.city.units["101"],
    )  # fmt: skip
    assert to_unit.operator_id is None
    complaint = await one_message(hotline, complaining, CallEnd.COMPLAINT)
    assert complaint.cause == Cause.DRAGGING
    menu = await hotline.closed(in_menu.number)
    assert await hotline.of_call(Ticket, menu) == await hotline.of_call(Recording, menu) == []


async def test_stalled_for_a_moment(hotline: KillableHotline, phones: list[Phone]):
    """A process that halts without dying is noticed as well: the caller in the menu hears music, and the welcome again when it goes on."""
    in_menu = await listens(hotline, phones)
    stalled = time.monotonic()
    with hotline.halted():
        async with hotline.asterisk() as ami, asyncio.timeout(10):
            while "doubt" not in [row.get("Exten") for row in await ami.listing("CoreShowChannels")]:
                await asyncio.sleep(0.05)
    heard_at = await in_menu.call.until_hears(WELCOME_HZ, timeout=10, since=stalled)
    assert in_menu.call.longest_silence_s(stalled, heard_at) < TAKEN_OVER_S
    await in_menu.call.hangup()
    assert (await hotline.closed(in_menu.number)).end == CallEnd.MENU


async def test_killed_and_away_for_a_while(hotline: KillableHotline, phones: list[Phone]):
    """The dialplan serves everybody alone; a talk that began meanwhile has its ticket, code and survey after the return."""
    scene = await everywhere(hotline, phones)
    in_menu = await listens(hotline, phones)
    killed = time.monotonic()
    await hotline.kill()
    await hotline.until_beat_is(lambda age: age > 2)
    fresh = await dials(hotline, phones)
    dialled = time.monotonic()
    await in_menu.call.until_hears(TONES["fallback-operator"], timeout=15, since=killed)
    assert in_menu.silence_s(killed) < TAKEN_OVER_S
    await fresh.call.until_hears(TONES["fallback-operator"], timeout=15, since=dialled)
    assert fresh.silence_s(dialled + 0.5) < SILENCE_S

    await scene.answered.hangup()
    await scene.talking.call.until_hears(TONES["thanks"], timeout=10)
    assert (await scene.talking.call.ended(10)).by == "remote"
    unseen = await scene.operator.incoming(15)
    assert unseen.remote_number == scene.queued.number
    await scene.queued.call.until_hears(OPERATOR_HZ, timeout=10)
    scene.ringing.reject()
    await scene.transferred.call.until_hears(TONES["fallback-operator"], timeout=15)
    await fresh.call.hangup()

    await hotline.start()
    await hotline.until_beat_is(lambda age: age <= 1)
    assert scene.queued.silence_s(killed) < SILENCE_S
    await unseen.hangup()
    await hears_code_and_rates(hotline, scene.queued)
    await ready(hotline)
    late = await scene.operator.incoming(15)
    assert late.remote_number == in_menu.number
    await in_menu.call.until_hears(OPERATOR_HZ, timeout=10)
    await late.hangup()
    await in_menu.call.until_hears(TONES["your-query-code-is"], timeout=15)
    await in_menu.call.hangup()
    await scene.transferred.call.hangup()

    operator = hotline.city.users["operator1"]
    for line in (scene.talking, scene.queued, in_menu):
        assert (await served_once(hotline, line, CallEnd.OPERATOR)).operator_id == operator
    for line in (fresh, scene.transferred):
        record = await hotline.closed(line.number)
        assert (record.end, record.operator_id) == (CallEnd.QUEUE, None)
        assert await hotline.of_call(Ticket, record) == []
    await all_owed(hotline, fresh.number, scene.transferred.number)


async def all_owed(hotline: KillableHotline, *numbers: str) -> None:
    async with hotline.db.reading() as session:
        rows = (await session.scalars(select(OwedCall).where(OwedCall.number.in_(numbers)))).all()
    assert sorted((row.number, row.state) for row in rows) == [
        (number, OwedState.OPEN) for number in sorted(numbers)
    ]


async def queues(hotline: KillableHotline, phones: list[Phone], unit: str = "") -> Line:
    """A caller who waits for an operator, after a unit that nobody answers for, if one is given."""
    line = await dials(hotline, phones)
    to_unit = (("MAIN", "1"), ("Q", "1"), ("QD", "1"), ("QD-CODE", unit), ("QD-OK", "1"))
    await walks(hotline, line, *(to_unit if unit else [("MAIN", "0")]))
    await hotline.until_told(line.number, ledger.QUEUED)
    return line


async def speaks(hotline: KillableHotline, phones: list[Phone], unit: str = "") -> Line:
    """A caller who is in the middle of a message: key 2 in the queue."""
    line = await queues(hotline, phones, unit)
    await line.call.dtmf("2")
    return await in_the_middle(hotline, line, "VM-REC")


async def types_a_number_and_is_left(hotline: KillableHotline, line: Line) -> None:
    """The message is spoken, the number to call back typed, and the process killed before the database has taken the ticket."""
    await line.call.dtmf("#")
    await walks(hotline, line, ("VM-REVIEW", "3"), ("VM-NUM", "2"))
    await hotline.been_at(line.number, "VM-NUM-ENTRY")
    async with hotline.writing_nothing():
        await line.call.dtmf(f"{CALL_BACK}#", gap_ms=int(KEY_GAP_S * 1000))
        await hotline.noted(left_messages.FAMILY, CALL_BACK)
        await hotline.kill()


async def complains(hotline: KillableHotline, phones: list[Phone]) -> Line:
    line = await dials(hotline, phones)
    await walks(hotline, line, ("MAIN", "2"), ("C", "2"))
    return await in_the_middle(hotline, line, "C-REC")


async def in_the_middle(hotline: KillableHotline, line: Line, node: str) -> Line:
    await hotline.been_at(line.number, node)
    (call,) = await hotline.calls(line.number)
    await until(lambda: bool(left_messages.files(hotline.folders.spool / "message", call.linkedid)))
    await asyncio.sleep(SPOKEN_S)
    return line


async def test_killed_while_callers_leave_messages(hotline: KillableHotline, phones: list[Phone]):
    """Nobody is cut short: whoever ends the message meanwhile is told that it is kept, who still speaks when the process is back
    goes on with it there, who hangs up has left it. Each is one ticket with its clock and its code.
    """
    await staff(hotline, phones, "operator1", OPERATOR_HZ)
    with suppress(ActionRefused):  # a test before this one has added it
        await hotline.seat()
    await hotline.ask_asterisk("QueuePause", Interface="PJSIP/1001", Paused="true")
    in_review, left, ended, speaking, numbered, of_unit, waiting, complaining = await asyncio.gather(
        *(speaks(hotline, phones) for _ in range(5)), speaks(hotline, phones, UNIT),
        queues(hotline, phones, UNIT), complains(hotline, phones),
    )  # fmt: skip
    await in_review.call.dtmf("#")
    await in_review.call.until_hears(TONES["review-message"], timeout=10)
    await types_a_number_and_is_left(hotline, numbered)
    killed = time.monotonic()
    for line in (left, complaining, of_unit):
        await line.call.hangup()
    await hotline.until_beat_is(lambda age: age > 2)
    pressed = time.monotonic()
    await ended.call.dtmf("#")
    await waiting.call.dtmf("2")
    for line, since in ((ended, pressed), (in_review, killed), (numbered, killed)):
        heard_at = await line.call.until_hears(TONES["fallback-saved"], timeout=10, since=since)
        assert line.call.longest_silence_s(since, heard_at) < TAKEN_OVER_S
        assert (await line.call.ended(10)).by == "remote"
    await waiting.call.until_hears(TONES["fallback-voicemail"], timeout=10, since=pressed)
    await asyncio.sleep(SPOKEN_S)
    await waiting.call.hangup()

    await hotline.start()
    await hotline.until_beat_is(lambda age: age <= 1)
    await speaking.call.dtmf("#")
    await speaking.call.until_hears(TONES["review-message"], timeout=10)
    await walks(hotline, speaking, ("VM-REVIEW", "3"), ("VM-NUM", "1"))
    await speaking.call.until_hears(TONES["your-query-code-is"], timeout=15)
    await speaking.call.hangup()
    for line in (in_review, left, ended, speaking):
        assert (await one_message(hotline, line, CallEnd.VOICEMAIL)).unit_id is None
    for line in (of_unit, waiting):
        assert (await one_message(hotline, line, CallEnd.VOICEMAIL)).unit_id == hotline.city.units[UNIT]
    assert (await one_message(hotline, numbered, CallEnd.VOICEMAIL)).callback_number == CALL_BACK
    await one_message(hotline, complaining, CallEnd.COMPLAINT)
    await no_note_is_left(hotline)


async def no_note_is_left(hotline: KillableHotline) -> None:
    async with hotline.asterisk() as ami, asyncio.timeout(20):
        with suppress(ActionRefused):  # which is how Asterisk says that there is none
            while await ami.listing("DBGetTree", Family=left_messages.FAMILY):
                await asyncio.sleep(0.1)


async def one_message(hotline: KillableHotline, line: Line, end: CallEnd) -> Ticket:
    record = await hotline.closed(line.number)
    (ticket,) = await hotline.of_call(Ticket, record, 1)
    (recording,) = await hotline.of_call(Recording, record, 1)
    assert (ticket.recording_id, recording.kind) == (recording.id, end)
    assert recording.duration_ms > 3000
    told = Counter(kind for kind, _ in await hotline.ledger(line.number))
    assert [told[kind] for kind in ("arrived", "recorded", "ticket", "ended")] == [1, 1, 1, 1]
    assert (await hotline.closed(line.number)).end == end
    async with hotline.db.reading() as session:
        clocks = list(await session.scalars(select(Step.clock).where(Step.ticket_id == ticket.id)))
        codes = list(await session.scalars(select(QueryCode).where(QueryCode.ticket_id == ticket.id)))
    assert clocks == [ClockKind.C15 if end == CallEnd.COMPLAINT else ClockKind.CC1]
    assert len(codes) == 1
    return ticket


async def test_an_end_that_nothing_tells(hotline: KillableHotline, phones: list[Phone]):
    """Neither a controller nor Asterisk's own record has seen the end: the call says so, and the caller is owed one."""
    line = await dials(hotline, phones)
    await hotline.been_at(line.number, "MAIN")
    await hotline.kill()
    await line.call.hangup()
    async with hotline.asterisk() as ami, asyncio.timeout(10):
        while await ami.listing("CoreShowChannels"):
            await asyncio.sleep(0.05)
    (hotline.folders.log / "cel-custom" / "Master.csv").unlink()
    await hotline.start()
    record = await hotline.closed(line.number)
    assert (record.end, record.operator_id) == (CallEnd.UNSEEN, None)
    assert (await hotline.ledger(line.number))[-1] == ("ended", {"cause": "unseen", "node": ""})
    await all_owed(hotline, line.number)


async def test_a_second_one_started_by_mistake(hotline: KillableHotline, phones: list[Phone]):
    """It says which process has the folder and ends; the first one and its callers notice nothing."""
    line = await dials(hotline, phones)
    code, said = await hotline.start_another()
    assert hotline.process
    assert code != 0
    assert f"进程 {hotline.process.pid}" in said
    assert "Traceback" not in said
    await hotline.until_beat_is(lambda age: age <= 1)
    await hotline.been_at(line.number, "MAIN")
    asked_at = time.monotonic()
    await line.call.dtmf("9")
    await line.call.until_hears(TONES["main-menu"], timeout=5, since=asked_at)
    await line.call.hangup()
    assert (await hotline.closed(line.number)).end == CallEnd.MENU
