"""A month of invented calls (演示数据), so that a fresh demo has something to list, draw, play and count.

Everything comes from the given random generator: the same seed gives the same month. The voices are synthetic
murmur, the numbers lie in one block that nobody holds.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import numpy as np
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import BEIJING, Clock, beijing
from core.people import User
from core.units import Liaison, Region, Unit
from recordings.audio import clip_of
from recordings.demo.murmur import murmur
from recordings.demo.scenes import Cast, play
from recordings.demo.script import Script
from recordings.intake import row_of
from recordings.keeping import archive, chain
from recordings.models import Call, CallEnd, CallEvent, Recording, RecordingKind
from recordings.settings import RecordingSettings

CALLS = 1500
DAYS = 30
TALKS_WITH_AUDIO = 10
MESSAGES_WITH_AUDIO = 4
_HOURS = (8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 21)
_HOUR_WEIGHTS = (6, 16, 18, 12, 2, 3, 15, 14, 10, 4, 2, 1)
_KINDS = {CallEnd.VOICEMAIL: RecordingKind.VOICEMAIL, CallEnd.COMPLAINT: RecordingKind.COMPLAINT}


@dataclass(frozen=True)
class DemoCall:
    """What the other rooms need to seed tickets and scores of their own."""

    call_id: int
    linkedid: str
    region_id: int
    end: CallEnd
    started_at: datetime
    ended_at: datetime
    caller_number: str
    operator_id: int | None
    unit_id: int | None
    operator_score: int | None
    unit_score: int | None
    recording_id: int | None = None


async def seed_history(
    session: AsyncSession,
    clock: Clock,
    regions: Sequence[Region],
    operators: Sequence[User],
    units: Sequence[Unit],
    rng: random.Random,
    *,
    settings: RecordingSettings | None = None,
    calls: int = CALLS,
    days: int = DAYS,
    line: str = "96128",
) -> list[DemoCall]:
    """Write `calls` calls of the last `days` days with their ledgers, oldest first; with `settings` a few get audio.

    `regions` take the calls of their own operators and units (by `region_id`; one without either takes everybody).
    """
    liaisons = await _liaisons(session, units)
    instants = sorted(_instant(clock.now(), days, rng) for _ in range(calls))
    scripts: list[Script] = []
    with_audio = Counter(talk=TALKS_WITH_AUDIO, message=MESSAGES_WITH_AUDIO) if settings else Counter[str]()
    for number, at in enumerate(reversed(instants)):
        script = Script(rng, f"demo-{int(at.timestamp())}.{number}", at)
        region = rng.choices(regions, weights=[3, *([1] * (len(regions) - 1))])[0]
        operator = rng.choice([o for o in operators if o.region_id == region.id] or list(operators))
        unit = rng.choice([u for u in units if u.region_id == region.id] or list(units))
        play(script, Cast(line, region, operator, unit, liaisons.get(unit.id)), with_audio)
        scripts.append(script)
    scripts.reverse()
    ids = await _insert(session, scripts)
    recorded = await _add_audio(session, settings, scripts, ids, rng) if settings else {}
    return [_demo_call(script, call_id, recorded) for script, call_id in zip(scripts, ids, strict=True)]


async def _liaisons(session: AsyncSession, units: Sequence[Unit]) -> dict[int, User]:
    """The first liaison of each unit."""
    query = (
        select(Liaison.unit_id, User).join(User, User.id == Liaison.user_id).order_by(Liaison.position.desc())
    )
    ids = {unit.id for unit in units}
    return {unit_id: user for unit_id, user in await session.execute(query) if unit_id in ids}


def _instant(now: datetime, days: int, rng: random.Random) -> datetime:
    """A moment of the last days in which people call, never in the last half hour."""
    while True:
        day = beijing(now).date() - timedelta(days=rng.randrange(days))
        hour = rng.choices(_HOURS, weights=_HOUR_WEIGHTS)[0]
        local = datetime.combine(day, time(hour, rng.randrange(60), rng.randrange(60)), BEIJING)
        is_rest = day.weekday() >= 5 and rng.random() < 0.85
        if not is_rest and local < now - timedelta(minutes=30):
            return local + timedelta(milliseconds=rng.randrange(1000))


async def _insert(session: AsyncSession, scripts: Sequence[Script]) -> list[int]:
    columns = ("queued_at", "answered_at", "operator_id", "liaison_id", "liaison_unit_id")
    rows = [dict.fromkeys(columns) | script.call for script in scripts]
    returning = insert(Call).returning(Call.id, sort_by_parameter_order=True)
    ids = list((await session.scalars(returning, rows)).all())
    events = [{"call_id": i, **one} for script, i in zip(scripts, ids, strict=True) for one in script.lines]
    await session.execute(insert(CallEvent), events)
    return ids


async def _add_audio(
    session: AsyncSession,
    settings: RecordingSettings,
    scripts: Sequence[Script],
    ids: Sequence[int],
    rng: random.Random,
) -> dict[int, int]:
    """Recordings for the calls that ask for one; returns recording ids by call id."""
    made: dict[int, Recording] = {}
    for script, call_id in zip(scripts, ids, strict=True):
        if script.audio_at is None:
            continue
        kind = _KINDS.get(script.call["end"], RecordingKind.TALK)
        length_ms = script.talk_ms or round(script.message_s * 1000)
        channels = 2 if kind is RecordingKind.TALK else 1
        samples = murmur(length_ms, channels, np.random.default_rng(rng.randrange(1 << 32)))
        path = f"{beijing(script.at):%Y/%m/%d}/{kind}-{script.linkedid}{archive.SUFFIX}"
        clip = clip_of(channels, samples.tobytes())
        stored = await asyncio.to_thread(archive.store, clip, path, settings)
        made[call_id] = row_of(stored, f"demo/{script.linkedid}", kind, call_id, script.audio_at)
        await chain.append(session, made[call_id])
    return {call_id: recording.id for call_id, recording in made.items()}


def _demo_call(script: Script, call_id: int, recorded: dict[int, int]) -> DemoCall:
    call = script.call
    return DemoCall(
        call_id=call_id,
        linkedid=script.linkedid,
        region_id=call["region_id"],
        end=call["end"],
        started_at=call["started_at"],
        ended_at=call["ended_at"],
        caller_number=call["caller_number"],
        operator_id=call.get("operator_id"),
        unit_id=call.get("liaison_unit_id"),
        operator_score=script.scores.get("operator"),
        unit_score=script.scores.get("unit"),
        recording_id=recorded.get(call_id),
    )
