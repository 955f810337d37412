"""Who is told where (回调地址): set up and ended by the administrator, with a signing secret that is shown once."""

import secrets
from collections.abc import Sequence
from urllib.parse import urlsplit

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.clock import Clock
from core.errors import InvalidInput, NotFound
from core.people import Token
from tickets.models import TrailRow
from tickets.query_codes.codes import keyed_hash
from tickets.webhooks.models import Delivery, Webhook

MOST_SHOWN = 200


def secret_of(session: AsyncSession, hook: Webhook) -> str:
    """The key that both sides sign and check with."""
    return keyed_hash(session, f"webhook:{hook.id}:{hook.salt}")


async def add(session: AsyncSession, clock: Clock, *, token_id: int, url: str) -> Webhook:
    """Tell `url` from now on what becomes of that channel's tickets; raises InvalidInput."""
    token = await session.get(Token, token_id)
    if token is None or token.channel is None or token.revoked_at is not None:
        raise InvalidInput(field="渠道密钥", reason="请选择一把有效的渠道密钥")
    hook = Webhook(
        token_id=token.id, url=_checked(url), salt=secrets.token_hex(16), created_at=clock.now(),
        since_trail_id=await session.scalar(select(func.max(TrailRow.id))) or 0,
    )  # fmt: skip
    session.add(hook)
    await session.flush()
    return hook


async def end(session: AsyncSession, clock: Clock, webhook_id: int) -> None:
    """Nothing more is sent there, waiting messages included; raises NotFound."""
    hook = await session.get(Webhook, webhook_id)
    if hook is None or hook.ended_at is not None:
        raise NotFound
    hook.ended_at = clock.now()
    waiting = (Delivery.webhook_id == webhook_id) & Delivery.next_at.is_not(None)
    await session.execute(update(Delivery).where(waiting).values(next_at=None, dead_at=clock.now()))


async def listing(session: AsyncSession) -> Sequence[Webhook]:
    living = select(Webhook).where(Webhook.ended_at.is_(None)).options(selectinload(Webhook.token))
    return (await session.scalars(living.order_by(Webhook.id))).all()


async def dead_letters(session: AsyncSession) -> Sequence[Delivery]:
    """Messages given up, the newest first."""
    dead = select(Delivery).where(Delivery.dead_at.is_not(None)).options(selectinload(Delivery.webhook))
    return (await session.scalars(dead.order_by(Delivery.dead_at.desc()).limit(MOST_SHOWN))).all()


async def revive(session: AsyncSession, clock: Clock, delivery_id: int) -> None:
    """Try a message again from the beginning; raises NotFound."""
    found = await session.get(Delivery, delivery_id, options=[selectinload(Delivery.webhook)])
    if found is None or found.dead_at is None or found.webhook.ended_at is not None:
        raise NotFound
    found.dead_at, found.tries, found.next_at = None, 0, clock.now()


def _checked(url: str) -> str:
    url = url.strip()
    parts = urlsplit(url) if url.isprintable() and len(url) <= 500 else urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise InvalidInput(field="回调地址", reason="请填写 http 或 https 开头的网址，不带用户名和密码")
    return url
