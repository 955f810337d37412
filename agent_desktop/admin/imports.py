"""Import of the directory (机构导入): a template, a preview that stores nothing, then the whole file or nothing of it."""

import asyncio

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.admin.acting import acting
from agent_desktop.admin.tabs import with_tabs
from core.errors import Conflict, HotlineError, InvalidInput
from core.organisation.files import read_file
from core.organisation.people import first_passwords
from core.organisation.plan import Plan, make_plan
from core.organisation.staging import StagedFile, discard, stage
from core.organisation.store import carry_out, snapshot
from core.organisation.template import template
from core.people import Role
from core.web.app import render, see_other
from core.web.keys import CLOCK, DB, person
from core.web.routes import Routes
from core.web.sheets import XLSX_TYPE

routes = Routes()
ADMINS = {Role.ADMIN}
MOST_KB = 8 * 1024
SHOWN = 500
"""Changes listed in the preview; the rest are counted."""


class NotStaged(Conflict):
    """The file was taken in already, or another was uploaded since."""

    code = "import_not_staged"
    text = (
        "这个文件已经导入，或已上传了另一个文件，请重新预览。"
        "新账号的初始密码只显示一次；没有记下的，请在“人员账号”里逐个重设密码。"
    )


@routes.get("/admin/import", roles=ADMINS)
async def page(request: web.Request) -> web.StreamResponse:
    return render(request, "admin/import.html", **with_tabs(request, plan=None, staged=None, error=""))


@routes.get("/admin/import/template.xlsx", roles=ADMINS)
async def template_file(request: web.Request) -> web.StreamResponse:
    """Empty, or with `?filled=1` the directory as it stands."""
    filled = request.query.get("filled") == "1"
    async with request.app[DB].reading() as session:
        known = await snapshot(session) if filled else None
    body = await asyncio.to_thread(template, known)
    name = "directory.xlsx" if filled else "template.xlsx"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=body, content_type=XLSX_TYPE, headers=headers)


@routes.post("/admin/import", roles=ADMINS, body_kb=MOST_KB)
async def preview(request: web.Request) -> web.StreamResponse:
    """What the file would change; the file is kept until its sender confirms."""
    try:
        name, data = await _uploaded(request)
        async with request.app[DB].unit_of_work() as session:
            staged = await stage(session, request.app[CLOCK], person(request).user_id, name, data)
            plan = await _plan(session, staged)
            if plan.faults or not plan.steps:
                await discard(session, staged.user_id)
    except HotlineError as error:
        context = with_tabs(request, plan=None, staged=None, error=error.message)
        return render(request, "admin/import.html", status=error.status, **context)
    status = 422 if plan.faults else 200
    context = with_tabs(request, plan=plan, staged=staged, error="", shown=SHOWN)
    return render(request, "admin/import.html", status=status, **context)


@routes.post("/admin/import/confirm", roles=ADMINS)
async def confirm(request: web.Request) -> web.StreamResponse:
    """Store the file that was previewed; the first passwords of new accounts are shown this once."""
    fingerprint = str((await request.post()).get("fingerprint", ""))
    async with request.app[DB].reading() as session:
        foreseen = await _plan(session, await _staged(request, session, fingerprint))
    passwords = await first_passwords(foreseen.new_accounts)
    async with request.app[DB].unit_of_work() as session:
        staged = await _staged(request, session, fingerprint, lock=True)
        plan = await _plan(session, staged)
        await carry_out(session, request.app[CLOCK], acting(request), plan, passwords)
        await session.delete(staged)
    done = f"已导入：新增或修改 {len(plan.steps)} 项，未变 {plan.unchanged} 项。"
    if not plan.new_accounts:
        return see_other("/admin/directory/unit", flash=done)
    people = [
        (step.label, step.key, passwords[step.key].text) for step in plan.steps if step.key in passwords
    ]
    return render(request, "admin/imported.html", **with_tabs(request, done=done, people=people))


async def _staged(
    request: web.Request, session: AsyncSession, fingerprint: str, *, lock: bool = False
) -> StagedFile:
    """The sender's file as it was previewed; raises NotStaged. With `lock` nobody else takes it in meanwhile."""
    staged = await session.get(StagedFile, person(request).user_id, with_for_update=lock or None)
    if staged is None or staged.fingerprint != fingerprint:
        raise NotStaged
    return staged


async def _plan(session: AsyncSession, staged: StagedFile) -> Plan:
    content = await asyncio.to_thread(read_file, staged.name, staged.content)
    return await asyncio.to_thread(make_plan, await snapshot(session), content.rows, content.faults)


async def _uploaded(request: web.Request) -> tuple[str, bytes]:
    sent = (await request.post()).get("file")
    if not isinstance(sent, web.FileField):
        raise InvalidInput(field="文件", reason="请选择一个 XLSX、CSV 或 TOML 文件")
    with sent.file:
        return sent.filename, await asyncio.to_thread(sent.file.read)
