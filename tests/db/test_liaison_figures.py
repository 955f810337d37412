"""Figures of each liaison (M-34): as counted by hand over sample calls, for the head and the offices, the own for oneself."""

import html
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from support.tickets import City, build_city
from support.web import as_, browsing, give_password, web_app

from core.db import Database
from core.units import Liaison
from recordings import ledger
from recordings.models import CallEnd, CallEvent, CallMark
from reports.breakdowns.liaisons import OF_LIAISONS, RATE, SPEED
from reports.counting import figures
from reports.counting.slices import Slice, days
from tickets.models import Channel, RatingAbout, SatisfactionRating

MONDAY = datetime(2026, 6, 1, 2, tzinfo=UTC)
JUNE = days(date(2026, 6, 1), date(2026, 6, 30))
ASKED = "from=2026-06-01&to=2026-06-30"
Turn = tuple[str, str, int]
"""Who was rung in a transfer, how it ended (answered, or why not), after how many seconds."""


async def call(
    session: AsyncSession, city: City, unit: str, *turns: Turn, mark: CallMark = CallMark.NONE
) -> None:
    one = await city.call(
        session, operator_id=city.users["operator"], answered_at=MONDAY, ended_at=MONDAY + timedelta(minutes=5),
        end=CallEnd.OPERATOR, mark=mark,
    )  # fmt: skip
    one.started_at = at = MONDAY

    def note(kind: str, **data: object) -> None:
        session.add(CallEvent(call_id=one.id, at=at, kind=kind, channel="", data=data))

    note(ledger.TRANSFER_STARTED, mode="blind", unit=city.units[unit], extension="2001", by="8001")
    for who, how, seconds in turns:
        about = {"extension": "2001", "user": city.users[who], "role": "liaison"}
        note(ledger.OFFERED, **about)
        at += timedelta(seconds=seconds)
        if how == "answered":
            note(ledger.ANSWERED, **about)
            note(ledger.TRANSFER_ANSWERED, unit=city.units[unit], **about)
        else:
            note(ledger.NO_ANSWER, why=how, **about)
        await session.flush()
    note(
        ledger.NO_ANSWER, extension="8001", user=city.users["colleague"], why="timeout"
    )  # a seat, no liaison
    await session.flush()


@pytest.fixture
async def city(db: Database) -> City:
    """liaison_a answered two of five rings, after 4 and 10 seconds; a backup at b and one call that does not count."""
    city = await build_city(db)
    async with db.unit_of_work() as session:
        session.add(Liaison(unit_id=city.units["b"], user_id=city.users["liaison_b"]))
        await call(session, city, "a", ("liaison_a", "answered", 4))
        await call(session, city, "a", ("liaison_a", "timeout", 20), ("liaison_a", "answered", 10))
        await call(session, city, "a", ("liaison_a", "busy", 1), ("liaison_b", "answered", 7))
        await call(session, city, "a", ("liaison_a", "gone", 2))
        await call(session, city, "a", ("liaison_a", "cancelled", 3))
        await call(session, city, "a", ("liaison_a", "timeout", 20), mark=CallMark.TEST)
        for place, score in enumerate((1, 2, 3)):
            session.add(
                SatisfactionRating(subject=f"r{place}", about=RatingAbout.UNIT, unit_id=city.units["a"], region_id=city.regions["city"], score=score,
                                   user_id=city.users["liaison_a"], channel=Channel.WEB, first_at=MONDAY, changed_at=MONDAY)
            )  # fmt: skip
    city.clock.move_to(datetime(2026, 6, 24, 3, tzinfo=UTC))
    await give_password(db, city.users)
    return city


async def test_a_liaisons_figures_equal_a_count_by_hand(city: City):
    """Two of five answered, seven seconds in the mean, two of three content; cancelled and test calls count nowhere."""
    async with city.db.reading() as session:
        of = Slice(*JUNE, city.clock.now(), region_ids=frozenset({city.regions["city"]}))
        found = await figures.table(session, OF_LIAISONS, of, "person")
        a, b = city.users["liaison_a"], city.users["liaison_b"]
        said = {
            key: (one[a].numerator, one[a].denominator, one[a].text) for key, one in found.items() if a in one
        }
        assert said["L-01"] == (2, 5, "40.00%")
        assert said["L-02"] == (14_000, 2, "7.0 秒")
        assert said["K-09"] == (2, 3, "66.67%")
        assert (found[RATE.key][b].numerator, found[RATE.key][b].denominator) == (1, 1)
        assert set(found[RATE.key]) == {a, b}, "no seat, no other person"
        own = Slice(*JUNE, city.clock.now(), unit_ids=frozenset({city.units["b"]}))
        assert await figures.by(session, SPEED, own, "person") == {}, (
            "a ring belongs to the unit that was called"
        )


async def test_heads_and_offices_read_liaisons_and_each_number_opens_its_rows(city: City, db: Database):
    """The head the own unit's, the city's office every unit's, a liaison only oneself, an operator nobody."""
    async with browsing(web_app(db, city.clock)) as browser:

        async def page(path: str, status: int = 200) -> str:
            response = await browser.get(path)
            assert response.status == status, path
            return await response.text()

        await as_(browser, "office")
        shown = await page(f"/reports/liaisons?{ASKED}")
        assert "40.00%" in shown
        for link, number in re.findall(r'href="(/reports/items[^"]+)">(\d+)</a>', shown):
            assert f"共 {number} 条" in await page(html.unescape(link)), link
        assert "liaison_a,40.00%,2,5" in await page(f"/reports/liaisons?{ASKED}&export=csv")
        await as_(browser, "head_a")
        shown = await page(f"/reports/liaisons?{ASKED}")
        assert "40.00%" in shown
        await as_(browser, "liaison_a")
        shown = await page(f"/reports/liaisons?{ASKED}")
        assert "liaison_a" in shown
        assert "liaison_b" not in shown
        await as_(browser, "county_office")
        assert "40.00%" not in await page(f"/reports/liaisons?{ASKED}")
        await as_(browser, "operator")
        await page("/reports/liaisons", 403)
