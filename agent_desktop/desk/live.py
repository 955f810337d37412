"""The desk's live line: puts operators' states together from the board and the tickets in hand."""

from collections.abc import Collection, Mapping
from typing import Any

from aiohttp import web
from sqlalchemy import select

from agent_desktop.desk.drafts import drafts_in_hand
from agent_desktop.desk.state import Draft, desk_state, room_state
from agent_desktop.keys import BOARD
from agent_desktop.live import StatePush
from core.units import Region
from core.web.keys import CLOCK, DB
from ivr.board import LiveCallView

DESK_PUSH: web.AppKey[StatePush] = web.AppKey("DESK_PUSH", StatePush)


class DeskStates:
    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._regions: dict[int, str] = {}

    async def of(self, user_ids: Collection[int]) -> dict[int, dict[str, Any]]:
        """By operator."""
        app, board = self._app, self._app[BOARD]
        agents = {user_id: board.agent(user_id) for user_id in user_ids}
        calls = {user_id: agent.call if agent else None for user_id, agent in agents.items()}
        drafts = await self._drafts(calls)
        if any(call and call.region_id not in self._regions for call in calls.values()):
            await self._read_regions()
        room, now = room_state(board), app[CLOCK].now()
        return {
            user_id: desk_state(agent, room, now=now, regions=self._regions, draft=drafts.get(user_id))
            for user_id, agent in agents.items()
        }

    async def _drafts(self, calls: Mapping[int, LiveCallView | None]) -> dict[int, Draft]:
        """A ringing call has no ticket yet, and the pop must not wait."""
        asked = {
            user_id: call.ticket_no if call else None
            for user_id, call in calls.items()
            if call is None or call.ticket_no
        }
        if not asked:
            return {}
        async with self._app[DB].reading() as session:
            return await drafts_in_hand(session, asked)

    async def _read_regions(self) -> None:
        async with self._app[DB].reading() as session:
            rows = await session.execute(select(Region.id, Region.name))
            self._regions = {row.id: row.name for row in rows}


async def start(app: web.Application) -> None:
    app[DESK_PUSH] = StatePush(app, "desk", DeskStates(app).of)


async def stop(app: web.Application) -> None:
    app[DESK_PUSH].close()
