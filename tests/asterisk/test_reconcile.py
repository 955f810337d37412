"""The ledger against Asterisk's own records (每日对账): nothing to tell of calls that were seen, every difference otherwise."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import delete
from support.calls import Exchange
from support.quick import Quick

from ivr.reconcile import reconcile
from recordings.models import Call, CallEvent

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def told(on: Exchange, *linkedids: str) -> dict[str, list[str]]:
    """The differences of these calls; others belong to other tests."""
    hotline, now = on.city.hotline, on.city.clock.now()
    row = await reconcile(
        on.db, on.city.clock, hotline.cel_source(), now - timedelta(minutes=2), now + timedelta(minutes=1)
    )
    return {key: [one["text"] for one in row.differences if one["linkedid"] == key] for key in linkedids}


async def test_a_planted_difference_is_found(exchange: Exchange, quick: Quick):
    """A talk and a short call agree; a talk time that was changed and a call that was removed are named."""
    call, answered = await exchange.talking(await exchange.operator())
    await answered.hangup()
    await exchange.at_node(call, "CODE", 20)
    await call.hangup()
    talk = await exchange.record(call)
    short = await exchange.dial()
    await exchange.at_node(short, "MAIN")
    await short.hangup()
    menu = await exchange.record(short)
    async with asyncio.timeout(10):  # Asterisk writes the end of a call a moment after it has told of it
        while any((await told(exchange, talk.linkedid, menu.linkedid)).values()):
            await asyncio.sleep(0.1)
    async with exchange.db.unit_of_work() as session:
        (await session.get_one(Call, talk.id)).talk_ms += 60_000
        await session.execute(delete(CallEvent).where(CallEvent.call_id == menu.id))
        await session.execute(delete(Call).where(Call.id == menu.id))
    found = await told(exchange, talk.linkedid, menu.linkedid)
    assert [text.split("：")[0] for text in found[talk.linkedid]] == ["通话时长"]
    assert ["通话记录中没有" in text for text in found[menu.linkedid]] == [True]
