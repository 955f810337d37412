"""Signing in through the real application: passwords, lock, CSRF, cookies, what a refusal looks like."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from support.web import PASSWORD, TEST, Browser, add_person, browsing, web_app

from core import accounts
from core.audit import AuditRow
from core.clock import ShiftedClock
from core.db import Database
from core.people import Role, User
from core.web.models import WebSession
from core.web.settings import HttpSettings


@pytest.fixture
def clock():
    return ShiftedClock(datetime(2026, 6, 1, 2, 0, tzinfo=UTC))


@pytest.fixture
async def browser(db: Database, clock: ShiftedClock):
    await add_person(db, "zhang", Role.ADMIN)
    async with browsing(web_app(db, clock)) as browser:
        yield browser


async def _count(db: Database, what) -> int:
    async with db.reading() as session:
        return await session.scalar(select(func.count()).select_from(what))


async def _actions(db: Database) -> list[str]:
    async with db.reading() as session:
        return list(await session.scalars(select(AuditRow.action).order_by(AuditRow.id)))


async def test_password_is_kept_as_argon2(db: Database, browser: Browser):
    """The database holds an argon2id hash, never the password."""
    async with db.reading() as session:
        kept = await session.scalar(select(User.password_hash))
    assert kept.startswith("$argon2id$")
    assert PASSWORD not in kept


async def test_sign_in_leads_to_the_page_of_the_first_role(db: Database, browser: Browser):
    """After the login the administrator is at /admin, and the audit log knows."""
    response = await browser.sign_in("zhang")
    assert (response.status, response.headers["Location"]) == (303, "/admin")
    assert (await browser.get("/admin")).status == 200
    assert "login" in await _actions(db)


async def test_cookie_is_out_of_reach_of_scripts_and_other_sites(db: Database, browser: Browser):
    """The session cookie is HttpOnly and SameSite=Lax, and only its hash is stored."""
    response = await browser.post("/login", {"username": "zhang", "password": PASSWORD})
    header = response.headers["Set-Cookie"]
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    assert "Path=/" in header
    async with db.reading() as session:
        assert browser.cookie() not in list(await session.scalars(select(WebSession.key_hash)))


async def test_cookie_is_secure_behind_https(db: Database, clock: ShiftedClock):
    """With secure_cookies the cookie is Secure and bound to the host by its name."""
    await add_person(db, "zhang", Role.ADMIN)
    app = web_app(db, clock, settings=HttpSettings(secure_cookies=True))
    async with browsing(app) as browser:
        response = await browser.post("/login", {"username": "zhang", "password": PASSWORD})
        assert response.headers["Set-Cookie"].startswith("__Host-hotline=")
        assert "Secure" in response.headers["Set-Cookie"]


async def test_planted_session_id_is_never_adopted(db: Database, browser: Browser):
    """A cookie set before the login does not become the session (no fixation), and each login has a new one."""
    browser.client.session.cookie_jar.update_cookies({"hotline": "planted"}, browser.client.make_url("/"))
    await browser.sign_in("zhang")
    first = browser.cookie()
    assert first != "planted"
    await browser.sign_in("zhang")
    assert browser.cookie() != first
    assert await _count(db, WebSession) == 1


async def test_wrong_password_and_unknown_name_say_the_same(browser: Browser):
    """Nobody learns from the answer which accounts exist."""
    wrong = await browser.post("/login", {"username": "zhang", "password": "x"})
    unknown = await browser.post("/login", {"username": "nobody", "password": "x"})
    assert wrong.status == unknown.status == 401
    assert "用户名或密码不正确" in await wrong.text()
    assert "用户名或密码不正确" in await unknown.text()


async def test_five_failures_lock_for_fifteen_minutes(db: Database, browser: Browser, clock: ShiftedClock):
    """The right password is refused while locked, accepted afterwards; the lock is in the audit log."""
    for _ in range(5):
        await browser.post("/login", {"username": "zhang", "password": "x"})
    locked = await browser.post("/login", {"username": "zhang", "password": PASSWORD})
    assert locked.status == 429
    assert "锁定" in await locked.text()
    assert (await _actions(db)).count("login.locked") == 1
    clock.move_to(clock.now() + timedelta(minutes=15, seconds=1))
    assert (await browser.sign_in("zhang")).status == 303


async def test_success_forgets_earlier_failures(browser: Browser):
    """Four slips, a login, four slips again: not locked."""
    for _ in range(2):
        for _ in range(4):
            await browser.post("/login", {"username": "zhang", "password": "x"})
        assert (await browser.sign_in("zhang")).status == 303


async def test_one_address_may_not_try_all_accounts(browser: Browser, db: Database):
    """After thirty failures from one address every login from it has to wait."""
    for number in range(30):
        await browser.post("/login", {"username": f"u{number}", "password": "x"})
    refused = await browser.post("/login", {"username": "zhang", "password": PASSWORD})
    assert refused.status == 429
    assert "Set-Cookie" not in refused.headers


async def test_disabled_account_cannot_sign_in_or_stay(db: Database, browser: Browser, clock: ShiftedClock):
    """Disabling ends the running session at once and refuses the next login."""
    await add_person(db, "li", Role.ADMIN)
    await browser.sign_in("li")
    async with db.unit_of_work() as session:
        user = await accounts.find_user(session, "li")
        await accounts.set_active(session, clock, TEST, user, active=False)
    assert (await browser.get("/admin")).headers["Location"] == "/login?next=/admin"
    assert (await browser.post("/login", {"username": "li", "password": PASSWORD})).status == 401


@pytest.mark.parametrize(("minutes", "status"), [(59, 200), (61, 303)])
async def test_session_ends_after_an_idle_hour(
    browser: Browser, clock: ShiftedClock, minutes: int, status: int
):
    """59 quiet minutes are fine, 61 lead back to the login."""
    await browser.sign_in("zhang")
    clock.move_to(clock.now() + timedelta(minutes=minutes))
    assert (await browser.get("/admin")).status == status


async def test_session_ends_after_twelve_busy_hours(browser: Browser, clock: ShiftedClock):
    """A request every half hour keeps the session for twelve hours and no longer."""
    await browser.sign_in("zhang")
    for _ in range(23):
        clock.move_to(clock.now() + timedelta(minutes=30))
        assert (await browser.get("/admin")).status == 200
    clock.move_to(clock.now() + timedelta(minutes=31))
    assert (await browser.get("/admin")).status == 303


async def test_form_without_token_is_refused(db: Database, browser: Browser):
    """A form from elsewhere changes nothing: no token, a wrong one, another site's Origin."""
    await browser.sign_in("zhang")
    good, form = browser.csrf, {"username": "wang", "display_name": "王", "role": "admin"}
    for token, headers in [("", {}), ("x" * 32, {}), (good, {"Origin": "https://evil.example"})]:
        browser.csrf = token
        refused = await browser.post("/admin/people", form, headers=headers)
        assert refused.status == 403
        assert "没有提交" in await refused.text()
    assert await _count(db, User) == 1
    browser.csrf = good
    assert (await browser.post("/admin/people", form)).status == 200
    assert await _count(db, User) == 2


