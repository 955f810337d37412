"""`/kb` (信息维护): the lists of entries and checks, one entry as the public sees it, and its way to them (M-66…M-70)."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web
from sqlalchemy import ColumnElement, and_, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from agent_desktop.kb import edit, exchange, files, steps, synonyms, todo
from agent_desktop.kb.common import ENTRY, READERS, editor, entry_id
from agent_desktop.kb.tables import TONES, VIEWS, entries_query, entries_table, state_text
from core.clock import beijing
from core.people import Role
from core.units import SUBJECTS, Unit
from core.web import changes
from core.web.app import add_room, render
from core.web.keys import CLOCK, DB, person
from core.web.lists import serve_list
from core.web.numbers import whole_number
from core.web.routes import Routes
from kb import attachments, entries, figures, kinds, versions, workflow
from kb.access import EDITORS, Editor
from kb.events import EntriesChanged
from kb.fields import fields_of, missing
from kb.lifecycle import ACTION_NAMES, Action
from kb.models import Entry, EntryState, EntryStep
from tickets.outcomes import outcomes_of

routes = Routes()
CHECKERS = frozenset({Role.HEAD, Role.OFFICE, Role.SECRECY})


@routes.get("/kb", roles=READERS, nav="信息维护")
async def listing(request: web.Request) -> web.StreamResponse:
    """Every unit's entries; everybody finds all (M-67)."""
    return await _list(request, entries_query(), "kb/list.html", VIEWS)


@routes.get("/kb/mine", roles=EDITORS)
async def mine(request: web.Request) -> web.StreamResponse:
    """The entries of the person's own units."""
    async with request.app[DB].reading() as session:
        who = await editor(request, session)
    query = entries_query().where(Entry.unit_id.in_(who.unit_ids))
    return await _list(request, query, "kb/list.html", VIEWS)


@routes.get("/kb/checks", roles=CHECKERS)
async def checks(request: web.Request) -> web.StreamResponse:
    """What waits for this person's check, the oldest first."""
    async with request.app[DB].reading() as session:
        who = await editor(request, session)
        units = await _units(session)
    query = entries_query().where(_waiting_for(who, units))
    return await _list(request, query, "kb/list.html", {"all": "待我审核"})


def _waiting_for(who: Editor, units: Sequence[Unit]) -> ColumnElement[bool]:
    level = [unit.id for unit in units if unit.region_id == who.region_id]
    parts: list[ColumnElement[bool]] = [false()]
    if Role.HEAD in who.roles:
        parts.append(and_(_stage(EntryState.UNIT_CHECK), Entry.unit_id.in_(who.unit_ids)))
    if Role.OFFICE in who.roles:
        parts.append(and_(_stage(EntryState.UNIT_CHECK), Entry.unit_id.in_(level)))
    if Role.SECRECY in who.roles:
        parts.append(_stage(EntryState.SECRECY_CHECK))
    return or_(*parts)


def _stage(state: EntryState) -> ColumnElement[bool]:
    return func.coalesce(Entry.pending_state, Entry.state) == state


async def _list(request: web.Request, query: Any, template: str, views: dict[str, str]) -> web.StreamResponse:
    today = beijing(request.app[CLOCK].now()).date()
    async with request.app[DB].reading() as session:
        units = {str(unit.id): unit.name for unit in await _units(session)}
    return await serve_list(request, entries_table(units, views, today), query, template)


async def _units(session: AsyncSession) -> Sequence[Unit]:
    return (
        await session.scalars(select(Unit).where(Unit.is_active).order_by(Unit.region_id, Unit.code))
    ).all()


@routes.get(ENTRY, roles=READERS)
async def show(request: web.Request) -> web.StreamResponse:
    """One entry: as the public sees it, its revision beside it, its steps, and what this person may do."""
    async with request.app[DB].reading() as session:
        entry = await entries.find(session, entry_id(request))
        who = await editor(request, session)
        actions = await workflow.possible(session, who, entry)
        fields = workflow.prepared(entry)
        context: dict[str, Any] = {
            "entry": entry,
            "fields": fields,
            "actions": actions,
            "steps": await _steps(session, entry),
            "missing": missing(fields) if actions & _BEFORE_PUBLISHING else [],
            "findings": await workflow.suspicions(session, fields) if actions & _BEFORE_PUBLISHING else [],
            "changes": versions.changes(fields_of(entry), fields) if entry.pending else [],
            "history": await versions.history(session, entry),
            "files": await attachments.of(session, entry.id),
            "use": (use := await figures.use_of(session, entry.id)),
            "outcomes": await outcomes_of(session, use.tickets),
        }
    return render(
        request, "kb/entry.html", **context, Action=Action, action_names=ACTION_NAMES, names=kinds, subjects=SUBJECTS,
        state=state_text(entry), tone=TONES[EntryState(entry.state)], today=beijing(request.app[CLOCK].now()).date(),
        is_operator=Role.OPERATOR in person(request).roles,
    )  # fmt: skip


_BEFORE_PUBLISHING = {Action.SUBMIT, Action.PASS_UNIT, Action.PUBLISH}


async def _steps(session: AsyncSession, entry: Entry) -> Sequence[EntryStep]:
    query = select(EntryStep).where(EntryStep.entry_id == entry.id).options(selectinload(EntryStep.user))
    return (await session.scalars(query.order_by(EntryStep.id.desc()))).all()


@routes.get(ENTRY + "/versions", roles=READERS)
async def history(request: web.Request) -> web.StreamResponse:
    """Two texts compared: `from` and `to` are version numbers, by default the last two."""
    async with request.app[DB].reading() as session:
        entry = await entries.find(session, entry_id(request))
        texts = await versions.history(session, entry)
    by_number = {text.number: text for text in texts}
    new = by_number.get(_number(request, "to"), texts[0])
    old = by_number.get(_number(request, "from"), texts[min(1, len(texts) - 1)])
    return render(
        request, "kb/versions.html", entry=entry, texts=texts, old=old, new=new,
        changes=versions.changes(old.fields, new.fields), whole=versions.texts_of(new.fields),
    )  # fmt: skip


def _number(request: web.Request, name: str) -> int:
    return whole_number(request.query.get(name, "")) or 0


def setup(app: web.Application) -> None:
    """Add these pages; the key KB_FILES must be set before the first request."""
    add_room(app, "agent_desktop.kb", prefix="kb")
    changes.announce(app, EntriesChanged, "kb")
    app.cleanup_ctx.append(exchange.keep_runs)
    for part in (
        routes,
        edit.routes,
        steps.routes,
        files.routes,
        todo.routes,
        synonyms.routes,
        exchange.routes,
    ):
        part.register(app)
