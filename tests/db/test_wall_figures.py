"""The wall's figures follow the calls: true within a second of the news, quiet without any."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import event
from support.tickets import City, build_city

from agent_desktop.wallboard.day import AT_LEAST_EVERY, STORED_AFTER, DayFigures
from core.db import Database
from ivr.board import LiveCallView
from recordings.models import CallEnd

SECOND = timedelta(seconds=1)


async def take_a_call(city: City) -> None:
    """One that has been answered and is over."""
    now = city.clock.now()
    async with city.db.unit_of_work() as session:
        await city.call(session, queued_at=now, answered_at=now, ended_at=now, end=CallEnd.OPERATOR)


def running(linkedid: str, at: datetime) -> LiveCallView:
    return LiveCallView(linkedid, "in", "96128", None, "", at, at, None, (), "", "", "queue", None, "", "")


async def test_figures_are_asked_again_after_news_and_not_before(db: Database):
    """A call that joined the queue is news; a seat that was paused is none; without news twice a minute is enough."""
    city = await build_city(db)
    day = DayFigures(db, city.clock)
    await day.refresh()
    statements = []
    listened = db.engine.sync_engine
    event.listen(listened, "before_cursor_execute", lambda *_: statements.append(1))
    await take_a_call(city)
    statements.clear()
    for _ in range(20):
        city.clock.move_to(city.clock.now() + SECOND)
        day.notice([])
        await day.refresh()
    assert (day.queue.answered, statements) == (0, [])
    day.notice([running("1", city.clock.now())])
    city.clock.move_to(city.clock.now() + STORED_AFTER)
    await day.refresh()
    assert day.queue.answered == 1
    assert STORED_AFTER < SECOND


async def test_without_news_they_follow_within_half_a_minute_and_at_midnight(db: Database):
    """What no call tells is seen all the same, and the day begins with nothing."""
    city = await build_city(db)
    city.clock.move_to(datetime(2026, 6, 1, 15, 59, 20, tzinfo=UTC))
    day = DayFigures(db, city.clock)
    await day.refresh()
    await take_a_call(city)
    city.clock.move_to(city.clock.now() + AT_LEAST_EVERY)
    await day.refresh()
    assert day.queue.answered == 1
    city.clock.move_to(datetime(2026, 6, 1, 16, 0, tzinfo=UTC))
    await day.refresh()
    assert (day.queue.answered, day.last_day.numerator) == (0, 1)
