"""Score sheets of window clerks (M-124): what they did at the counter, by weights of their own, and who lacks the post's training."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from support.tickets import City, build_city
from support.web import Browser, as_, browsing, give_password, web_app

from core.db import Database
from core.people import Role, RoleGrant, User
from core.units import Region
from reports.counting.slices import Slice, days
from reports.scores import clerks, weights
from reports.scores.clerks import ClerkSheet
from reports.scores.models import Judged
from reports.scores.weights import STANDARDS
from reports.training.models import Kind, Result, Topic, TrainingRecord
from reports.training.settings import TrainingSettings
from tickets import satisfaction, service
from tickets.intake.ask import Question, answer_at_once, ask
from tickets.models import Channel, RatingAbout, Ticket
from tickets.oversight import complaints
from tickets.oversight.complaints import Verdict

JUNE = days(date(2026, 6, 1), date(2026, 6, 30))
ASKED = "from=2026-06-01&to=2026-06-30"
NEEDED = TrainingSettings(operator=(), liaison=())
CLERKS = {"trained": "a", "fresh": "a", "other": "b"}


@pytest.fixture
async def city(db: Database) -> City:
    """June: `trained` answers eleven of twelve at the counter, ten rate well and one badly, one complaint is upheld; `fresh` none of one."""
    city = await build_city(db)
    db.provide(NEEDED)
    async with db.unit_of_work() as session:
        for name, unit in CLERKS.items():
            clerk = User(
                username=name, display_name=name, region_id=city.regions["city"], unit_id=city.units[unit]
            )
            clerk.grants = [RoleGrant(role=Role.WINDOW)]
            session.add(clerk)
            await session.flush()
            city.users[name] = clerk.id
        session.add(
            TrainingRecord(user_id=city.users["trained"], topic=Topic.PRE_POST, kind=Kind.NEW_POST, course="岗前", held_on=date(2026, 5, 4),
                           result=Result.PASSED, recorded_at=city.clock.now(), author_id=city.users["head_a"])
        )  # fmt: skip
        for place in range(11):
            issued = await answer_at_once(session, city.clock, _asked(city, "trained"), "答")
            await satisfaction.rate(
                session, city.clock, ticket_id=issued.ticket.id, about=RatingAbout.UNIT, score=1 if place else 3,
                channel=Channel.WEB,
            )  # fmt: skip
        await _upheld(city, session, issued.ticket)
        for name, channel in (
            ("trained", Channel.VISIT),
            ("trained", Channel.LETTER),
            ("fresh", Channel.WINDOW),
        ):
            await ask(session, city.clock, _asked(city, name, channel))
    city.clock.move_to(datetime(2026, 6, 24, 3, tzinfo=UTC))
    return city


def _asked(city: City, clerk: str, channel: Channel = Channel.WINDOW) -> Question:
    return Question(
        "问", channel, "96128", city.regions["city"], unit_id=city.units["b"],
        operator_id=city.users[clerk],
    )  # fmt: skip


async def _upheld(city: City, session: AsyncSession, ticket: Ticket) -> None:
    lodged = await service.register_complaint(
        session, city.clock, call_id=None, region_id=city.regions["city"], caller_number="", recording_id=None, line="96128",
        about=ticket, text="态度", channel=Channel.WEB,
    )  # fmt: skip
    number = lodged.ticket.ticket_no
    inspector = await city.user(session, "inspector")
    await complaints.accept(session, city.clock, ticket_no=number, user=inspector)
    verdict = Verdict("查", "处", "果", upheld=True)
    await complaints.reply(session, city.clock, ticket_no=number, user=inspector, verdict=verdict)


@pytest.fixture
async def browser(db: Database, city: City) -> AsyncIterator[Browser]:
    await give_password(db, city.users)
    app = web_app(db, city.clock)
    db.provide(NEEDED)
    async with browsing(app) as browser:
        yield browser


async def of_june(city: City, **of: object) -> dict[str, ClerkSheet]:
    async with city.db.reading() as session:
        asked = Slice(*JUNE, city.clock.now(), **(of or {"region_ids": frozenset(city.regions.values())}))  # type: ignore[arg-type]
        found = await clerks.of_slice(session, asked, STANDARDS[Judged.CLERK])
    return {one.user.username: one for one in found}


async def test_a_sheet_weighs_what_the_clerk_did_at_the_counter(city: City):
    """11 of 12 on the spot, 10 of 11 content, 1 upheld in 11, trained: 30, 40, 10 and 20 parts; a letter is not the counter."""
    found = await of_june(city)
    sheet = found["trained"]
    assert sheet.taken.denominator == 12
    assert [(one.figure.numerator, one.figure.denominator) for one in sheet.components] == [
        (11, 12),
        (10, 11),
        (1, 11),
    ]
    expected = (30 * 1100 / 12 + 40 * 1000 / 11 + 10 * 1000 / 11 + 20 * 100) / 100
    assert sheet.total == pytest.approx(expected)
    assert sheet.class_name == "优秀"
    assert found["fresh"].components[0].points == 0
    assert found["other"].class_name == "不评"  # nothing registered


async def test_who_lacks_the_course_before_the_post_is_named(city: City, browser: Browser):
    """M-124: by the last day of the period; before the course was held its clerk lacked it too."""
    found = await of_june(city)
    assert found["trained"].trained.lacking == ()
    assert found["fresh"].trained.lacking == ("岗前",)
    assert (found["trained"].trained.points, found["fresh"].trained.points) == (100, 0)
    await as_(browser, "head_a")
    page = await (await browser.get(f"/reports/scores/clerks?{ASKED}")).text()
    assert page.count("缺岗前培训") == 1
    before = await (await browser.get("/reports/scores/clerks?from=2026-04-01&to=2026-04-30")).text()
    assert before.count("缺岗前培训") == 2


async def test_a_clerk_sees_the_own_sheet_a_head_the_units_and_numbers_lead_to_their_tickets(
    city: City, browser: Browser
):
    """The list behind a number is as long as the number, for the clerk as for the head; nobody else's is told."""
    for who, seen in (("trained", {"trained"}), ("head_a", {"trained", "fresh"}), ("office", set(CLERKS))):
        await as_(browser, who)
        page = await (await browser.get(f"/reports/scores/clerks?{ASKED}")).text()
        assert {name for name in CLERKS if f'<th scope="row">{name}</th>' in page} == seen
        listed = await (
            await browser.get(f"/reports/items?{ASKED}&person=trained&key=W-01&part=denominator")
        ).text()
        assert "共 12 条" in listed
        listed = await (
            await browser.get(f"/reports/items?{ASKED}&person=trained&key=W-03&part=numerator")
        ).text()
        assert "共 1 条" in listed
        assert "投诉（由监察掌握）" in listed
    await as_(browser, "trained")
    listed = await (await browser.get(f"/reports/items?{ASKED}&person=fresh&key=W-01")).text()
    assert "共 12 条" in listed  # whoever is asked for, a clerk reads the own
    assert (await browser.get("/reports/scores/weights?judged=clerk")).status == 403
    text = await (await browser.get(f"/reports/scores/clerks?{ASKED}&export=csv")).text()
    assert text.splitlines()[1].startswith("a局,trained,trained,优秀,")


async def test_clerks_have_weights_of_their_own(city: City, browser: Browser, db: Database):
    """New ones hold from this month on and leave the units' and May's as they were; what is no component is refused."""
    await as_(browser, "office")
    form = {"judged": "clerk", **dict.fromkeys(STANDARDS[Judged.CLERK], "0")}
    assert (await browser.post("/reports/scores/weights", form | {"W-01": "101"})).status == 422
    assert (await browser.post("/reports/scores/weights", form | {"judged": "nobody"})).status == 422
    assert (await browser.post("/reports/scores/weights", form | {"W-01": "1"})).status == 303
    page = await (await browser.get(f"/reports/scores/clerks?{ASKED}")).text()
    assert "91.67" in page
    assert "服务满意率<br>" not in page
    async with db.reading() as session:
        region = await session.get_one(Region, city.regions["city"])
        assert await weights.holding(session, region, date(2026, 6, 30)) is None
        assert await weights.holding(session, region, date(2026, 5, 31), Judged.CLERK) is None
        assert await weights.holding(session, region, date(2026, 6, 30), Judged.CLERK) is not None
