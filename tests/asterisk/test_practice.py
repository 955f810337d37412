"""Practice on the real Asterisk (练习): a sample caller, or a supervisor, at a trainee's seat; nothing of it is a real call."""

import asyncio

import pytest
import pytest_asyncio
from sqlalchemy import select
from support.calls import OPERATOR_HZ, Exchange
from support.hotline import SOUNDS, City
from support.quick import write_tone
from support.sipphone import Call, Phone
from support.tones import segments_with

from core.people import Role, RoleGrant, User
from core.units import Unit
from ivr import practice
from ivr.practice import PRACTICE, AtWork
from ivr.practice_samples import Sample
from ivr.talks.steps import InACall, NoTelephone
from ivr.talks.transfers import PracticeLeads
from ivr.talks.watch import Supervisor
from recordings import models
from recordings.keeping import archive
from recordings.models import CallMark, RecordingKind
from reports.counting.figures import rows
from reports.counting.slices import Slice
from reports.counting.sources import CALLS, QUESTIONS
from tickets import service
from tickets.access import visible_to
from tickets.models import Outcome, State, Step, Ticket
from tickets.query_codes.code_models import QueryCode

pytestmark = pytest.mark.asyncio(loop_scope="session")
SENTENCES = {"practice-test-1": 900.0, "practice-test-2": 1300.0}
TRAINER_HZ = 2000
SPEAKS_S = 0.5
"""Longer than the noise that the sample caller takes for speech."""


