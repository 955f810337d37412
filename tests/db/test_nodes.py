"""Nodes on one PostgreSQL: whose silence is a death, whose callers are owed a call, and who comes off the list again."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import cast

import pytest
from sqlalchemy import func, update
from support.blank import Blanks
from support.postgres import PostgresServer
from support.tickets import City, build_city

from core.db import Database, DatabaseSettings
from ivr.models import OwedKind
from ivr.outages import sip_probe
from ivr.outages.nodes import SILENT_S, Node, Nodes
from ivr.queue import owed_calls
from recordings.models import Call, CallEnd

OWN_SIP, NOBODY = ("127.0.0.1", 5060), ("127.0.0.1", 1)
Answers = tuple[tuple[str, int], asyncio.BaseTransport]


@pytest.fixture
async def city(postgres: PostgresServer, blanks: Blanks) -> AsyncIterator[City]:
    url = await blanks.postgresql(postgres)
    database = Database(DatabaseSettings(url=url))
    yield await build_city(database)
    await database.close()
    await blanks.take_back(url)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_probe, "ANSWER_LIMIT_S", 0.05)


class Answering(asyncio.DatagramProtocol):
    """An Asterisk, as far as a dispatcher asks it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data.startswith(b"OPTIONS sip:"):
            self.transport.sendto(b"SIP/2.0 401 Unauthorized\r\n\r\n", addr)


@pytest.fixture
async def asterisk() -> AsyncIterator[Answers]:
    """A SIP address that answers, and what ends that."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Answering, local_addr=("127.0.0.1", 0))
    yield transport.get_extra_info("sockname"), transport
    transport.close()


def node(city: City, name: str, sip: tuple[str, int] = OWN_SIP, alive: set[str] | None = None) -> Nodes:
    return Nodes(city.db, city.clock, name, sip, lambda: alive)


async def caller(city: City, linkedid: str, number: str, **columns: object) -> int:
    async with city.db.unit_of_work() as session:
        call = await city.call(session, number, **columns)
        call.linkedid = linkedid
        return call.id


async def silent_for(city: City, name: str, seconds: float) -> None:
    async with city.db.unit_of_work() as session:
        ago = func.now() - timedelta(seconds=seconds)
        await session.execute(update(Node).where(Node.system_name == name).values(beat_at=ago))


async def ended(city: City, call_id: int, how: CallEnd) -> None:
    """What the node's own ledger tells of those minutes, once it is stored; who gave up is reported again."""
    async with city.db.unit_of_work() as session:
        call = await session.get_one(Call, call_id)
        call.ended_at, call.end = city.clock.now(), how
        if how == CallEnd.QUEUE:
            await owed_calls.owe(session, call_id=call_id, kind=OwedKind.MISSED)


async def listed(city: City) -> set[str]:
    async with city.db.reading() as session:
        return {row.number for row in await owed_calls.waiting_list(session)}


async def test_the_callers_of_a_dead_node_are_listed_once(city: City) -> None:
    """Only after its time of grace, only those still on the line, and by one of those who notice."""
    await node(city, "n2", NOBODY).look()
    await caller(city, "n2-1.1", "13800000001")
    await caller(city, "n2-2.1", "13800000002", ended_at=city.clock.now(), end=CallEnd.MENU)
    await caller(city, "n1-1.1", "13800000003")
    await silent_for(city, "n2", SILENT_S - 2)
    await node(city, "n1").look()
    assert await listed(city) == set()
    await silent_for(city, "n2", SILENT_S + 1)
    await asyncio.gather(node(city, "n1").look(), node(city, "n3").look())
    assert await listed(city) == {"13800000001"}
    async with city.db.reading() as session:
        assert [row.times for row in await owed_calls.waiting_list(session)] == [1]


async def test_a_silent_node_whose_asterisk_answers_is_not_dead(city: City, asterisk: Answers) -> None:
    """Its controller or its way to the database is gone: the callers are served on, and owed nothing until that answers no more."""
    sip, transport = asterisk
    await node(city, "n2", sip).look()
    await caller(city, "n2-1.1", "13800000001")
    await silent_for(city, "n2", SILENT_S + 1)
    own = node(city, "n1")
    await own.look()
    assert await listed(city) == set()
    assert await own.told() == "n2 没有消息，正在确认是否仍在接听"
    assert own.others == {"n2"}
    transport.close()
    await own.look()
    assert await listed(city) == {"13800000001"}
    assert await own.told() == "n2 已停止，当时在线的来电已列入回拨名单"
    await own.look()
    assert own.others == set()


async def test_loopback_is_no_evidence(city: City, asterisk: Answers) -> None:
    """Two machines with the address that every machine has: it is one's own Asterisk that would answer."""
    sip, _ = asterisk
    await node(city, "n2", sip).look()
    await caller(city, "n2-1.1", "13800000001")
    await silent_for(city, "n2", SILENT_S + 1)
    await node(city, "n1", sip).look()
    assert await listed(city) == {"13800000001"}


async def test_a_node_that_comes_back_takes_its_callers_off_the_list(city: City) -> None:
    """Who talks still, or was served to the end; not who gave up, nor whom somebody has begun to call."""
    alive: set[str] = {"n2-1.1"}
    back = node(city, "n2", NOBODY, alive)
    await back.look()
    calls = [await caller(city, f"n2-{n}.1", f"1380000000{n}") for n in range(1, 5)]
    await silent_for(city, "n2", SILENT_S + 1)
    await node(city, "n1").look()
    assert len(await listed(city)) == 4
    async with city.db.unit_of_work() as session:
        rows = {row.call_id: row for row in await owed_calls.waiting_list(session)}
        await owed_calls.take_on(session, city.clock, rows[calls[3]].id, city.users["operator"])
    await back.look()
    assert await listed(city) == {"13800000002", "13800000003", "13800000004"}
    await ended(city, calls[1], CallEnd.LIAISON)
    await ended(city, calls[2], CallEnd.QUEUE)
    await back.look()
    assert await listed(city) == {"13800000003", "13800000004"}
