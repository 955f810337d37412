"""A month of invented calls (演示数据), so that a fresh demo has something to list, draw, play and count.

Everything comes from the given random generator: the same seed gives the same month. The voices are synthetic
murmur, the numbers lie in one block that nobody holds.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

import numpy as np
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import BEIJING, Clock, beijing
from core.people import User
from core.units import Liaison, Region, Unit
from recordings import ledger
from recordings.audio import clip_of
from recordings.demo.murmur import murmur
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
_ENDS = {
    CallEnd.OPERATOR: 44,
    CallEnd.LIAISON: 15,
    CallEnd.SELF_SERVICE: 17,
    CallEnd.MENU: 12,
    CallEnd.QUEUE: 5,
    CallEnd.VOICEMAIL: 5,
    CallEnd.COMPLAINT: 2,
}
_MENU_WALKS = (
    (("MAIN", "1"), ("Q", "1"), ("QD", "1"), ("QD-CODE", "•••")),
    (("MAIN", "1"), ("Q", "2"), ("QS", "1")),
    (("MAIN", "3"), ("S", "••••••••••••")),
    (("MAIN", "2"),),
    (("MAIN", ""),),
)
_SELF_WALKS = (
    (("MAIN", "1"), ("Q", "3"), ("QH", "2"), ("QH-ANSWER", "")),
    (("MAIN", "1"), ("Q", "2"), ("QS", "3"), ("QS-X", "1"), ("QS-QH", "1"), ("QS-ANSWER", "")),
    (("MAIN", "3"), ("S", "••••••••••••"), ("S-OK", "")),
    (("MAIN", "3"), ("S", "••••••••••••"), ("S-REPLIED", "2")),
)


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


@dataclass
class _Script:
    """One call being written: a moment that moves on, and lines."""

    rng: random.Random
    linkedid: str
    at: datetime
    lines: list[dict[str, Any]] = field(default_factory=list)
    call: dict[str, Any] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)
    scores: dict[str, int | None] = field(default_factory=dict)
    audio_at: datetime | None = None
    talk_ms: int = 0

    def note(self, kind: str, after_s: float = 0.0, *, channel: str = "", **data: Any) -> None:
        self.at += timedelta(milliseconds=round(after_s * 1000))
        known = {key: value for key, value in data.items() if value is not None or key == "score"}
        self.lines.append({"at": self.at, "kind": kind, "channel": channel or self.linkedid, "data": known})

    def wait(self, low_s: float, high_s: float) -> float:
        return self.rng.uniform(low_s, high_s)

    def walk(self, steps: Sequence[tuple[str, str]]) -> None:
        for node, key in steps:
            self.node(node, self.wait(0.1, 0.6))
            if key:
                self.note(ledger.KEY, self.wait(2, 8), node=node, key=key)
            else:
                self.note(ledger.TIMEOUT, self.wait(6, 9), node=node)

    def node(self, name: str, after_s: float = 0.0) -> None:
        self.path.append(name)
        self.note(ledger.NODE, after_s, node=name)


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
    scripts: list[_Script] = []
    spoken = {"talk": TALKS_WITH_AUDIO, "message": MESSAGES_WITH_AUDIO}
    for number, at in enumerate(reversed(instants)):
        script = _Script(rng, f"demo-{int(at.timestamp())}.{number}", at)
        region = rng.choices(regions, weights=[3, *([1] * (len(regions) - 1))])[0]
        mine = [o for o in operators if o.region_id == region.id] or list(operators)
        bodies = [u for u in units if u.region_id == region.id] or list(units)
        _play(
            script, line, region, rng.choice(mine), rng.choice(bodies), liaisons, spoken if settings else {}
        )
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


def _play(
    script: _Script,
    line: str,
    region: Region,
    operator: User,
    unit: Unit,
    liaisons: dict[int, User],
    spoken: dict[str, int],
) -> None:
    rng = script.rng
    local = beijing(script.at)
    in_hours = 8 <= local.hour < 18 and local.weekday() < 5
    end = rng.choices(list(_ENDS), weights=list(_ENDS.values()))[0]
    if not in_hours and end in {CallEnd.OPERATOR, CallEnd.LIAISON, CallEnd.QUEUE}:
        end = CallEnd.VOICEMAIL
    number = "" if rng.random() < 0.03 else f"1380000{rng.randrange(10_000):04}"
    script.call = {"line": line, "region_id": region.id, "caller_number": number, "end": end}
    script.call |= {"started_at": script.at, "linkedid": script.linkedid, "direction": "in"}
    script.note(ledger.ARRIVED, line=line)
    script.node("WELCOME", 0.1)
    script.at += timedelta(seconds=script.wait(3, 11))
    if end is CallEnd.MENU:
        script.walk(rng.choice(_MENU_WALKS))
    elif end is CallEnd.SELF_SERVICE:
        script.walk(rng.choice(_SELF_WALKS))
        script.node("THANKS", 0.5)
    elif end in {CallEnd.VOICEMAIL, CallEnd.COMPLAINT}:
        _message(script, end, spoken)
    else:
        _ask_operator(script, end, operator, unit, liaisons.get(unit.id), spoken)
    script.note(ledger.ENDED, script.wait(0.5, 4), cause="caller", node=script.path[-1])
    script.call |= {"ended_at": script.at, "end_node": script.path[-1], "node_path": ">".join(script.path)}
    script.call["talk_ms"] = script.talk_ms


def _message(script: _Script, end: CallEnd, spoken: dict[str, int]) -> None:
    recorder, saved = ("C-REC", "C-SAVED") if end is CallEnd.COMPLAINT else ("VM-REC", "VM-SAVED")
    script.walk([("MAIN", "2" if end is CallEnd.COMPLAINT else "0")])
    script.node("C" if end is CallEnd.COMPLAINT else "VM", 0.2)
    script.node(recorder, script.wait(3, 9))
    length_s = script.wait(9, 22)
    if spoken.get("message", 0) > 0:
        spoken["message"] -= 1
        script.audio_at, script.talk_ms = script.at, 0
        script.call["_message_s"] = length_s
    script.node(saved, length_s + 6)
    _speak_code(script)


def _ask_operator(
    script: _Script, end: CallEnd, operator: User, unit: Unit, liaison: User | None, spoken: dict[str, int]
) -> None:
    rng = script.rng
    script.walk([("MAIN", "0")])
    script.node("OP", 0.1)
    script.node("OP-QUEUE", 0.1)
    script.note(ledger.QUEUED, 2.0, queue="operators", position=rng.choices((1, 2, 3), weights=(8, 2, 1))[0])
    script.call["queued_at"] = script.at
    if end is CallEnd.QUEUE:
        script.note(ledger.LEFT_QUEUE, script.wait(2, 95), why="abandoned")
        return
    queued_at = script.at
    if rng.random() < 0.08:
        script.note(ledger.OFFERED, script.wait(0.5, 4), extension=operator.extension, user=operator.id)
        script.note(ledger.NO_ANSWER, 15, extension=operator.extension, user=operator.id, why="timeout")
    busy_s = script.wait(0.3, 3) if rng.random() < 0.8 else script.wait(5, 60)
    leg = f"{script.linkedid}-op"
    script.note(ledger.OFFERED, busy_s, channel=leg, extension=operator.extension, user=operator.id)
    script.at += timedelta(seconds=script.wait(1.5, 9))
    wait_ms = round((script.at - queued_at).total_seconds() * 1000)
    who: dict[str, Any] = {"extension": operator.extension, "user": operator.id}
    script.note(ledger.ANSWERED, channel=leg, role="operator", wait_ms=wait_ms, **who)
    script.note(ledger.LEFT_QUEUE, why="answered")
    script.call |= {"answered_at": script.at, "operator_id": operator.id}
    is_spoken = spoken.get("talk", 0) > 0
    if is_spoken:
        spoken["talk"] -= 1
        script.audio_at = script.at + timedelta(milliseconds=50)
    _talk(script, operator.extension, (12, 26) if is_spoken else (35, 260))
    if end is CallEnd.LIAISON:
        _transfer(script, operator, unit, liaison, is_spoken=is_spoken)
    script.note(ledger.PARTY_LEFT, 0.1, channel=leg, **who)
    _speak_code(script)
    _survey(script, unit if end is CallEnd.LIAISON else None)


def _talk(script: _Script, extension: str | None, length_s: tuple[float, float]) -> None:
    script.note(ledger.BRIDGED, 0.05, extension=extension)
    begun = script.at
    length = script.wait(*length_s)
    if length > 60 and script.rng.random() < 0.25:
        script.note(ledger.HELD, length * 0.4, by=extension)
        script.note(ledger.RESUMED, length * 0.2, by=extension)
        length *= 0.4
    script.note(ledger.UNBRIDGED, length)
    script.talk_ms += round((script.at - begun).total_seconds() * 1000)


def _transfer(script: _Script, operator: User, unit: Unit, liaison: User | None, *, is_spoken: bool) -> None:
    mode = script.rng.choice(("blind", "attended"))
    extension = (liaison.extension if liaison else None) or "8001"
    leg = f"{script.linkedid}-li"
    user = liaison.id if liaison else None
    started = {"mode": mode, "unit": unit.id, "extension": extension, "by": operator.extension}
    script.note(ledger.TRANSFER_STARTED, 0.3, channel=leg, **started)
    answered = {"extension": extension, "user": user, "unit": unit.id}
    script.note(ledger.TRANSFER_ANSWERED, script.wait(3, 14), channel=leg, **answered)
    if mode == "attended":
        script.at += timedelta(seconds=script.wait(5, 15))
    script.note(ledger.TRANSFER_COMPLETED, mode=mode, unit=unit.id)
    _talk(script, extension, (10, 20) if is_spoken else (30, 200))
    script.note(ledger.PARTY_LEFT, 0.05, channel=leg, extension=extension, user=user)
    script.call |= {"liaison_id": user, "liaison_unit_id": unit.id}


def _speak_code(script: _Script) -> None:
    if script.rng.random() < 0.85:
        script.node("CODE", 0.4)
        script.note(ledger.CODE_SPOKEN, script.wait(9, 14), times=2)


def _survey(script: _Script, unit: Unit | None) -> None:
    if script.rng.random() < 0.2:
        return
    for about, node in (("operator", "SURVEY"), ("unit", "SURVEY-UNIT")):
        if about == "unit" and unit is None:
            continue
        script.node(node, 0.3)
        score = script.rng.choices((1, 2, 3, None), weights=(70, 14, 5, 11))[0]
        script.scores[about] = score
        script.note(
            ledger.SURVEYED, script.wait(3, 8), about=about, score=score, unit=unit.id if unit else None
        )
    script.node("THANKS", 0.3)


async def _insert(session: AsyncSession, scripts: Sequence[_Script]) -> list[int]:
    columns = ("queued_at", "answered_at", "operator_id", "liaison_id", "liaison_unit_id")
    rows = [dict.fromkeys(columns) | {k: v for k, v in s.call.items() if k[0] != "_"} for s in scripts]
    returning = insert(Call).returning(Call.id, sort_by_parameter_order=True)
    ids = list((await session.scalars(returning, rows)).all())
    events = [{"call_id": i, **one} for script, i in zip(scripts, ids, strict=True) for one in script.lines]
    await session.execute(insert(CallEvent), events)
    return ids


async def _add_audio(
    session: AsyncSession,
    settings: RecordingSettings,
    scripts: Sequence[_Script],
    ids: Sequence[int],
    rng: random.Random,
) -> dict[int, int]:
    """Recordings for the calls that ask for one; returns recording ids by call id."""
    made: dict[int, Recording] = {}
    for script, call_id in zip(scripts, ids, strict=True):
        if script.audio_at is None:
            continue
        kind = _KINDS.get(script.call["end"], RecordingKind.TALK)
        length_ms = script.talk_ms or round(script.call["_message_s"] * 1000)
        channels = 2 if kind is RecordingKind.TALK else 1
        samples = murmur(length_ms, channels, np.random.default_rng(rng.randrange(1 << 32)))
        path = f"{beijing(script.at):%Y/%m/%d}/{kind}-{script.linkedid}{archive.SUFFIX}"
        clip = clip_of(channels, samples.tobytes())
        stored = await asyncio.to_thread(archive.store, clip, path, settings)
        made[call_id] = row_of(stored, f"demo/{script.linkedid}", kind, call_id, script.audio_at)
        await chain.append(session, made[call_id])
    return {call_id: recording.id for call_id, recording in made.items()}


_KINDS = {CallEnd.VOICEMAIL: RecordingKind.VOICEMAIL, CallEnd.COMPLAINT: RecordingKind.COMPLAINT}


def _demo_call(script: _Script, call_id: int, recorded: dict[int, int]) -> DemoCall:
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
