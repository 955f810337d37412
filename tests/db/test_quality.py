"""Quality: repeatable draws, grades that stay, graders compared, appeals rechecked by others, results to whom they concern."""

import re
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select
from support.tickets import City, build_city
from support.web import Browser, as_

from core.audit import AuditRow
from core.db import Database
from core.errors import HotlineError, InvalidInput
from core.people import User
from recordings.models import Call, CallEnd, CallMark, Recording, RecordingKind
from reports.counting.figures import figure
from reports.counting.indicators import BY_KEY
from reports.counting.slices import Slice, days
from reports.quality import grading, sampling, sheets
from reports.quality.models import About, Grade, GradeFixed, GradeKind, Method, Sample, ScoreSheet
from reports.quality.sampling import Wish, choose
from tickets.models import Channel, RatingAbout, SatisfactionRating, State, Ticket, TicketKind

JUNE = (date(2026, 6, 1), date(2026, 6, 30))
TALKS = 40
ABOUT_CARDS = (1, 5, 6, 7)
"""Talks on one subject; the first is a test call."""


@pytest.fixture
async def city(db: Database) -> City:
    """Forty recorded talks of one day: every fourth put through to unit a, one test and one mystery call, ten bad ratings."""
    city = await build_city(db)
    async with db.unit_of_work() as session:
        for number in range(TALKS):
            liaison = number % 4 == 0
            call = await city.call(
                session, operator_id=city.users["operator" if number % 2 else "colleague"], answered_at=city.clock.now(),
                ended_at=city.clock.now(), end=CallEnd.LIAISON if liaison else CallEnd.OPERATOR,
                liaison_unit_id=city.units["a"] if liaison else None, liaison_id=city.users["liaison_a"] if liaison else None,
                mark={1: CallMark.TEST, 2: CallMark.MYSTERY}.get(number, CallMark.NONE),
            )  # fmt: skip
            session.add(
                Recording(call_id=call.id, kind=RecordingKind.TALK, path=f"{number}", source=f"{number}",
                          started_at=call.started_at)
            )  # fmt: skip
            if number in ABOUT_CARDS:
                session.add(
                    Ticket(ticket_no=f"T{number}", kind=TicketKind.QUESTION, state=State.CLOSED, channel=Channel.PHONE,
                           region_id=city.regions["city"], call_id=call.id, subject="社保卡", received_at=call.started_at)
                )  # fmt: skip
            score = 3 if number % 4 == 0 else 1
            for about, user in (
                (RatingAbout.OPERATOR, call.operator_id),
                (RatingAbout.UNIT, call.liaison_id),
            ):
                if user:
                    session.add(
                        SatisfactionRating(subject=f"call:{call.id}:{about}", about=about, call_id=call.id, user_id=user,
                                           unit_id=call.liaison_unit_id if about == RatingAbout.UNIT else None,
                                           score=score, channel=Channel.PHONE, first_at=call.started_at,
                                           changed_at=call.started_at)
                    )  # fmt: skip
    return city


async def sheet_of(city: City, about: About = About.OPERATOR) -> ScoreSheet:
    async with city.db.unit_of_work() as session:
        user = await city.user(session, "supervisor")
        return await sheets.create(
            session, city.clock, user, region_id=city.regions["city"], about=about, name=about,
            questions=[{"text": "态度", "weight": 30}, {"text": "答复", "weight": 60}, {"text": "转接", "weight": 10}],
        )  # fmt: skip


async def drawn(city: City, sheet: ScoreSheet, method: Method = Method.RANDOM, **wish: object) -> list[int]:
    """The ids of the samples of a draw, in its order."""
    async with city.db.unit_of_work() as session:
        regions = frozenset({city.regions["city"], city.regions["county"]})
        user = await city.user(session, "supervisor")
        wanted = Wish(city.regions["city"], regions, sheet, method, *JUNE, **wish)  # type: ignore[arg-type]
        made = await sampling.draw(session, city.clock, user, wanted)
        rows = select(sampling.DrawnSample.sample_id).where(sampling.DrawnSample.draw_id == made.id)
        return list(await session.scalars(rows.order_by(sampling.DrawnSample.position)))