async def test_header_token_is_as_good_as_the_field(browser: Browser):
    """Scripts send the token in X-CSRF-Token."""
    await browser.sign_in("zhang")
    headers = {"X-CSRF-Token": browser.csrf}
    response = await browser.client.post("/admin/audit", headers=headers, allow_redirects=False)
    assert response.status == 200


async def test_login_from_another_site_is_refused(browser: Browser):
    """A foreign page cannot sign a browser in (login CSRF)."""
    form = {"username": "zhang", "password": PASSWORD}
    refused = await browser.post("/login", form, headers={"Sec-Fetch-Site": "cross-site"})
    assert refused.status == 403


async def test_bearer_token_needs_no_csrf_and_ends_when_revoked(
    db: Database, browser: Browser, clock: ShiftedClock
):
    """A token opens its person's routes; revoked or made up it is 401, also on a public page."""
    async with db.unit_of_work() as session:
        user = await accounts.find_user(session, "zhang")
        token = await accounts.issue_token(session, clock, TEST, name="脚本", user=user)
    headers = {"Authorization": f"Bearer {token}"}
    assert (await browser.client.post("/admin/audit", headers=headers)).status == 200
    async with db.unit_of_work() as session:
        await accounts.revoke_token(session, clock, TEST, 1)
    for path in ("/admin", "/"):
        assert (await browser.client.get(path, headers=headers)).status == 401
    assert (await browser.client.get("/", headers={"Authorization": "Basic eDp5"})).status == 401


