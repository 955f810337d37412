"""Controller, desk and portal started as processes of their own while PostgreSQL is away (分进程启动时数据库停机, M-14, M-97)."""

from pathlib import Path

from aiohttp import ClientSession
from support.apart import ControllerAlone, LivePage
from support.calls import CALLER_HZ, OPERATOR_HZ
from support.hotline import free_ports
from support.killable import until
from support.postgres import PostgresServer
from support.quick import tone_prompts
from support.sipphone import Phone

from tickets.models import Ticket

NUMBER = "13900009101"


async def test_every_part_started_while_the_database_is_away(tmp_path: Path):
    """Each says so and waits: callers have the short path, pages say why; with the database back all work by themselves."""
    (portal_port,) = free_ports(1)
    portal = f"http://127.0.0.1:{portal_port}"
    waits = "数据库暂时无法连接"
    with PostgresServer() as postgres:
        async with (
            ControllerAlone(tmp_path, HOTLINE__DATABASE__URL=postgres.new_database()) as controller,
            await Phone.start("1001", controller.city.sip, "sip-operator1", tone_hz=OPERATOR_HZ) as operator,
            await Phone.start(NUMBER, controller.city.sip, tone_hz=CALLER_HZ) as caller,
        ):
            tone_prompts(controller.folders, {"fallback-operator": 600, "goodbye": 1050})
            await operator.register()
            await controller.seat()
            await controller.kill()
            await controller.ask_asterisk("Setvar", Variable="CTL_BEAT", Value=0)
            postgres.stop()
            await controller.start(ready=waits)
            async with (
                controller.serving("desk", waits) as desk,
                controller.serving("portal", waits, HOTLINE__HTTP__PORT=str(portal_port)) as public,
                ClientSession() as http,
            ):
                for url in (controller.city.url, portal):
                    async with http.get(url) as page:
                        assert (page.status, waits in await page.text()) == (503, True)
                call = await caller.call("96128")
                await call.answered()
                await call.until_hears(600, timeout=10)
                answered = await operator.incoming(15)
                await call.until_hears(OPERATOR_HZ, timeout=10)
                postgres.start()
                await until(lambda: controller.ready in controller.said(controller.began), 60)
                await until(lambda: "网页已启动" in desk() and "公众门户已启动" in public(), 60)
                await controller.until_beat_is(lambda age: age <= 1)
                await answered.until_hears(CALLER_HZ)
                async with LivePage(controller.city.url, "operator1") as seat, http.get(portal) as page:
                    assert page.status == 200
                    await seat.shows("talking", "talking")
                await answered.hangup()
                await call.until_hears(1050, timeout=20)
            record = await controller.closed(NUMBER)
            assert len(await controller.of_call(Ticket, record, 1)) == 1
