"""The editors' to-do list (待办, M-84): what was searched and not found, asked and not answered, remarked on."""

from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.kb.common import PUBLISHERS, READERS, editor, text
from agent_desktop.kb.forms import date_sent
from agent_desktop.kb.tables import TODO_NAMES, TODO_STATES, todo_query, todo_table
from agent_desktop.ticket.page import who_asks
from core.clock import beijing
from core.errors import InvalidInput, NotFound
from core.people import Role, User
from core.units import Unit
from core.web.app import render, see_other
from core.web.keys import CLOCK, DB, person
from core.web.lists import serve_list
from core.web.numbers import read_key
from core.web.routes import Routes
from kb import todo
from kb.access import EDITORS
from kb.models import Entry, Todo, TodoState
from tickets.access import ticket_for

routes = Routes()
LINE = "/kb/todo/{todo_id:[0-9]{1,9}}"
SUGGESTERS = READERS | {Role.SUPERVISOR}


@routes.get("/kb/todo", roles=EDITORS)
async def listing(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].unit_of_work() as session:
        await todo.collect(session, request.app[CLOCK])  # a gap met a moment ago is on the list too
        query = select(Unit).where(Unit.is_active).order_by(Unit.region_id, Unit.code)
        units = {str(unit.id): unit.name for unit in (await session.scalars(query)).all()}
    table = todo_table(units, beijing(request.app[CLOCK].now()).date())
    return await serve_list(request, table, todo_query(), "kb/todo_list.html")


@routes.get(LINE, roles=EDITORS)
async def show(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        line = await todo.find(session, int(request.match_info["todo_id"]))
        who = await editor(request, session)
        level = select(Unit).where(Unit.is_active).order_by(Unit.region_id, Unit.code)
        if Role.SECRECY not in who.roles:
            level = level.where(Unit.region_id == who.region_id)
        context: dict[str, Any] = {
            "line": line,
            "unit": await session.get(Unit, line.unit_id) if line.unit_id else None,
            "entry": await session.get(Entry, line.entry_id) if line.entry_id else None,
            "raised_by": await session.get(User, line.raised_by) if line.raised_by else None,
            "settled_by": await session.get(User, line.settled_by) if line.settled_by else None,
            "sees_ticket": await _sees_ticket(request, session, line),
            "units": (await session.scalars(level)).all() if who.roles & PUBLISHERS else [],
        }
    may_settle = line.unit_id in who.unit_ids or bool(who.roles & PUBLISHERS)
    return render(
        request, "kb/todo.html", **context, is_open=line.state == TodoState.OPEN, names=TODO_NAMES,
        states=TODO_STATES, may_settle=may_settle, may_write=bool(who.roles & {Role.LIAISON, Role.OFFICE}),
    )  # fmt: skip


async def _sees_ticket(request: web.Request, session: AsyncSession, line: Todo) -> bool:
    """Whether the question behind the line may be read: it is the unit's own, or the office's level (§5.9)."""
    if line.ticket_no is None:
        return False
    try:
        await ticket_for(session, await who_asks(session, request), line.ticket_no)
    except NotFound:
        return False
    return True


@routes.post(LINE + "/assign", roles=PUBLISHERS)
async def assign(request: web.Request) -> web.StreamResponse:
    form, key = await request.post(), int(request.match_info["todo_id"])
    unit_id, due_on = read_key(text(form, "unit_id"), "单位"), date_sent(form, "due_on", "期限")
    async with request.app[DB].unit_of_work() as session:
        who = await editor(request, session)
        await todo.assign(session, who, key, unit_id=unit_id, due_on=due_on)
    return see_other(f"/kb/todo/{key}", flash="已分派。")


@routes.post(LINE + "/settle", roles=EDITORS)
async def settle(request: web.Request) -> web.StreamResponse:
    """Done, or with `drop` not needed and why."""
    form, key = await request.post(), int(request.match_info["todo_id"])
    async with request.app[DB].unit_of_work() as session:
        who = await editor(request, session)
        await todo.settle(
            session, request.app[CLOCK], who, key, note=text(form, "note"), drop=text(form, "drop") == "yes"
        )
    return see_other("/kb/todo", flash="待办已办结。")


@routes.get("/kb/suggest", roles=SUGGESTERS)
async def suggestion_form(request: web.Request) -> web.StreamResponse:
    return render(request, "kb/suggest.html", error="", text="")


@routes.post("/kb/suggest", roles=SUGGESTERS)
async def suggest(request: web.Request) -> web.StreamResponse:
    """Something that should be in the knowledge base (§5.9 OP suggest); of a supervisor, a case note (M-135)."""
    said = text(await request.post(), "text")
    try:
        async with request.app[DB].unit_of_work() as session:
            await todo.suggest(session, request.app[CLOCK], text=said, user_id=person(request).user_id)
    except InvalidInput as error:
        return render(request, "kb/suggest.html", status=error.status, error=error.message, text=said)
    back = "/kb" if person(request).roles & READERS else "/quality"
    return see_other(back, flash="建议已列入待办。")
