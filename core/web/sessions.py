"""Sign-ins (登录会话) and who a request belongs to: cookie or bearer token.

A session is a row, its cookie a random value kept only as a hash; it ends after `session_hours`, or after
`idle_minutes` without a request.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web
from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.bus import publish
from core.clock import Clock
from core.db import hit_one
from core.people import Token, User, hash_token
from core.web.errors import TokenInvalid
from core.web.keys import Channel, SignedIn
from core.web.models import WebSession
from core.web.settings import HttpSettings

SEEN_EVERY = timedelta(minutes=1)
"""`seen_at` is written at most this often: one write a minute per person, not one a request."""


@dataclass(frozen=True)
class Opened:
    """A fresh sign-in: `key` goes into the cookie and nowhere else."""

    key: str
    session_id: int


@dataclass(frozen=True)
class SignedOut:
    """A person's sessions have ended, except `kept_id`: their live pages close."""

    user_id: int
    kept_id: int | None = None


@dataclass(frozen=True)
class Found:
    session_id: int
    csrf: str
    user: SignedIn
    seen_at: datetime


def cookie_name(settings: HttpSettings) -> str:
    return "__Host-hotline" if settings.secure_cookies else "hotline"


def set_cookie(response: web.StreamResponse, key: str, settings: HttpSettings) -> None:
    response.set_cookie(
        cookie_name(settings),
        key,
        path="/",
        max_age=settings.session_hours * 3600,
        httponly=True,
        secure=settings.secure_cookies,
        samesite="Lax",
    )


def clear_cookie(response: web.StreamResponse, settings: HttpSettings) -> None:
    response.del_cookie(
        cookie_name(settings), path="/", httponly=True, secure=settings.secure_cookies, samesite="Lax"
    )


async def open_session(session: AsyncSession, clock: Clock, user: User, source: str) -> Opened:
    """A new sign-in with a key that nobody can have known before (no session fixation)."""
    key, now = secrets.token_urlsafe(32), clock.now()
    row = WebSession(
        key_hash=hash_token(key),
        user_id=user.id,
        csrf=secrets.token_urlsafe(24),
        started_at=now,
        seen_at=now,
        source=source[:64],
    )
    session.add(row)
    await session.flush()
    return Opened(key, row.id)


async def find_session(session: AsyncSession, clock: Clock, settings: HttpSettings, key: str) -> Found | None:
    """The living session behind a cookie, with its person."""
    now = clock.now()
    row = await session.scalar(
        select(WebSession)
        .join(WebSession.user)
        .where(
            WebSession.key_hash == hash_token(key),
            WebSession.started_at > now - timedelta(hours=settings.session_hours),
            WebSession.seen_at > now - timedelta(minutes=settings.idle_minutes),
            User.is_active,
        )
        .options(selectinload(WebSession.user).selectinload(User.grants))
    )
    return Found(row.id, row.csrf, signed_in(row.user), row.seen_at) if row else None


async def touch(session: AsyncSession, clock: Clock, session_id: int) -> bool:
    """Note that the person is still there; False when the session is gone."""
    done = await session.execute(
        update(WebSession).where(WebSession.id == session_id).values(seen_at=clock.now())
    )
    return hit_one(done)


async def end_session(session: AsyncSession, session_id: int) -> None:
    await session.execute(delete(WebSession).where(WebSession.id == session_id))


async def end_sessions_of(session: AsyncSession, user_id: int, *, kept_id: int | None = None) -> None:
    """Sign a person out everywhere, except in the session `kept_id`."""
    theirs = WebSession.user_id == user_id
    await session.execute(delete(WebSession).where(theirs, WebSession.id != (kept_id or 0)))
    publish(session, SignedOut(user_id, kept_id))


async def forget_old(session: AsyncSession, clock: Clock, settings: HttpSettings) -> None:
    """Remove the rows of sessions that have ended by age or idleness."""
    now = clock.now()
    await session.execute(
        delete(WebSession).where(
            or_(
                WebSession.started_at <= now - timedelta(hours=settings.session_hours),
                WebSession.seen_at <= now - timedelta(minutes=settings.idle_minutes),
            )
        )
    )


async def find_bearer(session: AsyncSession, token: str) -> SignedIn | Channel:
    """The person or channel behind a bearer token; refuses unknown, revoked and disabled ones."""
    row = await session.scalar(
        select(Token)
        .where(Token.token_hash == hash_token(token), Token.revoked_at.is_(None))
        .options(selectinload(Token.user).selectinload(User.grants))
    )
    if row is not None and row.user is not None and row.user.is_active:
        return signed_in(row.user)
    if row is not None and row.user_id is None and row.channel:
        return Channel(row.id, row.channel, row.name)
    raise TokenInvalid


def signed_in(user: User) -> SignedIn:
    return SignedIn(
        user_id=user.id,
        username=user.username,
        display_name=user.display_name,
        roles=user.roles,
        unit_id=user.unit_id,
        region_id=user.region_id,
        extension=user.extension,
        staff_number=user.staff_number,
    )
