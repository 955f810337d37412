"""Signing in and out (登录): argon2, a lock after repeated failures, every try in the audit log (M-85, M-90, M-91)."""

import asyncio
from datetime import timedelta
from functools import cache
from math import ceil

from aiohttp import web
from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core import audit
from core.db import hit_one
from core.errors import HotlineError
from core.people import Role, User, hash_password, password_matches
from core.web.errors import AccountLocked, LoginFailed
from core.web.keys import CLOCK, DB, HUB, SESSION_ID, SETTINGS, USER, SignedIn, person
from core.web.limits import RateLimit
from core.web.pages import render, see_other
from core.web.requests import safe_next, source_of
from core.web.routes import PUBLIC, SIGNED_IN, Routes, declared
from core.web.sessions import Opened, clear_cookie, end_session, open_session, set_cookie, signed_in

routes = Routes()
ADDRESSES = web.AppKey("ADDRESSES", RateLimit)
_hashing = asyncio.Semaphore(2)
"""Argon2 takes a core and 64 MB for a moment: the calls must not feel a rush of logins."""


@cache
def _nobody() -> User:
    """Stands in for an unknown account, so that the answer takes as long as for a known one."""
    return User(username="", display_name="", password_hash=hash_password("nobody"))


def prepare(app: web.Application) -> None:
    settings = app[SETTINGS]
    window_s = settings.lockout_minutes * 60
    app[ADDRESSES] = RateLimit(app[CLOCK], limit=settings.address_failures, window_s=window_s)


@routes.get("/login", roles=PUBLIC)
async def login_page(request: web.Request) -> web.StreamResponse:
    if request[USER]:
        return see_other(home_of(request.app, person(request)))
    return render(request, "login.html", error="", username="", next=safe_next(request.query.get("next", "")))


@routes.post("/login", roles=PUBLIC)
async def login(request: web.Request) -> web.StreamResponse:
    form = await request.post()
    username, password = str(form.get("username", "")).strip(), str(form.get("password", ""))
    target = safe_next(str(form.get("next", "")))
    try:
        user, opened = await sign_in(request, username, password)
    except HotlineError as error:
        return render(
            request, "login.html", status=error.status, error=error.message, username=username, next=target
        )
    response = see_other(target or home_of(request.app, signed_in(user)))
    set_cookie(response, opened.key, request.app[SETTINGS])
    return response


@routes.post("/logout", roles=SIGNED_IN)
async def logout(request: web.Request) -> web.StreamResponse:
    user, session_id = person(request), request[SESSION_ID]
    async with request.app[DB].unit_of_work() as session:
        if session_id is not None:
            await end_session(session, session_id)
        await audit.record(
            session, request.app[CLOCK], actor=user.username, action="logout", source=source_of(request)
        )
    if session_id is not None:
        request.app[HUB].end_session(session_id)
    response = see_other("/login", flash="您已安全退出。")
    clear_cookie(response, request.app[SETTINGS])
    return response


def home_of(app: web.Application, user: SignedIn) -> str:
    """The first page in the navigation that the person's first role opens, in the order of the roles."""
    pages = [(item.path, item.roles) for item in declared(app) if item.nav]
    for role in Role:
        mine = [path for path, roles in pages if isinstance(roles, frozenset) and role in roles]
        if role in user.roles and mine:
            return mine[0]
    return "/account"


async def sign_in(request: web.Request, username: str, password: str) -> tuple[User, Opened]:
    """Check the password and open a session, whose old cookie, if any, ends; raises LoginFailed or AccountLocked."""
    app, source = request.app, source_of(request)
    app[ADDRESSES].check(source)
    async with app[DB].reading() as session:
        user = await session.scalar(
            select(User).where(User.username == username).options(selectinload(User.grants))
        )
    if user is not None:
        _refuse_locked(app, user)
    async with _hashing:
        matches = await asyncio.to_thread(password_matches, user or _nobody(), password)
    if user is None or not user.is_active or not matches:
        app[ADDRESSES].hit(source)
        await _note_failure(app, user, source)
        raise LoginFailed
    async with app[DB].unit_of_work() as session:
        await _forget_failures(session, app, user)
        if (old := request[SESSION_ID]) is not None:
            await end_session(session, old)
        opened = await open_session(session, app[CLOCK], user, source)
        await audit.record(session, app[CLOCK], actor=user.username, action="login", source=source)
    return user, opened


def _refuse_locked(app: web.Application, user: User) -> None:
    left = (user.locked_until_at - app[CLOCK].now()).total_seconds() if user.locked_until_at else 0
    if left > 0:
        raise AccountLocked(minutes=ceil(left / 60))


async def _note_failure(app: web.Application, user: User | None, source: str) -> None:
    """Count one more failure; the one that reaches the limit locks the account (M-90 lockout)."""
    clock, settings = app[CLOCK], app[SETTINGS]
    actor = user.username if user else "unknown"
    async with app[DB].unit_of_work() as session:
        await audit.record(session, clock, actor=actor, action="login.failed", source=source)
        if user is None:
            return
        one = User.id == user.id
        await session.execute(update(User).where(one).values(failed_logins=User.failed_logins + 1))
        until = clock.now() + timedelta(minutes=settings.lockout_minutes)
        reached = User.failed_logins >= settings.login_failures
        done = await session.execute(
            update(User).where(one, reached).values(locked_until_at=until, failed_logins=0)
        )
        if hit_one(done):
            await audit.record(session, clock, actor=actor, action="login.locked", source=source)


async def _forget_failures(session: AsyncSession, app: web.Application, user: User) -> None:
    """Only an account that nobody locked meanwhile gets in."""
    unlocked = or_(User.locked_until_at.is_(None), User.locked_until_at <= app[CLOCK].now())
    done = await session.execute(
        update(User).where(User.id == user.id, unlocked).values(failed_logins=0, locked_until_at=None)
    )
    if not hit_one(done):
        raise AccountLocked(minutes=app[SETTINGS].lockout_minutes)
