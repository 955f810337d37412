"""The list of owed-calls beside the desk (漏接回拨): what is open, by when, and closing one by hand. Ringing is a call."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy import select

from core.clock import beijing
from core.errors import InvalidInput
from core.log import mask_number
from core.people import Role
from core.units import Region
from core.web.keys import CLOCK, DB, person
from core.web.requests import json_body
from core.web.routes import Routes
from ivr.models import OwedCall, OwedKind
from ivr.queue import owed_calls

routes = Routes()
OPERATOR = (Role.OPERATOR,)
KINDS = {OwedKind.MISSED: "漏接", OwedKind.KEPT_PLACE: "保留位置"}
MAX_REMARK_LENGTH = 200


@routes.get("/desk/owed-calls", roles=OPERATOR)
async def listing(request: web.Request) -> web.StreamResponse:
    """{"items": […]}: all that are open; numbers masked, as everywhere."""
    user_id, now = person(request).user_id, request.app[CLOCK].now()
    async with request.app[DB].reading() as session:
        rows = await owed_calls.waiting_list(session)
        names = {row.id: row.name for row in await session.execute(select(Region.id, Region.name))}
    return web.json_response({"items": [_item(row, names, user_id, now) for row in rows]})


@routes.post("/desk/owed-calls/{owed_call_id:[0-9]{1,9}}/drop", roles=OPERATOR)
async def drop(request: web.Request) -> web.StreamResponse:
    """{"remark"}: nobody need call any more; the reason is kept."""
    remark = str((await json_body(request)).get("remark") or "").strip()[:MAX_REMARK_LENGTH]
    if not remark:
        raise InvalidInput(field="办结说明", reason="请写明为什么不再回拨")
    async with request.app[DB].unit_of_work() as session:
        await owed_calls.drop(
            session,
            request.app[CLOCK],
            int(request.match_info["owed_call_id"]),
            person(request).user_id,
            remark,
        )
    return web.json_response({"ok": True})


def _item(row: OwedCall, regions: Mapping[int, str], user_id: int, now: datetime) -> dict[str, Any]:
    return {
        "id": row.id,
        "number": mask_number(row.number),
        "kind": KINDS[row.kind],
        "region": regions.get(row.region_id or 0, ""),
        "asked_at": f"{beijing(row.asked_at):%m-%d %H:%M}",
        "due_at": f"{beijing(row.due_at):%m-%d %H:%M}",
        "overdue": row.due_at < now,
        "times": row.times,
        "tries": row.tries,
        "owner": row.owner.display_name if row.owner else "",
        "mine": row.owner_id in (None, user_id),
    }
