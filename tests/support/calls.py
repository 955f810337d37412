"""Phones, seats and questions for one test with a running hotline (通话测试): dial, press, ask what was recorded.

Owns the phones of one test and leaves nobody on the line. Every wait is for a condition, with a time limit.
"""

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from sqlalchemy import select
from support.hotline import MONDAY_MORNING, City
from support.sipphone import Call, Phone

from core.db import Database
from core.errors import HotlineError
from ivr.board import AgentView
from ivr.control import CallControl
from ivr.tracking.live_call import LiveCall
from recordings import models
from recordings.models import CallEvent, Recording
from tickets.models import SatisfactionRating, Ticket

CALLER_HZ, OPERATOR_HZ, LIAISON_HZ = 440, 880, 1200
KEY_GAP_S = 0.08
"""Asterisk takes a key that follows another within 45 ms for a part of it; a finger is never that fast."""
CODE_GAP_MS = 160
"""Within a code: on a busy machine packets come in heaps, and two keys too near each other are one."""
_NUMBERS = itertools.count(1)


class Exchange:
    """What a call test needs; use as `async with`."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.phones: list[Phone] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(phone.close() for phone in self.phones), return_exceptions=True)
        for user_id in list(self.control.board.seats):
            with suppress(HotlineError):
                await self.control.logout(user_id)
        await self.until(lambda: not self.control.board.tracker.calls, 10)
        self.city.clock.move_to(datetime.fromisoformat(MONDAY_MORNING))

    @property
    def control(self) -> CallControl:
        return self.city.hotline.control

    @property
    def db(self) -> Database:
        return self.city.hotline.db

    # --- phones -------------------------------------------------------------------------------------------------

    async def caller(self) -> Phone:
        """A citizen's phone with a number that no other test uses."""
        return await self._phone(f"1390000{next(_NUMBERS):04}", None, CALLER_HZ)

    async def staff_phone(self, name: str, tone_hz: float) -> Phone:
        """The registered desk phone of `operator1`, `liaison1`…"""
        extension = self.city.extensions[name]
        phone = await self._phone(extension, f"sip-{name}", tone_hz)
        await phone.register()
        await self.until(lambda: extension in self.control.board.registered)
        return phone

    async def page_phone(self, name: str) -> Phone:
        """The telephone in somebody's page, as far as registering and ringing go: its audio would need a browser."""
        extension = f"w{self.city.extensions[name]}"
        phone = await self._phone(extension, f"sip-{name}", LIAISON_HZ)
        await phone.register()
        await self.until(lambda: extension in self.control.board.registered)
        return phone

    async def operator(self, name: str = "operator1", tone_hz: float = OPERATOR_HZ) -> Phone:
        """An operator at a desk phone, ready for callers."""
        phone = await self.staff_phone(name, tone_hz)
        user_id = self.city.users[name]
        await self.control.login(user_id, desk_phone=True)
        await self.control.ready(user_id)
        return phone

    async def liaison(self) -> Phone:
        return await self.staff_phone("liaison1", LIAISON_HZ)

    async def outside(self, tone_hz: float = LIAISON_HZ) -> Phone:
        """All telephones outside: what the trunk is asked to call arrives here; `by_number` says how it is taken."""
        port = int(self.city.hotline.settings.asterisk.trunk_contact.rpartition(":")[2])
        phone = await Phone.start("outside", self.city.sip, tone_hz=tone_hz, listen_port=port)
        self.phones.append(phone)
        return phone

    async def _phone(self, name: str, password: str | None, tone_hz: float) -> Phone:
        phone = await Phone.start(name, self.city.sip, password, tone_hz=tone_hz)
        self.phones.append(phone)
        return phone

    # --- calls --------------------------------------------------------------------------------------------------

    async def dial(self, phone: Phone | None = None) -> Call:
        """A citizen's call, answered by the hotline."""
        phone = phone or await self.caller()
        call = await phone.call("96128")
        await call.answered()
        await self.until(lambda: self.live(phone.account.name) is not None)
        return call

    def number(self, call: Call) -> str:
        """The number a call of a citizen came from."""
        return next(phone.account.name for phone in self.phones if call in phone.calls)

    def live(self, number: str) -> LiveCall | None:
        calls = self.control.board.tracker.calls.values()
        return next((one for one in calls if one.caller == number), None)

    async def at_node(self, call: Call, node: str, limit_s: float = 15.0) -> LiveCall:
        """Wait until the caller has reached a node; returns the running call."""
        number = self.number(call)

        def reached() -> bool:
            live = self.live(number)
            return live is not None and live.node == node

        try:
            await self.until(reached, limit_s)
        except TimeoutError:
            live = self.live(number)
            raise AssertionError(f"{node} not reached: {live.nodes if live else 'no call'}") from None
        found = self.live(number)
        assert found is not None
        return found

    async def been_at(self, call: Call, node: str, limit_s: float = 15.0) -> None:
        """Wait until the caller has passed a node, however short the stay."""
        number = self.number(call)
        await self.until(lambda: (live := self.live(number)) is not None and node in live.nodes, limit_s)

    async def walk(self, call: Call, *steps: tuple[str, str]) -> None:
        """At each node press its keys; those of the main menu during the welcome already."""
        for node, keys in steps:
            await self.at_node(call, "WELCOME" if node == "MAIN" and not self._welcomed(call) else node)
            await asyncio.sleep(KEY_GAP_S)
            await call.dtmf(keys, gap_ms=CODE_GAP_MS)

    def _welcomed(self, call: Call) -> bool:
        live = self.live(self.number(call))
        return live is not None and "MAIN" in live.nodes

    async def talking(self, operator: Phone) -> tuple[Call, Call]:
        """A caller who talks to the operator: the caller's call and the operator's."""
        call = await self.dial()
        await self.walk(call, ("MAIN", "0"))
        answered = await operator.incoming(15)
        await answered.answered()
        await call.until_hears(OPERATOR_HZ, timeout=15)
        await answered.until_hears(CALLER_HZ)
        return call, answered

    async def keep_place(self, call: Call) -> None:
        """A caller in the queue presses 3, again when it fell into an announcement, then 1: call back this number."""
        for _ in range(8):
            await call.dtmf("3")
            with suppress(TimeoutError):
                await self.been_at(call, "KEEP", 1.5)
                break
        await self.walk(call, ("KEEP-NUM", "1"))
        assert (await call.ended(15)).by == "remote"

    def seat(self, name: str = "operator1") -> AgentView:
        found = self.control.board.agent(self.city.users[name])
        assert found is not None
        return found

    # --- what was recorded ----------------------------------------------------------------------------------------

    async def record(self, call: Call, limit_s: float = 10.0) -> models.Call:
        """The closed call record."""
        number = self.number(call)
        async with asyncio.timeout(limit_s):
            while True:
                async with self.db.reading() as session:
                    row = await session.scalar(
                        select(models.Call).where(
                            models.Call.caller_number == number, models.Call.ended_at.is_not(None)
                        )
                    )
                if row and not self.city.hotline.controller.callers.get(row.linkedid):
                    return row
                await asyncio.sleep(0.05)

    async def ledger(self, call: Call) -> list[tuple[str, dict[str, Any]]]:
        """The ledger of a call so far, oldest first."""
        async with self.db.reading() as session:
            rows = await session.scalars(
                select(CallEvent)
                .join(models.Call)
                .where(models.Call.caller_number == self.number(call))
                .order_by(CallEvent.id)
            )
            return [(row.kind, row.data) for row in rows]

    async def kinds(self, call: Call) -> list[str]:
        return [kind for kind, _ in await self.ledger(call)]

    async def tickets(self, call: Call) -> list[Ticket]:
        async with self.db.reading() as session:
            query = select(Ticket).where(Ticket.caller_number == self.number(call)).order_by(Ticket.id)
            return list(await session.scalars(query))

    async def recordings(self, record: models.Call) -> list[Recording]:
        async with self.db.reading() as session:
            query = select(Recording).where(Recording.call_id == record.id).order_by(Recording.id)
            return list(await session.scalars(query))

    async def ratings(self, record: models.Call) -> list[tuple[str, int | None]]:
        async with self.db.reading() as session:
            query = select(SatisfactionRating).where(SatisfactionRating.call_id == record.id)
            return [
                (str(row.about), row.score)
                for row in await session.scalars(query.order_by(SatisfactionRating.id))
            ]

    async def until_rated(self, record: models.Call) -> None:
        """Wait for the rating rows that follow a hang-up."""
        async with asyncio.timeout(5):
            while not await self.ratings(record):
                await asyncio.sleep(0.05)

    @staticmethod
    async def until(condition: Callable[[], bool], limit_s: float = 5.0) -> None:
        """Wait for a condition. Raises TimeoutError."""
        async with asyncio.timeout(limit_s):
            while not condition():
                await asyncio.sleep(0.02)
