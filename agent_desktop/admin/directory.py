"""The directory's pages (机构目录, M-03…M-08, M-30, M-123): list, form, history of one thing; in force when saved."""

from typing import Any
from urllib.parse import quote

from aiohttp import web
from multidict import MultiMapping
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.admin.acting import acting
from agent_desktop.admin.lists import LISTS
from agent_desktop.admin.reach import KEEPERS, Reach, reach_of
from agent_desktop.admin.tabs import with_tabs
from core.errors import NotAllowed, NotFound
from core.history import Change, Facts
from core.organisation.files import Given
from core.organisation.people import TAKERS
from core.organisation.plan import Plan, Snapshot, Step, make_plan
from core.organisation.store import apply_step, carry_out, snapshot, undoing
from core.organisation.tables import TABLES, Table
from core.people import Role
from core.units import UnitDuty
from core.web.api import query_int
from core.web.app import render, see_other
from core.web.keys import CLOCK, DB
from core.web.lists import serve_list
from core.web.routes import Routes

routes = Routes()
HISTORY = 20


@routes.get("/admin/directory/{kind}", roles=KEEPERS)
async def listing(request: web.Request) -> web.StreamResponse:
    kind = _table(request).kind
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
    table, query = LISTS[kind]
    context = with_tabs(request, kinds=TABLES, kind=kind, may_create=reach.may_create(kind))
    return await serve_list(request, table, query.where(reach.rows(kind)), "admin/directory.html", **context)


@routes.get("/admin/directory/{kind}/new", roles=KEEPERS)
async def new(request: web.Request) -> web.StreamResponse:
    table = _table(request)
    async with request.app[DB].reading() as session:
        reach, known = await reach_of(request, session), await snapshot(session)
        if not reach.may_create(table.kind):
            raise NotAllowed
        given = {name: request.query[name] for name in table.defaults if name in request.query}
        facts = {**table.defaults, "region": reach.region, "unit": reach.unit, **given}
        return await _form(request, session, table, known, reach, facts, is_new=True)


@routes.get("/admin/directory/{kind}/edit", roles=KEEPERS)
async def edit(request: web.Request) -> web.StreamResponse:
    table = _table(request)
    async with request.app[DB].reading() as session:
        reach, known = await reach_of(request, session), await snapshot(session)
        facts = _found(known, reach, table, request.query.get("key", ""))
        return await _form(request, session, table, known, reach, facts)


@routes.post("/admin/directory/{kind}", roles=KEEPERS)
async def save(request: web.Request) -> web.StreamResponse:
    """Create or change one row; with a wrong field the form comes back and nothing is stored."""
    table, form = _table(request), await request.post()
    key = str(form.get("key", ""))
    async with request.app[DB].unit_of_work() as session:
        reach, known = await reach_of(request, session), await snapshot(session)
        current = _found(known, reach, table, key) if key else None
        given = _given(table, form, reach, current)
        plan = make_plan(known, [Given(table, given)])
        if not key:
            _refuse_second(plan, table)
        if plan.faults:
            shown = {**table.defaults, **(current or {}), **given}
            return await _form(
                request, session, table, known, reach, shown, is_new=not key, faults=plan.faults
            )
        for step in plan.steps:
            _refuse_beyond(reach, step)
        await carry_out(session, request.app[CLOCK], acting(request), plan)
        saved = plan.steps[0].key if plan.steps else key
    flash = "已保存，立即生效。" if plan.steps else "没有改动。"
    return see_other(_path(table, saved), flash=flash)


@routes.post("/admin/directory/{kind}/remove", roles=KEEPERS)
async def remove(request: web.Request) -> web.StreamResponse:
    table, form = _table(request), await request.post()
    key = str(form.get("key", ""))
    async with request.app[DB].unit_of_work() as session:
        reach, known = await reach_of(request, session), await snapshot(session)
        facts = _found(known, reach, table, key)
        if not reach.may_remove(table.kind, facts):
            raise NotAllowed
        step = Step(table.kind, key, facts, None)
        await apply_step(session, request.app[CLOCK], acting(request), step)
    return see_other(
        f"/admin/directory/{table.kind}", flash=f"已删除{table.title}“{step.label}”，可在变更记录中撤销。"
    )


@routes.get("/admin/history", roles={Role.ADMIN})
async def history(request: web.Request) -> web.StreamResponse:
    page = query_int(request, "page", 1, least=1, most=100_000)
    query = select(Change).order_by(Change.id.desc()).limit(HISTORY + 1).offset((page - 1) * HISTORY)
    async with request.app[DB].reading() as session:
        changes = (await session.scalars(query)).all()
    context = with_tabs(
        request,
        entries=[_entry(change) for change in changes[:HISTORY]],
        page=page,
        more=len(changes) > HISTORY,
    )
    return render(request, "admin/history.html", **context)


