"""Callbacks (回调): each change of a channel's own tickets, signed, tried again, given up in the open; on both engines."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from sqlalchemy import select
from support.tickets import City

from core.errors import InvalidInput
from core.people import Token
from portal.webhook_sender import send_due
from tickets.intake.ask import Question, ask
from tickets.intake.once import Sent, once
from tickets.models import Channel
from tickets.webhooks import keeping
from tickets.webhooks.models import Delivery
from tickets.webhooks.sending import BACK_OFF


@dataclass
class Listener:
    """The channel's own server."""

    url: str = ""
    status: int = 204
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    found, app = Listener(), web.Application()
    app.router.add_post("/told", found.take)
    async with TestServer(app) as server:
        found.url = str(server.make_url("/told"))
        yield found


async def _key(city: City, name: str) -> int:
    async with city.db.unit_of_work() as session:
        token = Token(token_hash=name, channel="library", name=name, created_at=city.clock.now())
        session.add(token)
        await session.flush()
        return token.id


async def _asked(city: City, token_id: int) -> str:
    question = Question("问题", Channel.LIBRARY, "96128", city.regions["city"], unit_id=city.units["a"])
    async with city.db.unit_of_work() as session:
        sent = Sent(content="问题", token_id=token_id)
        issued = await once(
            session, city.clock, sent, lambda seed: ask(session, city.clock, question, code_seed=seed)
        )
    return issued.ticket.ticket_no


async def _turn(city: City) -> None:
    async with ClientSession() as client:
        await send_due(city.db, city.clock, client)


async def _told_at(city: City, url: str, token_id: int) -> str:
    """The secret of a new callback."""
    async with city.db.unit_of_work() as session:
        return keeping.secret_of(session, await keeping.add(session, city.clock, token_id=token_id, url=url))


async def test_only_the_channels_own_tickets_are_told_and_signed(city: City, listener: Listener):
    """Two changes of its own ticket in order, none of the neighbour's; the signature fits; no code, no number inside."""
    mine, other = await _key(city, "mine"), await _key(city, "other")
    secret = await _told_at(city, listener.url, mine)
    ticket_no = await _asked(city, mine)
    await _asked(city, other)
    await _turn(city)
    await _turn(city)
    bodies = [json.loads(body) for _, body in listener.got]
    assert [(body["ticket_no"], body["state"]) for body in bodies] == [
        (ticket_no, "NEW"),
        (ticket_no, "WORKING"),
    ]
    assert bodies[1]["due_on"] == "2026-06-08"
    headers, body = listener.got[0]
    signed = hmac.new(secret.encode(), headers["X-Hotline-Timestamp"].encode() + b"." + body, hashlib.sha256)
    assert headers["X-Hotline-Signature"] == f"sha256={signed.hexdigest()}"


async def test_refused_messages_are_tried_later_and_then_given_up(city: City, listener: Listener):
    """500 each time: tried with growing pauses, then on the list of dead letters; revived and taken at last."""
    token_id = await _key(city, "mine")
    await _told_at(city, listener.url, token_id)
    await _asked(city, token_id)
    listener.status = 500
    await _turn(city)
    assert len(listener.got) == 2
    await _turn(city)
    assert len(listener.got) == 2
    for pause in BACK_OFF:
        city.clock.move_to(city.clock.now() + pause + timedelta(seconds=1))
        await _turn(city)
    async with city.db.unit_of_work() as session:
        dead = await keeping.dead_letters(session)
        assert [(one.tries, one.last_error) for one in dead] == [(len(BACK_OFF) + 1, "对方答复 500")] * 2
        await keeping.revive(session, city.clock, dead[0].id)
    listener.status, listener.got = 200, []
    await _turn(city)
    assert len(listener.got) == 1
    async with city.db.reading() as session:
        taken = await session.scalars(select(Delivery).where(Delivery.delivered_at.is_not(None)))
        assert len(taken.all()) == 1


async def test_ended_callbacks_are_silent(city: City, listener: Listener):
    """After the administrator ended it nothing is sent, waiting messages included."""
    token_id = await _key(city, "mine")
    await _told_at(city, listener.url, token_id)
    await _asked(city, token_id)
    async with city.db.unit_of_work() as session:
        (hook,) = await keeping.listing(session)
        await keeping.end(session, city.clock, hook.id)
    await _turn(city)
    assert listener.got == []


async def test_server_that_is_not_there_is_a_failed_try(city: City):
    """No connection: noted in Chinese, nothing raised."""
    token_id = await _key(city, "mine")
    await _told_at(city, "http://127.0.0.1:9/", token_id)
    await _asked(city, token_id)
    await _turn(city)
    async with city.db.reading() as session:
        errors = (await session.scalars(select(Delivery.last_error))).all()
    assert set(errors) == {"无法送达：ClientConnectorError"}


@pytest.mark.parametrize(
    "url", ["", "ftp://x/", "javascript:alert(1)", "http://user:word@x/", "http://", "http://x/\x07"]
)
async def test_address_must_be_a_plain_web_address(city: City, url: str):
    """Anything but http and https without a password is refused."""
    token_id = await _key(city, "mine")
    async with city.db.unit_of_work() as session:
        with pytest.raises(InvalidInput):
            await keeping.add(session, city.clock, token_id=token_id, url=url)
