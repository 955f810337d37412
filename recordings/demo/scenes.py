"""What happens in one invented call (演示数据): from the welcome to the hang-up, by the menus and people of a hotline.

The order in which the random generator is asked is part of the result: the same seed gives the same month.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from core.clock import beijing
from core.people import User
from core.units import Region, Unit
from recordings import ledger
from recordings.demo.script import Script
from recordings.models import CallEnd

ENDS = {
    CallEnd.OPERATOR: 44,
    CallEnd.LIAISON: 15,
    CallEnd.SELF_SERVICE: 17,
    CallEnd.MENU: 12,
    CallEnd.QUEUE: 5,
    CallEnd.VOICEMAIL: 5,
    CallEnd.COMPLAINT: 2,
}
_NEED_PEOPLE = frozenset({CallEnd.OPERATOR, CallEnd.LIAISON, CallEnd.QUEUE})
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
class Cast:
    """Who may take part in a call."""

    line: str
    region: Region
    operator: User
    unit: Unit
    liaison: User | None


def play(script: Script, cast: Cast, with_audio: Counter[str]) -> None:
    """Write the whole call; `with_audio` counts down how many talks and messages still get audio."""
    end = _end_of(script)
    number = "" if script.rng.random() < 0.03 else f"1380000{script.rng.randrange(10_000):04}"
    script.call = {"line": cast.line, "region_id": cast.region.id, "caller_number": number, "end": end}
    script.call |= {"started_at": script.at, "linkedid": script.linkedid, "direction": "in"}
    script.note(ledger.ARRIVED, line=cast.line)
    script.node("WELCOME", 0.1)
    script.at += timedelta(seconds=script.wait(3, 11))
    if end is CallEnd.MENU:
        script.walk(script.rng.choice(_MENU_WALKS))
    elif end is CallEnd.SELF_SERVICE:
        script.walk(script.rng.choice(_SELF_WALKS))
        script.node("THANKS", 0.5)
    elif end in {CallEnd.VOICEMAIL, CallEnd.COMPLAINT}:
        _message(script, end, with_audio)
    else:
        _ask_operator(script, end, cast, with_audio)
    script.note(ledger.ENDED, script.wait(0.5, 4), cause="caller", node=script.path[-1])
    script.call |= {"ended_at": script.at, "end_node": script.path[-1], "node_path": ">".join(script.path)}
    script.call["talk_ms"] = script.talk_ms


def _end_of(script: Script) -> CallEnd:
    """How the call will end; out of hours nobody answers, and who would have waited leaves a message."""
    local = beijing(script.at)
    in_hours = 8 <= local.hour < 18 and local.weekday() < 5
    end = script.rng.choices(list(ENDS), weights=list(ENDS.values()))[0]
    return end if in_hours or end not in _NEED_PEOPLE else CallEnd.VOICEMAIL


def _message(script: Script, end: CallEnd, with_audio: Counter[str]) -> None:
    recorder, saved = ("C-REC", "C-SAVED") if end is CallEnd.COMPLAINT else ("VM-REC", "VM-SAVED")
    script.walk([("MAIN", "2" if end is CallEnd.COMPLAINT else "0")])
    script.node("C" if end is CallEnd.COMPLAINT else "VM", 0.2)
    script.node(recorder, script.wait(3, 9))
    length_s = script.wait(9, 22)
    if with_audio["message"] > 0:
        with_audio["message"] -= 1
        script.audio_at, script.message_s = script.at, length_s
    script.node(saved, length_s + 6)
    _speak_code(script)


def _ask_operator(script: Script, end: CallEnd, cast: Cast, with_audio: Counter[str]) -> None:
    """Into the queue, and unless the caller gives up there, a talk, perhaps a transfer, the code and the survey."""
    _queue(script)
    if end is CallEnd.QUEUE:
        script.note(ledger.LEFT_QUEUE, script.wait(2, 95), why="abandoned")
        return
    leg = f"{script.linkedid}-op"
    _operator_answers(script, cast.operator, leg)
    is_spoken = with_audio["talk"] > 0
    if is_spoken:
        with_audio["talk"] -= 1
        script.audio_at = script.at + timedelta(milliseconds=50)
    _talk(script, cast.operator.extension, (12, 26) if is_spoken else (35, 260))
    if end is CallEnd.LIAISON:
        _transfer(script, cast, is_spoken=is_spoken)
    script.note(ledger.PARTY_LEFT, 0.1, channel=leg, extension=cast.operator.extension, user=cast.operator.id)
    _speak_code(script)
    _survey(script, cast.unit if end is CallEnd.LIAISON else None)


def _queue(script: Script) -> None:
    script.walk([("MAIN", "0")])
    script.node("OP", 0.1)
    script.node("OP-QUEUE", 0.1)
    position = script.rng.choices((1, 2, 3), weights=(8, 2, 1))[0]
    script.note(ledger.QUEUED, 2.0, queue="operators", position=position)
    script.call["queued_at"] = script.at


def _operator_answers(script: Script, operator: User, leg: str) -> None:
    """At once or after a while, now and then only at the second ring."""
    queued_at = script.at
    if script.rng.random() < 0.08:
        script.note(ledger.OFFERED, script.wait(0.5, 4), extension=operator.extension, user=operator.id)
        script.note(ledger.NO_ANSWER, 15, extension=operator.extension, user=operator.id, why="timeout")
    busy_s = script.wait(0.3, 3) if script.rng.random() < 0.8 else script.wait(5, 60)
    script.note(ledger.OFFERED, busy_s, channel=leg, extension=operator.extension, user=operator.id)
    script.at += timedelta(seconds=script.wait(1.5, 9))
    wait_ms = round((script.at - queued_at).total_seconds() * 1000)
    script.note(
        ledger.ANSWERED, channel=leg, role="operator", wait_ms=wait_ms, extension=operator.extension, user=operator.id
    )  # fmt: skip
    script.note(ledger.LEFT_QUEUE, why="answered")
    script.call |= {"answered_at": script.at, "operator_id": operator.id}


def _talk(script: Script, extension: str | None, length_s: tuple[float, float]) -> None:
    script.note(ledger.BRIDGED, 0.05, extension=extension)
    begun = script.at
    length = script.wait(*length_s)
    if length > 60 and script.rng.random() < 0.25:
        script.note(ledger.HELD, length * 0.4, by=extension)
        script.note(ledger.RESUMED, length * 0.2, by=extension)
        length *= 0.4
    script.note(ledger.UNBRIDGED, length)
    script.talk_ms += round((script.at - begun).total_seconds() * 1000)


def _transfer(script: Script, cast: Cast, *, is_spoken: bool) -> None:
    liaison, unit = cast.liaison, cast.unit
    mode = script.rng.choice(("blind", "attended"))
    extension = (liaison.extension if liaison else None) or "8001"
    leg = f"{script.linkedid}-li"
    user = liaison.id if liaison else None
    started = {"mode": mode, "unit": unit.id, "extension": extension, "by": cast.operator.extension}
    script.note(ledger.TRANSFER_STARTED, 0.3, channel=leg, **started)
    answered = {"extension": extension, "user": user, "unit": unit.id}
    script.note(ledger.TRANSFER_ANSWERED, script.wait(3, 14), channel=leg, **answered)
    if mode == "attended":
        script.at += timedelta(seconds=script.wait(5, 15))
    script.note(ledger.TRANSFER_COMPLETED, mode=mode, unit=unit.id)
    _talk(script, extension, (10, 20) if is_spoken else (30, 200))
    script.note(ledger.PARTY_LEFT, 0.05, channel=leg, extension=extension, user=user)
    script.call |= {"liaison_id": user, "liaison_unit_id": unit.id}


def _speak_code(script: Script) -> None:
    if script.rng.random() < 0.85:
        script.node("CODE", 0.4)
        script.note(ledger.CODE_SPOKEN, script.wait(9, 14), times=2)


def _survey(script: Script, unit: Unit | None) -> None:
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
