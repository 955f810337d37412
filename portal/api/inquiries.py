"""Questions for programs (提问接口, M-101): ask, follow by code, rate, complain. The channel comes from the key alone."""

import json
import re
from typing import Any

from aiohttp import web
from sqlalchemy import select

from core.errors import InvalidInput
from core.units import Region, shown_regions
from core.web import schema
from core.web.api import PREFIX, answer
from core.web.keys import CHANNEL, CLOCK, DB, SETTINGS, USER
from core.web.requests import json_body
from core.web.routes import CLIENTS, ApiDoc, Param, Routes
from portal.api.workdays import REGION_CODE, RegionUnknown
from portal.keys import PORTAL
from portal.limits import LIMITS, asker_of
from portal.region import UNIT_CODE, home_region, unit_by_code
from tickets.intake.ask import Question, ask
from tickets.intake.once import Sent, once
from tickets.models import Channel, RatingAbout
from tickets.moves import open_step
from tickets.oversight.causes import CAUSES, Cause
from tickets.queries import CodeStatus
from tickets.query_codes.attempts import status_for_stranger
from tickets.satisfaction import NOT_SATISFIED, rate
from tickets.service import Issued, register_complaint
from tickets.text import LIMITS as LENGTHS

routes = Routes()
KEY = "^[\\x21-\\x7e]{1,100}$"
SCORES = {1: "满意", 2: "基本满意", 3: "不满意"}
_CODE = Param("query_code", "12 位查询码", place="path", limits={"pattern": "^[0-9]{12}$"})
_KEY = Param(
    "Idempotency-Key",
    "防重复提交：同一编号再次提交相同的内容，得到同一件工单和同一个查询码；1～100 个可见的 ASCII 字符",
    place="header",
    limits={"pattern": KEY},
)


def _text(name: str, meaning: str, *, required: bool = False, field: str = "") -> Param:
    limits: dict[str, Any] = {"maxLength": LENGTHS[field or name][1]}
    if required:
        limits |= {"minLength": 1, "pattern": "[0-9A-Za-z\\u4e00-\\u9fff]"}
    return Param(name, meaning, place="body", required=required, limits=limits)


_ISSUED = {
    "ticket_no": schema.text("工单号"),
    "query_code": schema.text("查询码，只在此时给出，请告知提问人"),
    "due_on": schema.day("办理期限"),
}
_ASK = ApiDoc(
    "提问",
    params=(
        _text("question", "问题内容，至少含一个汉字、字母或数字", required=True),
        _text("subject", "主题"),
        Param(
            "unit", "承办单位的三位代码；不填由政府办区分转交", place="body", limits={"pattern": UNIT_CODE}
        ),
        Param("region", "地区代码；不填为本专线所在地区", place="body", limits={"pattern": REGION_CODE}),
        _text("name", "称呼", field="asker_name"),
        _text("phone", "回复电话；不填则凭查询码查看答复", field="callback_number"),
        _KEY,
    ),
    answer=dict(_ISSUED),
    status=201,
)
_STATUS = ApiDoc(
    "凭查询码查办理进度",
    params=(_CODE,),
    answer={
        "ticket_no": schema.text("工单号"),
        "state": schema.text("状态代码"),
        "state_name": schema.text("状态"),
        "unit": schema.text("承办或答复单位；尚未确定时为空"),
        "due_on": schema.perhaps(schema.day("现承办单位的办理期限；已办结时为空")),
        "provisional": schema.flag("期限是否暂定"),
        "reply": schema.perhaps(schema.text("答复内容")),
        "parts": schema.listed(
            "各单位先后的答复",
            schema.made_of(unit=schema.text("单位"), text=schema.text("答复"), on=schema.day("日期")),
        ),
        "explanation": schema.text("逾期说明"),
        "may_rate": schema.flag("是否可以评价"),
        "may_complain": schema.flag("是否可以投诉"),
    },
)
_RATE = ApiDoc(
    "评价答复",
    params=(
        _CODE,
        Param(
            "score",
            "1 满意，2 基本满意，3 不满意；七天内可以改，以最后一次为准",
            place="body",
            kind="integer",
            required=True,
            limits={"enum": list(SCORES)},
        ),
    ),
    answer={
        "score": schema.whole("已记录的评价"),
        "may_complain": schema.flag("不满意时可以随即投诉"),
    },
)
_COMPLAIN = ApiDoc(
    "对答复投诉",
    params=(
        _CODE,
        _text("text", "投诉内容，至少含一个汉字、字母或数字", required=True, field="question"),
        Param(
            "cause",
            "主要问题：" + "，".join(f"{key} {name}" for key, name in CAUSES.items()),
            place="body",
            limits={"enum": list(CAUSES)},
        ),
        _KEY,
    ),
    answer=dict(_ISSUED),
    status=201,
)


@routes.post(f"{PREFIX}/inquiries", roles=CLIENTS, doc=_ASK)
async def create(request: web.Request) -> web.StreamResponse:
    request.app[LIMITS].visit(request)
    body = await json_body(request)
    fields = {
        name: _string(body, name) for name in ("question", "subject", "name", "phone", "unit", "region")
    }
    _need_words("question", fields["question"])
    async with request.app[DB].unit_of_work() as session:
        region_id = await _region_id(session, request, fields["region"])
        unit = await unit_by_code(session, region_id, _unit_code(fields["unit"])) if fields["unit"] else None
        question = Question(
            text=fields["question"], subject=fields["subject"], asker_name=fields["name"],
            callback_number=fields["phone"], channel=_channel(request), line=request.app[SETTINGS].hotline_number,
            region_id=region_id, unit_id=unit.id if unit else None, operator_id=_staff(request),
        )  # fmt: skip
        clock = request.app[CLOCK]
        issued = await once(
            session, clock, _sent(request, fields), lambda seed: ask(session, clock, question, code_seed=seed)
        )
        return answer(await _issued_json(session, issued), status=201)


