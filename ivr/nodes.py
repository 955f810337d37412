"""Nodes on one database (多节点): each says that it lives; of one that falls silent, the callers are put on the call-back list.

A node is a controller with its Asterisk, named by `asterisk.system_name`. Whoever notices first does it, once; when the
node is back its own repair closes the records of its calls. One that is stopped in order has ended its calls itself.
"""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import String, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import Clock
from core.db import OF_THE_MOMENT, Base, Database, UtcDateTime, until_stored
from ivr import owed_calls
from ivr.models import OwedKind
from recordings.models import Call

log = structlog.get_logger()
BEAT_S = 2.0
SILENT_S = 20.0
"""Longer than a controller takes to be started again."""
LONGEST_CALL = timedelta(hours=4)


class Node(Base):
    """One node that has been started and not stopped."""

    __tablename__ = "nodes"
    __table_args__ = OF_THE_MOMENT

    system_name: Mapped[str] = mapped_column(String(12), primary_key=True)
    beat_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """By the database's clock."""
    is_lost: Mapped[bool] = mapped_column(default=False)
    """Silent, and its callers are on the list; until it beats again."""


class Nodes:
    """This node's beat, and its eye on the others; PostgreSQL alone has others."""

    def __init__(self, db: Database, clock: Clock, system_name: str) -> None:
        self._db = db
        self._clock = clock
        self._name = system_name

    async def run(self, beat: Callable[[], None]) -> None:
        """Loop for `core.tasks`."""
        while True:
            beat()
            await until_stored(self.look)
            await asyncio.sleep(BEAT_S)

    async def look(self) -> None:
        async with self._db.unit_of_work() as session:
            own = {"beat_at": func.now(), "is_lost": False}
            row = insert(Node).values(system_name=self._name, **own)
            await session.execute(row.on_conflict_do_update(index_elements=["system_name"], set_=own))
        async with self._db.unit_of_work() as session:
            silent = (Node.beat_at < func.now() - timedelta(seconds=SILENT_S)) & Node.is_lost.is_(False)
            lost = update(Node).where(silent, Node.system_name != self._name).values(is_lost=True)
            for name in (await session.scalars(lost.returning(Node.system_name))).all():
                log.error("node_lost", system_name=name, callers=await self._owe_callers(session, name))

    async def leave(self) -> None:
        """This node is being stopped in order; with the database away the others will find it silent."""
        with contextlib.suppress(OSError, DBAPIError):
            async with self._db.unit_of_work() as session:
                await session.execute(delete(Node).where(Node.system_name == self._name))

    async def _owe_callers(self, session: AsyncSession, name: str) -> int:
        """Who was on a line of the node: its calls without an end."""
        open_calls = select(Call).where(
            Call.linkedid.startswith(f"{name}-"), Call.ended_at.is_(None), Call.direction == "in",
            Call.started_at > self._clock.now() - LONGEST_CALL,
        )  # fmt: skip
        calls = (await session.scalars(open_calls)).all()
        for call in calls:
            await owed_calls.owe(session, call_id=call.id, kind=OwedKind.MISSED)
        return len(calls)
