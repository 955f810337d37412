"""`/admin/prompts` (提示音, §5.9 「IVR texts」): what the menus say, read, heard and edited; in force when saved, restorable."""

from collections.abc import Collection

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from agent_desktop.admin import prompt_lists as lists
from agent_desktop.admin.acting import acting
from agent_desktop.admin.prompt_lists import ALL, Scopes
from agent_desktop.admin.reach import reach_of
from agent_desktop.admin.tabs import with_tabs
from agent_desktop.keys import STUDIO
from core.errors import HotlineError, InvalidInput, NotAllowed, NotFound
from core.people import Role
from core.web.app import render, see_other
from core.web.keys import CLOCK, DB
from core.web.numbers import whole_number
from core.web.routes import Routes
from core.web.uploads import Form, read_form
from ivr.models import PromptVersion, VersionState
from ivr.speech import versions
from ivr.speech.prompt_catalogue import Edit, Prompt
from ivr.speech.versions import Wanted
from ivr.speech.wording import LONGEST

routes = Routes()
EDITORS = {Role.ADMIN, Role.SUPERVISOR}
READERS = EDITORS | {Role.OFFICE}
FILE_KB = 16 * 1024
BODY_KB = FILE_KB + 64
ONE = "/admin/prompts/{prompt:[a-z0-9-]{1,60}}"
STATES = {VersionState.WAITING: "待决定", VersionState.ACCEPTED: "启用", VersionState.REFUSED: "未采用"}


@routes.get("/admin/prompts", roles=READERS)
async def listing(request: web.Request) -> web.StreamResponse:
    words, group = request.query.get("q", "").strip()[:60], request.query.get("group", "flow")
    async with request.app[DB].reading() as session:
        scopes = await lists.scopes_of(session, await reach_of(request, session))
        line = _line(scopes, request.query.get("line", ""))
        in_force = await versions.in_force(session)
        waiting = [one for one in await versions.waiting(session) if one.line in {ALL, *scopes.lines}]
    found = list(
        lists.rows(request.app[STUDIO], in_force, line, group if group in lists.GROUPS else "", words)
    )
    if request.query.get("edited") == "1":
        found = [row for row in found if row.version]
    context = with_tabs(
        request, rows=found, scopes=scopes, line=line, words=words, group=group, groups=lists.GROUPS,
        only_edited=request.query.get("edited") == "1", waiting=waiting, catalogue=request.app[STUDIO].catalogue,
    )  # fmt: skip
    return render(request, "admin/prompts.html", **context)


@routes.get(ONE, roles=READERS)
async def page(request: web.Request) -> web.StreamResponse:
    return await _page(request, _prompt(request), request.query.get("line", ""))


@routes.post(ONE, roles=READERS, body_kb=BODY_KB)
async def save(request: web.Request) -> web.StreamResponse:
    """In force at once for whoever may edit it there, otherwise a proposal; a wrong text comes back with its fault."""
    prompt, form = _prompt(request), await read_form(request, file_kb=FILE_KB, most_files=1)
    line = form.text("line")
    try:
        wanted = await _wanted(request, prompt, form)
        async with request.app[DB].unit_of_work() as session:
            scopes = await _scopes(request, session, prompt, line)
            clock, by = request.app[CLOCK], acting(request)
            if line in scopes.editable:
                await versions.put_in_force(session, clock, by, wanted, whole_number(form.text("seen")) or 0)
                return _back(prompt, line, "已启用，来电人从现在起听到新的提示音。")
            await versions.propose(session, clock, by, wanted)
    except HotlineError as error:
        if isinstance(error, NotFound | NotAllowed):
            raise
        return await _page(request, prompt, line, form=form, error=error)
    return _back(prompt, line, "已提交，由主管或系统管理员试听后启用。")


@routes.post(ONE + "/restore", roles=EDITORS)
async def restore(request: web.Request) -> web.StreamResponse:
    """An earlier version, or with none named the default, is put in force again."""
    prompt, form = _prompt(request), await request.post()
    line, number = str(form.get("line", "")), whole_number(str(form.get("version", "")))
    async with request.app[DB].unit_of_work() as session:
        scopes = await _scopes(request, session, prompt, line)
        if line not in scopes.editable:
            raise NotAllowed
        wanted = Wanted(prompt.id, line, "", remark="恢复默认")
        if number:
            earlier = await _version(session, prompt, number, {line})
            text = request.app[STUDIO].checked(earlier.text, prompt.id, line) if earlier.text else ""
            wanted = Wanted(
                prompt.id, line, text, earlier.recording, earlier.recording_name, f"恢复第 {earlier.id} 版"
            )
        seen = whole_number(str(form.get("seen", ""))) or 0
        await versions.put_in_force(session, request.app[CLOCK], acting(request), wanted, seen)
    return _back(prompt, line, "已恢复，来电人从现在起听到这一版。")


