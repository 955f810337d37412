"""Several lines on one hotline (多条专线, M-04): each number is its region's door, and the table may change at any time."""

import pytest
import pytest_asyncio
from sqlalchemy import delete
from support.calls import Exchange
from support.hotline import City
from support.quick import Quick
from support.sipphone import Call, CallRefused

from core.bus import publish
from core.lines import Line, LinesChanged
from core.units import Region, RegionLevel, Unit

pytestmark = pytest.mark.asyncio(loop_scope="session")
COUNTY_LINE = "087296128"
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