async def grade(
    city: City, sample_id: int, who: str, kind: GradeKind, *answers: int | None, comment: str = ""
) -> Grade:
    async with city.db.unit_of_work() as session:
        sample = await grading.find(session, sample_id, Sample.id.is_not(None))
        user: User = await city.user(session, who)
        return await grading.grade(session, city.clock, user, sample, kind, answers, comment)


async def score(city: City, key: str = "K-21") -> tuple[int, int, str]:
    async with city.db.reading() as session:
        one = await figure(session, BY_KEY[key], Slice(*days(*JUNE), city.clock.now()))
        return one.numerator, one.denominator, one.text


async def test_the_same_seed_draws_the_same_ten(city: City):
    """Draw 10 with a seed twice: the same ten in the same order; another seed draws others; no test call is ever drawn."""
    sheet = await sheet_of(city)
    first = await drawn(city, sheet, seed=7)
    assert await drawn(city, sheet, seed=7) == first
    assert len(set(first)) == 10
    assert await drawn(city, sheet, seed=8) != first
    everything = await drawn(city, sheet, seed=1, wanted=500)
    async with city.db.reading() as session:
        marks = set(await session.scalars(select(Call.mark).join(Sample, Sample.call_id == Call.id)))
        assert await session.scalar(select(func.count(Sample.id))) == len(everything) == TALKS - 1
    assert marks == {CallMark.NONE, CallMark.MYSTERY}


def test_a_choice_depends_on_the_seed_and_not_on_the_order():
    """The order in which a database gives the calls changes nothing."""
    calls = [(number, f"call-{number}") for number in range(50)]
    assert choose(calls, 3, 5) == choose(calls[::-1], 3, 5) != choose(calls, 4, 5)


@pytest.mark.parametrize(
    ("method", "about", "wish", "number"),
    [(Method.BAD, About.OPERATOR, {}, 10), (Method.MYSTERY, About.OPERATOR, {}, 1), (Method.WEAK, About.UNIT, {"wanted": 500}, 10),
     (Method.UNIT, About.UNIT, {"wanted": 4}, 4), (Method.TOPIC, About.OPERATOR, {"topic": "社保卡"}, 3)],
)  # fmt: skip
async def test_each_method_draws_what_it_says(
    city: City, method: Method, about: About, wish: dict[str, object], number: int
):
    """All bad ratings, all mystery calls, the talks of the weakest units and of one unit, those on a subject."""
    asked = {"unit_id": city.units["a"], **wish} if method == Method.UNIT else wish
    assert len(await drawn(city, await sheet_of(city, about), method, **asked)) == number


async def test_a_draw_without_talks_or_sense_is_refused(city: City):
    """No such topic, no unit chosen, too many, days the wrong way round."""
    sheet = await sheet_of(city)
    for wish in ({"topic": "无此主题"}, {}):
        with pytest.raises(HotlineError):
            await drawn(city, sheet, Method.TOPIC, **wish)
    for method, wish in (
        (Method.UNIT, {}),
        (Method.RANDOM, {"wanted": 501}),
        (Method.RANDOM, {"seed": -1}),
        (Method.WEAK, {}),
    ):
        with pytest.raises(InvalidInput):
            await drawn(city, sheet, method, **wish)