@routes.post("/admin/history/{change_id:[0-9]{1,9}}/undo", roles=KEEPERS)
async def undo(request: web.Request) -> web.StreamResponse:
    """Take one change back, as long as nobody has changed the thing since."""
    clock = request.app[CLOCK]
    async with request.app[DB].unit_of_work() as session:
        reach, known = await reach_of(request, session), await snapshot(session)
        change = await session.get(Change, int(request.match_info["change_id"]))
        if change is None or not reach.columns(change.kind, change.after or change.before or {}):
            raise NotFound
        table, current = TABLES[change.kind], known.rows[change.kind].get(change.key)
        step = undoing(change, current)
        _refuse_beyond(reach, step)
        if step.after is not None:
            make_plan(known, [Given(table, step.after)]).refuse_faulty()
        await apply_step(session, clock, acting(request), step)
        change.undone_at = clock.now()
    to = _path(table, change.key) if step.after else f"/admin/directory/{table.kind}"
    return see_other(to, flash="已撤销这次改动。")


def _table(request: web.Request) -> Table:
    """The table of the address; raises NotFound for another word."""
    if (table := TABLES.get(request.match_info["kind"])) is None:
        raise NotFound
    return table


def _found(known: Snapshot, reach: Reach, table: Table, key: str) -> Facts:
    """The row, when it is within reach; raises NotFound, for a stranger's row too."""
    facts = known.rows[table.kind].get(key)
    if facts is None or not (reach.columns(table.kind, facts) or _is_shown(table, facts, reach)):
        raise NotFound
    return facts


def _is_shown(table: Table, facts: Facts, reach: Reach) -> bool:
    """Seen though not to be changed: the own unit, and the regions of one's reach."""
    if table.kind == "unit":
        return Role.HEAD in reach.roles and table.key(facts) == reach.unit
    own = Role.OFFICE in reach.roles and facts.get("code") == reach.region
    below = Role.SUPERVISOR in reach.roles and facts.get("code") in reach.below
    return table.kind == "region" and (own or below)


def _given(table: Table, form: MultiMapping[Any], reach: Reach, current: Facts | None) -> dict[str, Any]:
    """What the form says of the columns this person may change, the rest as it is."""
    given: dict[str, Any] = {}
    allowed = reach.columns(table.kind, current) if current else {column.name for column in table.columns}
    for column in table.columns:
        is_key = current is not None and column.name in table.key_columns
        if column.name in allowed and not is_key:
            values = [str(value) for value in form.getall(column.name, [])]
            given[column.name] = values if column.default == [] and len(values) > 1 else "".join(values)
        elif current is not None:
            given[column.name] = current[column.name]
    return given


def _refuse_second(plan: Plan, table: Table) -> None:
    """A new row must not write over one that is there."""
    if plan.unchanged or any(step.before is not None for step in plan.steps):
        plan.faults.append(f"已有相同的{table.title}，请从列表中打开修改")


def _refuse_beyond(reach: Reach, step: Step) -> None:
    """Neither what was nor what becomes may lie out of reach: nobody pushes a row into another's region."""
    for facts in (step.before, step.after):
        if facts is not None and not reach.columns(step.kind, facts):
            raise NotFound
    if step.before is None and not reach.may_create(step.kind):
        raise NotAllowed
    if step.after is None and not reach.may_remove(step.kind, step.before or {}):
        raise NotAllowed


async def _form(
    request: web.Request, session: AsyncSession, table: Table, known: Snapshot, reach: Reach, facts: Facts,
    *, is_new: bool = False, faults: list[str] | None = None,
) -> web.Response:  # fmt: skip
    key = "" if is_new else table.key(facts)
    changes = await session.scalars(
        select(Change)
        .where(Change.kind == table.kind, Change.key == key)
        .order_by(Change.id.desc())
        .limit(HISTORY)
    )
    columns = reach.columns(table.kind, facts) if not is_new else frozenset(table.defaults)
    context = with_tabs(
        request,
        kinds=TABLES,
        table=table,
        facts=facts,
        key=key,
        faults=faults or [],
        may=columns - frozenset(() if is_new else table.key_columns),
        may_remove=not is_new and reach.may_remove(table.kind, facts),
        choices=_choices(known, reach),
        liaisons=[
            row for row in known.rows["liaison"].values() if row["unit"] == key and table.kind == "unit"
        ],
        history=[_entry(change) for change in changes],
    )
    return render(request, "admin/thing.html", status=422 if faults else 200, **context)


def _choices(known: Snapshot, reach: Reach) -> dict[str, dict[str, str]]:
    """What a reference may point at, by column: code or key → how it reads."""
    regions = {code: f"{row['name']}（{code}）" for code, row in known.rows["region"].items()}
    units = {key: f"{key} {row['name']}" for key, row in known.rows["unit"].items() if row["is_active"]}
    mine = {key: text for key, text in units.items() if reach.columns("liaison", {"unit": key})}
    own = regions if Role.ADMIN in reach.roles else {reach.region: regions.get(reach.region, "")}
    people = {name: name for name, roles in sorted(known.people.items()) if roles & TAKERS}
    return {
        "region": own,
        "parent": regions,
        "overflow": regions,
        "supervising": units,
        "inspection": {
            key: text for key, text in units.items() if known.rows["unit"][key]["duty"] == UnitDuty.INSPECTION
        },
        "unit": mine,
        "username": people,
    }


def _entry(change: Change) -> dict[str, Any]:
    step = Step(change.kind, change.key, change.before, change.after)
    may_undo = change.undone_at is None and (change.before is not None or step.table.is_removable)
    return {"change": change, "step": step, "may_undo": may_undo}


def _path(table: Table, key: str) -> str:
    return f"/admin/directory/{table.kind}/edit?key={quote(key)}"
