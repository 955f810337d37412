"""Every route names its roles, and the gate keeps to them: role × page, cell by cell (M-90)."""

import ast
import re
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler
from support.web import ROOT, TEST, Browser, add_person, browsing, web_app

from core import accounts
from core.clock import SystemClock
from core.db import Database
from core.people import Role
from core.web.keys import SignedIn
from core.web.login import home_of
from core.web.routes import CLIENTS, DECLARED, PUBLIC, SIGNED_IN, Declared, Routes, declared

EVERY = frozenset(Role)
KEEPERS = {Role.ADMIN, Role.OFFICE, Role.HEAD, Role.SUPERVISOR}
CASES = EVERY - {Role.ADMIN}
EDITORS = frozenset({Role.LIAISON, Role.HEAD, Role.OFFICE, Role.SECRECY})
READERS = frozenset({Role.OPERATOR, Role.LIAISON, Role.HEAD, Role.OFFICE, Role.SUPERVISOR, Role.INSPECTOR})
GRADERS = frozenset({Role.SUPERVISOR, Role.OFFICE, Role.INSPECTOR})
REGISTER = frozenset({Role.WINDOW, Role.OPERATOR, Role.LIAISON, Role.OFFICE, Role.SUPERVISOR, Role.INSPECTOR})
FINANCES = frozenset({Role.LIAISON, Role.HEAD, Role.INSPECTOR})
PAGES: dict[str, object] = {
    "/": PUBLIC,
    "/login": PUBLIC,
    "/search": PUBLIC,
    "/answers/{source}/{number}": PUBLIC,
    "/answers/{source}/{number}/remark": PUBLIC,
    "/news": PUBLIC,
    "/answers/{source}/{number}/card.png": PUBLIC,
    "/ask": PUBLIC,
    "/ask/similar": PUBLIC,
    "/complain": PUBLIC,
    "/apply": PUBLIC,
    "/track": PUBLIC,
    "/directory": PUBLIC,
    "/overdue": PUBLIC,
    "/citations": PUBLIC,
    "/cases": PUBLIC,
    "/citations/{region}/{kind}/{first}": PUBLIC,
    "/finance-notices": PUBLIC,
    "/finance-notices/{public_id}": PUBLIC,
    "/kiosk": PUBLIC,
    "/screen": PUBLIC,
    "/screen/feed.json": PUBLIC,
    "/screen/feed.txt": PUBLIC,
    "/bulletin": PUBLIC,
    "/embed": PUBLIC,
    "/embed.js": PUBLIC,
    "/healthz": PUBLIC,
    "/account": EVERY,
    "/live": EVERY,
    "/notices": CASES,
    "/notices/count": CASES,
    "/tickets/{ticket_no}": CASES,
    "/liaison": {Role.LIAISON, Role.HEAD, Role.OFFICE},
    "/liaison/tickets": {Role.LIAISON, Role.HEAD},
    "/liaison/approvals": {Role.HEAD, Role.OFFICE},
    "/desk": {Role.OPERATOR},
    "/desk/ws": {Role.OPERATOR},
    "/desk/tickets": {Role.OPERATOR},
    "/desk/codes": {Role.OPERATOR},
    "/office": {Role.OFFICE},
    "/inspect": {Role.INSPECTOR},
    "/inspect/complaints": {Role.INSPECTOR},
    "/inspect/accountability": {Role.INSPECTOR},
    "/inspect/accountability/decided": {Role.INSPECTOR},
    "/inspect/audit": {Role.INSPECTOR},
    "/inspect/approvals": {Role.INSPECTOR},
    "/inspect/approvals/{item_no}": {Role.INSPECTOR},
    "/inspect/series": {Role.INSPECTOR},
    "/inspect/sealed": {Role.INSPECTOR, Role.SECRECY},
    "/tickets/{ticket_no}/case.zip": {Role.INSPECTOR},
    "/finances": FINANCES,
    "/finances/new": {Role.LIAISON, Role.HEAD},
    "/finances/{id}": FINANCES,
    "/finances/units": FINANCES,
    "/finances/units/{unit}": FINANCES,
    "/finances/{id}/papers/{paper}": FINANCES,
    "/finances/{id}/board": FINANCES,
    "/finances/{id}/sheet": FINANCES,
    "/finances/{id}/archive.zip": FINANCES,
    "/finances/{id}/feedback": FINANCES,
    "/finances/{id}/receipt-forms": {Role.LIAISON, Role.HEAD},
    "/inspect/rectifications": {Role.INSPECTOR},
    "/finances/letter-box": {Role.INSPECTOR},
    "/orders/tasks": {Role.OFFICE, Role.INSPECTOR, Role.LIAISON, Role.HEAD},
    "/orders/tasks/{id}": {Role.OFFICE, Role.INSPECTOR, Role.LIAISON, Role.HEAD},
    "/orders": {Role.OFFICE, Role.INSPECTOR, Role.LIAISON, Role.HEAD},
    "/parallel": {Role.LIAISON, Role.HEAD, Role.OFFICE, Role.INSPECTOR, Role.SUPERVISOR},
    "/parallel/new": {Role.LIAISON, Role.HEAD},
    "/mayor": {Role.OPERATOR, Role.OFFICE, Role.SUPERVISOR, Role.INSPECTOR},
    "/mayor/new": {Role.OPERATOR, Role.OFFICE, Role.SUPERVISOR},
    "/mayor/{id}/slip": {Role.OPERATOR, Role.OFFICE, Role.SUPERVISOR},
    "/wallboard": {Role.OPERATOR, Role.SUPERVISOR, Role.OFFICE, Role.ADMIN},
    "/supervise/live": {Role.SUPERVISOR},
    "/supervise/live/ws": {Role.SUPERVISOR},
    "/supervise/owed": {Role.SUPERVISOR},
    "/supervise/phrases": {Role.SUPERVISOR},
    "/admin/reconciliation": {Role.ADMIN, Role.SUPERVISOR},
    "/supervise/retention": {Role.SUPERVISOR, Role.INSPECTOR},
    "/supervise/retention/{id}/certificate.txt": {Role.SUPERVISOR, Role.INSPECTOR},
    "/admin": KEEPERS,
    "/admin/people/new": KEEPERS,
    "/admin/people/{username}": KEEPERS,
    "/admin/directory/{kind}": KEEPERS,
    "/admin/directory/{kind}/new": KEEPERS,
    "/admin/directory/{kind}/edit": KEEPERS,
    "/admin/readiness": KEEPERS,
    "/admin/calendar": {Role.ADMIN, Role.SUPERVISOR, Role.OFFICE},
    "/admin/prompts": {Role.ADMIN, Role.SUPERVISOR, Role.OFFICE},
    "/admin/prompts/{prompt}": {Role.ADMIN, Role.SUPERVISOR, Role.OFFICE},
    "/admin/prompts/{prompt}/sound.wav": {Role.ADMIN, Role.SUPERVISOR, Role.OFFICE},
    "/admin/import": {Role.ADMIN},
    "/admin/import/template.xlsx": {Role.ADMIN},
    "/admin/history": {Role.ADMIN},
    "/quality": GRADERS,
    "/quality/draws": GRADERS,
    "/quality/sheets": GRADERS,
    "/quality/sheets/new": GRADERS,
    "/quality/sheets/{id}": GRADERS,
    "/quality/calibration": GRADERS,
    "/quality/results": {Role.OPERATOR, Role.LIAISON, Role.HEAD},
    "/quality/samples/{id}": READERS,
    "/training": GRADERS | {Role.HEAD},
    "/training/records": GRADERS | {Role.HEAD},
    "/training/records/{id}": GRADERS | {Role.HEAD},
    "/training/new": {Role.SUPERVISOR, Role.OFFICE, Role.HEAD},
    "/training/import": {Role.SUPERVISOR, Role.OFFICE, Role.HEAD},
    "/training/import/template.xlsx": {Role.SUPERVISOR, Role.OFFICE, Role.HEAD},
    "/training/practice": GRADERS | {Role.OPERATOR, Role.LIAISON, Role.HEAD},
    "/training/practice/{linkedid}": GRADERS | {Role.OPERATOR, Role.LIAISON, Role.HEAD},
    "/desk/practice": {Role.OPERATOR},
    "/training/mine": {Role.OPERATOR, Role.LIAISON, Role.HEAD, Role.WINDOW},
    "/reports": READERS,
    "/reports/items": READERS | {Role.WINDOW},
    "/reports/filed": {Role.OFFICE, Role.SUPERVISOR, Role.INSPECTOR},
    "/reports/topics": GRADERS,
    "/reports/dashboard": GRADERS,
    "/reports/efficiency": READERS - {Role.OPERATOR},
    "/reports/liaisons": READERS - {Role.OPERATOR},
    "/reports/gathering": READERS - {Role.OPERATOR},
    "/reports/gathering/{id}": READERS - {Role.OPERATOR},
    "/reports/received": GRADERS,
    "/reports/received/{id}": GRADERS,
    "/reports/returns": GRADERS,
    "/reports/returns/one": GRADERS,
    "/reports/returns/template.xlsx": {Role.OFFICE},
    "/reports/scores": READERS - {Role.OPERATOR},
    "/reports/scores/clerks": GRADERS | {Role.HEAD, Role.WINDOW},
    "/reports/scores/weights": {Role.OFFICE},
    "/reports/contractor": {Role.OFFICE, Role.SUPERVISOR},
    "/reports/contractor/report.pdf": {Role.OFFICE, Role.SUPERVISOR},
    "/reports/citations": GRADERS,
    "/reports/citations/{id}": GRADERS,
    "/reports/filed/{id}": {Role.OFFICE, Role.SUPERVISOR, Role.INSPECTOR},
    "/reports/filed/{id}/report.pdf": {Role.OFFICE, Role.SUPERVISOR, Role.INSPECTOR},
    "/api/v1/indicators": READERS,
    "/kb": EDITORS | {Role.OPERATOR},
    "/kb/mine": EDITORS,
    "/kb/checks": {Role.HEAD, Role.OFFICE, Role.SECRECY},
    "/kb/new": {Role.LIAISON, Role.OFFICE},
    "/kb/entries/{entry_id}/edit": {Role.LIAISON, Role.OFFICE},
    "/kb/todo": EDITORS,
    "/kb/synonyms": EDITORS,
    "/kb/suggest": EDITORS | {Role.OPERATOR, Role.SUPERVISOR},
    "/kb/exchange": {Role.OFFICE, Role.SECRECY},
    "/kb/export": {Role.OFFICE, Role.SECRECY},
    "/admin/channels": {Role.ADMIN},
    "/admin/webhooks": {Role.ADMIN},
    "/window": REGISTER,
    "/window/search": REGISTER,
    "/tickets/{ticket_no}/papers/{paper}": CASES,
    "/admin/roles": {Role.ADMIN},
    "/admin/audit": {Role.ADMIN},
    "/api/v1/tickets/{ticket_no}": CASES,
    "/api/v1/workdays/due": CLIENTS,
    "/api/v1/kb/search": CLIENTS,
    "/api/v1/inquiries/{query_code}": CLIENTS,
}
"""The table of the mission (§5.9) for the pages that exist: written by hand, so that a slip in a route is seen."""
PEOPLE = [None, *Role]


