"""`hotline serve controller` and `serve desk`: calls across three processes and PostgreSQL, their supervision, a controller's death."""

import asyncio
import io
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import numpy as np
from sqlalchemy import select
from support.apart import ControllerAlone, LivePage
from support.bucket import Bucket
from support.calls import CALLER_HZ, LIAISON_HZ, OPERATOR_HZ
from support.killable import until
from support.postgres import PostgresServer
from support.quick import tone_prompts
from support.sipphone import Call as PhoneCall
from support.sipphone import Phone, RegistrationRefused
from support.tones import segments_with

from core.accounts import AccountChanged
from core.audit import AuditRow
from core.bus import publish
from core.lines import Line, LinesChanged
from core.people import User
from recordings.models import Call, Recording, RecordingKind
from tickets.models import Ticket

NUMBER, EARLY, LATE = "13900009001", "13900009002", "13900009003"
SUPERVISOR_HZ, COLLEAGUE_HZ = 2000, 1500
OTHER_LINE = "087296128"
HEARD_S = 0.8
"""How long somebody is listened to before it is said what they do not hear."""


async def test_a_call_with_the_desk_in_another_process(tmp_path: Path):
    """M-97: the seat's page follows the call and steers it; with the controller dead the talk goes on, orders are
    refused in Chinese, and after its return the call is supervised and ended from the pages, with the one ticket it had.
    Its recording, moved to a bucket by one process, is heard through another.
    """
    with PostgresServer() as postgres, Bucket() as bucket:
        url = postgres.new_database()
        depot = {f"HOTLINE__RECORDINGS__{name.upper()}": value for name, value in bucket.settings.items()}
        async with (
            ControllerAlone(tmp_path, HOTLINE__DATABASE__URL=url, **depot) as controller,
            controller.desk() as address,
            LivePage(address, "operator1") as desk,
            LivePage(address, "supervisor1", "/supervise/live/ws") as chief,
            await Phone.start("1001", controller.city.sip, "sip-operator1", tone_hz=OPERATOR_HZ) as operator,
            await Phone.start("2001", controller.city.sip, "sip-liaison1", tone_hz=LIAISON_HZ) as liaison,
            await supervisors_phone(controller) as supervisor,
            await Phone.start(NUMBER, controller.city.sip, tone_hz=CALLER_HZ) as caller,
        ):
            await operator.register()
            await liaison.register()
            assert await desk.wish("/desk/call", action="hang_up") == (
                409, {"error": {"code": "not_signed_in", "message": "您还没有签入座席，请先点击“签入”。", "fields": {}}},
            )  # fmt: skip
            assert (await desk.wish("/desk/seat", action="login", desk_phone=True))[0] == 200
            await until(lambda: "1001" in desk.state.get("present", []))
            assert (await desk.wish("/desk/seat", action="ready"))[0] == 200
            call = await caller.call("96128")
            await call.answered()
            await call.until_sound(timeout=10)
            await call.dtmf("0")
            answered = await operator.incoming(15)
            await call.until_hears(OPERATOR_HZ, timeout=15)
            await desk.shows("talking", "talking")
            await until(lambda: bool(desk.state["call"]["ticket_no"]))
            shown = desk.state["call"]
            unit_id = controller.city.units["101"]
            assert (await desk.wish("/desk/call", action="consult", unit_id=unit_id))[0] == 200
            await answered.until_hears(LIAISON_HZ, timeout=15)
            await desk.shows("consulting")
            assert (await desk.wish("/desk/call", action="cancel"))[0] == 200
            await call.until_hears(OPERATOR_HZ, timeout=10)

            await controller.kill()
            await until(lambda: bool(desk.state["away"]))
            status, refused = await desk.wish("/desk/call", action="hang_up")
            assert (status, refused["error"]["code"]) == (503, "controller_away")
            assert "正在进行的通话不受影响" in refused["error"]["message"]
            status, parts = await desk.get("/readyz")
            assert (status, parts["parts"]["controller"]["ok"]) == (503, False)
            await answered.until_hears(CALLER_HZ)

            await controller.start()
            await until(lambda: not desk.state["away"])
            assert (await desk.shows("talking"))["call_id"] == shown["call_id"]
            assert "1001" in desk.state["present"]
            await is_supervised(chief, supervisor, call, answered)
            assert (await desk.wish("/desk/call", action="hang_up"))[0] == 200
            await desk.shows("wrapup")
            await call.hangup()
            record = await controller.closed(NUMBER)
            async with controller.db.reading() as session:
                tickets = (await session.scalars(select(Ticket).where(Ticket.call_id == record.id))).all()
            assert [ticket.ticket_no for ticket in tickets] == [shown["ticket_no"]]
            await is_heard_from_the_depot(
                controller, chief, record, lambda path: any(name.endswith(path) for name in bucket.names())
            )


