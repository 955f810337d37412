"""Several lines on one hotline (多条专线, M-04): each number is its region's door, and the table may change at any time."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import delete, select
from support.calls import CALLER_HZ, LIAISON_HZ, OPERATOR_HZ, Exchange
from support.hotline import City
from support.quick import Quick
from support.sipphone import Call, CallRefused

from core.bus import publish
from core.calendar.holidays import set_hours
from core.lines import Line, LinesChanged
from core.people import Role, RoleGrant, User
from core.units import ConnectionState, Region, RegionLevel, Unit
from ivr.models import OwedCall
from ivr.queue.expected_wait import ExpectedWait
from ivr.speech import spoken
from ivr.talks.watch import Supervisor

pytestmark = pytest.mark.asyncio(loop_scope="session")
COUNTY_LINE = "087296128"
QUEUE = "operators-539901"
DEPARTMENT = (("MAIN", "1"), ("Q", "1"), ("QD", "1"))


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def county(city: City) -> int:
    """A county with one department of its own, 205, and no line yet; its region's key."""
    async with city.hotline.db.unit_of_work() as session:
        region = Region(code="539901", name="示范县", level=RegionLevel.COUNTY)
        session.add(region)
        await session.flush()
        session.add(Unit(region_id=region.id, code="205", name="示范县民政局"))
    return region.id


async def change_lines(exchange: Exchange, *lines: Line) -> None:
    """The table has exactly these lines from now on, beside the settings' own."""
    hotline = exchange.city.hotline
    async with hotline.db.unit_of_work() as session:
        await session.execute(delete(Line))
        session.add_all(lines)
        publish(session, LinesChanged())
    wanted = {"96128", *(line.number for line in lines)}
    await exchange.until(lambda: set(hotline.lines) == wanted)
    await hotline.lines_changed()  # the news has done it, but perhaps not told Asterisk everything yet


async def dial(exchange: Exchange, number: str) -> Call:
    call = await (await exchange.caller()).call(number)
    await call.answered()
    return call


async def test_a_line_added_answers_for_its_own_region(exchange: Exchange, quick: Quick, county: int):
    """Without a restart: the county's number finds the county's units and none of the prefecture's; the record says so."""
    await change_lines(exchange, Line(number=COUNTY_LINE, name="示范县", region_id=county))
    call = await dial(exchange, COUNTY_LINE)
    await exchange.walk(call, *DEPARTMENT, ("QD-CODE", "101"))
    await exchange.until(lambda: "unknown-unit-code" in quick.prompts)
    await call.dtmf("205")
    await exchange.at_node(call, "QD-OK")
    await call.hangup()
    record = await exchange.record(call)
    assert (record.line, record.region_id) == (COUNTY_LINE, county)


async def test_a_line_removed_answers_no_more(exchange: Exchange, county: int):
    """The number taken away is refused like any other, the settings' own goes on."""
    await change_lines(exchange, Line(number=COUNTY_LINE, name="示范县", region_id=county))
    await change_lines(exchange)
    call = await (await exchange.caller()).call(COUNTY_LINE)
    with pytest.raises(CallRefused):
        await call.answered()
    other = await exchange.dial()
    await other.hangup()
    await exchange.record(other)


async def test_a_line_has_its_own_welcome_and_first_node(exchange: Exchange, quick: Quick, county: int):
    """A number for complaints greets in its own words and begins at the complaints (M-01 to M-04)."""
    greeting = "您好，这里是示范县投诉受理电话，通话将被录音。"
    await change_lines(
        exchange, Line(number=COUNTY_LINE, name="投诉", region_id=county, greeting=greeting, menu="C")
    )
    call = await dial(exchange, COUNTY_LINE)
    await exchange.at_node(call, "C")
    await call.hangup()
    assert (await exchange.record(call)).node_path == "WELCOME>C"
    assert spoken.text(greeting)[0] in quick.prompts
    assert "welcome" not in quick.prompts


async def test_more_calls_than_the_line_takes(exchange: Exchange, quick: Quick, county: int):
    """M-13: the one too many hears a notice and is let go; the next is taken again when somebody has left."""
    await change_lines(exchange, Line(number=COUNTY_LINE, name="示范县", region_id=county, capacity=1))
    first = await dial(exchange, COUNTY_LINE)
    await exchange.at_node(first, "MAIN")
    second = await (await exchange.caller()).call(COUNTY_LINE)
    await second.until_sound()
    assert (await second.ended(10)).by == "remote"
    assert (await exchange.record(second)).node_path == ""
    await first.hangup()
    await exchange.record(first)
    third = await dial(exchange, COUNTY_LINE)
    await exchange.at_node(third, "MAIN")
    await third.hangup()
    await exchange.record(third)
    await change_lines(exchange)


