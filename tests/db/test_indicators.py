"""Indicators against the same figures worked out by hand from the raw rows (K-01…K-21, M-72…M-78, M-126)."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import bindparam, func, select
from support.by_hand import ByHand, load
from support.month import LINES, Month
from support.tickets import City, build_city

from agent_desktop.wallboard.state import sliding, wall_state
from core.db import Database, UtcDateTime
from core.sql import elapsed_ms
from recordings import ledger
from recordings.figures import QueueFigures
from recordings.models import Call, CallEnd, CallEvent
from reports.breakdowns import abandons
from reports.counting import balance, figures
from reports.counting.figures import DENOMINATOR, MISSED, NUMERATOR
from reports.counting.indicators import BY_KEY, INDICATORS, Show, Way
from reports.counting.slices import Slice, days

JUNE = days(datetime(2026, 6, 1).date(), datetime(2026, 6, 30).date())
NOW = datetime(2026, 6, 24, 3, tzinfo=UTC)


def wanted(**of: object) -> Slice:
    return Slice(*JUNE, NOW, **of)  # type: ignore[arg-type]


def narrowings(city: City) -> Iterator[dict[str, object]]:
    yield {}
    for name in ("city", "county"):
        yield {"region": city.regions[name]}
    for name in ("a", "b", "county_a", "office", "inspection"):
        yield {"unit": city.units[name]}
    for line in LINES:
        yield {"line": line}
    for name in ("operator", "liaison_a"):
        yield {"person": city.users[name]}
    yield {"region": city.regions["city"], "unit": city.units["a"], "line": LINES[0]}


def slice_of(by: dict[str, object]) -> Slice:
    names = {"region": "region_ids", "unit": "unit_ids", "line": "line", "person": "person_id"}
    many = {"region", "unit"}
    return wanted(**{names[key]: frozenset({value}) if key in many else value for key, value in by.items()})


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_every_figure_equals_the_one_worked_out_by_hand(db: Database, seed: int):
    """For the whole, each region, unit, line and person: numerator, denominator and value of every indicator."""
    city = await build_city(db)
    async with db.unit_of_work() as session:
        await Month(session, city, seed).build()
    async with db.reading() as session:
        rows, wrong, known = await load(session), [], 0
        for by in narrowings(city):
            of, hand = slice_of(by), ByHand(rows, *JUNE, NOW, **by)
            assert by or all(
                hand.result(key)[1] for key in BY_KEY
            )  # or the month would leave a figure unproved
            for one in await figures.figures(session, INDICATORS, of):
                if not one.applies:
                    continue
                expected = hand.result(one.indicator.key)
                known += one.value is not None
                if (one.numerator, one.denominator, one.value) != pytest.approx(expected):
                    wrong.append(
                        (by, one.indicator.key, (one.numerator, one.denominator, one.value), expected)
                    )
        assert wrong == []
        assert known > 200  # or the month was too thin to prove anything


async def test_the_list_behind_a_figure_is_as_long_as_the_figure_says(db: Database):
    """Drill-down: as many rows as the numerator, the denominator and what missed, each once, each with a link."""
    city = await build_city(db)
    async with db.unit_of_work() as session:
        await Month(session, city, 4).build()
    async with db.reading() as session:
        for one in await figures.figures(session, INDICATORS, wanted()):
            for part, number in ((NUMERATOR, one.numerator), (DENOMINATOR, one.denominator)):
                rows = (await session.execute(figures.items(one.indicator, wanted(), part))).all()
                if one.indicator.show in {Show.SECONDS, Show.POINTS} or one.indicator.way is Way.SAVED:
                    number = len(rows) if part == NUMERATOR or one.indicator.way is Way.SAVED else number  # noqa: PLW2901
                assert len(rows) == number, (one.indicator.key, part)
                assert len({row.id for row in rows}) == len(rows)
                assert all(row.linkedid or row.ticket_no or row.at for row in rows)
            if one.indicator.misses:
                missed = (await session.execute(figures.items(one.indicator, wanted(), MISSED))).all()
                assert len(missed) == one.rows(MISSED) == one.denominator - one.numerator


@pytest.mark.parametrize("seed", [5, 6])
async def test_registered_questions_are_finished_open_void_or_out_of_scope(db: Database, seed: int):
    """登记 = 办结 + 在办 + 无效 + 超范围, in the whole and in every part; the parts add up to the whole."""
    city = await build_city(db)
    async with db.unit_of_work() as session:
        await Month(session, city, seed).build(calls=60, tickets=150)
    async with db.reading() as session:
        whole = await balance.balance(session, wanted())
        assert whole.registered > 50
        for name in balance.SPLITS:
            parts = await balance.split(session, wanted(), name)
            for one in (whole, *parts):
                assert one.registered == one.finished + one.open + one.void + one.out_of_scope
            for field in ("registered", "finished", "open", "void", "out_of_scope"):
                assert sum(getattr(part, field) for part in parts) == getattr(whole, field), (name, field)


async def test_parts_add_up_to_the_whole(db: Database):
    """Split by line or region, the counts of calls and questions sum to those of the whole."""
    city = await build_city(db)
    async with db.unit_of_work() as session:
        await Month(session, city, 7).build()
    async with db.reading() as session:
        for key, dimension in (
            ("K-01", "line"),
            ("K-01", "region"),
            ("K-01.caller", "line"),
            ("K-01.caller", "region"),
            ("K-04", "unit"),
            ("K-12", "region"),
            ("K-13", "region"),
        ):
            whole = await figures.figure(session, BY_KEY[key], wanted())
            parts = (await figures.by(session, BY_KEY[key], wanted(), dimension)).values()
            assert sum(p.denominator for p in parts) == whole.denominator > 0
            assert sum(p.numerator for p in parts) == whole.numerator


async def test_callers_who_gave_up_are_told_by_the_node_they_gave_up_in(db: Database):
    """K-03 by node: as counted by hand, and in sum what K-03 counts; no unit has such calls."""
    city = await build_city(db)
    async with db.unit_of_work() as session:
        await Month(session, city, 8).build()
    async with db.reading() as session:
        for line in (None, LINES[0]):
            found = await abandons.by_node(session, wanted(line=line))
            calls = ByHand(await load(session), *JUNE, NOW, line=line).calls()
            assert dict(found) == Counter(
                call.end_node or "" for call in calls if call.end in {"menu", "queue"}
            )
            whole = await figures.figure(session, BY_KEY["K-03"], wanted(line=line))
            assert sum(number for _, number in found) == whole.numerator > 0
        assert await abandons.by_node(session, wanted(unit_ids=frozenset({city.units["a"]}))) == []


async def test_one_call_put_through_twice_counts_twice_by_attempt_and_once_by_caller(db: Database):
    """K-04: of three callers one is never answered, one at the second try, one twice: 3 of 5 attempts, 2 of 3 callers."""
    city = await build_city(db)
    tried = [("failed",), ("failed", "answered"), ("answered", "answered")]
    async with db.unit_of_work() as session:
        for turns in tried:
            call = await city.call(session, answered_at=NOW, ended_at=NOW, end=CallEnd.LIAISON)
            for turn in turns:
                for kind in (ledger.TRANSFER_STARTED, f"transfer_{turn}"):
                    session.add(
                        CallEvent(
                            call_id=call.id, at=NOW, kind=kind, channel="", data={"unit": city.units["a"]}
                        )
                    )
                    await session.flush()
    async with db.reading() as session:
        found = await figures.figures(session, [BY_KEY["K-04"], BY_KEY["K-04.caller"]], wanted())
    assert [one.text for one in found] == ["60.00%", "66.67%"]


async def test_a_caller_who_got_through_at_the_third_try_counts_as_answered_once_by_number(db: Database):
    """K-01: of one number's three calls one is answered, a second gives up, two hide their number: 2 of 6, and 2 of 4 numbers."""
    city = await build_city(db)
    numbers = [("13800000001", False), ("13800000001", False), ("13800000001", True), ("13800000002", False)]
    async with db.unit_of_work() as session:
        for number, is_answered in (*numbers, ("", True), ("", False)):
            answered = (
                {"answered_at": NOW, "end": CallEnd.OPERATOR} if is_answered else {"end": CallEnd.QUEUE}
            )
            await city.call(session, number, queued_at=NOW, ended_at=NOW + timedelta(minutes=1), **answered)
    async with db.reading() as session:
        found = await figures.figures(session, [BY_KEY["K-01"], BY_KEY["K-01.caller"]], wanted())
        assert [(one.numerator, one.denominator) for one in found] == [(2, 6), (2, 4)]
        listed = (await session.execute(figures.items(BY_KEY["K-01.caller"], wanted(), NUMERATOR))).all()
        calls = [await session.get_one(Call, row.id) for row in listed]
    assert all(call.answered_at for call in calls)
    assert {call.caller_number for call in calls} == {"13800000001", ""}


