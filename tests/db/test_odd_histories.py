"""Figures stay right in odd histories: moved and merged units, people who change places, midnight, year's end, one call."""

import itertools
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from support.by_hand import ByHand, Rows, load
from support.month import Month
from support.tickets import City

from core.people import User
from core.units import Liaison, Unit
from recordings.models import CallEnd
from reports.counting import balance, figures
from reports.counting.figures import DENOMINATOR, NUMERATOR, Figure
from reports.counting.indicators import BY_KEY, INDICATORS
from reports.counting.slices import Slice, days
from reports.models import PeriodKind, Report
from reports.signed import content, filing
from tickets import replies, satisfaction
from tickets.intake.ask import Question, ask
from tickets.models import Channel, RatingAbout, Step

JUNE = days(date(2026, 6, 1), date(2026, 6, 30))
NOW = datetime(2026, 7, 2, 3, tzinfo=UTC)
COUNTS = ("registered", "finished", "open", "void", "out_of_scope")
_numbers = itertools.count(1)


# --- any history ------------------------------------------------------------------------------------------------------


async def rename(session: AsyncSession, city: City) -> None:
    (await session.get_one(Unit, city.units["a"])).name = f"更名局{next(_numbers)}"


async def merge(session: AsyncSession, city: City) -> None:
    (await session.get_one(Unit, city.units["b"])).is_active = False


async def move(session: AsyncSession, city: City) -> None:
    unit = await session.get_one(Unit, city.units["above_a"])
    unit.region_id = city.regions["county" if unit.region_id == city.regions["city"] else "city"]


async def change_liaison(session: AsyncSession, city: City) -> None:
    person = await session.get_one(User, city.users["liaison_a"])
    person.unit_id = city.units["b" if person.unit_id == city.units["a"] else "a"]


EVENTS = (rename, merge, move, change_liaison)
NARROW = (
    "region:city",
    "region:county",
    "unit:a",
    "unit:above_a",
    "line:96128",
    "person:operator",
    "person:liaison_a",
)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**20),
    calls=st.integers(0, 25),
    tickets=st.integers(0, 25),
    what=st.permutations(EVENTS),
    narrow=st.sampled_from(NARROW),
)
async def test_every_history_adds_up_and_every_list_is_as_long_as_its_number(
    city: City, seed: int, calls: int, tickets: int, what: Sequence, narrow: str
):
    """登记 = 办结 + 在办 + 无效 + 超范围; parts are the whole; a drill-down has as many rows as the number; all as by hand."""
    for half in (0, 1):
        async with city.db.unit_of_work() as session:
            await Month(session, city, seed + half, next(_numbers) * 1000).build(
                calls=calls + 1, tickets=tickets
            )
            await what[half](session, city)
    async with city.db.reading() as session:
        of = Slice(*JUNE, NOW)
        await balances(session, of)
        whole = await figures.figures(session, INDICATORS, of)
        rows = await load(session)
        await by_hand(session, whole, of, ByHand(rows, *JUNE, NOW))
        await parts(session, whole, of)
        of, hand = narrowed(city, narrow, rows)
        found = await figures.figures(session, INDICATORS, of)
        await by_hand(session, [one for one in found if one.applies], of, hand)
        await balances(session, of)


def narrowed(city: City, narrow: str, rows: Rows) -> tuple[Slice, ByHand]:
    """One region's, unit's, line's or person's."""
    kind, _, name = narrow.partition(":")
    key = {"region": city.regions, "unit": city.units, "person": city.users}.get(kind, {}).get(name, name)
    hand = ByHand(rows, *JUNE, NOW, **{kind: key})
    names = {"region": "region_ids", "unit": "unit_ids", "line": "line", "person": "person_id"}
    value = frozenset({key}) if kind in {"region", "unit"} else key
    return Slice(*JUNE, NOW, **{names[kind]: value}), hand


async def by_hand(session: AsyncSession, found: Sequence[Figure], of: Slice, hand: ByHand) -> None:
    """Each figure as worked out from the raw rows, with lists of that length."""
    for one in found:
        expected = hand.result(one.indicator.key)
        assert (one.numerator, one.denominator, one.value) == pytest.approx(expected), one.indicator.key
        await lists(session, one, of)


async def balances(session: AsyncSession, of: Slice) -> None:
    whole = await balance.balance(session, of)
    for name in balance.SPLITS:
        found = await balance.split(session, of, name)
        for one in (whole, *found):
            assert one.registered == one.finished + one.open + one.void + one.out_of_scope
        for field in COUNTS:
            assert sum(getattr(part, field) for part in found) == getattr(whole, field)