async def test_twenty_callers_more_than_the_line_takes(exchange: Exchange, quick: Quick, county: int):
    """M-13: at the cap twenty more come at once: each hears the notice and is owed a call, nobody inside is disturbed."""
    await change_lines(exchange, Line(number=COUNTY_LINE, name="示范县", region_id=county, capacity=10))
    quick.set_time("MAIN", wait_s=30)
    inside = await asyncio.gather(*(dial(exchange, COUNTY_LINE) for _ in range(10)))
    for call in inside:
        await exchange.at_node(call, "MAIN")
    more = await asyncio.gather(*(dial(exchange, COUNTY_LINE) for _ in range(20)))
    await asyncio.gather(*(call.until_sound() for call in more))
    assert {(await call.ended(10)).by for call in more} == {"remote"}
    for call in more:
        await exchange.record(call)
        assert await exchange.kinds(call) == ["arrived", "turned_away", "ended"]
    numbers = {exchange.number(call) for call in more}
    async with asyncio.timeout(5):
        while await owed_numbers(exchange) & numbers != numbers:
            await asyncio.sleep(0.05)
    assert not await owed_numbers(exchange) & {exchange.number(call) for call in inside}
    assert all(call.ending is None and exchange.live(exchange.number(call)) for call in inside)
    await asyncio.gather(*(call.hangup() for call in inside))
    await asyncio.gather(*(exchange.record(call) for call in inside))
    await change_lines(exchange)


async def owed_numbers(exchange: Exchange) -> set[str]:
    async with exchange.db.reading() as session:
        return set(await session.scalars(select(OwedCall.number)))


async def test_sixteen_lines_each_hear_their_own_region(exchange: Exchange, quick: Quick):
    """M-04 「全省开通16条专线」: sixteen numbers at once, each finds its own department and no other line's."""
    async with exchange.db.unit_of_work() as session:
        regions = [Region(code=f"54{n:02}", name=f"第{n}州", level=RegionLevel.PREFECTURE) for n in range(16)]
        session.add_all(regions)
        await session.flush()
        session.add_all(
            Unit(region_id=row.id, code=f"2{n:02}", name=f"第{n}局") for n, row in enumerate(regions)
        )
    lines = [Line(number=f"08{n:02}96128", name=row.name, region_id=row.id) for n, row in enumerate(regions)]
    await change_lines(exchange, *lines)
    gate = asyncio.Semaphore(4)

    async def walk(n: int) -> tuple[str, int | None]:
        async with gate:
            call = await dial(exchange, f"08{n:02}96128")
            await exchange.walk(call, *DEPARTMENT, ("QD-CODE", f"2{(n + 1) % 16:02}"))
            await exchange.until(lambda: quick.prompts.count("unknown-unit-code") > 0)
            await asyncio.sleep(0.3)  # a finger's pause before the next entry
            await call.dtmf(f"2{n:02}")
            await exchange.at_node(call, "QD-OK")
            await call.hangup()
            record = await exchange.record(call)
            return record.line, record.region_id

    found = await asyncio.gather(*(walk(n) for n in range(16)))
    assert found == [(line.number, row.id) for line, row in zip(lines, regions, strict=True)]
    await change_lines(exchange)


async def test_trial_and_not_yet_open_lines_say_so(exchange: Exchange, quick: Quick, county: int):
    """M-07 「开通试运行」: a line on trial says so after its welcome; one not open yet tells the caller and lets go, without a record."""
    await change_lines(
        exchange, Line(number=COUNTY_LINE, name="示范县", region_id=county, state=ConnectionState.TRIAL)
    )
    call = await dial(exchange, COUNTY_LINE)
    await exchange.at_node(call, "MAIN")
    await call.hangup()
    await exchange.record(call)
    assert quick.prompts[:2] == ["welcome", "line-trial"]
    await change_lines(exchange)
    async with exchange.db.unit_of_work() as session:
        session.add(
            Line(number=COUNTY_LINE, name="示范县", region_id=county, state=ConnectionState.NOT_CONNECTED)
        )
        publish(session, LinesChanged())
    await exchange.until(lambda: exchange.city.hotline._table.not_open == [COUNTY_LINE])
    await exchange.city.hotline.lines_changed()
    call = await dial(exchange, COUNTY_LINE)
    await call.until_sound()
    assert (await call.ended(10)).by == "remote"
    assert exchange.live(exchange.number(call)) is None
    await change_lines(exchange)


