"""Callers to be called back, on both engines: who is on the list, whose it is, until when, and how it ends."""

import asyncio
from datetime import timedelta

import pytest
from support.tickets import City

from core.clock import beijing
from ivr.models import OwedCall, OwedKind, OwedState
from ivr.queue import owed_calls
from ivr.queue.owed_calls import OwedCallTaken

NUMBER = "13800005678"


async def missed(city: City, number: str = NUMBER, kind: OwedKind = OwedKind.MISSED) -> OwedCall | None:
    async with city.db.unit_of_work() as session:
        call = await city.call(session, number, queued_at=city.clock.now())
        return await owed_calls.owe(session, call_id=call.id, kind=kind)


async def try_it(city: City, row: OwedCall, who: str = "operator", *, reached: bool) -> None:
    async with city.db.unit_of_work() as session:
        await owed_calls.take_on(session, city.clock, row.id, city.users[who])
    async with city.db.unit_of_work() as session:
        await owed_calls.tried(session, city.clock, row.id, reached=reached)


async def now_of(city: City, row: OwedCall) -> OwedCall:
    async with city.db.reading() as session:
        return await session.get_one(OwedCall, row.id)


async def test_one_open_call_back_for_a_number(city: City) -> None:
    """Who gives up twice keeps the first place and is called once; a hidden number cannot be called at all."""
    first, again = await missed(city), await missed(city)
    assert first is not None
    assert again is not None
    assert (again.id, again.times, again.asked_at) == (first.id, 2, first.asked_at)
    assert await missed(city, "anonymous") is None


async def test_one_number_at_several_nodes_in_the_same_moment(city: City) -> None:
    """Whoever lists it first, there is one line, and it tells how often the number gave up."""
    rows = await asyncio.gather(*(missed(city) for _ in range(4)))
    assert len({row.id for row in rows if row}) == 1
    async with city.db.reading() as session:
        (row,) = await owed_calls.waiting_list(session)
    assert row.times == 4


async def test_due_at_the_end_of_the_day_or_of_the_next(city: City) -> None:
    """In the morning it is due today; within the last hour before closing at the end of the next working day."""
    early = await missed(city)
    close = early and beijing(early.due_at)
    assert early is not None
    assert close is not None
    assert close.date() == beijing(early.asked_at).date()
    city.clock.move_to(early.due_at - timedelta(minutes=30))
    late = await missed(city, "13800000002")
    assert late is not None
    assert beijing(late.due_at).date() == close.date() + timedelta(days=1)


async def test_two_operators_want_the_same(city: City) -> None:
    """The quicker one has it; the other is told so."""
    row = await missed(city)
    assert row is not None
    async with city.db.unit_of_work() as session:
        await owed_calls.take_on(session, city.clock, row.id, city.users["operator"])
    async with city.db.unit_of_work() as session:
        with pytest.raises(OwedCallTaken):
            await owed_calls.take_on(session, city.clock, row.id, city.users["liaison_a"])


async def test_three_tries_in_vain(city: City) -> None:
    """After the third the caller counts as unreachable; before that it is anybody's again."""
    row = await missed(city)
    assert row is not None
    for _ in range(2):
        await try_it(city, row, reached=False)
        open_row = await now_of(city, row)
        assert (open_row.state, open_row.owner_id) == (OwedState.OPEN, None)
    await try_it(city, row, reached=False)
    done = await now_of(city, row)
    assert (done.state, done.tries, done.owner_id) == (OwedState.UNREACHABLE, 3, city.users["operator"])


async def test_reached_served_and_dropped_leave_the_list(city: City) -> None:
    """Each way to end one takes it off the list and keeps what became of it."""
    rows = [await missed(city, f"1380000000{n}") for n in range(3)]
    reached, served, dropped = [row for row in rows if row]
    await try_it(city, reached, reached=True)
    async with city.db.unit_of_work() as session:
        await owed_calls.served(session, city.clock, served.number)
        await owed_calls.drop(session, city.clock, dropped.id, city.users["operator"], "空号")
    async with city.db.reading() as session:
        assert list(await owed_calls.waiting_list(session)) == []
    states = [(await now_of(city, row)).state for row in (reached, served, dropped)]
    assert states == [OwedState.REACHED, OwedState.SERVED, OwedState.DROPPED]


async def test_a_kept_place_is_called_in_order_of_waiting(city: City) -> None:
    """The next is who has waited longest, among those who keep their place and are not being called."""
    await missed(city, "13800000000")
    city.clock.move_to(city.clock.now() + timedelta(minutes=1))
    first = await missed(city, "13800000001", OwedKind.KEPT_PLACE)
    city.clock.move_to(city.clock.now() + timedelta(minutes=1))
    second = await missed(city, "13800000002", OwedKind.KEPT_PLACE)
    assert first is not None
    assert second is not None
    for expected in (first, second):
        async with city.db.unit_of_work() as session:
            row = (await owed_calls.kept_places(session))[0]
            assert row.id == expected.id
            await owed_calls.take_on(session, city.clock, row.id, city.users["operator"])


async def test_a_call_reported_twice_is_owed_once(city: City) -> None:
    """A node that comes back tells again what another told for it: no second line, none after the caller was reached."""
    async with city.db.unit_of_work() as session:
        call = await city.call(session, NUMBER, queued_at=city.clock.now())
        row = await owed_calls.owe(session, call_id=call.id, kind=OwedKind.MISSED)
        again = await owed_calls.owe(session, call_id=call.id, kind=OwedKind.MISSED)
    assert row is not None
    assert again is row
    assert row.times == 1
    await try_it(city, row, reached=True)
    async with city.db.unit_of_work() as session:
        assert await owed_calls.owe(session, call_id=call.id, kind=OwedKind.MISSED) is None
    city.clock.move_to(city.clock.now() + timedelta(minutes=1))
    assert await missed(city) is not None  # another call, later
