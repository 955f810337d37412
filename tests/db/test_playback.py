"""Who may hear what (mission §5.9, M-59, M-86, M-88), as a table; and the sound that is sent."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select
from support.callcast import NOW, FixedClock, add_call, add_recording, assemble, settings_in
from support.ledgers import at
from support.tones import hears

from core.audit import AuditRow
from core.db import Database
from recordings import audio
from recordings.errors import ReasonMissing, RecordingClosed, RecordingGone, RecordingUnknown
from recordings.listening import permission, playback
from recordings.listening.sound import sound_of
from recordings.models import RecordingKind
from recordings.settings import RecordingSettings

CLOCK = FixedClock()
WHOLE, PART, NO = "whole", "part", "no"
NAMES = [
    "wang",
    "zhao",
    "li",
    "head",
    "taxliaison",
    "office",
    "countyoffice",
    "sup",
    "countysup",
    "mon",
    "countymon",
    "sec",
    "adm",
]
TABLE = {
    #                   wang   zhao li     head   tax office  c-off sup    c-sup mon    c-mon sec    adm
    ("talk", False): (WHOLE, NO, PART, PART, NO, WHOLE, NO, WHOLE, NO, WHOLE, NO, NO, NO),
    ("talk", True): (NO, NO, NO, NO, NO, NO, NO, NO, NO, WHOLE, NO, WHOLE, NO),
    ("consult", False): (WHOLE, NO, WHOLE, WHOLE, NO, WHOLE, NO, WHOLE, NO, WHOLE, NO, NO, NO),
    ("complaint", False): (NO, NO, NO, NO, NO, NO, NO, NO, NO, WHOLE, NO, NO, NO),
    ("complaint", True): (NO, NO, NO, NO, NO, NO, NO, NO, NO, WHOLE, NO, NO, NO),
}


@pytest.fixture
def settings(tmp_path: Path) -> RecordingSettings:
    return settings_in(tmp_path)


async def outcome(session, settings, cast, name: str, public_id: str, clock=CLOCK, held=None) -> str:
    who = await permission.listener(session, cast.listener(name))
    try:
        _, given = await playback.permit(session, clock, settings, who, public_id, held_by_unit_id=held)
    except RecordingClosed:
        return NO
    return WHOLE if given.parts is None else PART


@pytest.mark.parametrize(("kind", "sealed"), TABLE)
async def test_each_role_hears_what_the_table_says(db: Database, settings, kind: str, sealed: bool):
    """Every role against every kind of recording of one city call, a day later."""
    async with db.unit_of_work() as session:
        cast = await assemble(session)
        call = await add_call(session, cast)
        recording = await add_recording(
            session, settings, call, kind=RecordingKind(kind), sealed=sealed, length_s=2
        )
    async with db.reading() as session:
        heard = [await outcome(session, settings, cast, name, recording.public_id) for name in NAMES]
    assert dict(zip(NAMES, heard, strict=True)) == dict(zip(NAMES, TABLE[kind, sealed], strict=True))


async def test_a_county_call_is_open_upward_to_the_supervisor_only(db: Database, settings):
    """The city's supervisor hears the county's calls; inspector and office keep to their own level (本级)."""
    async with db.unit_of_work() as session:
        cast = await assemble(session)
        call = await add_call(session, cast, region_id=cast.county.id)
        recording = await add_recording(session, settings, call, length_s=2)
    async with db.reading() as session:
        names = ("sup", "countysup", "mon", "countymon", "office", "countyoffice")
        heard = {n: await outcome(session, settings, cast, n, recording.public_id) for n in names}
    assert heard == {
        "sup": WHOLE, "countysup": WHOLE, "mon": NO, "countymon": WHOLE, "office": NO, "countyoffice": WHOLE,
    }  # fmt: skip


async def test_an_operator_hears_the_own_calls_for_seven_days(db: Database, settings):
    """On the seventh day still, a second later no more."""
    async with db.unit_of_work() as session:
        cast = await assemble(session)
        recording = await add_recording(session, settings, await add_call(session, cast), length_s=2)
    limit = recording.started_at + timedelta(days=7)
    async with db.reading() as session:
        before = await outcome(session, settings, cast, "wang", recording.public_id, FixedClock(limit))
        late = FixedClock(limit + timedelta(seconds=1))
        after = await outcome(session, settings, cast, "wang", recording.public_id, late)
    assert (before, after) == (WHOLE, NO)


async def test_a_message_is_heard_by_the_unit_that_holds_it(db: Database, settings):
    """Voicemail is the question itself: whoever holds its ticket hears it, nobody else of the units does."""
    async with db.unit_of_work() as session:
        cast = await assemble(session)
        call = await add_call(session, cast, linkedid="n1-5.1")
        message = await add_recording(session, settings, call, kind=RecordingKind.VOICEMAIL, length_s=2)
    async with db.reading() as session:
        tax = cast.tax.id
        assert await outcome(session, settings, cast, "taxliaison", message.public_id, held=tax) == WHOLE
        assert await outcome(session, settings, cast, "taxliaison", message.public_id) == NO
        assert await outcome(session, settings, cast, "head", message.public_id, held=tax) == NO


async def test_a_liaison_is_sent_the_units_own_part_and_no_other(db: Database, settings):
    """The liaison's wav holds the 30 s with the liaison (1500 Hz) and not the operator's talk (880 Hz)."""
    async with db.unit_of_work() as session:
        cast = await assemble(session)
        recording = await add_recording(session, settings, await add_call(session, cast))
    async with db.reading() as session:
        _, given = await playback.permit(session, CLOCK, settings, cast.listener("li"), recording.public_id)
    sound = sound_of(recording, settings, given)
    sent = b"".join(sound.pieces(0, sound.size))
    assert len(sent) == sound.size == 44 + 30 * 8000 * 4
    samples = np.frombuffer(sent[44:], "<i2").reshape(-1, 2)
    assert hears(samples[:, 1], 1500)
    assert not hears(samples[: 8000 * 30, 1], 880)
    assert sent[:44] == audio.wav_header(2, 30 * 8000 * 4)


async def test_any_range_of_the_sound_is_that_part_of_the_whole(db: Database, settings):
    """Pieces from any byte to any other are what the whole holds there, header and seams included."""
    async with db.unit_of_work() as session:
        cast = await assemble(session)
        recording = await add_recording(session, settings, await add_call(session, cast), length_s=1)
    given = permission.Permission(next(iter(cast.people["sup"].roles)), ((0, 100), (400, 650)))
    sound = sound_of(recording, settings, given)
    whole = b"".join(sound.pieces(0, sound.size))
    assert len(whole) == sound.size == 44 + 350 * 8 * 4
    for start, until in (
        (0, 10),
        (40, 60),
        (44, 45),
        (3000, 3300),
        (3240, 3248),
        (sound.size - 1, sound.size),
    ):
        assert b"".join(sound.pieces(start, until)) == whole[start:until]


async def test_each_play_is_one_row_and_a_download_needs_a_reason(db: Database, settings):
    """The audit log names who, under which role, what, and why it left the house."""
    async with db.unit_of_work() as session:
        cast = await assemble(session)
        recording = await add_recording(session, settings, await add_call(session, cast), length_s=1)
        who = await permission.listener(session, cast.listener("sup"))
        row, given = await playback.permit(session, CLOCK, settings, who, recording.public_id)
        await playback.log_play(session, CLOCK, who, row, given)
        await playback.log_play(session, CLOCK, who, row, given)
        for reason in ("", "   ", "看看"):
            with pytest.raises(ReasonMissing):
                await playback.log_download(session, CLOCK, who, row, given, reason)
        await playback.log_download(session, CLOCK, who, row, given, "市监察局调查取证")
    async with db.reading() as session:
        rows = (await session.scalars(select(AuditRow).order_by(AuditRow.id))).all()
        assert [(r.actor, r.role, r.action, r.reason) for r in rows] == [
            ("sup", "supervisor", "recording.play", ""),
            ("sup", "supervisor", "recording.play", ""),
            ("sup", "supervisor", "recording.download", "市监察局调查取证"),
        ]
        assert {r.target for r in rows} == {f"recording:{recording.public_id}"}
        assert await playback.was_played(session, CLOCK, who, recording, 60)
        assert not await playback.was_played(session, CLOCK, cast.listener("mon"), recording, 60)
        assert not await playback.was_played(
            session, FixedClock(NOW + timedelta(hours=1)), who, recording, 60
        )


async def test_lost_and_unknown_audio_are_told_apart(db: Database, settings):
    """A purged recording and a missing file are gone (410), an invented id is unknown (404)."""
    async with db.unit_of_work() as session:
        cast = await assemble(session)
        recording = await add_recording(session, settings, await add_call(session, cast), length_s=1)
    who = cast.listener("mon")
    async with db.reading() as session:
        with pytest.raises(RecordingUnknown):
            await playback.permit(session, CLOCK, settings, who, "nonsense")
        row, given = await playback.permit(session, CLOCK, settings, who, recording.public_id)
    (settings.archive_dir / row.path).unlink()
    with pytest.raises(RecordingGone):
        sound_of(row, settings, given)
    async with db.unit_of_work() as session:
        row = await session.merge(row)
        row.deleted_at = at(0)
    async with db.reading() as session:
        with pytest.raises(RecordingGone):
            await playback.permit(session, CLOCK, settings, who, recording.public_id)