@pytest_asyncio.fixture(loop_scope="session")
async def trainee(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> int:
    """The seat of operator1, on a desk phone; two tones are what the sample caller says."""
    for name, hz in SENTENCES.items():
        write_tone(SOUNDS / "hotline" / f"{name}.wav", hz, 0.5)
    spoken = {"tones": Sample("tones", "试", "试", tuple(SENTENCES))}
    monkeypatch.setattr(practice, "samples", lambda: spoken)
    return exchange.city.users["operator1"]


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def trainer(city: City) -> Supervisor:
    """A supervisor with a telephone."""
    async with city.hotline.db.unit_of_work() as session:
        region = (await session.get_one(Unit, city.units["101"])).region_id
        user = User(username="trainer", display_name="培训主管", extension="6002", sip_password="sip-trainer",
                    region_id=region, grants=[RoleGrant(role=Role.SUPERVISOR)])  # fmt: skip
        session.add(user)
        await session.flush()
        city.users["trainer"], city.extensions["trainer"] = user.id, "6002"
    await city.hotline.people_changed()
    return Supervisor(city.users["trainer"], "trainer", "127.0.0.1")


async def speak(call: Call) -> None:
    """The trainee says something and falls silent."""
    call.mute(on=False)
    await asyncio.sleep(SPEAKS_S)
    call.mute()


async def rung(phone: Phone) -> Call:
    answered = await phone.incoming(10)
    await answered.answered()
    answered.mute()
    return answered


async def record_of(on: Exchange, linkedid: str) -> models.Call:
    """The closed call record."""
    async with asyncio.timeout(10):
        while True:
            async with on.db.reading() as session:
                row = await session.scalar(
                    select(models.Call).where(
                        models.Call.linkedid == linkedid, models.Call.ended_at.is_not(None)
                    )
                )
            if row and not on.city.hotline.controller.callers.get(linkedid):
                return row
            await asyncio.sleep(0.05)


async def test_a_sample_caller_talks_by_turns_and_leaves_no_real_trace(exchange: Exchange, trainee: int):
    """Rings a paused seat, says the next sentence after each of the trainee's, hangs up; recorded, marked, counted nowhere."""
    phone = await exchange.operator()
    linkedid = await exchange.control.practise(trainee, "tones")
    answered = await rung(phone)
    assert exchange.control.board.call_of(trainee).is_practice
    for hz in SENTENCES.values():
        await speak(answered)
        await answered.until_hears(hz, timeout=10)
    with pytest.raises(PracticeLeads):
        await exchange.control.blind_transfer(trainee, exchange.city.units["101"])
    with pytest.raises(PracticeLeads):
        await exchange.control.consult(trainee, exchange.city.units["101"])
    await speak(answered)
    assert (await answered.ended(10)).by == "remote"

    record = await record_of(exchange, linkedid)
    assert (record.mark, record.operator_id, record.queued_at) == (CallMark.PRACTICE, trainee, None)
    (recording,) = await exchange.recordings(record)
    assert recording.kind == RecordingKind.TALK
    sound = archive.samples(recording, exchange.city.hotline.settings.recordings)
    for channel, hz in (
        (0, SENTENCES["practice-test-1"]),
        (0, SENTENCES["practice-test-2"]),
        (1, OPERATOR_HZ),
    ):
        assert segments_with(sound[:, channel].copy(), hz), f"{hz} Hz is recorded"
    assert exchange.seat().state == "wrapup"
    await practice_ticket_leads_nowhere(exchange, record, trainee)

    await exchange.control.finish_wrap_up(trainee)
    assert (exchange.seat().state, exchange.seat().reason) == ("paused", PRACTICE)
    await exchange.control.ready(trainee)
    assert exchange.seat().state == "ready"


async def practice_ticket_leads_nowhere(on: Exchange, record: models.Call, trainee: int) -> None:
    """Held to what a real one needs, then void without a step; its code opens nothing; no figure has it, no unit sees it."""
    clock, now = on.city.clock, on.city.clock.now()
    async with on.db.unit_of_work() as session:
        ticket = (await session.scalars(select(Ticket).where(Ticket.call_id == record.id))).one()
        codes = (await session.scalars(select(QueryCode).where(QueryCode.ticket_id == ticket.id))).all()
        assert ticket.is_practice and codes and all(code.died_at for code in codes)
        fields = {"unit_id": on.city.units["101"], "question": "社保卡丢失怎样补办"}
        common = {"ticket_no": ticket.ticket_no, "operator_id": trainee}
        await service.save_draft(session, clock, fields=fields, version=ticket.draft_version, **common)
        await service.finish(session, clock, outcome=Outcome.ASSIGNED, **common)
        assert (ticket.state, ticket.outcome) == (State.VOID, Outcome.ASSIGNED)
        assert (await session.scalars(select(Step).where(Step.ticket_id == ticket.id))).all() == []
    day = Slice(record.started_at, now.replace(year=now.year + 1), now)
    async with on.db.reading() as session:
        for source, key in ((CALLS, record.id), (QUESTIONS, ticket.id)):
            assert key not in set(await session.scalars(rows(source, day)))
        seen = {}
        for name in ("operator1", "operator2", "liaison1", "supervisor1", "inspector1"):
            user = (await session.scalars(select(User).where(User.username == name))).one()
            await session.refresh(user, ["grants"])
            seen[name] = ticket.id in set(await session.scalars(select(Ticket.id).where(visible_to(user))))
    assert seen == {
        "operator1": True,
        "operator2": False,
        "liaison1": False,
        "supervisor1": True,
        "inspector1": False,
    }


async def test_a_supervisor_plays_the_caller(exchange: Exchange, trainee: int, trainer: Supervisor):
    """The trainer's telephone is the caller of a paused seat, not of one at work; whoever hangs up, no menu follows."""
    own = await exchange.staff_phone("trainer", TRAINER_HZ)
    phone = await exchange.operator()
    with pytest.raises(AtWork):
        await exchange.control.play_caller(trainer, trainee)
    await exchange.control.pause(trainee, "培训")
    linkedid = await exchange.control.play_caller(trainer, trainee)
    played = await own.incoming(10)
    answered = await phone.incoming(10)
    await answered.until_hears(TRAINER_HZ, timeout=10)
    await played.until_hears(OPERATOR_HZ, timeout=10)
    await answered.hangup()
    assert (await played.ended(10)).by == "remote"
    record = await record_of(exchange, linkedid)
    assert (record.mark, record.operator_id) == (CallMark.PRACTICE, trainee)
    await exchange.control.ready(trainee)
    assert exchange.seat().reason == PRACTICE


async def test_nobody_answers_the_sample_caller(exchange: Exchange, trainee: int):
    """A call refused: the sample caller goes, nothing waits in the queue, the seat still practises."""
    phone = await exchange.operator()
    phone.on_invite = "decline"
    linkedid = await exchange.control.practise(trainee, "tones")
    record = await record_of(exchange, linkedid)
    assert (record.operator_id, record.mark) == (None, CallMark.PRACTICE)
    assert exchange.control.board.waiting() == []
    assert exchange.seat().reason == PRACTICE


async def test_a_liaison_practises_by_the_own_telephone(exchange: Exchange, trainee: int):
    """The sample caller rings it, talks by turns and hangs up: recorded and marked, no ticket, no seat, counted nowhere."""
    liaison = exchange.city.users["liaison1"]
    with pytest.raises(NoTelephone):
        await exchange.control.practise_by_telephone(liaison, "tones")
    phone = await exchange.liaison()
    linkedid = await exchange.control.practise_by_telephone(liaison, "tones")
    answered = await rung(phone)
    with pytest.raises(InACall):
        await exchange.control.practise_by_telephone(liaison, "tones")
    for hz in SENTENCES.values():
        await speak(answered)
        await answered.until_hears(hz, timeout=10)
    await speak(answered)
    assert (await answered.ended(10)).by == "remote"
    record = await record_of(exchange, linkedid)
    assert (record.mark, record.operator_id, record.liaison_id) == (CallMark.PRACTICE, liaison, None)
    assert len(await exchange.recordings(record)) == 1
    async with exchange.db.reading() as session:
        assert await session.scalar(select(Ticket.id).where(Ticket.call_id == record.id)) is None
        now = record.ended_at
        day = Slice(record.started_at, now.replace(year=now.year + 1), now)
        assert record.id not in set(await session.scalars(rows(CALLS, day)))