async def lists(session: AsyncSession, one: Figure, of: Slice) -> None:
    for part, number in ((NUMERATOR, one.numerator), (DENOMINATOR, one.denominator)):
        rows = (await session.execute(figures.items(one.indicator, of, part))).all()
        assert len({row.id for row in rows}) == len(rows)
        assert len(rows) == (one.rows(part) if one.rows(part) is not None else len(rows))
        if one.indicator.amount is one.indicator.over:
            assert len(rows) == number, (one.indicator.key, part)


async def parts(session: AsyncSession, whole: list[Figure], of: Slice) -> None:
    """By region every row has a place; by unit, line and person those without one are in no part, but in the whole."""
    by_region = await figures.table(session, INDICATORS, of, "region")
    for one in whole:
        found = by_region[one.indicator.key].values()
        if one.indicator.key != "K-20":  # an entry may be everybody's
            assert sum(part.numerator for part in found) == one.numerator, one.indicator.key
            assert sum(part.denominator for part in found) == one.denominator, one.indicator.key
    for dimension in ("unit", "line", "person"):
        again, by_part = await figures.whole_and_parts(session, INDICATORS, of, dimension)
        assert again == whole
        for one in whole:
            assert (
                sum(part.denominator for part in by_part.get(one.indicator.key, {}).values())
                <= one.denominator
            )


# --- single cases -----------------------------------------------------------------------------------------------------


async def of_period(city: City, first: date, last: date, *keys: str) -> list[tuple[int, int]]:
    async with city.db.reading() as session:
        of = Slice(*days(first, last), NOW)
        found = await figures.figures(session, [BY_KEY[key] for key in keys], of)
        return [(one.numerator, one.denominator) for one in found]


async def answered(city: City, started: str, *, rang: timedelta = timedelta(seconds=9)) -> None:
    """A call that joined the queue at once and talked until ten minutes after it began."""
    at = datetime.fromisoformat(started).astimezone(UTC)
    city.clock.move_to(at)
    async with city.db.unit_of_work() as session:
        await city.call(session, queued_at=at, answered_at=at + rang, ended_at=at + timedelta(minutes=10),
                        end=CallEnd.OPERATOR, operator_id=city.users["operator"])  # fmt: skip


async def test_a_call_across_midnight_and_years_end_counts_where_it_began(city: City):
    """Begun at 23:59:59.999 on New Year's Eve it is December's, a millisecond later January's; neither is counted twice."""
    await answered(city, "2025-12-31T23:59:59.999+08:00")
    await answered(city, "2026-01-01T00:00:00+08:00")
    await answered(city, "2026-06-30T23:58:00+08:00")
    assert await of_period(city, date(2025, 12, 1), date(2025, 12, 31), "K-01") == [(1, 1)]
    assert await of_period(city, date(2026, 1, 1), date(2026, 1, 31), "K-01") == [(1, 1)]
    assert await of_period(city, date(2026, 7, 1), date(2026, 7, 31), "K-01") == [(0, 0)]
    years = await of_period(city, date(2025, 1, 1), date(2025, 12, 31), "K-01") + await of_period(
        city, date(2026, 1, 1), date(2026, 12, 31), "K-01"
    )
    assert years == [(1, 1), (2, 2)]


async def test_a_month_with_one_call_has_that_call(city: City):
    """100 % of one, its own waiting time, and “—” for whatever it had no part in."""
    await answered(city, "2026-06-10T10:00:00+08:00")
    async with city.db.reading() as session:
        shown = {
            one.indicator.key: one.text
            for one in await figures.figures(session, INDICATORS, Slice(*JUNE, NOW))
        }
    assert (shown["K-01"], shown["K-02"], shown["K-04"], shown["K-09"]) == ("100.00%", "9.0 秒", "—", "—")


async def test_a_clock_set_back_in_mid_call_makes_no_figure_of_nothing(city: City):
    """Answered before it was queued, by a clock that was put right meanwhile: one call, answered within 15 s."""
    await answered(city, "2026-06-10T10:00:00+08:00", rang=timedelta(seconds=-3))
    found = await of_period(city, date(2026, 6, 1), date(2026, 6, 30), "K-01", "K-02.offered", "K-02")
    assert found == [(1, 1), (1, 1), (-3000, 1)]


