"""What other systems report for supervision (监督数据接口): approval items (M-120) and series of figures (M-133).

A service centre's window key reports them, or a token of its staff; libraries, archives and sites have nothing to report.
"""

import re
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import InvalidInput, NotAllowed
from core.people import Role
from core.units import Region, Unit
from core.web import schema
from core.web.api import PREFIX, answer
from core.web.days import read_day, read_day_if_any
from core.web.keys import CHANNEL, CLOCK, DB, USER
from core.web.requests import json_body
from core.web.routes import CLIENTS, ApiDoc, Param, Routes
from portal.api.submitting import REGION, WORDS, need_words, place_of, string
from portal.api.workdays import read_when
from portal.limits import LIMITS
from portal.region import UNIT_CODE
from reports.outside import approvals, series
from tickets.models import Channel
from tickets.text import tidied

routes = Routes()
REPORTERS = frozenset({Role.WINDOW, Role.OFFICE, Role.INSPECTOR})
NO = "^[0-9A-Za-z_.-]{1,40}$"
_UNIT = Param("unit", "单位的三位代码", place="body", limits={"pattern": UNIT_CODE})
_APPROVAL = ApiDoc(
    "报送行政审批办件的办理情况",
    params=(
        Param("item_no", "办件编号，同一地区内唯一", place="body", required=True, limits={"pattern": NO}),
        Param(
            "event",
            "，".join(f"{key} {name}" for key, name in approvals.KINDS.items()),
            place="body",
            required=True,
            limits={"enum": list(approvals.KINDS)},
        ),
        Param("at", "发生时间；不填为现在", place="body", limits={"pattern": schema.WHEN}),
        Param("name", "事项名称；受理时必填", place="body", limits={"maxLength": approvals.LONGEST_TEXT}),
        _UNIT,
        Param("due_on", "办结期限；受理和期限变更时必填", place="body", limits={"pattern": schema.DAY}),
        Param("text", "环节名称或办理结果", place="body", limits={"maxLength": approvals.LONGEST_TEXT}),
        REGION,
    ),
    answer={
        "item_no": schema.text("办件编号"),
        "state": schema.text("状态"),
        "due_on": schema.day("办结期限"),
        "events": schema.whole("已报送的情况数"),
    },
)
_FIGURE = ApiDoc(
    "报送一个单位一天的外部数据；同一天再报即更正",
    params=(
        Param("series", "数据名称，如 原煤产量", place="body", required=True,
              limits={"minLength": 1, "maxLength": series.LONGEST_NAME, "pattern": WORDS}),
        Param("unit", "单位的三位代码", place="body", required=True, limits={"pattern": UNIT_CODE}),
        Param("on", "日期", place="body", required=True, limits={"pattern": schema.DAY}),
        Param("value", "数值", place="body", kind="number", required=True),
        Param("measure", "计量单位，如 吨", place="body", limits={"maxLength": series.LONGEST_MEASURE}),
        REGION,
    ),
    answer={
        "series": schema.text("数据名称"),
        "on": schema.day("日期"),
        "value": schema.number("数值"),
        "flag": schema.text("低于下限、高于上限，或空"),
    },
)  # fmt: skip


@routes.post(f"{PREFIX}/approvals", roles=CLIENTS, doc=_APPROVAL)
async def approval(request: web.Request) -> web.StreamResponse:
    body, clock = await _reported(request), request.app[CLOCK]
    at = string(body, "at")
    event = approvals.Reported(
        item_no=_matching(body, "item_no", NO, "请用 1～40 位字母、数字、点、横线或下划线"),
        kind=_kind(body),
        at=read_when(at, "at") if at else clock.now(),
        text=_short(body, "text", approvals.LONGEST_TEXT),
        name=_short(body, "name", approvals.LONGEST_TEXT),
        due_on=read_day_if_any(string(body, "due_on"), "due_on"),
    )
    async with request.app[DB].unit_of_work() as session:
        region, unit = await _place(session, request, body)
        item = await approvals.take_in(session, clock, region, unit, event)
        shown = {"item_no": item.item_no, "due_on": item.due_on, "events": len(item.events)}
        return answer(shown | {"state": approvals.state_of(item, clock.now())[1]})


@routes.post(f"{PREFIX}/series", roles=CLIENTS, doc=_FIGURE)
async def figure(request: web.Request) -> web.StreamResponse:
    body = await _reported(request)
    need_words("series", string(body, "series"))
    told = series.Reported(
        name=_short(body, "series", series.LONGEST_NAME),
        measure=_short(body, "measure", series.LONGEST_MEASURE),
        on=read_day(string(body, "on"), "on"),
        value=_value(body),
    )
    async with request.app[DB].unit_of_work() as session:
        region, unit = await _place(session, request, body)
        if unit is None:
            raise InvalidInput(field="unit", reason="请用三位数字的单位代码")
        kept, one = await series.take_in(session, request.app[CLOCK], region, unit, told)
        shown = {"series": kept.name, "on": one.on, "value": one.value}
        return answer(shown | {"flag": series.flag_of(kept, one.value)})


async def _reported(request: web.Request) -> dict[str, Any]:
    """The body of somebody who may report; raises NotAllowed."""
    channel, user = request[CHANNEL], request[USER]
    if not (channel and channel.channel == Channel.WINDOW) and not (user and user.roles & REPORTERS):
        raise NotAllowed
    request.app[LIMITS].visit(request)
    return await json_body(request)


async def _place(
    session: AsyncSession, request: web.Request, body: dict[str, Any]
) -> tuple[Region, Unit | None]:
    """The region and, where one is named, its unit; people of one region report for it alone."""
    region_id, unit = await place_of(session, request, string(body, "region"), string(body, "unit"))
    if (user := request[USER]) and user.region_id != region_id:
        raise InvalidInput(field="region", reason="只能报送本地区的数据")
    return await session.get_one(Region, region_id), unit


def _short(body: dict[str, Any], name: str, most: int) -> str:
    text = tidied(string(body, name))
    if len(text) > most:
        raise InvalidInput(field=name, reason=f"最多 {most} 个字")
    return text


def _matching(body: dict[str, Any], name: str, pattern: str, reason: str) -> str:
    text = string(body, name)
    if not re.search(pattern, text):
        raise InvalidInput(field=name, reason=reason)
    return text


def _kind(body: dict[str, Any]) -> str:
    kind = string(body, "event")
    if kind not in approvals.KINDS:
        raise InvalidInput(field="event", reason=f"可以是 {'、'.join(approvals.KINDS)}")
    return kind


def _value(body: dict[str, Any]) -> float:
    value = body.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(field="value", reason="应为数字")
    return series.checked(value)