@pytest_asyncio.fixture(loop_scope="session")
async def helped(exchange: Exchange, quick: Quick, county: int) -> AsyncIterator[Line]:
    """The county's line, with a clerk of its own at work and the prefecture's seats for help; afterwards as before."""
    async with exchange.db.unit_of_work() as session:
        prefecture = (await session.get_one(Unit, exchange.city.units["101"])).region_id
        clerk = User(username="county1", display_name="县话务", extension="1071", staff_number="1071",
                     sip_password="sip-county1", region_id=county, grants=[RoleGrant(role=Role.OPERATOR)])  # fmt: skip
        known = await session.scalar(select(User).where(User.username == "county1"))
        session.add(clerk := known or clerk)
        clerk.is_active = True
        await session.flush()
        exchange.city.users["county1"], exchange.city.extensions["county1"] = clerk.id, "1071"
    await exchange.city.hotline.people_changed()
    yield Line(
        number=COUNTY_LINE,
        name="示范县",
        region_id=county,
        overflow_region_id=prefecture,
        overflow_wait_s=600,
    )
    async with exchange.db.unit_of_work() as session:  # a county without operators is everybody's again
        (await session.get_one(User, exchange.city.users["county1"])).is_active = False
    await exchange.city.hotline.people_changed()
    await change_lines(exchange)


async def waits(exchange: Exchange, number: str = COUNTY_LINE) -> Call:
    """A caller of the line who is in its queue."""
    call = await dial(exchange, number)
    await exchange.walk(call, ("MAIN", "0"))
    caller = exchange.number(call)
    await exchange.until(lambda: (live := exchange.live(caller)) is not None and live.phase == "queue", 10)
    return call


async def test_another_regions_seats_help_when_a_caller_waits(exchange: Exchange, helped: Line):
    """M-13: the county's caller is not rung elsewhere at first, and after the wait by the helpers."""
    helped.overflow_wait_s = 3
    await change_lines(exchange, helped)
    own = await exchange.staff_phone("county1", LIAISON_HZ)
    await exchange.control.login(exchange.city.users["county1"], desk_phone=True)  # at work, and paused
    helper = await exchange.operator()
    seat = exchange.control.board.seats[exchange.city.users["operator1"]]
    assert QUEUE not in seat.queues
    call = await waits(exchange)
    assert helper.calls == []
    answered = await helper.incoming(15)
    assert answered.remote_number == exchange.number(call)
    await call.until_hears(OPERATOR_HZ, timeout=10)
    assert own.calls == []
    await call.hangup()
    await exchange.record(call)
    await exchange.until(lambda: QUEUE not in seat.queues)


async def test_another_regions_seats_help_when_too_many_wait(exchange: Exchange, quick: Quick, helped: Line):
    """M-13: one may wait; with the second the helpers ring, for whoever came first. Each was told place and expected wait."""
    helped.overflow_length = 1
    await change_lines(exchange, helped)
    exchange.city.hotline.controller.expected_wait = ExpectedWait()  # no talk is known: three minutes each
    own = await exchange.operator("county1", LIAISON_HZ)
    served = await dial(exchange, COUNTY_LINE)
    await exchange.walk(served, ("MAIN", "0"))
    await (await own.incoming(15)).answered()
    await served.until_hears(LIAISON_HZ, timeout=10)
    helper = await exchange.operator()
    first = await waits(exchange)
    assert told_of_the_wait(quick) == [*spoken.position(1), *spoken.expected_wait(3)]
    seat = exchange.control.board.seats[exchange.city.users["operator1"]]
    await exchange.city.hotline.memberships.look()
    assert QUEUE not in seat.queues, "one caller is not too many"
    assert helper.calls == []
    quick.prompts.clear()
    second = await waits(exchange)
    assert told_of_the_wait(quick) == [*spoken.position(2), *spoken.expected_wait(6)]
    answered = await helper.incoming(15)
    assert answered.remote_number == exchange.number(first)
    await first.until_hears(OPERATOR_HZ, timeout=10)
    for call in (served, first, second):
        await call.hangup()
        await exchange.record(call)


def told_of_the_wait(quick: Quick) -> list[str]:
    place = next(n for n, prompt in enumerate(quick.prompts) if prompt.startswith("position-"))
    return quick.prompts[place : quick.prompts.index("queue-minutes") + 1]


async def test_a_kept_place_is_called_by_its_regions_seats(exchange: Exchange, helped: Line):
    """The prefecture's seat leaves it alone, and who has waited longer on another region's line does not hold it up."""
    await change_lines(exchange, helped)
    outside = await exchange.outside(CALLER_HZ)
    await exchange.staff_phone("county1", LIAISON_HZ)
    clerk, operator = exchange.city.users["county1"], exchange.city.users["operator1"]
    await exchange.control.login(clerk, desk_phone=True)
    await exchange.operator()
    await exchange.control.pause(operator, "小休")
    elsewhere = await waits(exchange, "96128")
    keeper = await waits(exchange)
    number = exchange.number(keeper)
    await exchange.keep_place(keeper)
    await exchange.record(keeper)
    assert not await exchange.city.hotline.calling_back.take_turn(operator)
    await exchange.control.ready(clerk)
    theirs = await outside.incoming(15)
    assert theirs.called_number == number
    await theirs.until_hears(LIAISON_HZ, timeout=10)
    await theirs.hangup()
    await elsewhere.hangup()
    await exchange.record(elsewhere)


