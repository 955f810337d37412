"""A township's finances in the demo (演示的财务公开): one period published and filed, with receipts and a promise; the next in 审核."""

import io
from collections.abc import Sequence
from datetime import date, timedelta

from PIL import Image
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from config.settings import Settings
from core.calendar.holidays import load_calendar
from core.clock import Clock, beijing
from core.db import Database
from core.people import User
from core.units import Region, Unit
from tickets.finances import papers, promises, publishing, receipts, signing, way
from tickets.finances.stages import Channel, Level, Purpose, Signatory, Stage, Subject
from tickets.finances.way import Draft
from tickets.intake.attachments import received

CLERK, HEAD = "liaison16", "head3"
NAMES = {
    Signatory.PARTY: "周正",
    Signatory.CONGRESS: "吴民",
    Signatory.CONSULTATIVE: "郑言",
    Signatory.CITIZEN: "王乡",
    Signatory.STAFF: "冯勤",
}
ANSWERS = (("yes", "yes", "yes", "yes", "good"), ("yes", "yes", "yes", "no", "good"), ("yes", "no", "yes", "no", "fair"),
           ("yes", "yes", "unsure", "yes", "good"), ("no", "yes", "yes", "yes", "bad"))  # fmt: skip
PROMISED_IN = timedelta(days=20)


async def seed_finances(db: Database, clock: Clock, settings: Settings) -> None:
    """The two last quarters that are over."""
    today = beijing(clock.now()).date()
    last = _quarter_before(today)
    notices = _quarter_before(last[0]), last
    files = [(name, _picture()) for name in ("收入实现数.png", "支出凭证.png", "代表签字.png", "公开栏.png")]
    for is_filed, (first_on, last_on) in zip((True, False), notices, strict=True):
        async with db.unit_of_work() as session:
            notice_id = await _prepared(session, clock, first_on, last_on)
        for purpose, file in zip(_PURPOSES if is_filed else _PURPOSES[:2], files, strict=False):
            async with received(settings.attachments, [file]) as sent, db.unit_of_work() as session:
                await _reach(session, clock, notice_id, purpose)
                await papers.add(
                    session, clock, user=await _user(session, CLERK), notice_id=notice_id, purpose=purpose, sent=sent
                )  # fmt: skip
        async with db.unit_of_work() as session:
            await _finish(session, clock, notice_id, is_filed=is_filed)


_PURPOSES: Sequence[Purpose] = (Purpose.REALISED, Purpose.VOUCHERS, Purpose.SIGNATURES, Purpose.BOARD_PHOTO)


async def _prepared(session: AsyncSession, clock: Clock, first_on: date, last_on: date) -> int:
    user, today = await _user(session, CLERK), beijing(clock.now()).date()
    quarter = f"{first_on.year}年第{'一二三四'[(first_on.month - 1) // 3]}季度"
    draft = Draft(
        title=f"{quarter}财务收支公开", level=Level.TOWNSHIP, first_on=first_on, last_on=last_on,
        subjects=(Subject.INCOME, Subject.SPENDING),
        content="一、收入 486.20 万元，其中：财政拨款 452.00 万元，其他收入 34.20 万元。\n"
        "二、支出 471.35 万元，其中：人员经费 268.10 万元，公用经费 41.75 万元，项目支出 161.50 万元。\n"
        "三、公务接待 6 批次 52 人，支出 0.48 万元；公务用车运行维护 1.92 万元。",
        decision="镇长办公会集体讨论，同意公开；参加人员：镇长、副镇长、财政所所长。", decided_on=today,
    )  # fmt: skip
    assert user.unit_id is not None
    notice = await way.begin(session, clock, user=user, unit_id=user.unit_id, draft=draft)
    await way.advance(session, clock, user=user, notice_id=notice.id, seen=Stage.PREPARATION)
    return notice.id


async def _reach(session: AsyncSession, clock: Clock, notice_id: int, purpose: Purpose) -> None:
    """What comes before this paper."""
    user = await _user(session, CLERK)
    if purpose == Purpose.SIGNATURES:
        await way.advance(session, clock, user=user, notice_id=notice_id, seen=Stage.BASIS)
    if purpose == Purpose.BOARD_PHOTO:
        await _signed(session, clock, user, notice_id)
        await way.advance(session, clock, user=user, notice_id=notice_id, seen=Stage.REVIEW)


async def _signed(session: AsyncSession, clock: Clock, clerk: User, notice_id: int) -> None:
    today = beijing(clock.now()).date()
    for category, name in NAMES.items():
        await signing.add_signature(
            session, clock, user=clerk, notice_id=notice_id, category=category, name=name, signed_on=today
        )  # fmt: skip
    await signing.sign_off(session, clock, user=await _user(session, HEAD), notice_id=notice_id)


async def _finish(session: AsyncSession, clock: Clock, notice_id: int, *, is_filed: bool) -> None:
    user, today = await _user(session, CLERK), beijing(clock.now()).date()
    if not is_filed:
        await way.advance(session, clock, user=user, notice_id=notice_id, seen=Stage.BASIS)
        return
    for channel, note in (
        (Channel.BOARD, "镇政府大门东侧"),
        (Channel.WEB, ""),
        (Channel.MEETING, "镇人大代表座谈会"),
    ):
        await publishing.record(
            session, clock, user=user, notice_id=notice_id, channel=channel, on=today, note=note
        )  # fmt: skip
    await way.advance(session, clock, user=user, notice_id=notice_id, seen=Stage.PUBLICATION)
    await way.advance(
        session, clock, user=user, notice_id=notice_id, seen=Stage.ARCHIVE, archive_no=f"CW-{today.year}-01",
        archive_form="both",
    )  # fmt: skip
    await _answered(session, clock, user, notice_id)


async def _answered(session: AsyncSession, clock: Clock, clerk: User, notice_id: int) -> None:
    """Five receipts, and what the head promises because of one."""
    for number, (category, answers) in enumerate(zip(Signatory, ANSWERS, strict=True), start=1):
        opinion = "公开栏的字小，老年人看不清。" if number == len(ANSWERS) else ""
        await receipts.enter(
            session, clock, user=clerk, notice_id=notice_id, number=number, category=category,
            answers=dict(zip(receipts.QUESTIONS, answers, strict=True)), opinion=opinion,
        )  # fmt: skip
    await promises.promise(
        session, clock, user=await _user(session, HEAD), notice_id=notice_id, issue="公开栏的字小，老年人看不清",
        text="改用大字重新张贴，并在便民服务中心另放一份", person="财政所所长", due_on=await _workday(session, clock),
    )  # fmt: skip


async def _workday(session: AsyncSession, clock: Clock) -> date:
    """The first one some weeks ahead, in the township's region."""
    unit = await session.get_one(Unit, (await _user(session, CLERK)).unit_id)
    region, calendar = await session.get_one(Region, unit.region_id), await load_calendar(session)
    day = beijing(clock.now()).date() + PROMISED_IN
    while not calendar.is_workday(day, region.code):
        day += timedelta(days=1)
    return day


async def _user(session: AsyncSession, username: str) -> User:
    wanted = select(User).where(User.username == username).options(selectinload(User.grants))
    return (await session.scalars(wanted)).one()


def _quarter_before(day: date) -> tuple[date, date]:
    """First and last day of the quarter that ended before `day`."""
    this = date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    last = this - timedelta(days=1)
    return date(last.year, last.month - 2, 1), last


def _picture() -> bytes:
    """A sheet of paper for a scan."""
    out = io.BytesIO()
    Image.new("RGB", (420, 594), "#fdfdf8").save(out, "PNG")
    return out.getvalue()
