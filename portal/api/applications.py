"""Applications for disclosure for programs (申请公开接口, M-110): who applies, what is wanted, in what way; followed by code like a question."""

from typing import Any

from aiohttp import web

from core.errors import InvalidInput
from core.web.api import PREFIX, answer
from core.web.keys import CLOCK, DB
from core.web.requests import json_body
from core.web.routes import CLIENTS, ApiDoc, Param, Routes
from portal.api import submitting
from portal.api.submitting import KEY, REGION, UNIT, WORDS, text_param
from portal.limits import LIMITS
from tickets.intake.disclosure import SENT, apply
from tickets.intake.models import WAYS, Way
from tickets.intake.once import once

routes = Routes()
_FIELDS = ("question", "subject", "name", "phone", "unit", "region", "way", "address")
_DIGIT = "[0-9]"
_PHONE = Param(
    "phone", "联系电话", place="body", required=True, limits={"minLength": 1, "maxLength": 32, "pattern": _DIGIT}
)  # fmt: skip
_WAY = Param(
    "way",
    "获取方式：" + "，".join(f"{key} {name}" for key, name in WAYS.items()),
    place="body",
    required=True,
    limits={"enum": list(WAYS)},
)


def _needs_address(way: Way, pattern: str) -> dict[str, Any]:
    fields = {"way": {"const": way}, "address": {"type": "string", "pattern": pattern}}
    return {"properties": fields, "required": ["way", "address"]}


_APPLY = ApiDoc(
    "申请公开",
    params=(
        text_param("question", "需要什么信息：名称、内容、大致时间等便于查找的特征", required=True),
        text_param("subject", "信息的名称或文号"),
        UNIT,
        REGION,
        text_param("name", "申请人的姓名或单位名称", required=True, field="asker_name"),
        _PHONE,
        _WAY,
        text_param("address", "邮寄地址或电子邮箱；post、email 必填"),
        KEY,
    ),
    answer=dict(submitting.ISSUED),
    status=201,
    rules={
        "anyOf": [
            {"properties": {"way": {"enum": [way for way in WAYS if way not in SENT]}}},
            _needs_address(Way.POST, WORDS),
            _needs_address(Way.EMAIL, "@"),
        ]
    },
)


@routes.post(f"{PREFIX}/applications", roles=CLIENTS, doc=_APPLY)
async def create(request: web.Request) -> web.StreamResponse:
    request.app[LIMITS].visit(request)
    body = await json_body(request)
    fields = {name: submitting.string(body, name) for name in _FIELDS}
    _check(fields)
    clock = request.app[CLOCK]
    async with request.app[DB].unit_of_work() as session:
        question = await submitting.question_of(session, request, fields)
        issued = await once(
            session, clock, submitting.sent_by(request, fields),
            lambda seed: apply(
                session, clock, question, way=fields["way"], address=fields["address"], code_seed=seed
            ),
        )  # fmt: skip
        return answer(await submitting.issued_json(session, issued), status=201)


def _check(fields: dict[str, str]) -> None:
    """As the description says it; `apply` says the rest."""
    submitting.need_words("question", fields["question"])
    submitting.need_words("name", fields["name"])
    if not any(character in "0123456789" for character in fields["phone"]):
        raise InvalidInput(field="phone", reason="请填写能联系到申请人的电话")
    if fields["way"] == Way.POST:
        submitting.need_words("address", fields["address"])