@web.middleware
async def passed_the_gate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Innermost: answers for whoever got this far, so that only the gate is tested."""
    if request.path in {"/login", "/account"}:
        return await handler(request)
    return web.Response(status=299)


async def _is_let_in(browser: Browser, item: Declared) -> bool:
    path = re.sub(r"\{[^{}]*(\{[^{}]*\}[^{}]*)*\}", "1", item.path)
    headers = {"X-CSRF-Token": browser.csrf}
    response = await browser.client.request(item.method, path, headers=headers, allow_redirects=False)
    if response.status == 303:
        assert response.headers["Location"].startswith("/login")
    else:
        assert response.status in {200, 299, 401, 403}
    return response.status in {200, 299}


@pytest.mark.parametrize("role", PEOPLE, ids=lambda role: role or "nobody")
async def test_gate_keeps_to_what_routes_declare(db: Database, role: Role | None):
    """Each role on each route: let in exactly when declared; others get 403, strangers the login or 401."""
    app = web_app(db)
    app.middlewares.append(passed_the_gate)
    if role:
        await add_person(db, "person", role)
    async with browsing(app) as browser:
        if role:
            await browser.sign_in("person")
        wrong = []
        for item in declared(app):
            if item.path in {"/login", "/logout"}:
                continue
            open_to_all = item.roles is PUBLIC
            expected = open_to_all or (
                role is not None and (item.roles in (SIGNED_IN, CLIENTS) or role in item.roles)
            )
            if await _is_let_in(browser, item) is not expected:
                wrong.append((item.method, item.path))
        assert wrong == []


async def test_declarations_match_the_table_of_the_mission(db: Database):
    """What the routes declare is what the hand-written table says, for every page in it."""
    app = web_app(db)
    said = {item.pattern: item.roles for item in declared(app) if item.method == "GET"}
    expected = {
        path: SIGNED_IN
        if roles == EVERY
        else (frozenset(roles) if isinstance(roles, set | frozenset) else roles)
        for path, roles in PAGES.items()
    }
    assert {path: said.get(path) for path in expected} == expected


async def test_login_leads_each_role_to_its_own_page(db: Database):
    """Operators get to the desk, supervisors to the calls, the administrator to the accounts."""
    app = web_app(db)
    homes = {role: home_of(app, SignedIn(1, "x", "x", frozenset({role}))) for role in Role}
    assert homes[Role.OPERATOR] == "/desk"
    assert homes[Role.LIAISON] == "/liaison"
    assert homes[Role.SUPERVISOR] == "/supervise"
    assert homes[Role.ADMIN] == "/admin"
    assert set(homes.values()) <= {item.path for item in declared(app)}


async def test_staff_pages_are_never_public(db: Database):
    """Nothing below a staff room's path is open to strangers."""
    staff = (
        "/desk",
        "/liaison",
        "/tickets",
        "/notices",
        "/live",
        "/office",
        "/inspect",
        "/supervise",
        "/wallboard",
        "/admin",
        "/account",
    )
    public = [item.path for item in declared(web_app(db)) if item.roles is PUBLIC]
    assert [path for path in public if path.startswith(staff)] == []


