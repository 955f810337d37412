"""`/training/import` (导入培训登记): a template, a preview that stores nothing, then the whole file or nothing of it."""

import asyncio

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.training.reach import KEEPERS, reach_of
from core.clock import beijing
from core.errors import Conflict, HotlineError, InvalidInput
from core.organisation.staging import StagedFile, discard, stage
from core.web.app import render, see_other
from core.web.keys import CLOCK, DB, person
from core.web.routes import Routes
from core.web.sheets import XLSX_TYPE, xlsx_bytes
from core.web.uploads import read_form
from reports.training import imports, register
from reports.training.columns import COLUMNS
from reports.training.imports import Plan
from reports.training.words import KINDS, RESULTS, TOPICS

routes = Routes()
MOST_KB = 4 * 1024
SHOWN = 200


@routes.get("/training/import", roles=KEEPERS)
async def page(request: web.Request) -> web.StreamResponse:
    return _show(request)


@routes.get("/training/import/template.xlsx", roles=KEEPERS)
async def template(_: web.Request) -> web.StreamResponse:
    """The headings, and an example line that the import refuses until it is replaced."""
    example = (
        "用户名或工号",
        "保密",
        "在职",
        "保密知识培训",
        "2026-06-01",
        "4",
        "市保密局",
        "合格",
        "90",
        "",
        "2027-05-31",
    )
    body = await asyncio.to_thread(
        xlsx_bytes, "培训登记", [[column.title for column in COLUMNS], list(example)]
    )
    headers = {"Content-Disposition": 'attachment; filename="training-template.xlsx"'}
    return web.Response(body=body, content_type=XLSX_TYPE, headers=headers)


@routes.post("/training/import", roles=KEEPERS, body_kb=MOST_KB + 64)
async def preview(request: web.Request) -> web.StreamResponse:
    """What the file would add; it is kept until its sender confirms."""
    try:
        sent = (await read_form(request, file_kb=MOST_KB, most_files=1)).files
        if not sent:
            raise InvalidInput(field="文件", reason="请选择一个 XLSX 或 CSV 文件")
        async with request.app[DB].unit_of_work() as session:
            staged = await stage(
                session, request.app[CLOCK], person(request).user_id, sent[0].name, sent[0].data
            )
            plan = await _plan(request, session, staged)
            if plan.faults or not plan.lines:
                await discard(session, staged.user_id)
    except HotlineError as error:
        return _show(request, status=error.status, error=error.message)
    return _show(request, status=422 if plan.faults else 200, plan=plan, staged=staged)


@routes.post("/training/import/confirm", roles=KEEPERS)
async def confirm(request: web.Request) -> web.StreamResponse:
    """`fingerprint` of the file that was previewed; raises Conflict when it is another by now, or no longer fits."""
    fingerprint = str((await request.post()).get("fingerprint", ""))
    async with request.app[DB].unit_of_work() as session:
        staged = await session.get(StagedFile, person(request).user_id)
        if staged is None or staged.fingerprint != fingerprint:
            raise Conflict
        plan = await _plan(request, session, staged)
        if plan.faults:
            raise Conflict
        reach = await reach_of(request, session)
        made = await register.register(session, request.app[CLOCK], reach.user, plan.lines)
        await session.delete(staged)
    return see_other("/training/records", flash=f"已导入 {len(made)} 条，{plan.known} 条原已登记。")


async def _plan(request: web.Request, session: AsyncSession, staged: StagedFile) -> Plan:
    rows, faults = await asyncio.to_thread(imports.read, staged.name, staged.content)
    reach = await reach_of(request, session)
    today = beijing(request.app[CLOCK].now()).date()
    return await imports.plan(session, rows, faults, today, reach.user, reach.keeps)


def _show(
    request: web.Request, *, status: int = 200, plan: Plan | None = None, staged: StagedFile | None = None,
    error: str = "",
) -> web.StreamResponse:  # fmt: skip
    return render(
        request, "training/import.html", status=status, plan=plan, staged=staged, error=error, shown=SHOWN,
        columns=COLUMNS, topics=TOPICS, kinds=KINDS, results=RESULTS,
    )  # fmt: skip