@routes.post(ONE + "/decide", roles=EDITORS)
async def decide(request: web.Request) -> web.StreamResponse:
    prompt, form = _prompt(request), await request.post()
    is_accepted = form.get("decision") == "accept"
    async with request.app[DB].unit_of_work() as session:
        scopes = await lists.scopes_of(session, await reach_of(request, session))
        number = whole_number(str(form.get("version", ""))) or 0
        version = await _version(session, prompt, number, scopes.editable)
        if is_accepted:
            request.app[STUDIO].checked(version.text, prompt.id, version.line)
        await versions.decide(session, request.app[CLOCK], acting(request), version, is_accepted=is_accepted)
    said = "已启用，来电人从现在起听到新的提示音。" if is_accepted else "没有采用这项修改。"
    return _back(prompt, version.line, said)


@routes.post(ONE + "/preview", roles=READERS, body_kb=BODY_KB)
async def preview(request: web.Request) -> web.StreamResponse:
    """What callers would hear of a text or recording that is stored nowhere yet."""
    prompt, form = _prompt(request), await read_form(request, file_kb=FILE_KB, most_files=1)
    wanted = await _wanted(request, prompt, form)
    return await _sound(request, Edit(prompt.id, wanted.line, wanted.text, wanted.recording))


@routes.get(ONE + "/sound.wav", roles=READERS)
async def sound(request: web.Request) -> web.StreamResponse:
    """A version, or with none named the default."""
    prompt, number = _prompt(request), whole_number(request.query.get("version", ""))
    if not number:
        return await _sound(request, prompt)
    async with request.app[DB].reading() as session:
        scopes = await lists.scopes_of(session, await reach_of(request, session))
        version = await _version(session, prompt, number, {ALL, *scopes.lines})
    if version.is_default:
        return await _sound(request, prompt)
    return await _sound(request, Edit(prompt.id, version.line, version.text, version.recording))


async def _sound(request: web.Request, of: Prompt | Edit) -> web.Response:
    studio = request.app[STUDIO]
    prompt = studio.catalogue.with_edit(of) if isinstance(of, Edit) else of
    return web.Response(body=await studio.hear(prompt), content_type="audio/wav")


async def _page(
    request: web.Request,
    prompt: Prompt,
    line: str,
    *,
    form: Form | None = None,
    error: HotlineError | None = None,
) -> web.Response:
    studio = request.app[STUDIO]
    async with request.app[DB].reading() as session:
        scopes = await _scopes(request, session, prompt, line)
        in_force = await versions.in_force(session)
        every = await versions.history(session, prompt.id, line)
    now = in_force.get((prompt.id, line))
    context = with_tabs(
        request, prompt=prompt, line=line, scopes=scopes, row=lists.row_of(studio, in_force, prompt, line),
        history=[one for one in every if one.state != VersionState.WAITING],
        waiting=[one for one in every if one.state == VersionState.WAITING], seen=now.id if now else 0,
        menus=[node for node in studio.menus if prompt.id in node.play], may_edit=line in scopes.editable,
        form=form, error=error, longest=LONGEST, states=STATES, file_mb=FILE_KB // 1024,
    )  # fmt: skip
    return render(request, "admin/prompt.html", status=error.status if error else 200, **context)


async def _wanted(request: web.Request, prompt: Prompt, form: Form) -> Wanted:
    """As it may be kept; raises InvalidInput."""
    studio, line = request.app[STUDIO], form.text("line")
    text = studio.checked(form.text("text"), prompt.id, line)
    file = form.files[0] if form.files else None
    recording = await studio.taken_in(file.data) if file else None
    return Wanted(prompt.id, line, text, recording, file.name if file else "", form.text("remark").strip())


async def _scopes(request: web.Request, session: AsyncSession, prompt: Prompt, line: str) -> Scopes:
    """Those of the person; raises NotFound for a line out of reach, InvalidInput for a prompt that lines have in common."""
    scopes = await lists.scopes_of(session, await reach_of(request, session))
    if _line(scopes, line) and not prompt.may_differ_by_line:
        raise InvalidInput(field="专线", reason="这条提示音由 Asterisk 直接播放，只能全部专线相同")
    return scopes


async def _version(
    session: AsyncSession, prompt: Prompt, number: int, lines: Collection[str]
) -> PromptVersion:
    version = await session.get(PromptVersion, number, options=[undefer(PromptVersion.recording)])
    if version is None or version.prompt != prompt.id or version.line not in lines:
        raise NotFound
    return version


def _prompt(request: web.Request) -> Prompt:
    prompt = lists.prompt_in(request.app[STUDIO].catalogue, request.match_info["prompt"])
    if prompt is None:
        raise NotFound
    return prompt


def _line(scopes: Scopes, line: str) -> str:
    if line and line not in scopes.lines:
        raise NotFound
    return line


def _back(prompt: Prompt, line: str, said: str) -> web.Response:
    scope = f"?line={line}" if line else ""
    return see_other(f"/admin/prompts/{prompt.id}{scope}", flash=said)