async def test_channel_key_is_nobody_on_staff_pages(db: Database, browser: Browser, clock: ShiftedClock):
    """A library's key reads the open API and nothing else (M-101)."""
    async with db.unit_of_work() as session:
        key = await accounts.issue_token(session, clock, TEST, name="市图书馆", channel="library")
    headers = {"Authorization": f"Bearer {key}"}
    due = "/api/v1/workdays/due?received=2026-06-01&days=5"
    assert (await browser.client.get(due, headers=headers)).status == 200
    assert (await browser.client.get(due)).status == 401
    assert (await browser.client.get("/admin", headers=headers)).status == 403


async def test_logout_ends_the_session_on_the_server(db: Database, browser: Browser):
    """The old cookie opens nothing after the logout, even when it is kept."""
    await browser.sign_in("zhang")
    old = browser.cookie()
    assert (await browser.post("/logout")).status == 303
    assert await _count(db, WebSession) == 0
    response = await browser.client.get("/admin", headers={"Cookie": f"hotline={old}"}, allow_redirects=False)
    assert response.status == 303


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/desk\r\nSet-Cookie: x=1",
        "javascript:alert(1)",
        "/\t/e",
    ],
)
async def test_login_never_leads_elsewhere(browser: Browser, target: str):
    """`next` takes only a plain path of ours: no other site, no line break into the headers."""
    form = {"username": "zhang", "password": PASSWORD, "next": target}
    response = await browser.post("/login", form)
    assert response.headers["Location"] == "/admin"
    assert [value.split("=")[0] for value in response.headers.getall("Set-Cookie")] == ["hotline"]


async def test_login_leads_back_to_the_page_asked_for(browser: Browser):
    """Whoever opened a page without a session gets there after the login."""
    asked = await browser.get("/admin/roles?x=1")
    assert asked.headers["Location"] == "/login?next=/admin/roles%3Fx%3D1"
    form = {"username": "zhang", "password": PASSWORD, "next": "/admin/roles?x=1"}
    assert (await browser.post("/login", form)).headers["Location"] == "/admin/roles?x=1"


async def test_own_password_ends_other_sessions_only(db: Database, browser: Browser):
    """Changing one's password keeps this browser in and signs every other out."""
    app = browser.client.app
    await browser.sign_in("zhang")
    key, csrf = browser.cookie(), browser.csrf
    browser.client.session.cookie_jar.clear()
    await browser.sign_in("zhang")
    form = {"csrf": csrf, "old": PASSWORD, "new": "another-long-one", "again": "another-long-one"}
    headers = {"Cookie": f"hotline={key}"}
    browser.client.session.cookie_jar.clear()
    changed = await browser.client.post(
        "/account/password", data=form, headers=headers, allow_redirects=False
    )
    assert changed.status == 303
    assert await _count(db, WebSession) == 1
    assert (await browser.client.get("/account", headers=headers, allow_redirects=False)).status == 200
    assert app is not None
    assert (await browser.sign_in("zhang", "another-long-one")).status == 303


async def test_last_administrator_stays(db: Database, browser: Browser):
    """Nobody can lock everybody out of the administration."""
    await browser.sign_in("zhang")
    refused = await browser.post("/admin/people/zhang/active", {"active": "no"})
    assert refused.status == 409
    assert "最后一个" in await refused.text()
    async with db.unit_of_work() as session:
        await session.execute(update(User).values(failed_logins=0))
    assert (await browser.get("/admin")).status == 200


async def test_watcher_and_worker_are_two_people(db: Database, browser: Browser):
    """An inspector's account takes no other working role (§5.9)."""
    await browser.sign_in("zhang")
    form = {"username": "zhao", "display_name": "赵", "role": "inspector"}
    response = await browser.client.post(
        "/admin/people", data=[*form.items(), ("role", "operator"), ("csrf", browser.csrf)]
    )
    assert response.status == 422
    assert "不能与" in await response.text()
    assert await _count(db, User) == 1
