"""News between rooms, delivered only after the commit that made it true.

Publishing inside a unit of work queues the event on the session; `core.db` delivers it when the commit is done,
and drops it on roll-back. Handlers are plain functions: they put work on a queue of their own, never wait. What is published
reaches the other processes too (`core.outbox`); what is only delivered stays in this one.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

log = structlog.get_logger()
Event = TypeVar("Event")
_PENDING = "pending_events"


class Bus:
    def __init__(self) -> None:
        self._handlers: dict[type, list[Callable[[Any], None]]] = defaultdict(list)

    def subscribe(self, kind: type[Event], handler: Callable[[Event], None]) -> Callable[[], None]:
        """Call `handler` for every event of exactly this kind; returns the function that ends it."""
        self._handlers[kind].append(handler)
        return lambda: self._handlers[kind].remove(handler)

    def kinds(self) -> list[type]:
        """The kinds of events that somebody has subscribed to."""
        return list(self._handlers)

    def deliver(self, event: object) -> None:
        for handler in list(self._handlers.get(type(event), ())):
            try:
                handler(event)
            except Exception:
                log.exception("bus_handler_failed", event_kind=type(event).__name__)


def publish(session: AsyncSession, event: object) -> None:
    """Deliver `event` when this unit of work has been committed."""
    session.info.setdefault(_PENDING, []).append(event)


def take_pending(session: AsyncSession) -> list[object]:
    return session.info.pop(_PENDING, [])  # type: ignore[no-any-return]
