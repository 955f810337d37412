"""Server-rendered pages: one template environment for the base look and every room's own folder."""

import base64
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup

from core.web.filters import FILTERS
from core.web.keys import CSRF, SETTINGS, USER
from core.web.routes import PUBLIC, Declared, declared, may
from core.web.statics import STATICS, Statics

TEMPLATES = web.AppKey("TEMPLATES", Environment)
FOLDERS: web.AppKey[dict[str, BaseLoader]] = web.AppKey("FOLDERS")
LED_TO: web.AppKey[list[Declared]] = web.AppKey("LED_TO")
"""The pages that the head of every page may lead to; complete once the application has started."""
FLASH_COOKIE = "hotline_flash"
ONE_LINE = 8
"""Entries of the navigation that fit beside brand and name on a usual screen."""
_CSRF_FIELD = Markup('<input type="hidden" name="csrf" value="{}">')


def prepare(app: web.Application) -> None:
    """Set up templates and static files of the base look."""
    folders = app[FOLDERS] = {}
    here = Path(__file__).parent
    loader = ChoiceLoader([PrefixLoader(folders), FileSystemLoader(here / "templates")])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(FILTERS)
    statics = app[STATICS] = Statics(app.router)
    environment.globals["static"] = statics.address
    app[TEMPLATES] = environment
    statics.add("core", here / "static")
    app[LED_TO] = []
    app.on_startup.append(_collect)


async def _collect(app: web.Application) -> None:
    app[LED_TO].extend(item for item in declared(app) if item.nav or item.path in {"/login", "/notices"})


def add_room(app: web.Application, package: str, *, prefix: str) -> None:
    """Serve a package's `templates/` as `prefix/…` and its `static/` at /static/prefix/, where it has them."""
    folder = Path(str(resources.files(package)))
    if (folder / "templates").is_dir():
        app[FOLDERS][prefix] = FileSystemLoader(folder / "templates")
    if (folder / "static").is_dir():
        app[STATICS].add(prefix, folder / "static")


def render(request: web.Request, name: str, *, status: int = 200, **context: Any) -> web.Response:
    """A page from a template; the base context (person, navigation, flash, settings) is always there."""
    flashes = _take_flash(request)
    text = (
        request.app[TEMPLATES].get_template(name).render(**_base_context(request), flashes=flashes, **context)
    )
    response = web.Response(text=text, content_type="text/html", status=status)
    if (
        request[USER] is None
    ):  # a page with somebody's token in it is never packed: its length would tell of it
        response.enable_compression()
    if flashes:
        response.del_cookie(FLASH_COOKIE, path="/")
    return response


def render_part(request: web.Request, name: str, **context: Any) -> str:
    """A fragment as text, for a page's script to put in place."""
    return request.app[TEMPLATES].get_template(name).render(**_base_context(request), flashes=[], **context)


def see_other(path: str, *, flash: str = "", kind: str = "ok") -> web.Response:
    """After a form: go on to `path` and show `flash` there once; kind is ok, warn or bad."""
    response = web.Response(status=303, headers={"Location": path})
    if flash:
        value = base64.urlsafe_b64encode(json.dumps([kind, flash[:500]]).encode()).decode()
        response.set_cookie(FLASH_COOKIE, value, path="/", max_age=60, httponly=True, samesite="Lax")
    return response


def _navigation(request: web.Request, every: Sequence[Declared]) -> dict[str, list[dict[str, Any]]]:
    """`nav`: the pages this person may open, the public ones for nobody in particular.

    Of more than fit on one line, those below another (/reports/filed) are in `nav_within`, while one of them is open.
    """
    user = request[USER]
    items = [
        item
        for item in every
        if item.nav and (item.roles is PUBLIC) == (user is None) and may(item.roles, user)
    ]
    current = _nearest(request.path, items)  # /supervise/scores is not also /supervise
    if len(items) <= ONE_LINE:
        return {"nav": _entries(items, current), "nav_within": []}
    heads = [item for item in items if not any(_is_below(item.path, other.path) for other in items)]
    head = _nearest(request.path, heads)
    within = sorted(
        (item for item in items if head and _is_within(item.path, head)), key=lambda item: item.path != head
    )
    return {"nav": _entries(heads, head), "nav_within": _entries(within, current) if len(within) > 1 else []}


def _entries(items: Sequence[Declared], current: str) -> list[dict[str, Any]]:
    return [{"path": item.path, "label": item.nav, "current": item.path == current} for item in items]


def _nearest(path: str, items: Sequence[Declared]) -> str:
    return max((item.path for item in items if _is_within(path, item.path)), key=len, default="")


def _is_below(path: str, entry: str) -> bool:
    return path != entry and _is_within(path, entry)


def _is_within(path: str, entry: str) -> bool:
    return path == entry or (entry != "/" and path.startswith(entry + "/"))


def _base_context(request: web.Request) -> Mapping[str, Any]:
    token, every = request[CSRF], request.app[LED_TO]
    return {
        "user": request[USER],
        "csrf": token,
        "csrf_field": lambda: _CSRF_FIELD.format(token) if token else "",
        **_navigation(request, every),
        "has_login": any(item.path == "/login" for item in every),
        "has_bell": any(item.path == "/notices" and may(item.roles, request[USER]) for item in every),
        "path": request.path,
        "site": request.app[SETTINGS],
    }


def _take_flash(request: web.Request) -> list[dict[str, str]]:
    value = request.cookies.get(FLASH_COOKIE, "")
    try:
        kind, text = json.loads(base64.urlsafe_b64decode(value)) if value else ("", "")
    except (ValueError, TypeError):
        return []
    known = kind if kind in {"ok", "warn", "bad"} else "ok"
    return [{"kind": known, "text": str(text)}] if text else []
