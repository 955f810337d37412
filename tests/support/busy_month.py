"""The demo's people and two months, and what makes one morning worth a supervisor's while (主管的一天): written by the rooms.

A talk with a liaison, talks past their time, a burst of one subject, callers who gave up in the queue, and one complaint.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from support.hotline import City

from config.demo import history, seeding
from config.demo.seeding import DemoAccount
from core.people import User
from core.units import Region, Unit
from recordings.demo.month import seed_history
from recordings.models import Call, CallEnd
from tickets import service
from tickets.models import Channel, Outcome, Ticket

MORNING = "2026-07-01T10:30:00+08:00"
BURST = "自来水停水"
CALLS, TICKETS = 360, 24
YEAR_AND_MORE = timedelta(days=400)


@dataclass(frozen=True)
class _At:
    instant: datetime

    def now(self) -> datetime:
        return self.instant


async def fill(city: City) -> dict[str, DemoAccount]:
    """Everything into an empty database; the accounts by their usernames."""
    hotline = city.hotline
    with pytest.MonkeyPatch.context() as patch:  # a month to be looked at, not one to be listed page by page
        patch.setattr(history, "seed_history", partial(seed_history, calls=CALLS))
        patch.setattr(history, "LATEST", TICKETS)
        accounts = await seeding.seed(hotline.db, city.clock, hotline.settings)
    async with hotline.db.unit_of_work() as session:
        people = {user.username: user for user in await session.scalars(select(User))}
        region = (await session.scalars(select(Region).where(Region.code == "5399"))).one()
        unit = (
            await session.scalars(select(Unit).where(Unit.region_id == region.id, Unit.code == "101"))
        ).one()
        city.users = {name: user.id for name, user in people.items()}
        for ago in (timedelta(hours=15), YEAR_AND_MORE):
            await _put_through(session, city, ago, region, people["operator1"], unit)
        asked = [await _asked(session, city, region.id, unit.id, number) for number in range(6)]
        await service.register_complaint(
            session, city.clock, call_id=None, region_id=region.id, line="96128", caller_number="13800010001",
            recording_id=None, about=asked[0], text="答复的人很不耐烦，没说完就挂了。", channel=Channel.WEB,
        )  # fmt: skip
        for number in range(4):
            await _gave_up(session, city, region.id, number)
    return {one.username: one for one in accounts.accounts}


async def _put_through(
    session: AsyncSession, city: City, ago: timedelta, region: Region, operator: User, unit: Unit
) -> None:
    """A few talks of the two days before then, each put through to the unit and recorded."""
    settings = city.hotline.settings.recordings
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recordings.demo.scenes.ENDS", {CallEnd.LIAISON: 1})
        await seed_history(
            session, _At(city.clock.now() - ago), [region], [operator], [unit], random.Random(5), settings=settings,
            calls=3, days=2,
        )  # fmt: skip


async def _asked(session: AsyncSession, city: City, region_id: int, unit_id: int, number: int) -> Ticket:
    """One of many who ask about the same thing within an hour; answered at once."""
    at = city.clock.now() - timedelta(minutes=70 - 9 * number)
    operator = {"operator_id": city.users["operator2"]}
    call = Call(
        linkedid=f"morning-{number}", line="96128", region_id=region_id, caller_number=f"1380001{number:04}", direction="in",
        started_at=at, queued_at=at + timedelta(seconds=12), answered_at=at + timedelta(seconds=16), end=CallEnd.OPERATOR,
        ended_at=at + timedelta(minutes=2), talk_ms=100_000, node_path="WELCOME>MAIN>OP>OP-QUEUE", **operator,
    )  # fmt: skip
    session.add(call)
    await session.flush()
    asked = {"line": "96128", "region_id": region_id, "caller_number": call.caller_number}
    issued = await service.open_for_call(session, _At(at), call_id=call.id, **asked, **operator)
    fields = {"subject": BURST, "question": "小区今天为什么停水，什么时候恢复？", "unit_id": unit_id,
              "answer": "管道抢修，预计今晚八时恢复。"}  # fmt: skip
    number_of = {"ticket_no": issued.ticket.ticket_no, **operator}
    clock = _At(at + timedelta(minutes=2))
    await service.save_draft(session, clock, fields=fields, version=issued.ticket.draft_version, **number_of)
    await service.finish(session, clock, outcome=Outcome.ANSWERED, **number_of)
    return issued.ticket


async def _gave_up(session: AsyncSession, city: City, region_id: int, number: int) -> None:
    at = city.clock.now() - timedelta(minutes=50 - 8 * number)
    session.add(
        Call(
            linkedid=f"gone-{number}", line="96128", region_id=region_id, caller_number=f"1380002{number:04}", direction="in",
            started_at=at, queued_at=at + timedelta(seconds=12), ended_at=at + timedelta(seconds=55), end=CallEnd.QUEUE,
            end_node="OP-QUEUE", node_path="WELCOME>MAIN>OP>OP-QUEUE",
        )
    )  # fmt: skip
    await session.flush()