async def supervisors_phone(controller: ControllerAlone) -> Phone:
    """The supervisor gets an extension while the hotline runs, and a telephone."""
    async with controller.db.unit_of_work() as session:
        chief = await session.get_one(User, controller.city.users["supervisor1"])
        chief.extension, chief.sip_password = "6001", "sip-supervisor1"
        publish(session, AccountChanged(chief.id))
    phone = await Phone.start("6001", controller.city.sip, "sip-supervisor1", tone_hz=SUPERVISOR_HZ)
    async with asyncio.timeout(15):
        while not phone.is_registered:
            try:
                await phone.register()
            except RegistrationRefused:
                await asyncio.sleep(0.1)
    return phone


async def is_supervised(chief: LivePage, phone: Phone, call: PhoneCall, answered: PhoneCall) -> None:
    """Listening, whispering and barging in, each until it is heard; then caller and operator are alone again."""

    async def order(action: str) -> None:
        (shown,) = chief.state["calls"]
        await ordered(chief, shown["call_id"], action)

    def is_on(mode: str) -> bool:
        own = chief.state["own"]
        return bool(own and own["mode"] == mode and own["since"])

    await until(lambda: bool(chief.state.get("calls")) and chief.state["calls"][0]["talks"])
    await order("listen")
    leg = await phone.incoming(10)
    await leg.until_hears(CALLER_HZ, timeout=10)
    await until(lambda: is_on("listen"))
    await order("whisper")
    await answered.until_hears(SUPERVISOR_HZ, timeout=10)
    await until(lambda: is_on("whisper"))
    await order("barge")
    await call.until_hears(SUPERVISOR_HZ, timeout=10)
    await until(lambda: is_on("barge"))
    await order("stop")
    assert (await leg.ended(5)).by == "remote"
    await until(lambda: chief.state["own"] is None)
    await call.until_hears(OPERATOR_HZ, timeout=10)


async def ordered(chief: LivePage, call_id: str, action: str, **more: object) -> None:
    done = await chief.wish("/supervise/live/call", call_id=call_id, action=action, **more)
    assert done == (200, {"ok": True})


async def is_heard_from_the_depot(
    controller: ControllerAlone,
    chief: LivePage,
    record: Call,
    is_kept: Callable[[str], bool],
    voices: tuple[float, ...] = (OPERATOR_HZ,),
) -> None:
    """Nothing of the archive is left on the machine; the supervisor's page plays caller and `voices` from the store."""
    archive = controller.city.hotline.settings.recordings.archive_dir
    recordings = await controller.of_call(Recording, record, at_least=1)
    (talk,) = [one for one in recordings if one.kind == RecordingKind.TALK]
    await until(lambda: is_kept(talk.path), 30)
    await until(lambda: not list(archive.rglob("*.opus.enc")))
    status, play = await chief.wish(f"/supervise/recordings/{talk.public_id}/play")
    assert status == 200, play
    with wave.open(io.BytesIO(await chief.read(play["src"]))) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), np.int16).reshape(-1, 2)
    for side, hz in ((0, CALLER_HZ), *((1, voice) for voice in voices)):
        assert segments_with(np.ascontiguousarray(samples[:, side]), hz)


