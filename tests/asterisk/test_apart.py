"""`hotline serve controller` and `serve desk`: a call across three processes and PostgreSQL, and the controller's death in it."""

import asyncio
import io
import wave
from pathlib import Path

import numpy as np
from sqlalchemy import select
from support.apart import ControllerAlone, LivePage
from support.bucket import Bucket
from support.calls import CALLER_HZ, LIAISON_HZ, OPERATOR_HZ
from support.killable import until
from support.postgres import PostgresServer
from support.sipphone import Call as PhoneCall
from support.sipphone import Phone, RegistrationRefused
from support.tones import segments_with

from core.accounts import AccountChanged
from core.bus import publish
from core.people import User
from recordings.models import Call, Recording, RecordingKind
from tickets.models import Ticket

NUMBER = "13900009001"
SUPERVISOR_HZ = 2000


async def recorded(controller: ControllerAlone) -> Call:
    """The call's record, once it is closed."""
    async with asyncio.timeout(40):
        while True:
            async with controller.db.reading() as session:
                call = await session.scalar(select(Call).where(Call.caller_number == NUMBER))
            if call and call.ended_at:
                return call
            await asyncio.sleep(0.2)


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
            record = await recorded(controller)
            async with controller.db.reading() as session:
                tickets = (await session.scalars(select(Ticket).where(Ticket.call_id == record.id))).all()
            assert [ticket.ticket_no for ticket in tickets] == [shown["ticket_no"]]
            await is_heard_from_the_bucket(controller, bucket, chief, record)


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
        done = await chief.wish("/supervise/live/call", call_id=shown["call_id"], action=action)
        assert done == (200, {"ok": True})

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


async def is_heard_from_the_bucket(
    controller: ControllerAlone, bucket: Bucket, chief: LivePage, record: Call
) -> None:
    """Nothing of the archive is left on the machine; the supervisor's page plays both voices from the store."""
    archive = controller.city.hotline.settings.recordings.archive_dir
    recordings = await controller.of_call(Recording, record, at_least=2)  # the consultation's is the other
    (talk,) = [one for one in recordings if one.kind == RecordingKind.TALK]
    await until(lambda: any(name.endswith(talk.path) for name in bucket.names()), 30)
    await until(lambda: not list(archive.rglob("*.opus.enc")))
    status, play = await chief.wish(f"/supervise/recordings/{talk.public_id}/play")
    assert status == 200, play
    with wave.open(io.BytesIO(await chief.read(play["src"]))) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), np.int16).reshape(-1, 2)
    for side, hz in ((0, CALLER_HZ), (1, OPERATOR_HZ)):
        assert segments_with(np.ascontiguousarray(samples[:, side]), hz)
