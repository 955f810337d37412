"""The addresses of GeoReport v2: services, their definitions, requests."""

import re
from collections.abc import Awaitable, Callable
from datetime import datetime, time
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import BEIJING, beijing
from core.errors import HotlineError, InvalidInput, LoginRequired
from core.units import Unit
from core.web.keys import CHANNEL, CLOCK, DB, SETTINGS, Channel
from core.web.routes import PUBLIC, Routes
from core.web.sessions import find_bearer
from portal.keys import PORTAL
from portal.limits import LIMITS, asker_of
from portal.open311.forms import Record, answer, answer_one
from portal.reading.answers import site_url
from portal.region import home_region, unit_by_code
from tickets.intake.ask import Question, ask, askable_units
from tickets.intake.once import Sent, once
from tickets.lifecycle import UNDER_CLOCK
from tickets.models import Channel as Door
from tickets.queries import CodeStatus
from tickets.query_codes.attempts import status_for_stranger

routes = Routes()
BASE = "/open311/v2"
FORM = "{form:json|xml}"
CHANGED_ON = "2026-11-26"
"""When the endpoint last changed."""
GENERAL = "000"
WORDS = "[0-9A-Za-z\\u4e00-\\u9fff]"
MOST_CHARS = {"description": 9_000, "address_string": 200, "first_name": 20, "last_name": 20}
"""Together they fit into a ticket's question and name."""
MOST_REQUESTS = 20
_ATTRIBUTES = [
    {
        "variable": True, "code": code, "datatype": "string", "required": False, "datatype_description": "",
        "order": order, "description": text,
    }
    for order, (code, text) in enumerate((("first_name", "称呼"), ("phone", "回复电话")), start=1)
]  # fmt: skip


def speaking(handler: Callable[[web.Request], Awaitable[web.Response]]) -> Handler:
    """Refusals in the standard's own form."""

    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            request.app[LIMITS].visit(request)
            return await handler(request)
        except HotlineError as error:
            if error.status >= 500:
                raise
            said = [{"code": error.status, "description": error.message}]
            return answer(request, "errors", said, status=error.status)

    return answered


@routes.get(f"/open311/discovery.{FORM}", roles=PUBLIC)
@speaking
async def discovery(request: web.Request) -> web.Response:
    """Where the endpoint is, and that keys come from the administrator, by the hotline's number."""
    endpoint = {
        "specification": "http://wiki.open311.org/GeoReport_v2",
        "url": site_url(request) + BASE,
        "changeset": CHANGED_ON,
        "type": "production",
        "formats": ["application/json", "text/xml"],
    }
    who = f"请拨打 {request.app[SETTINGS].hotline_number}"
    found = {"changeset": CHANGED_ON, "contact": who, "key_service": who, "endpoints": [endpoint]}
    return answer_one(request, "discovery", found)


@routes.get(f"{BASE}/services.{FORM}", roles=PUBLIC)
@speaking
async def services(request: web.Request) -> web.Response:
    async with request.app[DB].reading() as session:
        region = await home_region(session, request.app[PORTAL].region)
        units = await askable_units(session, region.id)
    general = _service(GENERAL, "政务信息提问", "不清楚由哪个单位负责时使用，由政府办区分转交")
    return answer(
        request, "services", [general, *(_service(u.code, u.name, f"向{u.name}提问") for u in units)]
    )


@routes.get(f"{BASE}/services/{{code:[0-9]{{3}}}}.{FORM}", roles=PUBLIC)
@speaking
async def definition(request: web.Request) -> web.Response:
    code = request.match_info["code"]
    async with request.app[DB].reading() as session:
        await _unit(request, session, code)
    return answer_one(request, "service_definition", {"service_code": code, "attributes": _ATTRIBUTES})