async def test_a_clock_set_forward_in_mid_call_makes_one_long_wait(city: City):
    """An hour appears between queue and answer, over midnight of the month's end: one call of June, answered, not promptly."""
    await answered(city, "2026-06-30T23:59:00+08:00", rang=timedelta(hours=1, seconds=4))
    found = await of_period(city, date(2026, 6, 1), date(2026, 6, 30), "K-01", "K-02.offered", "K-02")
    assert found == [(1, 1), (0, 1), (3_604_000, 1)]
    assert await of_period(city, date(2026, 7, 1), date(2026, 7, 31), "K-01") == [(0, 0)]


async def test_a_frozen_report_keeps_the_names_and_counts_of_its_day(city: City):
    """Renamed, merged and moved afterwards: what was signed says what it said, and the same rows are counted anew."""
    async with city.db.unit_of_work() as session:
        await Month(session, city, 21).build(calls=40, tickets=40)
    city.clock.move_to(NOW)
    await filing.draft_due(city.db, city.clock)
    async with city.db.unit_of_work() as session:
        report, user = await city_report(session, city), await city.user(session, "office")
        await filing.sign(session, city.clock, report, user)
        signed = report.revisions[-1].content
        for event in (rename, merge):
            await event(session, city)
    async with city.db.unit_of_work() as session:
        report = await city_report(session, city)
        said = await content.make(session, report, NOW)
        assert report.revisions[-1].content == signed
        assert "a局" in [one["name"] for one in signed["units"]]
        assert "a局" not in [one["name"] for one in said["units"]]
        assert said["figures"] == signed["figures"]
        assert len(said["units"]) == len(signed["units"])
        await move(session, city)
        await session.flush()
        assert (await content.make(session, report, NOW))["balance"] == signed["balance"]


async def test_a_unit_moved_to_another_region_leaves_its_past_there(city: City):
    """Every figure of either region's June is what it was; what begins after the move counts in the new region."""
    async with city.db.unit_of_work() as session:
        await Month(session, city, 22).build(calls=40, tickets=40)
    before = await of_regions(city)
    async with city.db.unit_of_work() as session:
        await move(session, city)
    assert await of_regions(city) == before
    city.clock.move_to(NOW)
    async with city.db.unit_of_work() as session:
        unit = await session.get_one(Unit, city.units["above_a"])
        asked = Question("问", Channel.WEB, "96128", unit.region_id, unit_id=unit.id)
        issued = await ask(session, city.clock, asked)
        user = await city.user(session, "head_a_above")
        await replies.answer(session, city.clock, ticket_no=issued.ticket.ticket_no, user=user, answer="答")
        rating = await satisfaction.rate(
            session,
            city.clock,
            ticket_id=issued.ticket.id,
            about=RatingAbout.UNIT,
            score=1,
            channel=Channel.WEB,
        )
        step = await session.get_one(Step, issued.ticket.last_step_id)
        assert step.region_id == rating.region_id == city.regions["county"]


async def of_regions(city: City) -> list[tuple[str, int, int]]:
    async with city.db.reading() as session:
        return [
            (one.indicator.key, one.numerator, one.denominator)
            for name in ("city", "county")
            for one in await figures.figures(
                session, INDICATORS, Slice(*JUNE, NOW, region_ids=frozenset({city.regions[name]}))
            )
        ]


async def test_a_liaison_who_changes_units_leaves_the_old_ones_answers_there(city: City):
    """Steps are the unit's that had them; the person's own figures go along."""
    async with city.db.unit_of_work() as session:
        await Month(session, city, 5).build(calls=40, tickets=40)
    before = await of_unit_and_person(city)
    async with city.db.unit_of_work() as session:
        await change_liaison(session, city)
        liaison = await session.scalar(select(Liaison).where(Liaison.user_id == city.users["liaison_a"]))
        liaison.unit_id = city.units["b"]
    assert await of_unit_and_person(city) == before


async def of_unit_and_person(city: City) -> list[tuple[int, int]]:
    async with city.db.reading() as session:
        found = []
        for of in (
            Slice(*JUNE, NOW, unit_ids=frozenset({city.units["a"]})),
            Slice(*JUNE, NOW, unit_ids=frozenset({city.units["b"]})),
            Slice(*JUNE, NOW, person_id=city.users["liaison_a"]),
        ):
            found += [
                (one.numerator, one.denominator) for one in await figures.figures(session, INDICATORS, of)
            ]
    return found


async def city_report(session: AsyncSession, city: City) -> Report:
    wanted = select(Report.id).where(
        Report.region_id == city.regions["city"], Report.kind == PeriodKind.MONTH
    )
    return await filing.find(session, await session.scalar(wanted), frozenset(city.regions.values()))
