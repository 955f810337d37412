"""What the contractor is judged by (M-79 「对市电信公司提供的服务进行监督考核,对服务质量进行评估」), as plain JSON.

Availability, answer rate and speed, queue, seats at work, operators' quality, satisfaction and training. The figures are the
indicators' own; availability comes from the minute samples of the controller.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.calendar.holidays import load_calendar
from core.clock import beijing
from core.people import Role, RoleGrant, User
from core.units import Region
from ivr.models import ServiceSample
from reports.contractor.availability import Minute, Outage, Service
from reports.counting import figures
from reports.counting.figures import Figure
from reports.counting.slices import Slice
from reports.training.standing import WORKS_IN, share_of

Content = dict[str, Any]
KEYS = (
    "K-01",
    "K-01.raw",
    "K-02",
    "K-02.offered",
    "K-02.answered",
    "K-03.queue",
    "K-10",
    "K-21.operator",
    "K-19",
)
OUTAGES_MOST = 200


async def make(session: AsyncSession, region: Region, of: Slice, known: Mapping[str, Figure]) -> Content:
    """`facts` (name, value) of availability, seats and queue; `outages`; `figures` of KEYS, taken from `known`."""
    found = await _service(session, region, of)
    return {
        "facts": [*_facts(found), ["话务员培训", await _trained(session, region, of)]],
        "outages": [_outage(one) for one in found.outages[:OUTAGES_MOST]],
        "outages_left_out": max(len(found.outages) - OUTAGES_MOST, 0),
        "figures": [figures.as_json(known[key]) for key in KEYS if key in known],
    }


async def _trained(session: AsyncSession, region: Region, of: Slice) -> str:
    operators = User.id.in_(select(RoleGrant.user_id).where(RoleGrant.role == Role.OPERATOR))
    return (await share_of(session, of, operators & (region.id == WORKS_IN))).in_words


async def _service(session: AsyncSession, region: Region, of: Slice) -> Service:
    """Nothing is counted before the first sample ever taken, nor after now."""
    now = of.now.replace(second=0, microsecond=0)
    first = await session.scalar(select(func.min(ServiceSample.at))) or now
    since = max(of.since, first)
    found, calendar = Service(since, max(min(of.until, now), since)), await load_calendar(session)
    wanted = select(
        ServiceSample.at, ServiceSample.connected, ServiceSample.signed_in, ServiceSample.waiting,
        ServiceSample.longest_wait_s,
    ).where(ServiceSample.at >= found.since, ServiceSample.at < found.until)  # fmt: skip
    async for row in await session.stream(wanted.order_by(ServiceSample.at)):
        found.add(Minute(*row, is_open=calendar.is_open(row.at, region.code)))
    found.end()
    return found


def _facts(found: Service) -> list[list[str]]:
    """What there is to say, in the order of the paper; “—” where nothing was sampled."""
    down = found.minutes - found.up
    mean = f"{found.mean_seats:.1f} 席" if found.mean_seats is not None else figures.DASH
    fewest = f"{found.fewest_seats} 席" if found.fewest_seats is not None else figures.DASH
    return [
        ["可用率", f"{found.up / found.minutes:.2%}" if found.minutes else figures.DASH],
        ["应运行", f"{found.minutes} 分钟"],
        ["中断", f"{down} 分钟，{len(found.outages)} 次"],
        ["工作时间平均上岗座席", mean],
        ["工作时间最少上岗座席", fewest],
        ["同时排队最多", f"{found.most_waiting} 人"],
        ["最长排队等待", f"{found.longest_wait_s} 秒"],
    ]


def _outage(one: Outage) -> dict[str, Any]:
    return {
        "since": _minute(one.since),
        "until": _minute(one.until),
        "minutes": one.minutes,
        "cause": one.cause,
    }


def _minute(at: datetime) -> str:
    return f"{beijing(at):%Y-%m-%d %H:%M}"
