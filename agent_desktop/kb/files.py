"""Attachments of an entry (附件): added and removed by its unit, read by everybody who may read the entry."""

from aiohttp import web

from agent_desktop.kb.common import ENTRY, READERS, WRITERS, editor, entry_id
from agent_desktop.keys import ATTACHMENTS, KB_FILES
from core.errors import InvalidInput
from core.web.app import see_other
from core.web.keys import CLOCK, DB
from core.web.routes import Routes
from kb import attachments

routes = Routes()
FILE = ENTRY + "/files/{public_id}"


@routes.post(ENTRY + "/files", roles=WRITERS, body_kb=(attachments.LARGEST_MB + 1) * 1024)
async def add(request: web.Request) -> web.StreamResponse:
    form, key = await request.post(), entry_id(request)
    sent = form.get("file")
    if not isinstance(sent, web.FileField):
        raise InvalidInput(field="附件", reason="请选择文件")
    with sent.file as file:
        content = file.read()
    scanner = request.app[ATTACHMENTS].scanner
    kept = await attachments.keep(request.app[KB_FILES], scanner, sent.filename, content)
    async with request.app[DB].unit_of_work() as session:
        await attachments.add(session, request.app[CLOCK], await editor(request, session), key, kept)
    return see_other(f"/kb/entries/{key}", flash="附件已保存。")


@routes.post(FILE + "/remove", roles=WRITERS)
async def remove(request: web.Request) -> web.StreamResponse:
    key = entry_id(request)
    async with request.app[DB].unit_of_work() as session:
        who = await editor(request, session)
        await attachments.remove(session, who, key, request.match_info["public_id"])
    return see_other(f"/kb/entries/{key}", flash="附件已移除。")


@routes.get(FILE, roles=READERS)
async def read(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        found = await attachments.stored(
            session, request.app[KB_FILES], entry_id(request), request.match_info["public_id"]
        )
    response = web.FileResponse(found.path)
    response.content_type = found.content_type
    response.headers["Content-Disposition"] = attachments.disposition(found.name)
    return response
