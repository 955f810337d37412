"""How long audio is kept, and how it goes: two people, a certificate, nothing that is held or needed."""

import hashlib
import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from support.callcast import NOW, Cast, FixedClock, add_call, add_recording, assemble, settings_in

from core import audit
from core.db import Database
from recordings.errors import NothingToPurge, PurgeDecided, PurgeOwnRequest, ReasonMissing
from recordings.keeping import archive, chain, purge, rotation
from recordings.keeping.keyring import Keyring
from recordings.models import Purge, PurgeState, Recording, RecordingKind
from recordings.settings import RecordingSettings
from tickets.models import Channel, State, Ticket, TicketKind
from tickets.retention import past_their_time

LATER = FixedClock(NOW + timedelta(days=400))
REASON = "按保存期限年度清理"


@pytest.fixture
def settings(tmp_path: Path) -> RecordingSettings:
    return settings_in(tmp_path)


@pytest.fixture
async def cast(db: Database) -> Cast:
    async with db.unit_of_work() as session:
        return await assemble(session)


async def add(db: Database, settings: RecordingSettings, cast: Cast, number: int, kind=RecordingKind.TALK):
    async with db.unit_of_work() as session:
        call = await add_call(session, cast, linkedid=f"n1-{number}.1")
        return await add_recording(session, settings, call, kind=kind, length_s=1)


async def due(db: Database, settings: RecordingSettings, cast: Cast, clock=LATER) -> set[int]:
    async with db.reading() as session:
        condition = past_their_time(clock.now(), settings, frozenset({cast.city.id}))
        return set(await session.scalars(select(Recording.id).where(condition)))


async def ask(db: Database, settings: RecordingSettings, cast: Cast, who: str = "sup") -> Purge:
    condition = past_their_time(LATER.now(), settings, frozenset({cast.city.id}))
    async with db.unit_of_work() as session:
        return await purge.ask(session, LATER, cast.listener(who), condition, REASON)


async def complaint(db: Database, cast: Cast, **columns: object) -> None:
    async with db.unit_of_work() as session:
        session.add(
            Ticket(ticket_no=f"T{columns}"[:20], kind=TicketKind.COMPLAINT, state=State.C_WORKING, channel=Channel.PHONE,
                   region_id=cast.city.id, received_at=NOW, **columns)
        )  # fmt: skip


async def test_a_talk_is_past_its_time_after_a_year_and_a_voicemail_never(db: Database, settings, cast):
    """Voicemail is the question itself and stays with its ticket."""
    talk = await add(db, settings, cast, 1)
    await add(db, settings, cast, 2, RecordingKind.VOICEMAIL)
    assert await due(db, settings, cast, FixedClock(NOW + timedelta(days=364))) == set()
    assert await due(db, settings, cast) == {talk.id}


async def test_what_a_complaint_needs_is_kept_until_two_years_after_its_closing(db: Database, settings, cast):
    """Open or lately closed, the complaint keeps the talk it is about; after two years both may go."""
    talk = await add(db, settings, cast, 1)
    await complaint(db, cast, call_id=talk.call_id)
    assert await due(db, settings, cast) == set()
    async with db.unit_of_work() as session:
        await session.execute(update(Ticket).values(closed_at=NOW))
    assert await due(db, settings, cast, FixedClock(NOW + timedelta(days=729))) == set()
    assert await due(db, settings, cast, FixedClock(NOW + timedelta(days=731))) == {talk.id}