@routes.post(f"{BASE}/requests.{FORM}", roles=PUBLIC)
@speaking
async def create(request: web.Request) -> web.Response:
    sent = {name: str(value) for name, value in (await request.post()).items()}
    channel, clock = await _channel(request, sent.get("api_key", "")), request.app[CLOCK]
    if not re.search(WORDS, sent.get("description", "")):
        raise InvalidInput(field="description", reason="请填写问题内容")
    _check_lengths(sent)
    async with request.app[DB].unit_of_work() as session:
        region = await home_region(session, request.app[PORTAL].region)
        unit = await _unit(request, session, sent.get("service_code", ""))
        question = Question(
            text=_with_place(sent), channel=Door(channel.channel), line=request.app[SETTINGS].hotline_number,
            region_id=region.id, unit_id=unit.id if unit else None, callback_number=sent.get("phone", ""),
            asker_name=f"{sent.get('last_name', '')}{sent.get('first_name', '')}",
        )  # fmt: skip
        key = Sent(content=repr(sorted(sent.items())), token_id=channel.token_id)
        issued = await once(session, clock, key, lambda seed: ask(session, clock, question, code_seed=seed))
    notice = "service_request_id 就是 12 位查询码，请告知提问人；凭它在网上和电话里都能查到答复。"
    record = {"service_request_id": issued.query_code, "service_notice": notice, "account_id": ""}
    return answer(request, "service_requests", [record], status=201)


@routes.get(f"{BASE}/requests/{{code}}.{FORM}", roles=PUBLIC)
@speaking
async def one(request: web.Request) -> web.Response:
    return await _requests(request, [request.match_info["code"]])


@routes.get(f"{BASE}/requests.{FORM}", roles=PUBLIC)
@speaking
async def several(request: web.Request) -> web.Response:
    codes = [code for code in request.query.get("service_request_id", "").split(",") if code.strip()]
    if not 0 < len(codes) <= MOST_REQUESTS:
        reason = f"请给出 1～{MOST_REQUESTS} 个查询码，用逗号分开；提问不对外列出"
        raise InvalidInput(field="service_request_id", reason=reason)
    return await _requests(request, codes)


async def _requests(request: web.Request, codes: list[str]) -> web.Response:
    await _channel(request, request.query.get("api_key", ""))
    found = []
    for code in codes:
        request.app[LIMITS].look_up(code)
        status = await status_for_stranger(
            request.app[DB], request.app[CLOCK], code, source=asker_of(request), line="open311"
        )
        found.append(_request(code.strip(), status))
    return answer(request, "service_requests", found)


async def _channel(request: web.Request, key: str) -> Channel:
    """The channel by `api_key`, or by the header as elsewhere; raises LoginRequired or TokenInvalid."""
    if known := request[CHANNEL]:
        return known
    if not key:
        raise LoginRequired
    async with request.app[DB].reading() as session:
        found = await find_bearer(session, key)
    if not isinstance(found, Channel):
        raise LoginRequired
    request[CHANNEL] = found
    return found


async def _unit(request: web.Request, session: AsyncSession, code: str) -> Unit | None:
    if code == GENERAL:
        return None
    region = await home_region(session, request.app[PORTAL].region)
    return await unit_by_code(session, region.id, code)


def _check_lengths(sent: dict[str, str]) -> None:
    for name, most in MOST_CHARS.items():
        if len(sent.get(name, "")) > most:
            raise InvalidInput(field=name, reason=f"最多 {most} 个字")


def _with_place(sent: dict[str, str]) -> str:
    place = sent.get("address_string", "").strip()
    where = ", ".join(part for name in ("lat", "long") if (part := sent.get(name, "").strip()))
    said = [f"地点：{text}" for text in (place, where) if text]
    return "\n".join([sent["description"], *said])


def _service(code: str, name: str, text: str) -> Record:
    return {
        "service_code": code, "service_name": name, "description": text, "metadata": True, "type": "realtime",
        "keywords": "", "group": "政务信息查询",
    }  # fmt: skip


def _request(code: str, status: CodeStatus) -> Record:
    ticket = status.ticket
    return {
        "service_request_id": code,
        "status": "open" if status.state in UNDER_CLOCK else "closed",
        "status_notes": status.reply or status.explanation or status.state_name,
        "service_name": status.unit_name or "政务信息提问",
        "service_code": status.unit_code or GENERAL,
        "description": "",
        "agency_responsible": status.unit_name,
        "service_notice": "",
        "requested_datetime": beijing(ticket.received_at).isoformat(timespec="seconds"),
        "updated_datetime": beijing(ticket.closed_at or ticket.received_at).isoformat(timespec="seconds"),
        "expected_datetime": _end_of(status.due_on),
        "address": "",
        "extended_attributes": {
            "ticket_no": ticket.ticket_no, "state": status.state, "state_name": status.state_name,
            "due_on": status.due_on, "provisional": status.provisional, "reply": status.reply,
            "may_rate": status.may_rate, "may_complain": status.may_complain,
        },
    }  # fmt: skip


def _end_of(day: Any) -> str | None:
    return datetime.combine(day, time(18), BEIJING).isoformat() if day else None
