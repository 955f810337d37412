"""What the administration pages share: who acts, for the audit log, and a secret that is shown once."""

from aiohttp import web

from agent_desktop.admin.tabs import with_tabs
from core.accounts import By
from core.web.app import render
from core.web.keys import person
from core.web.requests import source_of


def acting(request: web.Request) -> By:
    me = person(request)
    return By(me.username, source_of(request), "、".join(sorted(me.roles)))


def shown_once(request: web.Request, what: str, whose: str, secret: str, back: str) -> web.Response:
    context = with_tabs(request, what=what, whose=whose, secret=secret, back=back)
    return render(request, "admin/secret.html", **context)