async def test_a_supervisor_rules_from_another_process(tmp_path: Path):
    """A seat is paused and offered nothing, a waiting caller is given to it by name, a later one put first, another moved to a
    line; a caller is taken over and still has code and survey. Each is heard at every telephone and is in the audit log;
    the recording, moved to a shared folder by one process, is heard through another.
    """
    depot = tmp_path / "depot"
    depot.mkdir()
    with PostgresServer() as postgres:
        more = {
            "HOTLINE__DATABASE__URL": postgres.new_database(),
            "HOTLINE__RECORDINGS__DEPOT": f"file://{depot}",
        }
        async with (
            ControllerAlone(tmp_path, **more) as controller,
            controller.desk() as address,
            LivePage(address, "operator1") as desk,
            LivePage(address, "operator2") as colleagues_desk,
            LivePage(address, "supervisor1", "/supervise/live/ws") as chief,
            await Phone.start("1001", controller.city.sip, "sip-operator1", tone_hz=OPERATOR_HZ) as operator,
            await Phone.start(
                "1002", controller.city.sip, "sip-operator2", tone_hz=COLLEAGUE_HZ
            ) as colleague,
            await supervisors_phone(controller) as supervisor,
            await Phone.start(NUMBER, controller.city.sip, tone_hz=CALLER_HZ) as caller,
            await Phone.start(EARLY, controller.city.sip, tone_hz=CALLER_HZ) as early,
            await Phone.start(LATE, controller.city.sip, tone_hz=CALLER_HZ) as late,
        ):
            tone_prompts(controller.folders, {})
            await operator.register()
            await colleague.register()
            seat, users = "/supervise/live/seat", controller.city.users
            for page in (desk, colleagues_desk):
                assert (await page.wish("/desk/seat", action="login", desk_phone=True))[0] == 200
            assert (await desk.wish("/desk/seat", action="ready"))[0] == 200
            await desk.shows("ready")

            assert await chief.wish(seat, user_id=users["operator1"], reason="培训") == (200, {"ok": True})
            await desk.shows("paused")
            assert desk.state["agent"]["reason"] == "主管安排培训"
            first, call_id = await waiting(controller, chief, caller)
            await first.until_sound(timeout=10)
            assert operator.calls == [], "a paused seat is offered nothing"
            await ordered(chief, call_id, "operator", user_id=users["operator1"])
            answered = await operator.incoming(15)
            await first.until_hears(OPERATOR_HZ, timeout=15)
            await answered.until_hears(CALLER_HZ)

            second, moved_id = await waiting(controller, chief, early)
            third, front_id = await waiting(controller, chief, late)
            await ordered(chief, front_id, "front")
            since = time.monotonic()
            assert (await colleagues_desk.wish("/desk/seat", action="ready"))[0] == 200
            assert (await colleague.incoming(15)).remote_number == LATE
            await third.until_hears(COLLEAGUE_HZ, timeout=15)
            await a_second_line(controller, chief, moved_id)
            await until(lambda: shown(chief, moved_id)["line"] == OTHER_LINE)
            await second.until_sound(timeout=10)
            assert not heard(second, COLLEAGUE_HZ, since), "the earlier caller waits"

            await ordered(chief, call_id, "take_over")
            leg = await supervisor.incoming(10)
            await first.until_hears(SUPERVISOR_HZ, timeout=15)
            await leg.until_hears(CALLER_HZ, timeout=10)
            assert (await answered.ended(5)).by == "remote"
            await desk.shows("wrapup")
            since = time.monotonic()
            await asyncio.sleep(HEARD_S)
            assert not heard(first, OPERATOR_HZ, since)
            assert not heard(third, SUPERVISOR_HZ, since)
            await chief.wish("/supervise/live/call", action="stop")
            await controller.been_at(NUMBER, "CODE")
            await controller.been_at(NUMBER, "SURVEY")
            for call in (first, second, third):
                await call.hangup()

            record = await controller.closed(NUMBER)
            assert record.operator_id == users["supervisor1"]
            assert (await controller.closed(EARLY)).line == OTHER_LINE
            target = f"call:{call_id}"
            assert await audited(controller) == [
                ("supervise.pause", f"user:{users['operator1']}", "培训"), ("supervise.move", target, "operator 1001"),
                ("supervise.move", f"call:{front_id}", "front"), ("supervise.move", f"call:{moved_id}", f"line {OTHER_LINE}"),
                ("supervise.take_over", target, ""), ("supervise.take_over.end", target, ANY),
            ]  # fmt: skip
            await is_heard_from_the_depot(
                controller, chief, record, lambda path: (depot / path).exists(), (OPERATOR_HZ, SUPERVISOR_HZ)
            )


async def waiting(controller: ControllerAlone, chief: LivePage, phone: Phone) -> tuple[PhoneCall, str]:
    """A citizen's call that waits in the queue on the supervisor's board, and its id there."""
    call = await phone.call("96128")
    await call.answered()
    await controller.been_at(phone.account.name, "WELCOME")
    await call.dtmf("0")
    await controller.until_told(phone.account.name, "queued")
    (row,) = await controller.calls(phone.account.name)
    await until(lambda: bool(shown(chief, row.linkedid).get("waits")))
    return call, row.linkedid


def shown(chief: LivePage, call_id: str) -> dict[str, Any]:
    return next((one for one in chief.state["calls"] if one["call_id"] == call_id), {})


async def a_second_line(controller: ControllerAlone, chief: LivePage, call_id: str) -> None:
    """One more line of the same region, which the controller learns of while it runs; the waiting caller is moved there."""
    async with controller.db.unit_of_work() as session:
        region = (await session.get_one(User, controller.city.users["operator1"])).region_id
        session.add(Line(number=OTHER_LINE, name="第二专线", region_id=region))
        publish(session, LinesChanged())
    order = {"call_id": call_id, "action": "line", "line": OTHER_LINE}
    async with asyncio.timeout(10):
        while (await chief.wish("/supervise/live/call", **order))[0] == 422:
            await asyncio.sleep(0.1)


def heard(call: PhoneCall, hz: float, since: float) -> bool:
    return bool(segments_with(call.heard.between(since, time.monotonic()), hz, min_share=0.02))


async def audited(controller: ControllerAlone) -> list[tuple[str, str, str]]:
    """What the supervisor did to calls and seats, in order."""
    async with controller.db.reading() as session:
        mine = AuditRow.action.startswith("supervise.") & (AuditRow.actor == "supervisor1")
        rows = await session.scalars(select(AuditRow).where(mine).order_by(AuditRow.id))
        return [(row.action, row.target, row.reason) for row in rows]
