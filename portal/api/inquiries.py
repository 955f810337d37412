"""Questions for programs (提问接口, M-101): ask, follow by code, rate, complain. The channel comes from the key alone."""

from typing import Any

from aiohttp import web

from core.errors import InvalidInput
from core.web import schema
from core.web.api import PREFIX, answer
from core.web.keys import CLOCK, DB, SETTINGS
from core.web.requests import json_body
from core.web.routes import CLIENTS, ApiDoc, Param, Routes
from portal.api import submitting
from portal.api.submitting import KEY, REGION, UNIT, text_param
from portal.limits import LIMITS, asker_of
from tickets.intake.ask import ask
from tickets.intake.once import once
from tickets.models import RatingAbout
from tickets.oversight.causes import CAUSES, Cause
from tickets.parallel.shares import Share
from tickets.queries import CodeStatus
from tickets.query_codes.attempts import status_for_stranger
from tickets.satisfaction import NOT_SATISFIED, rate
from tickets.service import register_complaint

routes = Routes()
SCORES = {1: "满意", 2: "基本满意", 3: "不满意"}
_CODE = Param("query_code", "12 位查询码", place="path", limits={"pattern": "^[0-9]{12}$"})
_ASK = ApiDoc(
    "提问",
    params=(
        text_param("question", "问题内容，至少含一个汉字、字母或数字", required=True),
        text_param("subject", "主题"),
        UNIT,
        REGION,
        text_param("name", "称呼", field="asker_name"),
        text_param("phone", "回复电话；不填则凭查询码查看答复", field="callback_number"),
        KEY,
    ),
    answer=dict(submitting.ISSUED),
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
        "shares": schema.listed(
            "并联件中同时办理的各单位；其他工单为空",
            schema.made_of(
                unit=schema.text("单位"),
                state=schema.text("状态代码"),
                state_name=schema.text("状态"),
                due_on=schema.perhaps(schema.day("该单位的办理期限；已办结时为空")),
                provisional=schema.flag("期限是否暂定"),
            ),
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
        text_param("text", "投诉内容，至少含一个汉字、字母或数字", required=True, field="question"),
        Param(
            "cause",
            "主要问题：" + "，".join(f"{key} {name}" for key, name in CAUSES.items()),
            place="body",
            limits={"enum": list(CAUSES)},
        ),
        KEY,
    ),
    answer=dict(submitting.ISSUED),
    status=201,
)


@routes.post(f"{PREFIX}/inquiries", roles=CLIENTS, doc=_ASK)
async def create(request: web.Request) -> web.StreamResponse:
    request.app[LIMITS].visit(request)
    body = await json_body(request)
    fields = {
        name: submitting.string(body, name)
        for name in ("question", "subject", "name", "phone", "unit", "region")
    }
    submitting.need_words("question", fields["question"])
    async with request.app[DB].unit_of_work() as session:
        question = await submitting.question_of(session, request, fields)
        clock = request.app[CLOCK]
        issued = await once(
            session,
            clock,
            submitting.sent_by(request, fields),
            lambda seed: ask(session, clock, question, code_seed=seed),
        )
        return answer(await submitting.issued_json(session, issued), status=201)


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
        "shares": [_share_json(share) for share in status.shares],
    } | {name: getattr(status, name) for name in plain}


def _share_json(share: Share) -> dict[str, Any]:
    due_on = share.step.due_on if share.is_open else None
    provisional = share.is_open and share.step.provisional
    return {
        "unit": share.unit_name, "state": share.ticket.state, "state_name": share.state_name, "due_on": due_on,
        "provisional": provisional,
    }  # fmt: skip


@routes.post(f"{PREFIX}/inquiries/{{query_code}}/rating", roles=CLIENTS, doc=_RATE)
async def rating(request: web.Request) -> web.StreamResponse:
    score = (await json_body(request)).get("score")
    if type(score) is not int or score not in SCORES:
        raise InvalidInput(field="score", reason="请用 1（满意）、2（基本满意）或 3（不满意）")
    status = await _opened(request)
    async with request.app[DB].unit_of_work() as session:
        await rate(
            session, request.app[CLOCK], ticket_id=status.ticket.id, about=RatingAbout.UNIT, score=score,
            channel=submitting.channel_of(request),
        )  # fmt: skip
    return answer({"score": score, "may_complain": score == NOT_SATISFIED and status.may_complain})


@routes.post(f"{PREFIX}/inquiries/{{query_code}}/complaint", roles=CLIENTS, doc=_COMPLAIN)
async def complaint(request: web.Request) -> web.StreamResponse:
    body = await json_body(request)
    text, cause = submitting.string(body, "text"), _cause(body)
    submitting.need_words("text", text)
    about, clock = (await _opened(request)).ticket, request.app[CLOCK]
    async with request.app[DB].unit_of_work() as session:
        issued = await once(
            session,
            clock,
            submitting.sent_by(request, {"about": about.ticket_no, "cause": cause or "", "text": text}),
            lambda seed: register_complaint(
                session, clock, call_id=None, region_id=about.region_id, caller_number="", recording_id=None,
                line=request.app[SETTINGS].hotline_number, about=about, text=text, channel=submitting.channel_of(request),
                cause=cause, code_seed=seed,
            ),
        )  # fmt: skip
        return answer(await submitting.issued_json(session, issued), status=201)


async def _opened(request: web.Request) -> CodeStatus:
    """What the code in the address opens; wrong ones are counted."""
    code, limits = request.match_info["query_code"], request.app[LIMITS]
    limits.visit(request)
    limits.look_up(code)
    return await status_for_stranger(
        request.app[DB], request.app[CLOCK], code, source=asker_of(request), line="api"
    )


def _cause(body: dict[str, Any]) -> Cause | None:
    if "cause" not in body:
        return None
    if (
        submitting.string(body, "cause") not in CAUSES
    ):  # a form sends an empty field, a program means something
        raise InvalidInput(field="cause", reason=f"可以是 {'、'.join(CAUSES)}")
    return Cause(body["cause"])
