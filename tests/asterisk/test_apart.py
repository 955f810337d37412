"""`hotline serve controller` and `serve desk`: a call across three processes and PostgreSQL, and the controller's death in it."""

import asyncio
from pathlib import Path

from sqlalchemy import select
from support.apart import ControllerAlone, SeatedOperator
from support.calls import CALLER_HZ, LIAISON_HZ, OPERATOR_HZ
from support.killable import until
from support.postgres import PostgresServer
from support.sipphone import Phone

from recordings.models import Call
from tickets.models import Ticket

NUMBER = "13900009001"


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
    refused in Chinese, and after its return the call is ended from the page, with the one ticket it had.
    """
    with PostgresServer() as postgres:
        url = postgres.new_database()
        async with (
            ControllerAlone(tmp_path, HOTLINE__DATABASE__URL=url) as controller,
            controller.desk() as address,
            SeatedOperator(address, "operator1") as desk,
            await Phone.start("1001", controller.city.sip, "sip-operator1", tone_hz=OPERATOR_HZ) as operator,
            await Phone.start("2001", controller.city.sip, "sip-liaison1", tone_hz=LIAISON_HZ) as liaison,
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
            assert (await desk.wish("/desk/call", action="hang_up"))[0] == 200
            await desk.shows("wrapup")
            await call.hangup()
            record = await recorded(controller)
            async with controller.db.reading() as session:
                tickets = (await session.scalars(select(Ticket).where(Ticket.call_id == record.id))).all()
            assert [ticket.ticket_no for ticket in tickets] == [shown["ticket_no"]]
