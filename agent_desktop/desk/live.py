"""The desk's live line: puts one operator's state together from the board and the ticket in hand."""

from typing import Any

from aiohttp import web
from sqlalchemy import select

from agent_desktop.desk.drafts import draft_in_hand
from agent_desktop.desk.state import desk_state
from agent_desktop.keys import BOARD
from agent_desktop.live import StatePush
from core.units import Region
from core.web.keys import CLOCK, DB

DESK_PUSH: web.AppKey[StatePush] = web.AppKey("DESK_PUSH", StatePush)


class DeskStates:
    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._regions: dict[int, str] = {}

    async def of(self, user_id: int) -> dict[str, Any]:
        app, board = self._app, self._app[BOARD]
        agent = board.agent(user_id)
        call = agent.call if agent else None
        draft = None
        if call is None or call.ticket_no:  # a ringing call has no ticket yet, and the pop must not wait
            async with app[DB].reading() as session:
                draft = await draft_in_hand(session, user_id, call.ticket_no if call else None)
        if call and call.region_id not in self._regions:
            await self._read_regions()
        return desk_state(board, user_id, now=app[CLOCK].now(), regions=self._regions, draft=draft)

    async def _read_regions(self) -> None:
        async with self._app[DB].reading() as session:
            rows = await session.execute(select(Region.id, Region.name))
            self._regions = {row.id: row.name for row in rows}


async def start(app: web.Application) -> None:
    app[DESK_PUSH] = StatePush(app, "desk", DeskStates(app).of)


async def stop(app: web.Application) -> None:
    app[DESK_PUSH].close()
