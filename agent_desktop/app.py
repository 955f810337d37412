"""The staff's side (工作人员端): one folder per audience, put together here.

Each folder has a `views.py` with `setup(app)`, which adds its templates and static files and registers its routes.
The order is the order of the navigation, and somebody's first page is where the login leads.
"""

from aiohttp import web

from agent_desktop import api, api_calls, papers
from agent_desktop.admin import views as admin
from agent_desktop.desk import views as desk
from agent_desktop.finances import views as finances
from agent_desktop.inspect import views as inspect
from agent_desktop.kb import views as kb
from agent_desktop.liaison import views as liaison
from agent_desktop.mayor import views as mayor
from agent_desktop.notices import views as notices
from agent_desktop.office import views as office
from agent_desktop.orders import views as orders
from agent_desktop.parallel import views as parallel
from agent_desktop.phone import views as phone
from agent_desktop.quality import views as quality
from agent_desktop.reports import views as reports
from agent_desktop.softphone import views as softphone
from agent_desktop.supervise import views as supervise
from agent_desktop.ticket import views as ticket
from agent_desktop.training import views as training
from agent_desktop.wallboard import views as wallboard
from agent_desktop.window import views as window
from core.web import account, changes, login
from tickets.events import TicketChanged

FOLDERS = (
    softphone,
    desk,
    office,
    inspect,
    liaison,
    orders,
    ticket,
    papers,
    notices,
    supervise,
    parallel,
    mayor,
    quality,
    training,
    window,
    finances,
    reports,
    kb,
    admin,
    wallboard,
    phone,
)


def setup(app: web.Application) -> None:
    """Add every folder; the keys of `agent_desktop.keys` must be set before."""
    login.routes.register(app)
    account.routes.register(app)
    changes.setup(app)
    changes.announce(app, TicketChanged, "tickets")
    api.routes.register(app)
    api_calls.routes.register(app)
    for folder in FOLDERS:
        folder.setup(app)
