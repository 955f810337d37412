"""The liaison page's live line: the call on a liaison's telephone, and the tickets their unit holds."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.keys import BOARD
from agent_desktop.liaison import state
from agent_desktop.live import StatePush
from core.web.keys import CLOCK, DB
from ivr.board import LiveCallView

LIAISON_PUSH: web.AppKey[StatePush] = web.AppKey("LIAISON_PUSH", StatePush)


class LiaisonStates:
    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._extensions: dict[int, str] = {}

    async def of(self, user_ids: Collection[int]) -> dict[int, dict[str, Any]]:
        """By liaison."""
        now = self._app[CLOCK].now()
        async with self._app[DB].reading() as session:
            return {user_id: await self._of(session, user_id, now) for user_id in user_ids}

    def shown(self, user_id: int) -> tuple[LiveCallView | None, bool]:
        """Of the board: the call in which the person's telephone is, and whether that is registered."""
        board, extension = self._app[BOARD], self._extensions.get(user_id, "")
        call = board.call_with(extension) if extension else None
        return call, bool(board.registered & {extension, f"w{extension}"})

    async def _of(self, session: AsyncSession, user_id: int, now: datetime) -> dict[str, Any]:
        user = await state.person(session, user_id)
        self._extensions[user_id] = user.extension or ""
        call, is_registered = self.shown(user_id)
        return {
            "kind": "state",
            "now": now.isoformat(),
            "me": user_id,
            "registered": is_registered,
            "call": await state.call_json(session, call, user.extension) if call else None,
            "tickets": await state.open_tickets(session, user, now),
        }


async def start(app: web.Application) -> None:
    states = LiaisonStates(app)
    app[LIAISON_PUSH] = StatePush(app, "liaison", states.of, states.shown)


async def stop(app: web.Application) -> None:
    app[LIAISON_PUSH].close()
