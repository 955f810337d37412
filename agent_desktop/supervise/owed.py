"""`/supervise/owed` (漏接回拨): every call owed to a caller within the supervisor's regions: who has it, by when, with what result."""

from datetime import datetime, timedelta

from aiohttp import web
from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import aliased

from agent_desktop.supervise import access
from core.clock import beijing
from core.log import mask_number
from core.people import Role, User
from core.units import Region
from core.web import changes
from core.web.keys import CLOCK, DB
from core.web.lists import Column, Filter, Table, period, serve_list
from core.web.routes import Routes
from ivr.models import OwedCall, OwedKind, OwedState
from ivr.queue.owed_calls import OwedCallsChanged
from recordings.models import Call

routes = Routes()
KINDS = {OwedKind.MISSED: "漏接", OwedKind.KEPT_PLACE: "保留位置"}
STATES = {
    OwedState.OPEN: "待回拨",
    OwedState.REACHED: "已接通",
    OwedState.UNREACHABLE: "无法联系",
    OwedState.SERVED: "再次来电已接听",
    OwedState.DROPPED: "人工办结",
}
_TONES = {OwedState.OPEN: "info", OwedState.UNREACHABLE: "warn", OwedState.DROPPED: ""}
_OWNER = aliased(User)


def _minute(at: datetime | None) -> str:
    return f"{beijing(at):%Y-%m-%d %H:%M}" if at else ""


def _late(row: OwedCall, now: datetime) -> timedelta:
    """How far past its time: a finished one at its end, an open one now."""
    return (row.finished_at or now) - row.due_at


def _result(row: OwedCall, now: datetime) -> str:
    late = "，逾期" if _late(row, now) > timedelta() else ""
    return f"{STATES[row.state]}{late}"


def owed_table(now: datetime) -> Table:
    overdue = (OwedCall.state == OwedState.OPEN) & (OwedCall.due_at < now)
    views: dict[str, tuple[str, ColumnElement[bool]]] = {
        "open": ("待回拨", OwedCall.state == OwedState.OPEN),
        "overdue": ("逾期", overdue),
        "done": ("已办结", OwedCall.state != OwedState.OPEN),
        "": ("全部", true()),
    }
    return Table(
        "owed-calls", "漏接回拨",
        columns=(
            Column("asked", "排队时间", lambda row: _minute(row.OwedCall.asked_at), sort=OwedCall.asked_at,
                   href=lambda row: f"/supervise/calls/{row.linkedid}"),
            Column("number", "来电", lambda row: mask_number(row.OwedCall.number)),
            Column("kind", "原因", lambda row: KINDS[row.OwedCall.kind], sort=OwedCall.kind),
            Column("times", "放弃次数", lambda row: str(row.OwedCall.times), sort=OwedCall.times, number=True),
            Column("line", "专线 / 地区", lambda row: f"{row.OwedCall.line} {row.region or ''}".strip(), sort=OwedCall.line),
            Column("due", "应于", lambda row: _minute(row.OwedCall.due_at), sort=OwedCall.due_at),
            Column("owner", "经办", lambda row: row.owner or "", sort=_OWNER.display_name),
            Column("tries", "已试", lambda row: str(row.OwedCall.tries), sort=OwedCall.tries, number=True),
            Column("tried", "最近一次", lambda row: _minute(row.OwedCall.tried_at), sort=OwedCall.tried_at),
            Column("state", "结果", lambda row: _result(row.OwedCall, now), sort=OwedCall.state,
                   tone=lambda row: "bad" if _late(row.OwedCall, now) > timedelta() else _TONES.get(row.OwedCall.state, "ok")),
            Column("finished", "办结时间", lambda row: _minute(row.OwedCall.finished_at), sort=OwedCall.finished_at),
            Column("remark", "说明", lambda row: row.OwedCall.remark),
        ),
        filters=(
            Filter("view", "范围", lambda key: views[key][1], {key: text for key, (text, _) in views.items()},
                   kind="tabs", default="open"),
            Filter("kind", "原因", lambda key: OwedCall.kind == key, {str(kind): text for kind, text in KINDS.items()}),
            Filter("number", "来电号码（可填后几位）", lambda text: OwedCall.number.endswith(text, autoescape=True)),
            *period("asked", "排队", OwedCall.asked_at),
        ),
        sort="due", tie=OwedCall.id,
    )  # fmt: skip


@routes.get("/supervise/owed", roles={Role.SUPERVISOR}, nav="漏接回拨")
async def listing(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        scope = access.scope(request, await access.listener(request, session))
    within = true() if scope.everything else OwedCall.region_id.in_(scope.region_ids)
    query = (
        select(OwedCall, Call.linkedid, Region.name.label("region"), _OWNER.display_name.label("owner"))
        .join(Call, Call.id == OwedCall.call_id)
        .outerjoin(Region, Region.id == OwedCall.region_id)
        .outerjoin(_OWNER, _OWNER.id == OwedCall.owner_id)
        .where(within)
    )
    return await serve_list(request, owed_table(request.app[CLOCK].now()), query, "supervise/owed.html")


def setup(app: web.Application) -> None:
    changes.announce(app, OwedCallsChanged, "owed-calls")
    routes.register(app)
