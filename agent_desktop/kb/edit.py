"""Writing an entry (起草、修改): the form of each kind, saved as a draft or as a revision of what is published."""

from typing import Any

from aiohttp import web
from multidict import MultiMapping
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.kb.common import ENTRY, WRITERS, editor, entry_id, text
from agent_desktop.kb.forms import aliases_sent, fields_sent, kind_of, values_of, values_sent
from core.errors import HotlineError, NotFound
from core.people import Role
from core.units import SUBJECTS, Region, Unit
from core.web.app import render, see_other
from core.web.keys import CLOCK, DB
from core.web.numbers import whole_number
from core.web.routes import Routes
from kb import entries, kinds, todo, workflow
from kb.access import Editor
from kb.fields import LONGEST_ANSWER, LONGEST_SPOKEN, LONGEST_TITLE
from kb.models import AliasState, Entry, EntryKind

routes = Routes()
MAX_KB = 512
"""A form with the longest texts"""


@routes.get("/kb/new", roles=WRITERS)
async def new(request: web.Request) -> web.StreamResponse:
    """?kind=, and ?todo= for a line of the to-do list that this entry will answer."""
    values = {"audience": "public", "title": request.query.get("title", "")[:LONGEST_TITLE]}
    return await _form(request, None, kind_of(request.query.get("kind", "")), values)


@routes.post("/kb/new", roles=WRITERS, body_kb=MAX_KB)
async def create(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    kind = kind_of(text(form, "kind"))
    try:
        async with request.app[DB].unit_of_work() as session:
            entry = await _create(request, session, form)
    except HotlineError as error:
        return await _form(request, None, kind, values_sent(form), error)
    return see_other(f"/kb/entries/{entry.id}", flash="草稿已保存，核对后请送审。")


async def _create(request: web.Request, session: AsyncSession, form: MultiMapping[Any]) -> Entry:
    who, clock = await editor(request, session), request.app[CLOCK]
    fields = fields_sent(form, kind_of(text(form, "kind")))
    entry = await entries.create(session, clock, who, fields, unit_id=whole_number(text(form, "unit_id")))
    await entries.set_aliases(session, clock, who, entry.id, aliases_sent(form))
    if line := whole_number(text(form, "todo")):
        await todo.settle(session, clock, who, line, entry_id=entry.id)
    return entry


@routes.get(ENTRY + "/edit", roles=WRITERS)
async def edit(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        entry = await entries.find(session, entry_id(request))
        await entries.may_edit(session, await editor(request, session), entry)
    fields = workflow.prepared(entry)
    aliases = [alias.text for alias in entry.aliases if alias.state != AliasState.REFUSED]
    kind = kind_of(request.query.get("kind", fields.kind))
    return await _form(request, entry, kind, values_of(fields, aliases) | {"seen": str(entry.edit_no)})


@routes.post(ENTRY + "/edit", roles=WRITERS, body_kb=MAX_KB)
async def save(request: web.Request) -> web.StreamResponse:
    form, key = await request.post(), entry_id(request)
    kind = kind_of(text(form, "kind"))
    try:
        async with request.app[DB].unit_of_work() as session:
            who, clock = await editor(request, session), request.app[CLOCK]
            seen = text(form, "seen")
            await entries.edit(
                session, clock, who, key, fields_sent(form, kind), seen=int(seen) if seen.isdecimal() else 0
            )
            await entries.set_aliases(session, clock, who, key, aliases_sent(form))
    except NotFound:
        raise
    except HotlineError as error:
        async with request.app[DB].reading() as session:
            entry = await entries.find(session, key)
        return await _form(request, entry, kind, values_sent(form), error)
    return see_other(f"/kb/entries/{key}", flash="已保存，核对后请送审。")


async def _form(
    request: web.Request,
    entry: Entry | None,
    kind: EntryKind,
    values: dict[str, str],
    error: HotlineError | None = None,
) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        who = await editor(request, session)
        units = await _units(session, who) if entry is None else []
        regions = (await session.scalars(select(Region).order_by(Region.code))).all()
    return render(
        request, "kb/edit.html", status=error.status if error else 200, entry=entry, kind=kind, values=values,
        error=error.message if error else "", units=units, regions=regions, names=kinds, subjects=SUBJECTS,
        own_unit_id=who.unit_id,
        todo=request.query.get("todo", values.get("todo", "")), longest_title=LONGEST_TITLE,
        longest_answer=LONGEST_ANSWER, longest_spoken=LONGEST_SPOKEN,
    )  # fmt: skip


async def _units(session: AsyncSession, who: Editor) -> list[Unit]:
    """The units this person may write for; an office for its whole level."""
    query = select(Unit).where(Unit.is_active).order_by(Unit.code)
    found = (await session.scalars(query)).all()
    office = Role.OFFICE in who.roles
    return [u for u in found if u.id in who.unit_ids or (office and u.region_id == who.region_id)]
