"""What the interfaces that open a ticket share (提交接口): their inputs, once or not at all, the channel of the key (M-101)."""

import json
import re
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import InvalidInput
from core.units import Region, Unit, shown_regions
from core.web import schema
from core.web.keys import CHANNEL, SETTINGS, USER
from core.web.routes import Param
from portal.api.workdays import REGION_CODE, RegionUnknown
from portal.keys import PORTAL
from portal.region import UNIT_CODE, home_region, unit_by_code
from tickets.intake.ask import Question
from tickets.intake.once import Sent
from tickets.models import Channel
from tickets.moves import open_step
from tickets.service import Issued
from tickets.text import LIMITS as LENGTHS

WORDS = "[0-9A-Za-z\\u4e00-\\u9fff]"
"""What a text that says something holds, as a regular expression."""
ISSUED = {
    "ticket_no": schema.text("工单号"),
    "query_code": schema.text("查询码，只在此时给出，请告知提问人"),
    "due_on": schema.day("办理期限"),
}
_KEY = "^[\\x21-\\x7e]{1,100}$"
KEY = Param(
    "Idempotency-Key",
    "防重复提交：同一编号再次提交相同的内容，得到同一件工单和同一个查询码；1～100 个可见的 ASCII 字符",
    place="header",
    limits={"pattern": _KEY},
)
UNIT = Param("unit", "承办单位的三位代码；不填由政府办区分转交", place="body", limits={"pattern": UNIT_CODE})
REGION = Param("region", "地区代码；不填为本专线所在地区", place="body", limits={"pattern": REGION_CODE})


def text_param(name: str, meaning: str, *, required: bool = False, field: str = "") -> Param:
    """A field of the body; its length is that of `field` of `tickets.text`."""
    limits: dict[str, Any] = {"maxLength": LENGTHS[field or name][1]}
    if required:
        limits |= {"minLength": 1, "pattern": WORDS}
    return Param(name, meaning, place="body", required=required, limits=limits)


def string(body: dict[str, Any], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str):
        raise InvalidInput(field=name, reason="应为文字")
    return value


def need_words(name: str, text: str) -> None:
    if not re.search(WORDS, text):
        raise InvalidInput(field=name, reason="请填写内容")


async def question_of(session: AsyncSession, request: web.Request, fields: dict[str, str]) -> Question:
    """`question`, `subject`, `name`, `phone`, `unit`, `region` as a question by the channel of the key."""
    region_id, unit = await place_of(session, request, fields["region"], fields["unit"])
    return Question(
        text=fields["question"], subject=fields["subject"], asker_name=fields["name"], callback_number=fields["phone"],
        channel=channel_of(request), line=request.app[SETTINGS].hotline_number, region_id=region_id,
        unit_id=unit.id if unit else None, operator_id=_staff(request),
    )  # fmt: skip


async def place_of(
    session: AsyncSession, request: web.Request, region: str, unit: str
) -> tuple[int, Unit | None]:
    """The region of this code, without one the line's own, and its unit where one is named; raises InvalidInput, RegionUnknown."""
    region_id = await _region_id(session, request, region)
    if unit and not re.fullmatch(UNIT_CODE, unit):
        raise InvalidInput(field="unit", reason="请用三位数字的单位代码")
    return region_id, await unit_by_code(session, region_id, unit) if unit else None


def channel_of(request: web.Request) -> Channel:
    """Stamped from the key (M-101); a member of staff who uses a token sits at a window."""
    key = request[CHANNEL]
    return Channel(key.channel) if key else Channel.WINDOW


def sent_by(request: web.Request, content: dict[str, str]) -> Sent:
    """Who sends this content under which key of their own."""
    key = request.headers.get("Idempotency-Key", "")
    if "Idempotency-Key" in request.headers and not re.fullmatch(_KEY, key):
        raise InvalidInput(field="Idempotency-Key", reason="请用 1～100 个可见的 ASCII 字符")
    channel = request[CHANNEL]
    owner = f"key:{channel.token_id}" if channel else f"user:{_staff(request)}"
    return Sent(
        key=f"{owner}:{key}" if key else "",
        content=json.dumps(content, ensure_ascii=False, sort_keys=True),
        token_id=channel.token_id if channel else None,
    )


async def issued_json(session: AsyncSession, issued: Issued) -> dict[str, Any]:
    """What ISSUED describes."""
    step = await open_step(session, issued.ticket)
    return {
        "ticket_no": issued.ticket.ticket_no,
        "query_code": issued.query_code,
        "due_on": step.due_on if step else None,
    }


def _staff(request: web.Request) -> int | None:
    return user.user_id if (user := request[USER]) else None


async def _region_id(session: AsyncSession, request: web.Request, code: str) -> int:
    if not code:
        return (await home_region(session, request.app[PORTAL].region)).id
    if not re.fullmatch(REGION_CODE, code):
        raise InvalidInput(field="region", reason="请用地区代码，如 532900")
    shown = Region.id.in_(shown_regions())
    region = await session.scalar(select(Region.id).where(Region.code == code, shown))
    if region is None:
        raise RegionUnknown
    return int(region)