@routes.get(f"{PREFIX}/inquiries/{{query_code}}", roles=CLIENTS, doc=_STATUS)
async def inquiry(request: web.Request) -> web.StreamResponse:
    status = await _opened(request)
    return answer(status_json(status))


def status_json(status: CodeStatus) -> dict[str, Any]:
    """What whoever holds the code may know."""
    plain = (
        "state",
        "state_name",
        "due_on",
        "provisional",
        "reply",
        "explanation",
        "may_rate",
        "may_complain",
    )
    return {
        "ticket_no": status.ticket.ticket_no,
        "unit": status.unit_name,
        "parts": [{"unit": part.unit_name, "text": part.text, "on": part.on} for part in status.parts],
    } | {name: getattr(status, name) for name in plain}


@routes.post(f"{PREFIX}/inquiries/{{query_code}}/rating", roles=CLIENTS, doc=_RATE)
async def rating(request: web.Request) -> web.StreamResponse:
    score = (await json_body(request)).get("score")
    if type(score) is not int or score not in SCORES:
        raise InvalidInput(field="score", reason="请用 1（满意）、2（基本满意）或 3（不满意）")
    status = await _opened(request)
    async with request.app[DB].unit_of_work() as session:
        await rate(
            session, request.app[CLOCK], ticket_id=status.ticket.id, about=RatingAbout.UNIT, score=score,
            channel=_channel(request),
        )  # fmt: skip
    return answer({"score": score, "may_complain": score == NOT_SATISFIED and status.may_complain})


@routes.post(f"{PREFIX}/inquiries/{{query_code}}/complaint", roles=CLIENTS, doc=_COMPLAIN)
async def complaint(request: web.Request) -> web.StreamResponse:
    body = await json_body(request)
    text, cause = _string(body, "text"), _cause(body)
    _need_words("text", text)
    about, clock = (await _opened(request)).ticket, request.app[CLOCK]
    async with request.app[DB].unit_of_work() as session:
        issued = await once(
            session,
            clock,
            _sent(request, {"about": about.ticket_no, "cause": cause or "", "text": text}),
            lambda seed: register_complaint(
                session, clock, call_id=None, region_id=about.region_id, caller_number="", recording_id=None,
                line=request.app[SETTINGS].hotline_number, about=about, text=text, channel=_channel(request),
                cause=cause, code_seed=seed,
            ),
        )  # fmt: skip
        return answer(await _issued_json(session, issued), status=201)


async def _opened(request: web.Request) -> CodeStatus:
    """What the code in the address opens; wrong ones are counted."""
    code, limits = request.match_info["query_code"], request.app[LIMITS]
    limits.visit(request)
    limits.look_up(code)
    return await status_for_stranger(
        request.app[DB], request.app[CLOCK], code, source=asker_of(request), line="api"
    )


async def _region_id(session: Any, request: web.Request, code: str) -> int:
    if not code:
        return (await home_region(session, request.app[PORTAL].region)).id
    if not re.fullmatch(REGION_CODE, code):
        raise InvalidInput(field="region", reason="请用地区代码，如 532900")
    shown = Region.id.in_(shown_regions())
    region = await session.scalar(select(Region.id).where(Region.code == code, shown))
    if region is None:
        raise RegionUnknown
    return int(region)


def _unit_code(code: str) -> str:
    if not re.fullmatch(UNIT_CODE, code):
        raise InvalidInput(field="unit", reason="请用三位数字的单位代码")
    return code


async def _issued_json(session: Any, issued: Issued) -> dict[str, Any]:
    step = await open_step(session, issued.ticket)
    return {
        "ticket_no": issued.ticket.ticket_no,
        "query_code": issued.query_code,
        "due_on": step.due_on if step else None,
    }


def _channel(request: web.Request) -> Channel:
    """Stamped from the key (M-101); a member of staff who uses a token sits at a window."""
    key = request[CHANNEL]
    return Channel(key.channel) if key else Channel.WINDOW


def _staff(request: web.Request) -> int | None:
    return user.user_id if (user := request[USER]) else None


def _sent(request: web.Request, content: dict[str, str]) -> Sent:
    key = request.headers.get("Idempotency-Key", "")
    if "Idempotency-Key" in request.headers and not re.fullmatch(KEY, key):
        raise InvalidInput(field="Idempotency-Key", reason="请用 1～100 个可见的 ASCII 字符")
    channel = request[CHANNEL]
    owner = f"key:{channel.token_id}" if channel else f"user:{_staff(request)}"
    return Sent(
        key=f"{owner}:{key}" if key else "",
        content=json.dumps(content, ensure_ascii=False, sort_keys=True),
        token_id=channel.token_id if channel else None,
    )


def _string(body: dict[str, Any], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str):
        raise InvalidInput(field=name, reason="应为文字")
    return value


def _cause(body: dict[str, Any]) -> Cause | None:
    if "cause" not in body:
        return None
    if _string(body, "cause") not in CAUSES:  # a form sends an empty field, a program means something
        raise InvalidInput(field="cause", reason=f"可以是 {'、'.join(CAUSES)}")
    return Cause(body["cause"])


def _need_words(name: str, text: str) -> None:
    if not re.search("[0-9A-Za-z\\u4e00-\\u9fff]", text):
        raise InvalidInput(field=name, reason="请填写内容")
