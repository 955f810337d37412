"""Two Asterisk nodes behind Kamailio's dispatcher, each with its controller and pages (`hotline run`), on one PostgreSQL; one dies."""

import asyncio
import contextlib
import ssl
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from support import sipp
from support.apart import KAMAILIO, Dispatcher, LivePage, SecondNode, dispatcher
from support.calls import CALLER_HZ, OPERATOR_HZ
from support.hotline import free_ports
from support.killable import KillableHotline, until
from support.postgres import PostgresServer
from support.sipphone import Call as PhoneCall
from support.sipphone import CallRefused, Phone, SipTimeout

from ivr.models import OwedCall, OwedKind
from ivr.outages.nodes import SILENT_S, Node
from recordings.models import Call

KEEPER, EARLY = "13900009220", "13900009221"
IDLE_S = 3.0
"""Longer than idle seats are looked for."""
FIRST, LATER = tuple(f"1390000920{n}" for n in range(4)), tuple(f"1390000921{n}" for n in range(3))


async def call(number: str, sip: tuple[str, int], phones: list[Phone]) -> PhoneCall:
    """A citizen's call that is answered, on whichever node."""
    phone = await Phone.start(number, sip, tone_hz=CALLER_HZ)
    phones.append(phone)
    one = await phone.call("96128")
    await one.answered()
    return one


