"""`/parallel` (并联办理, M-129): the unit that leads opens a case and gives the parts out; the slip has one query code."""

import secrets
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.keys import LINE, PUBLIC_URL
from agent_desktop.parallel import panels
from agent_desktop.parallel.listing import cases_query, table
from agent_desktop.ticket.acting import act
from agent_desktop.ticket.page import who_asks
from agent_desktop.ticket.words import CLASSES
from core.errors import HotlineError, InvalidInput
from core.people import Role, User
from core.web.app import add_room, render
from core.web.keys import CLOCK, DB, person
from core.web.lists import serve_list
from core.web.numbers import read_key
from core.web.requests import site_of
from core.web.routes import Routes
from tickets.intake.ask import askable_units
from tickets.intake.once import Sent, once
from tickets.intake.slip import slip_for
from tickets.models import QuestionClass
from tickets.moves import open_step
from tickets.parallel import cases
from tickets.parallel.cases import LEADERS, NewCase, Wanted
from tickets.parallel.shares import shares_of

routes = Routes()
WATCHERS = LEADERS | {Role.OFFICE, Role.INSPECTOR, Role.SUPERVISOR}
MOST_PARTS = 8
Fields = Mapping[str, str]


@routes.get("/parallel", roles=WATCHERS, nav="并联办理")
async def listing(request: web.Request) -> web.StreamResponse:
    now = request.app[CLOCK].now()
    async with request.app[DB].reading() as session:
        user = await who_asks(session, request)
    may_open = bool(user.roles & LEADERS)
    return await serve_list(
        request, table(now), cases_query(user, now), "parallel/index.html", may_open=may_open
    )


@routes.get("/parallel/new", roles=LEADERS)
async def form(request: web.Request) -> web.StreamResponse:
    return await _form(request, {})


@routes.post("/parallel/new", roles=LEADERS)
async def open_case(request: web.Request) -> web.StreamResponse:
    """`unit` (leads), `subject`, `text`, `name`, `phone`; of each part `unit1`, `class1`, `text1` …"""
    fields = {name: str(value) for name, value in (await request.post()).items()}
    try:
        return await _opened(request, fields)
    except HotlineError as error:
        if error.status >= 500:
            raise
        return await _form(request, fields, error)


async def _opened(request: web.Request, fields: Fields) -> web.StreamResponse:
    app, clock = request.app, request.app[CLOCK]
    sent = Sent(
        key=f"parallel:{person(request).user_id}:{fields.get('form', '')[:40]}",
        content=repr(sorted(item for item in fields.items() if item[0] != "csrf")),
    )
    async with app[DB].unit_of_work() as session:
        user = await who_asks(session, request)
        new = _case_of(fields, app[LINE])
        issued = await once(
            session, clock, sent,
            lambda seed: cases.open_case(session, clock, user=user, new=new, code_seed=seed),
        )  # fmt: skip
        step, shares = await open_step(session, issued.ticket), await shares_of(session, issued.ticket.id)
    site = site_of(request, app[PUBLIC_URL])
    return render(
        request, "parallel/slip.html", issued=issued, step=step, shares=shares, line=app[LINE],
        images=slip_for(site, issued.query_code),
    )  # fmt: skip


def _case_of(fields: Fields, line: str) -> NewCase:
    numbers = [one for one in range(1, MOST_PARTS + 1) if fields.get(f"unit{one}")]
    return NewCase(
        unit_id=read_key(fields.get("unit", ""), "牵头单位"),
        subject=fields.get("subject", ""),
        text=fields.get("text", ""),
        line=line,
        asker_name=fields.get("name", ""),
        callback_number=fields.get("phone", ""),
        parts=tuple(_wanted(fields, str(one)) for one in numbers),
    )


def _wanted(fields: Fields, number: str = "") -> Wanted:
    kind = fields.get(f"class{number}", "") or QuestionClass.GENERAL
    if kind not in set(QuestionClass):
        raise InvalidInput(field="类别", reason="请从列表中选择")
    unit_id = read_key(fields.get(f"unit{number}", ""), "参加单位")
    return Wanted(unit_id, fields.get(f"text{number}", ""), QuestionClass(kind))


async def _form(request: web.Request, given: Fields, error: HotlineError | None = None) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        user = await who_asks(session, request)
        leading = await panels.leading_units(session, user)
        units = await askable_units(session, user.region_id) if user.region_id else []
    return render(
        request, "parallel/new.html", status=error.status if error else 200, error=error, given=given, leading=leading,
        units=units, classes=CLASSES, parts=range(1, MOST_PARTS + 1),
        form_number=given.get("form") or secrets.token_urlsafe(12),
    )  # fmt: skip


@routes.post("/tickets/{ticket_no}/involve", roles=LEADERS)
async def involve(request: web.Request) -> web.StreamResponse:
    """`unit`, `class` and `text`."""

    async def work(session: AsyncSession, user: User, fields: Fields) -> None:
        await cases.involve(
            session, request.app[CLOCK], ticket_no=request.match_info["ticket_no"], user=user, wanted=_wanted(fields)
        )  # fmt: skip

    return await act(request, "involve", work, "已请该单位并联办理，自今日起单独计时。")


@routes.post("/tickets/{ticket_no}/return-part", roles=LEADERS)
async def return_part(request: web.Request) -> web.StreamResponse:
    """`part` (its number) and `reason`."""
    return await _on_part(request, "return_part", cases.return_part, "已退回补充，另起时限。")


@routes.post("/tickets/{ticket_no}/withdraw-part", roles=LEADERS)
async def withdraw_part(request: web.Request) -> web.StreamResponse:
    """`part` (its number) and `reason`."""
    return await _on_part(request, "withdraw_part", cases.withdraw_part, "已撤回该单位的事项。")


async def _on_part(
    request: web.Request, form_name: str, service: Callable[..., Awaitable[object]], done: str
) -> web.StreamResponse:
    async def work(session: AsyncSession, user: User, fields: Fields) -> None:
        asked = {"ticket_no": fields.get("part", ""), "reason": fields.get("reason", "")}
        await service(session, request.app[CLOCK], user=user, **asked)

    return await act(request, form_name, work, done)


@routes.post("/tickets/{ticket_no}/coordinate", roles=LEADERS)
async def coordinate(request: web.Request) -> web.StreamResponse:
    """`text`: read by every unit of the case."""

    async def work(session: AsyncSession, user: User, fields: Fields) -> None:
        await cases.coordinate(
            session, request.app[CLOCK], ticket_no=request.match_info["ticket_no"], user=user, text=fields.get("text", "")
        )  # fmt: skip

    return await act(request, "coordinate", work, "协调记录已通报各单位。")


def setup(app: web.Application) -> None:
    add_room(app, "agent_desktop.parallel", prefix="parallel")
    routes.register(app)
    panels.setup(app)
