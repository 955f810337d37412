"""`/admin/reconciliation` (每日对账): the last comparisons of the ledger with Asterisk's own records, with every difference."""

from aiohttp import web

from agent_desktop.admin.tabs import with_tabs
from core.people import Role
from core.web.app import render
from core.web.keys import DB
from core.web.routes import Routes
from ivr.ledger import reconcile

routes = Routes()
SHOWN = 30


@routes.get("/admin/reconciliation", roles={Role.ADMIN, Role.SUPERVISOR})
async def page(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        runs = await reconcile.last(session, SHOWN)
    return render(request, "admin/reconciliation.html", **with_tabs(request, runs=runs))
