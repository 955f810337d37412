"""Giving the published entries to other systems (信息交换, M-106): the exchange file of docs/kb-exchange.md over HTTP."""

import json

from aiohttp import web

from core.web.api import PREFIX
from core.web.keys import DB, SETTINGS
from core.web.routes import CLIENTS, ApiDoc, Routes
from kb.interchange import exporting
from portal.limits import LIMITS

routes = Routes()
JSON_LINES = "application/x-ndjson"
_ENTRIES = ApiDoc("取得全部已公开的信息，交换格式的 JSONL，每行一条", media_type=JSON_LINES)


@routes.get(f"{PREFIX}/kb/entries.jsonl", roles=CLIENTS, doc=_ENTRIES)
async def entries(request: web.Request) -> web.StreamResponse:
    """Whole or cut off: a receiver that gets the end of the body has every entry. Entries written here bear the site's name."""
    request.app[LIMITS].visit(request)
    own_as = request.app[SETTINGS].site_name
    response = web.StreamResponse(headers={"Content-Type": f"{JSON_LINES}; charset=utf-8"})
    await response.prepare(request)
    async for rows in exporting.rows(request.app[DB], public_only=True, own_as=own_as):
        lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        await response.write("".join(lines).encode())
    await response.write_eof()
    return response
