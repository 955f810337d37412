"""Records what Asterisk tells the controller during whole calls (录制 AMI 轨迹), for the replay tests.

    .venv/bin/python tests/support/record_traces.py [story …]

Runs the hotline with a real Asterisk and test phones, and writes `tests/traces/<story>.jsonl`: one JSON object a line,
either an AMI event as received or, with the key `Did`, a step of the desk that the tracker is told of. All numbers are
made up. Only for the lab: never record a citizen's call.
"""

# ruff: noqa: E402, T201 - a command of its own: it finds the project first, and prints
import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

from support.calls import CALLER_HZ, LIAISON_HZ, OPERATOR_HZ, Exchange
from support.hotline import MONDAY_MORNING, running_hotline
from support.traces import FOLDER

from ivr.tracking.live_call import TransferState

Story = Callable[[Exchange], Awaitable[None]]
EVENING = "2026-06-01T22:00:00+08:00"


class Tap:
    """Listens to the controller's events and to the desk's transfers."""

    def __init__(self, exchange: Exchange) -> None:
        self.rows: list[dict[str, Any]] = []
        controller = exchange.city.hotline.controller
        on_event, note = controller.ami._on_event, controller.note

        def event(fields: dict[str, str]) -> None:
            self.rows.append(dict(fields))
            on_event(fields)

        def noted(call: Any, kind: str, **data: Any) -> None:
            if kind == "transfer_started":
                self.rows.append({"Did": "transfer", "linkedid": call.linkedid, **_plain(call.transfer)})
            elif kind == "transfer_failed":
                self.rows.append({"Did": "cancel", "linkedid": call.linkedid})
            note(call, kind, **data)

        controller.ami._on_event = event
        controller.note = noted  # type: ignore[method-assign]


def _plain(transfer: TransferState) -> dict[str, Any]:
    names = ("mode", "unit_id", "unit_name", "liaison_name", "extensions", "by", "back_to")
    parties = [asdict(party) for party in transfer.parties]
    return {**{name: getattr(transfer, name) for name in names}, "parties": parties}


async def talk_and_hang_up(on: Exchange) -> None:
    """Menu, operator, the operator hangs up first, the caller listens to the code and leaves."""
    call, answered = await on.talking(await on.operator())
    await answered.hangup()
    await on.at_node(call, "CODE")
    await call.hangup()


async def caller_hangs_up_in_talk(on: Exchange) -> None:
    call, _ = await on.talking(await on.operator())
    await call.hangup()


async def hold_and_resume(on: Exchange) -> None:
    call, answered = await on.talking(await on.operator())
    await answered.hold()
    await on.until(lambda: on.seat().call is not None and on.seat().call.phase == "held")
    await answered.unhold()
    await call.until_hears(OPERATOR_HZ)
    await call.hangup()


async def blind_answered(on: Exchange) -> None:
    operator, liaison = await on.operator(), await on.liaison()
    call, _ = await on.talking(operator)
    await on.control.blind_transfer(on.city.users["operator1"], on.city.units["101"])
    leg = await liaison.incoming(15)
    await leg.until_hears(CALLER_HZ, timeout=10)
    await leg.hangup()
    await on.at_node(call, "CODE")
    await call.hangup()


async def _blind_back(on: Exchange, policy: str) -> None:
    operator, liaison = await on.operator(), await on.liaison()
    liaison.on_invite = policy  # type: ignore[assignment]
    call, _ = await on.talking(operator)
    await on.control.blind_transfer(on.city.users["operator1"], on.city.units["101"])
    again = await operator.incoming(25)
    await again.answered()
    await call.until_hears(OPERATOR_HZ, timeout=10)
    await again.hangup()
    await on.at_node(call, "CODE")
    await call.hangup()


async def blind_busy_returned(on: Exchange) -> None:
    await _blind_back(on, "busy")


async def blind_unanswered_returned(on: Exchange) -> None:
    await _blind_back(on, "ignore")


async def blind_refused_to_queue(on: Exchange) -> None:
    """The liaison declines and the operator is gone: the caller waits for anybody."""
    operator, liaison = await on.operator(), await on.liaison()
    liaison.on_invite = "decline"
    call, _ = await on.talking(operator)
    operator.on_invite = "busy"
    other = await on.operator("operator2")
    await on.control.blind_transfer(on.city.users["operator1"], on.city.units["101"])
    answered = await other.incoming(30)
    await answered.answered()
    await call.until_hears(OPERATOR_HZ, timeout=10)
    await call.hangup()


