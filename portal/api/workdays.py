"""Working days for programs (工作日接口): when is something due, and which days count."""

import re
from datetime import datetime

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.calendar.holidays import load_calendar
from core.calendar.workdays import DayStatus, Due
from core.clock import BEIJING
from core.errors import InvalidInput, NotFound
from core.units import Region
from core.web import schema
from core.web.api import PREFIX, answer, query_int
from core.web.keys import DB
from core.web.routes import CLIENTS, ApiDoc, Param, Routes

routes = Routes()
MOST_DAYS = 250
REGION_CODE = "^[0-9A-Za-z]{2,12}$"


class RegionUnknown(NotFound):
    """No region has this code."""

    code = "region_unknown"
    text = "没有这个地区代码，请核对。"


_DUE = ApiDoc(
    "计算办理期限",
    params=(
        Param(
            "received",
            "收到日期或时间，如 2026-06-01 或 2026-06-01T10:00:00+08:00",
            required=True,
            limits={"pattern": schema.WHEN},
        ),
        Param(
            "days",
            f"工作日数（1～{MOST_DAYS}）",
            kind="integer",
            required=True,
            limits={"minimum": 1, "maximum": MOST_DAYS},
        ),
        Param("region", "地区代码，不填按全国", limits={"pattern": REGION_CODE}),
    ),
    answer={
        "received_on": schema.day("收到日（第 0 日）"),
        "days": schema.whole("工作日数"),
        "due_on": schema.day("到期日"),
        "cut_off_at": schema.moment("截止时刻"),
        "provisional": schema.flag("是否暂定"),
        "table_version": schema.text("节假日表版本"),
        "counted": schema.listed("计入的工作日", schema.day("")),
        "skipped": schema.listed(
            "未计入的日期及原因", schema.made_of(on=schema.day("日期"), why=schema.text("原因"))
        ),
    },
)


@routes.get(f"{PREFIX}/workdays/due", roles=CLIENTS, doc=_DUE)
async def workdays_due(request: web.Request) -> web.StreamResponse:
    received_at = read_when(request.query.get("received", ""), "received")
    days = query_int(request, "days", 0, least=1, most=MOST_DAYS)
    async with request.app[DB].reading() as session:
        region = await checked_region(session, request.query.get("region"))
        calendar = await load_calendar(session)
    return answer(_due_json(calendar.due_on(received_at, days, region)))


async def checked_region(session: AsyncSession, code: str | None) -> str | None:
    """The code when there is such a region, or None without one; raises InvalidInput, RegionUnknown."""
    if code is None:
        return None
    if not re.fullmatch(REGION_CODE, code):
        raise InvalidInput(field="region", reason="请用地区代码，如 532900")
    if await session.scalar(select(Region.id).where(Region.code == code)) is None:
        raise RegionUnknown
    return code


def read_when(text: str, field: str) -> datetime:
    """A Beijing date or an instant; a `+` that the query turned into a blank is put back."""
    text = text.replace(" ", "+")
    if not re.fullmatch(schema.WHEN, text):
        reason = "请用 2026-06-01 或 2026-06-01T10:00:00+08:00 这样的日期或时间"
        raise InvalidInput(field=field, reason=reason)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=BEIJING)


def _due_json(due: Due) -> dict[str, object]:
    return {
        "received_on": due.received_on,
        "days": due.days,
        "due_on": due.on,
        "cut_off_at": due.cut_off_at.astimezone(BEIJING).isoformat(),
        "provisional": due.provisional,
        "table_version": due.table_version,
        "counted": [day.on for day in due.counted],
        "skipped": [_skipped_json(day) for day in due.skipped],
    }


def _skipped_json(day: DayStatus) -> dict[str, object]:
    return {"on": day.on, "why": day.why}
