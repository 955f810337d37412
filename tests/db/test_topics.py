"""Hot topics, bursts and the seats needed now (M-80): what the rows say, and nothing of test or mystery calls."""

from datetime import date, timedelta

from support.tickets import City, build_city
from support.web import as_, browsing, give_password, web_app

from core.db import Database
from kb import feedback
from recordings.models import CallMark
from reports.breakdowns import topics
from reports.breakdowns.topics import burst
from reports.counting.slices import Slice, days
from reports.staffing import need
from tickets.models import Channel, ClockKind, State, Step, StepResult, Ticket, TicketKind

JUNE = days(date(2026, 6, 1), date(2026, 6, 30))


async def ask(
    city: City, subject: str, number: int, *, minutes: int = 1, mark: CallMark = CallMark.NONE, **more: object
) -> None:
    async with city.db.unit_of_work() as session:
        for place in range(number):
            call = await city.call(session, mark=mark)
            city.calls += 1
            session.add(
                Ticket(ticket_no=f"{subject}{city.calls}", kind=TicketKind.QUESTION, state=State.WORKING, channel=Channel.PHONE,
                       region_id=city.regions["city"], call_id=call.id, subject=subject,
                       received_at=city.clock.now() + timedelta(minutes=minutes * place), **more)
            )  # fmt: skip


async def test_twenty_calls_on_one_subject_put_it_on_top(db: Database):
    """The most asked first with its growth; forwarded and complained about counted by the question's subject."""
    city = await build_city(db)
    await ask(city, "社保", 20)
    await ask(city, "户籍", 3, minutes=1440)
    await ask(city, "试拨", 30, mark=CallMark.MYSTERY)
    async with db.unit_of_work() as session:
        about = Ticket(ticket_no="about", kind=TicketKind.QUESTION, state=State.REPLIED, channel=Channel.WEB, subject="户籍",
                       region_id=city.regions["county"], received_at=city.clock.now() - timedelta(days=20))  # fmt: skip
        session.add(about)
        await session.flush()
        session.add(
            Ticket(ticket_no="complaint", kind=TicketKind.COMPLAINT, state=State.C_NEW, channel=Channel.WEB, about_id=about.id,
                   region_id=city.regions["city"], received_at=city.clock.now())
        )  # fmt: skip
        now = city.clock.now()
        session.add(
            Step(ticket_id=about.id, position=1, unit_id=city.units["a"], region_id=city.regions["city"], clock=ClockKind.Q5, started_at=now, days=5,
                 due_on=now.date(), cut_off_at=now, table_version="t", warn_at=now, accountable_at=now, finished_at=now,
                 result=StepResult.FORWARDED)
        )  # fmt: skip
    async with db.reading() as session:
        first, second = await topics.topics(session, Slice(*JUNE, city.clock.now()))
        (sudden,) = await topics.bursts(session, Slice(*JUNE, city.clock.now()))
    assert (first.subject, first.asked, first.growth, first.forwarded, first.complained) == (
        "社保",
        20,
        20,
        0,
        0,
    )
    assert (second.subject, second.asked, second.before, second.forwarded, second.complained) == (
        "户籍",
        3,
        1,
        1,
        1,
    )
    assert (sudden.subject, sudden.number) == ("社保", 20)


def test_a_burst_stands_out_from_what_is_usual():
    """Five in three hours are one where nothing else was asked, not where as many come every three hours."""
    start = JUNE[0]
    close = [start + timedelta(hours=100, minutes=number) for number in range(5)]
    steady = [start + timedelta(minutes=30 * number) for number in range(48 * 30)]
    assert burst("甲", close, timedelta(days=30)) == topics.Burst("甲", 5, close[0], close[-1])
    assert burst("乙", close[:4], timedelta(days=30)) is None
    assert burst("丙", steady, timedelta(days=30)) is None
    assert burst("丁", [], timedelta(days=30)) is None


async def test_the_page_shows_topics_bursts_and_searches_in_vain(db: Database):
    """A supervisor's page of the month; an office of another region sees none of its subjects."""
    city = await build_city(db)
    await ask(city, "社保", 6)
    async with db.unit_of_work() as session:
        await feedback.not_found(session, city.clock, query="无此词条", user_id=None)
    await give_password(db, ["supervisor", "county_office"])
    async with browsing(web_app(db, city.clock)) as browser:
        await browser.sign_in("supervisor")
        text = await (await browser.get("/reports/topics?from=2026-06-01&to=2026-06-30")).text()
        assert text.count("社保") >= 3
        assert "无此词条" in text
        assert (
            "无此词条"
            not in await (await browser.get("/reports/topics?from=2026-05-01&to=2026-05-31")).text()
        )
        await browser.post("/logout")
        await browser.sign_in("county_office")
        assert "社保" not in await (await browser.get("/reports/topics?from=2026-06-01&to=2026-06-30")).text()


async def test_supervisors_are_warned_of_a_burst_and_of_unanswered_callers(db: Database):
    """Five on one subject within the last hours, and two of three callers answered in 24 hours; an hour later still, not a day later."""
    city = await build_city(db)
    now = city.clock.now()
    async with db.unit_of_work() as session:
        for answered in (True, True, False):
            await city.call(
                session,
                queued_at=now,
                answered_at=now if answered else None,
                ended_at=now + timedelta(minutes=1),
            )
    await ask(city, "停水", 6)
    await give_password(db, city.users)
    async with browsing(web_app(db, city.clock)) as browser:

        async def told(who: str) -> tuple[bool, bool]:
            await as_(browser, who)
            text = await (await browser.get("/supervise")).text()
            return "66.67%（2 ÷ 3），低于 95%" in text, "突发：“停水”" in text

        city.clock.move_to(now + timedelta(hours=1))
        assert await told("supervisor") == (True, True)
        assert await told("office") == (True, True)
        assert await told("county_supervisor") == (False, False)
        assert await told("inspector") == (False, False)
        city.clock.move_to(now + timedelta(hours=23))
        assert await told("supervisor") == (True, False)
        city.clock.move_to(now + timedelta(hours=25))
        assert await told("supervisor") == (False, False)


async def test_the_seats_needed_follow_the_last_hour(db: Database):
    """Twenty calls of two minutes need some seats; an hour later, without calls, none."""
    city = await build_city(db)
    now = city.clock.now()
    async with db.unit_of_work() as session:
        for _ in range(20):
            await city.call(session, queued_at=now, answered_at=now, ended_at=now, talk_ms=120_000)
        await city.call(session, queued_at=now, mark=CallMark.TEST)
    async with db.reading() as session:
        wanted = await need(session, now)
        assert (wanted.calls, wanted.handling_s, wanted.seats) == (20, 150.0, 3)
        assert (await need(session, now + timedelta(hours=2))).seats == 0
