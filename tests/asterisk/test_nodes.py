"""Two Asterisk nodes behind Kamailio's dispatcher, each with its controller, on one PostgreSQL; one of them dies."""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select, update
from support import sipp
from support.apart import ControllerAlone, SecondNode, dispatcher
from support.calls import CALLER_HZ
from support.killable import until
from support.postgres import PostgresServer
from support.sipphone import Call as PhoneCall
from support.sipphone import CallRefused, Phone, SipTimeout

from ivr.models import OwedCall, OwedKind
from ivr.outages.nodes import SILENT_S, Node
from recordings.models import Call

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


async def test_a_node_dies(tmp_path: Path):
    """Calls are shared out. While one node's controller alone is silent nobody is owed a call; after the node's death the next
    calls are all answered by the other within seconds, and who was on its line is on the call-back list, nobody else.
    """
    for name in ("one", "two", "kamailio"):
        (tmp_path / name).mkdir()
    phones: list[Phone] = []
    with PostgresServer() as postgres:
        url = postgres.new_database()
        more = {"HOTLINE__DATABASE__URL": url, "HOTLINE__ASTERISK__SYSTEM_NAME": "n2"}
        async with (
            ControllerAlone(tmp_path / "one", HOTLINE__DATABASE__URL=url) as first,
            SecondNode(tmp_path / "two", **more) as second,
            dispatcher(tmp_path / "kamailio", (first, second)) as sip,
        ):
            await first_answered(FIRST[0], sip, phones)
            by_tcp = await sipp.run_callers("talk_caller", sip, tmp_path, 2, 2, pause_ms=300, transport="t1")
            assert by_tcp.successful == 2
            for number in FIRST[1:]:
                await call(number, sip, phones)
            on = await nodes_of(first, FIRST)
            assert Counter(on.values()) == {"n1": 2, "n2": 2}

            second.freeze()
            await silent_since_long(first, "n2")
            await until(lambda: "node_silent_but_answering" in first.said())
            second.thaw()
            assert await owed(first) == set(), "its callers are still served"

            await second.die()
            for number in LATER:  # an INVITE that is not answered goes to the next node after two seconds
                await call(number, sip, phones)
            assert set((await nodes_of(first, LATER)).values()) == {"n1"}
            await silent_since_long(first, "n2")
            cut = {number for number, node in on.items() if node == "n2"}
            async with asyncio.timeout(20):
                while await owed(first) != cut:
                    await asyncio.sleep(0.2)
            await asyncio.gather(*(phone.close() for phone in phones), return_exceptions=True)


async def nodes_of(node: ControllerAlone, numbers: tuple[str, ...]) -> dict[str, str]:
    """The node that has each of these callers, once all are on record."""
    async with asyncio.timeout(15):
        while True:
            async with node.db.reading() as session:
                rows = await session.scalars(select(Call).where(Call.caller_number.in_(numbers)))
                found = {row.caller_number: row.linkedid.partition("-")[0] for row in rows}
            if len(found) == len(numbers):
                return found
            await asyncio.sleep(0.1)


async def silent_since_long(node: ControllerAlone, name: str) -> None:
    """As if the node's last word were older than the time of grace."""
    async with node.db.unit_of_work() as session:
        ago = func.now() - timedelta(seconds=SILENT_S + 1)
        await session.execute(update(Node).where(Node.system_name == name).values(beat_at=ago))


async def owed(node: ControllerAlone) -> set[str]:
    async with node.db.reading() as session:
        return set(await session.scalars(select(OwedCall.number).where(OwedCall.kind == OwedKind.MISSED)))