async def test_two_people_remove_and_a_certificate_stays(db: Database, settings, cast):
    """Audio gone, row and chain whole, a list with checksums that hashes to what the purge says."""
    talk = await add(db, settings, cast, 1)
    asked = await ask(db, settings, cast)
    assert (asked.count, asked.size) == (1, talk.size)
    async with db.unit_of_work() as session:
        with pytest.raises(PurgeOwnRequest):
            await purge.approve(session, LATER, cast.listener("sup"), asked.id)
    async with db.unit_of_work() as session:
        done = await purge.approve(session, LATER, cast.listener("mon"), asked.id)
    assert await purge.remove_files(db, settings) == 1
    assert await purge.remove_files(db, settings) == 0
    assert not (settings.archive_dir / talk.path).exists()
    (line,) = [json.loads(line) for line in done.certificate.splitlines()]
    assert (line["id"], line["sha256"]) == (talk.public_id, talk.sha256)
    assert hashlib.sha256(done.certificate.encode()).hexdigest() == done.certificate_sha256
    async with db.reading() as session:
        row = await session.get_one(Recording, talk.id)
        assert row.deleted_at == LATER.now()
        assert await chain.verify(session) is None
        actions = (await session.scalars(select(audit.AuditRow.action).order_by(audit.AuditRow.id))).all()
    assert actions == ["recording.purge_ask", "recording.purge"]


async def test_a_hold_that_comes_after_the_asking_still_holds(db: Database, settings, cast):
    """Between request and approval an inspector needs one of the two: it stays, the other goes."""
    kept, gone = await add(db, settings, cast, 1), await add(db, settings, cast, 2)
    asked = await ask(db, settings, cast)
    async with db.unit_of_work() as session:
        row = await session.get_one(Recording, kept.id)
        await purge.hold(session, LATER, cast.listener("mon"), row, on=True, reason="调查取证需要")
    async with db.unit_of_work() as session:
        done = await purge.approve(session, LATER, cast.listener("mon"), asked.id)
    await purge.remove_files(db, settings)
    assert done.count == 1
    assert (settings.archive_dir / kept.path).exists()
    assert not (settings.archive_dir / gone.path).exists()
    with pytest.raises(NothingToPurge):
        await ask(db, settings, cast)


async def test_a_refused_purge_may_be_asked_for_again_and_decides_once(db: Database, settings, cast):
    """Refusing frees what was named; nobody decides twice."""
    await add(db, settings, cast, 1)
    asked = await ask(db, settings, cast)
    with pytest.raises(NothingToPurge):
        await ask(db, settings, cast)
    async with db.unit_of_work() as session:
        await purge.refuse(session, LATER, cast.listener("mon"), asked.id)
    async with db.unit_of_work() as session:
        with pytest.raises(PurgeDecided):
            await purge.approve(session, LATER, cast.listener("mon"), asked.id)
    again = await ask(db, settings, cast)
    assert (again.state, again.count) == (PurgeState.ASKED, 1)


async def test_a_hold_and_a_purge_need_a_reason(db: Database, settings, cast):
    """Two characters are none."""
    talk = await add(db, settings, cast, 1)
    async with db.unit_of_work() as session:
        row = await session.get_one(Recording, talk.id)
        with pytest.raises(ReasonMissing):
            await purge.hold(session, LATER, cast.listener("mon"), row, on=True, reason="需要")


async def test_the_chain_names_the_first_row_that_was_changed(db: Database, settings, cast):
    """Whoever exchanges a file and its checksum in the database is found out."""
    rows = [await add(db, settings, cast, number) for number in (1, 2, 3)]
    async with db.unit_of_work() as session:
        assert await chain.verify(session) is None
        await session.execute(update(Recording).where(Recording.id == rows[1].id).values(sha256="0" * 64))
    async with db.reading() as session:
        broken = await chain.verify(session)
    assert broken is not None
    assert broken.id == rows[1].id


async def test_rotation_rewraps_every_key_and_forgets_the_old_one(db: Database, settings, cast):
    """All recordings open, by the new key alone; a second rotation is another key."""
    rows = [await add(db, settings, cast, number) for number in (1, 2)]
    assert [left async for left in rotation.rotate(db, settings)] == [2, 0]
    assert Keyring(settings.keyring).current == "k2"
    async with db.reading() as session:
        for row in rows:
            fresh = await session.get_one(Recording, row.id)
            assert fresh.wrapped_by == "k2"
            assert len(archive.samples(fresh, settings)) == 8000
    assert [left async for left in rotation.rotate(db, settings)][-1] == 0
    assert Keyring(settings.keyring).current == "k3"
