"""Nodes on one database (多节点): each says that it lives; of one that has died, the callers are put on the call-back list.

A node is a controller with its Asterisk, named by `asterisk.system_name`. Silence alone is no death: as long as its
Asterisk answers, its callers are being served, by the dialplan if by nobody else, and its own controller repairs the
records when it is back. Whoever first finds both silent lists the callers, once; a node that comes back after all takes
those off the list who needed no call. One that is stopped in order has ended its calls itself.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, String, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from core.clock import Clock
from core.db import OF_THE_MOMENT, Base, Database, UtcDateTime, until_stored
from ivr.models import OwedKind
from ivr.outages import sip_probe
from ivr.queue import owed_calls
from recordings.models import Call, CallEnd

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
    sip_host: Mapped[str] = mapped_column(String(60), server_default="")
    sip_port: Mapped[int] = mapped_column(server_default="0")
    """Where its Asterisk answers the dispatcher."""
    is_lost: Mapped[bool] = mapped_column(default=False)
    """Dead, and its callers are on the list; until it beats again."""


class Nodes:
    """This node's beat, and its eye on the others; PostgreSQL alone has others.

    `alive` gives the calls (linkedids) that live at this node, None while that is not known.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        system_name: str,
        sip: tuple[str, int],
        alive: Callable[[], Collection[str] | None],
    ) -> None:
        self._db = db
        self._clock = clock
        self._name = system_name
        self._sip = sip
        self._alive = alive
        self._is_doubtful = False
        """Others may have listed callers of ours for nothing."""
        self._silent: set[str] = set()
        self.others: frozenset[str] = frozenset()
        """The other nodes at work on this database, the silent ones too, as long as they are not given up."""

    async def run(self, beat: Callable[[], None]) -> None:
        """Loop for `core.tasks`."""
        while True:
            beat()
            await until_stored(self.look)
            await asyncio.sleep(BEAT_S)

    async def look(self) -> None:
        """Beat, and see to those who do not."""
        await self._beat()
        if self._is_doubtful and (alive := self._alive()) is not None:
            await self._withdraw(alive)
        await self._look_at_others()

    async def leave(self) -> None:
        """This node is being stopped in order; with the database away the others will find it silent."""
        with contextlib.suppress(OSError, DBAPIError):
            async with self._db.unit_of_work() as session:
                await session.execute(delete(Node).where(Node.system_name == self._name))

    async def told(self) -> str:
        """How the other nodes are, for /readyz."""
        async with self._db.reading() as session:
            rows = await session.scalars(select(Node).where(self._has_no_word()).order_by(Node.system_name))
            words = [
                f"{row.system_name} {'已停止，当时在线的来电已列入回拨名单' if row.is_lost else '没有消息，正在确认是否仍在接听'}"
                for row in rows
            ]
        return "；".join(words) or "各节点都有消息"

    # --- this node ------------------------------------------------------------------------------------------------

    async def _beat(self) -> None:
        host, port = self._sip
        own = {"beat_at": func.now(), "sip_host": host, "sip_port": port, "is_lost": False}
        row = insert(Node).values(system_name=self._name, **own)
        async with self._db.unit_of_work() as session:
            lost = select(Node.is_lost).where(Node.system_name == self._name).with_for_update()
            was_lost = await session.scalar(lost)
            await session.execute(row.on_conflict_do_update(index_elements=["system_name"], set_=own))
        if was_lost:
            log.warning("node_had_been_given_up", system_name=self._name)
            self._is_doubtful = True

    async def _withdraw(self, alive: Collection[str]) -> None:
        """Who is served still, or was to the end of the call, needs no call back; an open record tells that only later."""
        is_doubtful = False
        async with self._db.unit_of_work() as session:
            for row, call in await owed_calls.untouched(session, f"{self._name}-"):
                if call.linkedid in alive or call.end not in (None, CallEnd.QUEUE, CallEnd.UNSEEN):
                    await owed_calls.withdraw(session, row)
                elif call.ended_at is None:
                    is_doubtful = True
        self._is_doubtful = is_doubtful

    # --- the others -----------------------------------------------------------------------------------------------

    async def _look_at_others(self) -> None:
        living = (Node.system_name != self._name) & Node.is_lost.is_(False)
        async with self._db.reading() as session:
            others = (await session.execute(select(Node, self._is_silent()).where(living))).all()
        self.others = frozenset(node.system_name for node, _ in others)
        silent = [node for node, is_silent in others if is_silent]
        for node in silent:
            if not await self._is_answering(node):
                await self._give_up(node.system_name)
            elif node.system_name not in self._silent:
                log.warning("node_silent_but_answering", system_name=node.system_name)
        self._silent = {node.system_name for node in silent}

    def _has_no_word(self) -> ColumnElement[bool]:
        too_long = Node.beat_at < func.now() - timedelta(seconds=SILENT_S)
        return too_long & (Node.system_name != self._name)

    def _is_silent(self) -> ColumnElement[bool]:
        return self._has_no_word() & Node.is_lost.is_(False)

    async def _is_answering(self, node: Node) -> bool:
        """At our own address it would be our own Asterisk: every machine's loopback is its own."""
        sip = (node.sip_host, node.sip_port)
        return sip != self._sip and await sip_probe.answers(*sip)

    async def _give_up(self, name: str) -> None:
        lost = update(Node).where(self._is_silent(), Node.system_name == name).values(is_lost=True)
        async with self._db.unit_of_work() as session:
            if (await session.execute(lost.returning(Node.system_name))).first():
                log.error("node_lost", system_name=name, callers=await self._owe_callers(session, name))

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