async def test_a_changed_sheet_leaves_earlier_grades_as_they_were(city: City, db: Database):
    """Weights change: the earlier grade keeps version, points and score, the next talk answers the new one."""
    sheet = await sheet_of(city)
    one, other, *_ = await drawn(city, sheet)
    given = await grade(city, one, "supervisor", GradeKind.FIRST, 15, 60, None)
    assert given.points == round(75 * 10_000 / 90)
    async with db.unit_of_work() as session:
        user = await city.user(session, "supervisor")
        held = await sheets.find(session, sheet.id, frozenset({city.regions["city"]}))
        with pytest.raises(sheets.SheetUnchanged):
            await sheets.change(session, city.clock, user, held, held.versions[-1].questions)
        await sheets.change(session, city.clock, user, held, [{"text": "态度", "weight": 100}])
    assert await score(city) == (given.points, 1, "83.33 分")
    later = await grade(city, other, "supervisor", GradeKind.FIRST, 50)
    assert later.version_id != given.version_id
    assert (await score(city))[:2] == (given.points + 5_000, 2)
    second = await grade(city, one, "office", GradeKind.SECOND, 30, 60, 10)
    assert second.version_id == given.version_id


async def test_a_grade_is_never_changed_or_removed(city: City, db: Database):
    """Neither an update nor a delete reaches the table; nobody grades twice or themselves."""
    one, *_ = await drawn(city, await sheet_of(city))
    given = await grade(city, one, "supervisor", GradeKind.FIRST, 30, 60, 10)
    with pytest.raises(GradeFixed):
        async with db.unit_of_work() as session:
            (await session.get_one(Grade, given.id)).points = 1
    with pytest.raises(GradeFixed):
        async with db.unit_of_work() as session:
            await session.delete(await session.get_one(Grade, given.id))
    for who, kind in (
        ("supervisor", GradeKind.SECOND),
        ("office", GradeKind.FIRST),
        ("office", GradeKind.RECHECK),
    ):
        with pytest.raises(grading.AlreadyGraded):
            await grade(city, one, who, kind, 30, 60, 10)
    async with db.reading() as session:
        sample = await grading.find(session, one, Sample.id == one)
        assert not grading.may_grade(sample, sample.user_id or 0)


@pytest.mark.parametrize("answers", [(31, 60, 10), (None, None, None), (30, 60)])
async def test_points_beyond_the_sheet_are_refused(city: City, answers: tuple[int | None, ...]):
    """More than a question weighs, nothing at all, or another number of questions."""
    one, *_ = await drawn(city, await sheet_of(city))
    with pytest.raises(InvalidInput):
        await grade(city, one, "supervisor", GradeKind.FIRST, *answers)


async def test_an_appeal_is_rechecked_by_another_and_then_counts(city: City, db: Database):
    """Appeal once and within five working days; who graded cannot recheck; the recheck replaces the score."""
    one, other, *_ = await drawn(city, await sheet_of(city))
    await grade(city, one, "supervisor", GradeKind.FIRST, 0, 0, 0)
    await grade(city, other, "supervisor", GradeKind.FIRST, 30, 60, 10)

    async def appeal(sample_id: int) -> None:
        async with db.unit_of_work() as session:
            sample = await grading.find(session, sample_id, Sample.id.is_not(None))
            await grading.appeal(
                session, city.clock, await city.user(session, "operator"), sample, "当时按规定答复了"
            )

    await appeal(one)
    with pytest.raises(grading.AppealClosed):
        await appeal(one)
    with pytest.raises(grading.NotOneself):
        await grade(city, one, "supervisor", GradeKind.RECHECK, 30, 60, 10, comment="复核认为得当")
    with pytest.raises(InvalidInput):
        await grade(city, one, "office", GradeKind.RECHECK, 30, 60, 10)
    assert (await score(city))[:2] == (10_000, 2)
    await grade(city, one, "office", GradeKind.RECHECK, 30, 60, 5, comment="复核认为得当")
    assert await score(city) == (19_500, 2, "97.50 分")
    city.clock.move_to(city.clock.now() + timedelta(days=8))
    with pytest.raises(grading.AppealClosed):
        await appeal(other)


