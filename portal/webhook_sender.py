"""Carries the callbacks (回调) to their addresses, as a background loop of the public side."""

import asyncio
from collections.abc import Callable

import structlog
from aiohttp import ClientError, ClientSession, ClientTimeout

from core.clock import Clock
from core.db import Database
from tickets.webhooks.sending import Message, collect, note, take_due

log = structlog.get_logger()
LOOK_EVERY_S = 3
ANSWER_WITHIN_S = 10


async def send_all(db: Database, clock: Clock, beat: Callable[[], None]) -> None:
    """Loop for `core.tasks`."""
    async with ClientSession(timeout=ClientTimeout(total=ANSWER_WITHIN_S)) as client:
        while True:
            await send_due(db, clock, client)
            beat()
            await asyncio.sleep(LOOK_EVERY_S)


async def send_due(db: Database, clock: Clock, client: ClientSession) -> None:
    """One turn: make what is new, send what is due, note how it went."""
    async with db.unit_of_work() as session:
        await collect(session, clock)
        messages = await take_due(session, clock)
    errors = await asyncio.gather(*(_sent(client, message) for message in messages))
    if messages:
        async with db.unit_of_work() as session:
            for message, error in zip(messages, errors, strict=True):
                await note(session, clock, message.delivery_id, error)


async def _sent(client: ClientSession, message: Message) -> str:
    """Why it was not taken; empty when it was."""
    try:
        async with client.post(
            message.url, data=message.body, headers=message.headers, allow_redirects=False
        ) as response:
            error = "" if 200 <= response.status < 300 else f"对方答复 {response.status}"
    except (ClientError, TimeoutError, OSError) as failure:
        error = f"无法送达：{type(failure).__name__}"
    if error:
        log.warning("webhook_refused", delivery=message.delivery_id, error=error)
    return error