async def test_each_line_keeps_its_own_hours(exchange: Exchange, quick: Quick, county: int):
    """M-04: while the county keeps its midday rest its callers come to the voicemail, those of the other line to an operator."""
    await change_lines(exchange, Line(number=COUNTY_LINE, name="示范县", region_id=county))
    async with exchange.db.unit_of_work() as session:
        late = [("01-01", "12-31", "14:30-18:00")]
        await set_hours(session, exchange.city.clock, region_id=county, seasons=late, actor="test")
    operator = await exchange.operator()
    closed, open_ = await dial(exchange, COUNTY_LINE), await exchange.dial()
    for call in (closed, open_):
        await exchange.walk(call, ("MAIN", "0"))
    await exchange.at_node(closed, "VM-REC")
    assert (await operator.incoming(15)).remote_number == exchange.number(open_)
    for call in (closed, open_):
        await call.hangup()
        await exchange.record(call)
    async with exchange.db.unit_of_work() as session:
        await set_hours(session, exchange.city.clock, region_id=county, seasons=[], actor="test")
    await change_lines(exchange)


async def test_a_waiting_caller_moved_to_another_line(exchange: Exchange, quick: Quick, county: int):
    """By a supervisor: from there on it is the other line's call, with that region in its record and nobody said to have given up."""
    await change_lines(exchange, Line(number=COUNTY_LINE, name="示范县", region_id=county))
    operator = await exchange.operator()
    user = exchange.city.users["operator1"]
    await exchange.control.pause(user, "小休")
    call = await exchange.dial()
    await exchange.walk(call, ("MAIN", "0"))
    number = exchange.number(call)
    await exchange.until(lambda: (live := exchange.live(number)) is not None and live.phase == "queue", 10)
    moved = exchange.live(number)
    assert moved
    by = Supervisor(exchange.city.users["supervisor1"], "supervisor1")
    await exchange.control.move_to_line(by, moved.linkedid, COUNTY_LINE)
    await exchange.until(lambda: moved.phase == "queue" and not moved.is_moved, 10)
    await exchange.control.ready(user)
    answered = await operator.incoming(15)
    assert answered.remote_number == number
    await call.until_hears(OPERATOR_HZ, timeout=10)
    await call.hangup()
    record = await exchange.record(call)
    assert (record.line, record.region_id) == (COUNTY_LINE, county)
    ledger = await exchange.ledger(call)
    assert [data["why"] for kind, data in ledger if kind == "left_queue"] == ["moved", "answered"]
    assert [data["line"] for kind, data in ledger if kind == "moved"] == [COUNTY_LINE]
    await change_lines(exchange)


async def test_a_caller_chooses_a_language(exchange: Exchange, quick: Quick, county: int):
    """The speaker is rung before the one who is idle longer; while the speaker talks, the others only after the line's wait."""
    async with exchange.db.unit_of_work() as session:
        (await session.get_one(User, exchange.city.users["operator2"])).languages = ["bai"]
        prefecture = (await session.get_one(Unit, exchange.city.units["101"])).region_id
    await exchange.city.hotline.people_changed()
    await change_lines(
        exchange,
        Line(
            number=COUNTY_LINE,
            name="示范县",
            region_id=county,
            languages=["yi", "bai"],
            overflow_region_id=prefecture,
            overflow_wait_s=3,
        ),
    )
    other = await exchange.operator("operator1")
    speaker = await exchange.operator("operator2", LIAISON_HZ)
    first = await dial(exchange, COUNTY_LINE)
    await exchange.walk(first, ("MAIN", "0"), ("OP-LANG", "3"))
    await (await speaker.incoming(15)).answered()
    await first.until_hears(LIAISON_HZ, timeout=15)
    seat = exchange.seat("operator2")
    assert seat.call is not None
    assert seat.call.language == "bai"
    assert other.calls == []
    second = await dial(exchange, COUNTY_LINE)
    await exchange.walk(second, ("MAIN", "0"), ("OP-LANG", "3"))
    number = exchange.number(second)
    await exchange.until(lambda: (live := exchange.live(number)) is not None and live.phase == "queue", 10)
    assert other.calls == []
    await (await other.incoming(15)).answered()
    waited = exchange.live(number)
    assert waited is not None
    assert waited.queue.endswith("-bai")
    for call in (first, second):
        await call.hangup()
        await exchange.record(call)
    async with exchange.db.unit_of_work() as session:
        (await session.get_one(User, exchange.city.users["operator2"])).languages = []
    await exchange.city.hotline.people_changed()
    await change_lines(exchange)