async def test_an_empty_month_has_dashes_and_no_full_marks(db: Database):
    """Nothing happened: every rate is “—”, every count 0."""
    await build_city(db)
    async with db.reading() as session:
        for one in await figures.figures(session, INDICATORS, wanted()):
            expected = "0" if one.indicator.way is Way.COUNT else "—"
            assert one.text == expected, one.indicator.key
        assert (await balance.balance(session, wanted())).registered == 0


async def test_the_wall_warns_below_ninety_five_percent_of_the_last_day(db: Database):
    """接通率 slides over 24 hours: 19 of 20 is enough, 18 is not, and calls of two days ago do not count."""
    city = await build_city(db)
    now = city.clock.now()
    async with db.unit_of_work() as session:
        for number in range(20):
            waited = {"queued_at": now, "ended_at": now + timedelta(minutes=1), "end": CallEnd.QUEUE}
            talked = {"queued_at": now, "ended_at": now, "answered_at": now, "end": CallEnd.OPERATOR}
            await city.call(session, **(talked if number else waited))
    city.clock.move_to(now + timedelta(hours=1))
    assert await shown_on_the_wall(city) == ("95.00%", False)
    async with db.unit_of_work() as session:
        session.add(
            Call(linkedid="one-more", line="96128", started_at=now, queued_at=now, ended_at=now + timedelta(minutes=1),
                 end=CallEnd.QUEUE)
        )  # fmt: skip
    assert await shown_on_the_wall(city) == ("90.48%", True)
    city.clock.move_to(now + timedelta(days=2))
    assert await shown_on_the_wall(city) == ("—", False)


async def shown_on_the_wall(city: City) -> tuple[str, bool]:
    last_day = await sliding(city.db, city.clock)
    shown = wall_state(city.clock.now(), [], [], [], QueueFigures(), last_day)["last_day"]
    return shown["percent"], shown["is_low"]


async def test_elapsed_time_is_exact_to_the_millisecond(db: Database):
    """15 000 ms are within 15 s, 15 001 are not, on both engines."""

    at = datetime(2026, 6, 30, 15, 59, 59, 999000, tzinfo=UTC)
    later, earlier = (bindparam(name, type_=UtcDateTime) for name in ("later", "earlier"))
    async with db.reading() as session:
        for ms in (0, 1, 4_999, 15_000, 15_001, 86_400_000):
            given = {"later": at + timedelta(milliseconds=ms), "earlier": at}
            assert await session.scalar(select(func.coalesce(elapsed_ms(later, earlier), -1)), given) == ms


def test_each_indicator_is_defined_once_and_names_its_basis():
    """No key twice; every definition has a rule and rests on a requirement."""
    assert len(BY_KEY) == len(INDICATORS)
    assert all(one.rule and one.basis.startswith("M-") for one in INDICATORS)