async def test_a_mystery_call_counts_in_quality_and_not_in_satisfaction(city: City):
    """The mystery call's grade is in K-21; its rating is in no satisfaction figure (M-135)."""
    sheet = await sheet_of(city)
    (one,) = await drawn(city, sheet, Method.MYSTERY)
    await grade(city, one, "inspector", GradeKind.FIRST, 30, 60, 10)
    assert await score(city) == (10_000, 1, "100.00 分")
    assert (await score(city, "K-10"))[1] == TALKS - 2


async def text_of(browser: Browser, path: str, status: int = 200) -> str:
    response = await browser.get(path)
    assert response.status == status, path
    return await response.text()


async def test_a_day_of_quality_on_the_pages(browser: Browser, city: City, db: Database):
    """Sheet, draw, grade, blind second grade, result to the person graded and their head, appeal, recheck; all written down."""
    await browser.sign_in("supervisor")
    form = await text_of(browser, "/quality/sheets/new?about=unit")
    asked = dict(re.findall(r'name="(text-\d+)" value="([^"]+)"', form)) | dict(
        re.findall(r'name="(weight-\d+)" value="(\d+)"', form)
    )
    made = await browser.post("/quality/sheets/new", {"about": "unit", "name": "联络员评分表", **asked})
    sheet = made.headers["Location"].rsplit("/", 1)[1]
    assert (
        await browser.post("/quality/sheets/new", {"about": "unit", "name": "联络员评分表", **asked})
    ).status == 409
    wish = {
        "sheet": sheet,
        "method": "unit",
        "unit": city.units["a"],
        "from": "2026-06-01",
        "to": "2026-06-30",
        "seed": "5",
        "wanted": "2",
    }
    drew = await browser.post("/quality/draws", wish)
    listed = await text_of(browser, drew.headers["Location"])
    path, other = sorted(set(re.findall(r"/quality/samples/\d+", listed)))
    assert "随机种子" in await text_of(browser, "/quality/draws")
    points = {f"points-{number}": "10" for number in range(5)}
    assert (await browser.post(f"{path}/grade", {"kind": "first", **points, "points-0": "11"})).status == 422
    assert (
        await browser.post(f"{path}/grade", {"kind": "first", "comment": "用语不规范", **points})
    ).status == 303
    assert "用语不规范" in await text_of(browser, path)
    await as_(browser, "office")
    blind = await text_of(browser, path)
    assert "校准评分" in blind
    assert "用语不规范" not in blind
    await browser.post(f"{path}/grade", {"kind": "second", **points, "points-0": "0"})
    assert "两人相差" in await text_of(browser, path)
    assert "10.00" in await text_of(browser, "/quality/calibration")
    for who in ("liaison_a", "head_a", "head_a_above"):
        await as_(browser, who)
        assert path in await text_of(browser, "/quality/results")
        assert "用语不规范" in await text_of(browser, path)
        await text_of(browser, other, 404)
    for who in ("liaison_b", "head_b"):
        await as_(browser, who)
        await text_of(browser, path, 404)
        assert (await browser.post(f"{path}/appeal", {"reason": "与我无关的申诉"})).status == 404
    await as_(browser, "liaison_a")
    assert (await browser.post(f"{path}/appeal", {"reason": "当时已按规定答复"})).status == 303
    await as_(browser, "inspector")
    assert path in await text_of(browser, "/quality?view=appealed")
    assert (
        await browser.post(
            f"{path}/grade", {"kind": "recheck", **points, "points-1": "25", "comment": "核听录音后改分"}
        )
    ).status == 303
    await as_(browser, "liaison_a")
    assert "核听录音后改分" in await text_of(browser, path)
    await as_(browser, "county_supervisor")
    await text_of(browser, path, 404)
    async with db.reading() as session:
        actions = set(
            await session.scalars(select(AuditRow.action).where(AuditRow.action.startswith("quality.")))
        )
    assert actions == {
        "quality.sheet",
        "quality.draw",
        "quality.grade.first",
        "quality.grade.second",
        "quality.appeal",
        "quality.grade.recheck",
    }
