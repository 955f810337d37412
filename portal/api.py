"""The JSON API's open part: search, progress by query code, working days. For channel keys and staff tokens (M-101)."""

import time
from datetime import datetime

from aiohttp import web
from sqlalchemy import select

from core.clock import BEIJING
from core.errors import HotlineError, InvalidInput
from core.holidays import load_calendar
from core.units import Region
from core.web.api import PREFIX, answer, query_int
from core.web.keys import CHANNEL, CLOCK, DB, USER
from core.web.requests import source_of
from core.web.routes import CLIENTS, ApiDoc, Param, Routes
from core.workdays import DayStatus, Due
from portal.keys import SEARCHER
from portal.views import LONGEST_QUERY
from tickets.attempts import status_for_stranger

routes = Routes()
MOST_DAYS = 250


class SearchNotReady(HotlineError):
    """No knowledge base is loaded in this process."""

    code = "search_not_ready"
    status = 503
    text = "信息库正在准备，请稍后再查。"


_SEARCH = ApiDoc(
    "查询已公开的政务信息",
    params=(
        Param("q", "要查的内容", required=True),
        Param("limit", "最多返回几条（1～50，默认 10）", kind="integer"),
        Param("unit", "只查这个单位"),
    ),
    answer={
        "items": "结果，最相关的在前：id、source_id、title、snippet、unit、score",
        "took_ms": "检索用时（毫秒）",
    },
)
_STATUS = ApiDoc(
    "凭查询码查办理进度",
    params=(Param("query_code", "12 位查询码", place="path"),),
    answer={
        "ticket_no": "工单号",
        "state": "状态代码",
        "state_name": "状态",
        "unit": "承办或答复单位",
        "due_on": "办理期限",
        "provisional": "期限是否暂定",
        "reply": "答复内容",
        "may_rate": "是否可以评价",
        "may_complain": "是否可以投诉",
    },
)
_DUE = ApiDoc(
    "计算办理期限",
    params=(
        Param("received", "收到日期或时间，如 2026-06-01 或 2026-06-01T10:00:00+08:00", required=True),
        Param("days", f"工作日数（1～{MOST_DAYS}）", kind="integer", required=True),
        Param("region", "地区代码，不填按全国"),
    ),
    answer={
        "received_on": "收到日（第 0 日）",
        "days": "工作日数",
        "due_on": "到期日",
        "cut_off_at": "截止时刻",
        "provisional": "是否暂定",
        "table_version": "节假日表版本",
        "counted": "计入的工作日",
        "skipped": "未计入的日期及原因",
    },
)


@routes.get(f"{PREFIX}/kb/search", roles=CLIENTS, doc=_SEARCH)
async def kb_search(request: web.Request) -> web.StreamResponse:
    query = request.query.get("q", "").strip()
    if not 0 < len(query) <= LONGEST_QUERY:
        raise InvalidInput(field="q", reason=f"请填写 1～{LONGEST_QUERY} 个字")
    limit = query_int(request, "limit", 10, least=1, most=50)
    searcher = request.app.get(SEARCHER)
    if searcher is None:
        raise SearchNotReady
    started = time.perf_counter()
    hits = await searcher.search(query, limit=limit, unit=request.query.get("unit") or None)
    took_ms = round((time.perf_counter() - started) * 1000, 1)
    fields = ("id", "source_id", "title", "snippet", "unit", "score")
    return answer(
        {"items": [{name: getattr(hit, name) for name in fields} for hit in hits], "took_ms": took_ms}
    )


@routes.get(f"{PREFIX}/inquiries/{{query_code}}", roles=CLIENTS, doc=_STATUS)
async def inquiry(request: web.Request) -> web.StreamResponse:
    status = await status_for_stranger(
        request.app[DB],
        request.app[CLOCK],
        request.match_info["query_code"],
        source=_asker(request),
        line="api",
    )
    return answer(
        {
            "ticket_no": status.ticket.ticket_no,
            "state": status.state,
            "state_name": status.state_name,
            "unit": status.unit_name,
            "due_on": status.due_on,
            "provisional": status.provisional,
            "reply": status.reply,
            "may_rate": status.may_rate,
            "may_complain": status.may_complain,
        }
    )


@routes.get(f"{PREFIX}/workdays/due", roles=CLIENTS, doc=_DUE)
async def workdays_due(request: web.Request) -> web.StreamResponse:
    received_at = _received(request.query.get("received", ""))
    if not request.query.get("days"):
        raise InvalidInput(field="days", reason=f"请用 1～{MOST_DAYS} 的整数")
    days = query_int(request, "days", 1, least=1, most=MOST_DAYS)
    region = request.query.get("region") or None
    async with request.app[DB].reading() as session:
        if region and await session.scalar(select(Region.id).where(Region.code == region)) is None:
            raise InvalidInput(field="region", reason="没有这个地区代码，请核对")
        calendar = await load_calendar(session)
    return answer(_due_json(calendar.due_on(received_at, days, region)))


def _asker(request: web.Request) -> str:
    """Whose wrong codes are counted together: a channel's or a person's, else an address's."""
    if channel := request[CHANNEL]:
        return f"key:{channel.token_id}:{source_of(request)}"
    return f"user:{user.user_id}" if (user := request[USER]) else source_of(request)


def _received(text: str) -> datetime:
    """A Beijing date or an instant; a `+` that the query turned into a blank is put back."""
    try:
        moment = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text)
        return moment if moment.tzinfo else moment.replace(tzinfo=BEIJING)
    except ValueError:
        reason = "请用 2026-06-01 或 2026-06-01T10:00:00+08:00 这样的日期或时间"
        raise InvalidInput(field="received", reason=reason) from None


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