async def test_every_served_route_is_declared(db: Database):
    """The router holds no route, save static files, that nobody declared."""
    app = web_app(db)
    undeclared = [
        route.resource.canonical
        for route in app.router.routes()
        if route not in app[DECLARED] and not isinstance(route.resource, web.StaticResource)
    ]
    assert undeclared == []


async def test_undeclared_route_is_refused_at_run_time(db: Database):
    """A route added past the declarations is closed to everybody."""

    async def secret(_: web.Request) -> web.Response:
        return web.Response(text="secret")

    async with browsing(
        web_app(db, rooms=[lambda app: app.router.add_get("/secret", secret) and None])
    ) as browser:
        response = await browser.get("/secret")
        assert response.status == 403
        assert "secret" not in (await response.text()).split("<main")[1]


def test_route_without_roles_cannot_be_written():
    """The decorator wants an audience, and a set of roles that is not empty."""
    routes = Routes()
    with pytest.raises(TypeError):
        routes.get("/x")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="nobody"):
        routes.get("/x", roles=set())


def test_no_room_adds_routes_behind_the_declarations():
    """Rooms use `Routes`, never aiohttp's own tables."""
    forbidden = {"RouteTableDef", "add_get", "add_post", "add_route", "add_view", "add_routes"}
    guilty = []
    for folder in ("agent_desktop", "portal"):
        for file in sorted(Path(ROOT, folder).rglob("*.py")):
            names = {n.attr for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Attribute)}
            guilty += [f"{file.relative_to(ROOT)}: {name}" for name in sorted(names & forbidden)]
    assert guilty == []