async def first_answered(number: str, sip: tuple[str, int], phones: list[Phone]) -> PhoneCall:
    """Kamailio learns who lives within a second or two of its start."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await call(number, sip, phones)
            except (CallRefused, SipTimeout):
                await asyncio.sleep(0.2)


async def test_two_nodes_and_the_death_of_one(tmp_path: Path):
    """Supervisors at either node see and steer both; a kept place is called when nobody of either node has waited longer. Calls
    are shared out. While one node's controller alone is silent nobody is owed a call; after the node's death the next calls
    are all answered by the other within seconds, and who was on its line is on the call-back list, nobody else.
    """
    for name in ("one", "two", "kamailio"):
        (tmp_path / name).mkdir()
    phones: list[Phone] = []
    with PostgresServer() as postgres:
        url = postgres.new_database()
        (trunk,) = free_ports(1)
        more = {"HOTLINE__DATABASE__URL": url, "HOTLINE__ASTERISK__TRUNK_CONTACT": f"sip:127.0.0.1:{trunk}"}
        async with (
            KillableHotline(tmp_path / "one", **more) as first,
            SecondNode(tmp_path / "two", HOTLINE__ASTERISK__SYSTEM_NAME="n2", **more) as second,
            LivePage(first.city.url, "supervisor1", "/supervise/live/ws") as here,
            LivePage(second.city.url, "supervisor1", "/supervise/live/ws") as there,
            dispatcher(tmp_path / "kamailio", (first, second)) as doors,
        ):
            await a_kept_place_in_turn(first, second, there, trunk)
            await first_answered(FIRST[0], doors.sip, phones)
            own = (doors.certificate, doors.key)
            for transport, address in (("t1", doors.sip), ("l1", doors.tls)):
                some = await sipp.run_callers(
                    "talk_caller", address, tmp_path, 2, 2, pause_ms=300, transport=transport, certificate=own
                )
                assert some.successful == 2, transport
            with pytest.raises(ssl.SSLError, match="certificate required"):
                await over_tls_without_certificate(doors)
            for number in FIRST[1:]:
                await call(number, doors.sip, phones)
            on = await nodes_of(first, FIRST)
            assert Counter(on.values()) == {"n1": 2, "n2": 2}
            for board in (here, there):
                await until(
                    lambda board=board: [one["phase"] for one in board.state["calls"]] == ["menu"] * 4
                )

            second.freeze()
            await silent_since_long(first, "n2")
            await until(lambda: "node_silent_but_answering" in first.said())
            second.thaw()
            assert await owed(first) == set(), "its callers are still served"

            await second.die()
            for number in LATER:  # an INVITE that is not answered goes to the next node after two seconds
                await call(number, doors.sip, phones)
            assert set((await nodes_of(first, LATER)).values()) == {"n1"}
            await silent_since_long(first, "n2")
            cut = {number for number, node in on.items() if node == "n2"}
            async with asyncio.timeout(20):
                while await owed(first) != cut:
                    await asyncio.sleep(0.2)
            await asyncio.gather(*(phone.close() for phone in phones), return_exceptions=True)


async def over_tls_without_certificate(doors: Dispatcher) -> None:
    context = ssl.create_default_context(cafile=doors.certificate)
    context.check_hostname = False
    reader, writer = await asyncio.open_connection(*doors.tls, ssl=context)
    try:
        await reader.read(1)
    finally:
        writer.transport.abort()


async def test_the_dispatcher_without_tls(tmp_path: Path):
    """TLS is off unless a certificate is given, and its module is not needed then."""
    listed = tmp_path / "nodes.list"
    listed.write_text("1 sip:127.0.0.1:5060\n")
    no_module = Path("dialplan/kamailio/kamailio.cfg").read_text().replace("tls.so", "not-there.so")
    (tmp_path / "kamailio.cfg").write_text(no_module)
    for more, code in ((), 0), (("-A", 'CERTIFICATE="x"', "-A", 'PRIVATE_KEY="x"'), 255):
        command = [KAMAILIO[0], "-f", tmp_path / "kamailio.cfg", "-c", "-A", f'NODES="{listed}"', *more]
        checked = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
        assert await checked.wait() == code


async def a_kept_place_in_turn(
    first: KillableHotline, second: KillableHotline, chief: LivePage, trunk: int
) -> None:
    """Kept at the first node, where the only operator is paused by a supervisor at the second, and idle later: as long as an
    earlier caller waits at the second it is not called, and then at once.
    """
    async with (
        LivePage(first.city.url, "operator1") as desk,
        LivePage(second.city.url, "operator2") as other_desk,
        await Phone.start("1001", first.city.sip, "sip-operator1", tone_hz=OPERATOR_HZ) as operator,
        await Phone.start("1002", second.city.sip, "sip-operator2", tone_hz=OPERATOR_HZ) as other,
        await Phone.start("outside", first.city.sip, tone_hz=CALLER_HZ, listen_port=trunk) as outside,
        await Phone.start(EARLY, second.city.sip, tone_hz=CALLER_HZ) as early,
        await Phone.start(KEEPER, first.city.sip, tone_hz=CALLER_HZ) as keeper,
    ):
        for page, phone in ((desk, operator), (other_desk, other)):
            await phone.register()
            assert (await page.wish("/desk/seat", action="login", desk_phone=True))[0] == 200
        assert (await desk.wish("/desk/seat", action="ready"))[0] == 200
        paused = {"user_id": first.city.users["operator1"], "reason": "会议"}
        await until(lambda: paused["user_id"] in [one["user_id"] for one in chief.state["seats"]])
        assert (await chief.wish("/supervise/live/seat", **paused))[0] == 200
        await desk.shows("paused")

        waits = await queued(second, early)
        keeps = await queued(first, keeper)
        await keeps_place(first, keeps)
        assert (await desk.wish("/desk/seat", action="ready"))[0] == 200
        await desk.shows("ready")
        await asyncio.sleep(IDLE_S)
        assert (outside.calls, operator.calls) == ([], []), "somebody has waited longer, at the other node"
        assert (await other_desk.wish("/desk/seat", action="ready"))[0] == 200
        await waits.until_hears(OPERATOR_HZ, timeout=15)
        back = await outside.incoming(15)
        assert back.called_number == KEEPER
        await back.until_hears(OPERATOR_HZ, timeout=15)
        await waits.hangup()
        await back.hangup()
        await first.closed(EARLY)


async def queued(node: KillableHotline, phone: Phone) -> PhoneCall:
    one = await phone.call("96128")
    await one.answered()
    await node.been_at(phone.account.name, "WELCOME")
    await one.dtmf("0")
    await node.until_told(phone.account.name, "queued")
    return one


async def keeps_place(node: KillableHotline, one: PhoneCall) -> None:
    """Key 3, again when it fell into an announcement, then 1: call back this number."""
    async with asyncio.timeout(20):
        while not await told_node(node, "KEEP"):
            await one.dtmf("3")
            with contextlib.suppress(TimeoutError):
                await node.been_at(KEEPER, "KEEP", 1.5)
    await node.been_at(KEEPER, "KEEP-NUM")
    await one.dtmf("1")
    assert (await one.ended(20)).by == "remote"


async def told_node(node: KillableHotline, name: str) -> bool:
    return ("node", {"node": name}) in await node.ledger(KEEPER)


async def nodes_of(node: KillableHotline, numbers: tuple[str, ...]) -> dict[str, str]:
    """The node that has each of these callers, once all are on record."""
    async with asyncio.timeout(15):
        while True:
            async with node.db.reading() as session:
                rows = await session.scalars(select(Call).where(Call.caller_number.in_(numbers)))
                found = {row.caller_number: row.linkedid.partition("-")[0] for row in rows}
            if len(found) == len(numbers):
                return found
            await asyncio.sleep(0.1)


async def silent_since_long(node: KillableHotline, name: str) -> None:
    """As if the node's last word were older than the time of grace."""
    async with node.db.unit_of_work() as session:
        ago = func.now() - timedelta(seconds=SILENT_S + 1)
        await session.execute(update(Node).where(Node.system_name == name).values(beat_at=ago))


async def owed(node: KillableHotline) -> set[str]:
    async with node.db.reading() as session:
        return set(await session.scalars(select(OwedCall.number).where(OwedCall.kind == OwedKind.MISSED)))