async def attended_completed(on: Exchange) -> None:
    operator, liaison = await on.operator(), await on.liaison()
    call, _ = await on.talking(operator)
    await on.control.consult(on.city.users["operator1"], on.city.units["101"])
    leg = await liaison.incoming(15)
    await leg.until_hears(OPERATOR_HZ, timeout=10)
    await on.control.complete_transfer(on.city.users["operator1"])
    await leg.until_hears(CALLER_HZ, timeout=10)
    await call.until_hears(LIAISON_HZ)
    await leg.hangup()
    await on.at_node(call, "CODE")
    await call.hangup()


async def attended_cancelled(on: Exchange) -> None:
    operator, liaison = await on.operator(), await on.liaison()
    liaison.on_invite = "ignore"
    call, answered = await on.talking(operator)
    await on.control.consult(on.city.users["operator1"], on.city.units["101"])
    await (await liaison.incoming(15)).ringing()
    await on.control.cancel_consult(on.city.users["operator1"])
    await call.until_hears(OPERATOR_HZ, timeout=10)
    await answered.hangup()
    await on.at_node(call, "CODE")
    await call.hangup()


async def attended_refused(on: Exchange) -> None:
    operator, liaison = await on.operator(), await on.liaison()
    liaison.on_invite = "decline"
    call, answered = await on.talking(operator)
    user = on.city.users["operator1"]
    await on.control.consult(user, on.city.units["101"])
    await on.until(lambda: on.seat().call is not None and "failed" in str(on.seat().call.consult), 10)
    await on.control.cancel_consult(user)
    await call.until_hears(OPERATOR_HZ, timeout=10)
    await answered.hangup()
    await on.at_node(call, "CODE")
    await call.hangup()


async def leaves_in_consult(on: Exchange) -> None:
    operator, liaison = await on.operator(), await on.liaison()
    call, _ = await on.talking(operator)
    await on.control.consult(on.city.users["operator1"], on.city.units["101"])
    leg = await liaison.incoming(15)
    await leg.until_hears(OPERATOR_HZ, timeout=10)
    await call.hangup()
    await leg.ended()


async def leaves_in_menu(on: Exchange) -> None:
    call = await on.dial()
    await on.walk(call, ("MAIN", "1"))
    await on.at_node(call, "Q")
    await call.hangup()


async def leaves_in_queue(on: Exchange) -> None:
    operator = await on.operator()
    operator.on_invite = "ignore"
    call = await on.dial()
    await on.walk(call, ("MAIN", "0"))
    await (await operator.incoming(15)).ringing()
    await call.hangup()


async def menu_transfer_answered(on: Exchange) -> None:
    """From the menu straight to a department."""
    liaison = await on.liaison()
    call = await on.dial()
    await on.walk(call, ("MAIN", "1"), ("Q", "1"), ("QD", "1"), ("QD-CODE", "101"), ("QD-OK", "1"))
    leg = await liaison.incoming(20)
    await leg.until_hears(CALLER_HZ, timeout=10)
    await leg.hangup()
    await on.at_node(call, "CODE")
    await call.hangup()


async def voicemail_at_night(on: Exchange) -> None:
    from datetime import datetime

    on.city.clock.move_to(datetime.fromisoformat(EVENING))
    call = await on.dial()
    await on.walk(call, ("MAIN", "0"))
    await on.at_node(call, "VM-REC", 30)
    await asyncio.sleep(9)  # the prompt, the tone and four seconds of message
    await call.dtmf("#")
    await on.walk(call, ("VM-REVIEW", "3"), ("VM-NUM", "1"))
    await on.at_node(call, "CODE", 20)
    await call.hangup()


STORIES: tuple[Story, ...] = (
    talk_and_hang_up, caller_hangs_up_in_talk, hold_and_resume, blind_answered, blind_busy_returned,
    blind_unanswered_returned, blind_refused_to_queue, attended_completed, attended_cancelled, attended_refused,
    leaves_in_consult, leaves_in_menu, leaves_in_queue, menu_transfer_answered, voicemail_at_night,
)  # fmt: skip


async def record(stories: list[Story]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with running_hotline(Path(folder), at=MONDAY_MORNING, HOTLINE__CALLS__RING_S="3") as city:
            tap = Tap(Exchange(city))
            for story in stories:
                tap.rows.clear()
                async with Exchange(city) as exchange:
                    await story(exchange)
                await asyncio.sleep(0.5)
                file = FOLDER / f"{story.__name__}.jsonl"
                file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in tap.rows))
                print(f"{file.name}: {len(tap.rows)}")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    wanted = set(sys.argv[1:])
    asyncio.run(record([story for story in STORIES if not wanted or story.__name__ in wanted]))