def test_templates_hold_no_inline_script_or_style():
    """The strict content policy stays possible: no inline script, style or handler in any template."""
    inline = re.compile(
        r"<script(?![^>]*\b(?:src=|type=\"application/json\"))|<style|\sstyle=|\son[a-z]+=|javascript:",
        re.IGNORECASE,
    )
    files = [f for folder in ("core", "agent_desktop", "portal") for f in Path(ROOT, folder).rglob("*.html")]
    assert len(files) > 5
    assert [str(f.relative_to(ROOT)) for f in files if inline.search(f.read_text())] == []


def test_post_forms_hold_the_token():
    """Every form that posts to a staff page sends the CSRF token; public forms are judged by their origin."""
    without = []
    for file in Path(ROOT, "agent_desktop").rglob("*.html"):
        for form in re.findall(
            r'<form[^>]*method="post".*?</form>', file.read_text(), re.DOTALL | re.IGNORECASE
        ):
            if "csrf_field()" not in form:
                without.append(str(file.relative_to(ROOT)))
    assert without == []


async def test_channel_key_opens_the_open_api_only(db: Database):
    """A channel key is let in where CLIENTS or PUBLIC is declared and nowhere else."""
    app = web_app(db)
    app.middlewares.append(passed_the_gate)
    async with db.unit_of_work() as session:
        key = await accounts.issue_token(session, SystemClock(), TEST, name="窗口", channel="window")
    async with browsing(app) as browser:
        browser.client.session.headers["Authorization"] = f"Bearer {key}"
        items = [item for item in declared(app) if item.path not in {"/login", "/logout", "/account"}]
        let_in = [item for item in items if await _is_let_in(browser, item)]
    assert let_in == [item for item in items if item.roles in (PUBLIC, CLIENTS)]
