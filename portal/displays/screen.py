"""The display in public places (电子信息屏, M-105): a rotating page, and the same as JSON and plain text for LED controllers."""

from dataclasses import asdict, dataclass
from typing import Any

from aiohttp import web
from sqlalchemy import select

from core.calendar.holidays import load_calendar
from core.clock import beijing
from core.errors import InvalidInput
from core.units import ConnectionState, Unit, UnitDuty
from core.web.api import answer
from core.web.app import render
from core.web.keys import CLOCK, DB, SETTINGS
from core.web.routes import PUBLIC, Routes
from kb.entries import hot, notices
from portal.hours import Hours, hours_at
from portal.keys import PORTAL
from portal.region import home_region
from recordings.queue_state import read

routes = Routes()
HOT = 6
NEWS = 4
LONGEST_LINE = 120
ENCODINGS = {"utf-8", "gb18030", "gbk"}
"""Many LED controllers read GBK alone."""


@dataclass(frozen=True)
class Shown:
    """Everything on the display."""

    now: str
    hotline: str
    hours: Hours
    queue: str
    questions: list[dict[str, str]]
    news: list[dict[str, str]]
    open_units: list[str]


@routes.get("/screen", roles=PUBLIC)
async def screen(request: web.Request) -> web.StreamResponse:
    now_ms = round(request.app[CLOCK].now().timestamp() * 1000)
    return render(request, "portal/screen.html", shown=await _shown(request), now_ms=now_ms)


@routes.get("/screen/feed.json", roles=PUBLIC)
async def feed_json(request: web.Request) -> web.StreamResponse:
    return answer(asdict(await _shown(request)))


@routes.get("/screen/feed.txt", roles=PUBLIC)
async def feed_text(request: web.Request) -> web.StreamResponse:
    """One line for each thing to show, at most 120 characters; `?encoding=gb18030` for older controllers."""
    encoding = request.query.get("encoding", "utf-8").lower()
    if encoding not in ENCODINGS:
        raise InvalidInput(field="encoding", reason="请用 utf-8、gb18030 或 gbk")
    text = "\r\n".join(line[:LONGEST_LINE] for line in lines(await _shown(request))) + "\r\n"
    body = text.encode(encoding, errors="replace")
    return web.Response(body=body, headers={"Content-Type": f"text/plain; charset={encoding}"})


def lines(shown: Shown) -> list[str]:
    hours = "，".join(shown.hours.segments)
    found = [
        f"政务信息查询请拨打 {shown.hotline}",
        f"今天人工服务时间 {hours}" if hours else "今天没有人工服务，语音查询和留言 24 小时开通",
        *([shown.queue] if shown.queue else []),
        *(f"{one['title']}：{_flat(one['answer'])}" for one in shown.questions),
        *(f"公告：{one['title']}" for one in shown.news),
        *(["今天开放的单位：" + "、".join(shown.open_units)] if shown.open_units else []),
    ]
    return [_flat(line) for line in found]


def _flat(text: str) -> str:
    return " ".join(text.split())


async def _shown(request: web.Request) -> Shown:
    clock, line = request.app[CLOCK], request.app[SETTINGS].hotline_number
    now = clock.now()
    today = beijing(now).date()
    async with request.app[DB].reading() as session:
        region = await home_region(session, request.app[PORTAL].region)
        hours = hours_at(await load_calendar(session), now, region.code)
        busy = await read(session, clock, line) if hours.is_open else None
        serving = (
            (Unit.region_id == region.id) & Unit.is_active & (Unit.duty == UnitDuty.DEPARTMENT)
            & (Unit.state != ConnectionState.NOT_CONNECTED)
        )  # fmt: skip
        units = await session.scalars(select(Unit.name).where(serving).order_by(Unit.code))
        return Shown(
            now=beijing(now).isoformat(timespec="minutes"),
            hotline=line,
            hours=hours,
            queue=busy.text if busy else "",
            questions=[_entry(entry) for entry in (await hot(session, today))[:HOT]],
            news=[_entry(entry) for entry in (await notices(session, today))[:NEWS]],
            open_units=list(units) if hours.segments else [],
        )


def _entry(entry: Any) -> dict[str, str]:
    return {"title": entry.title, "answer": entry.answer}
