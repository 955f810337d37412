"""Searching the knowledge base (检索, M-22): what the desk, the portal and the menus call.

Searches run in a few threads with connections of their own; the event loop only waits. Nothing here writes an entry.
"""

import asyncio
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from core.clock import BEIJING, Clock
from core.db import Database
from core.errors import NotFound
from kb import entries, feedback
from kb.kinds import labelled
from kb.models import Audience, Entry, EntryState
from kb.searching import index
from kb.searching.documents import INDEXED
from kb.searching.engine import REMEMBERED, Engine
from kb.searching.hits import Hit, Scope
from kb.searching.keeper import Keeper
from kb.searching.refill import Progress

AudienceName = Literal["public", "staff"]
THREADS = 2
LONGEST_QUERY = 200
MOST_HITS = 50


class Searcher:
    """The search over one index file and the database it is made from; `open` before use, `close` after."""

    def __init__(self, index_path: Path, db: Database, clock: Clock, remembered: int = REMEMBERED) -> None:
        self._path = index_path
        self._remembered = remembered
        self._db = db
        self._clock = clock
        self._keeper = Keeper(index_path, db)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="kb-search")
        self._local = threading.local()
        self._engines: list[Engine] = []
        self.follow = self._keeper.follow
        """Loop for `core.tasks`: keeps the index in step with the entries."""

    async def open(self) -> None:
        """Make the index where it is missing or outdated, mend it where entries changed meanwhile."""
        await self._keeper.open()

    async def close(self) -> None:
        self._threads.shutdown()
        for engine in self._engines:
            engine.close()
        await self._keeper.close()

    async def search(
        self,
        q: str,
        limit: int = 10,
        unit: str | None = None,
        audience: AudienceName = "public",
        own_unit_id: int | None = None,
        own_region_id: int | None = None,
        with_expired: bool = False,
        region_id: int | None = None,
        kind: str = "",
        titles_only: bool = False,
    ) -> list[Hit]:
        """The best entries first. `own_…` come first among equals; the other filters keep everything else out.

        `unit`: only of units whose name holds this; `kind`: an `EntryKind`; `titles_only` leaves the answers unread.
        Internal entries (M-70) are found by `staff` alone. Withdrawn and not yet valid ones by nobody, expired ones
        only by staff that asks for them (`with_expired`), with `valid` False (M-22), after valid ones as good.
        """
        scope = Scope(
            today=self._today(), public_only=audience != "staff", with_expired=with_expired, unit=unit or "",
            region_id=region_id, kind=kind, own_unit_id=own_unit_id, own_region_id=own_region_id,
        )  # fmt: skip
        return await self._run(q, limit, scope, not titles_only)

    async def entry(self, entry_id: int, audience: AudienceName = "public") -> dict[str, Any]:
        """One published entry with its whole answer; raises NotFound, also for what this audience may not see.

        Staff may look at expired ones (M-22): `valid` is False then.
        """
        async with self._db.reading() as session:
            entry = await entries.find(session, entry_id)
        if not self._may_see(entry, audience):
            raise NotFound
        return {
            "id": entry.id,
            "source_id": entry.source_id,
            "kind": entry.kind,
            "title": entry.title,
            "answer": entry.answer,
            "details": labelled(entry.kind, entry.details),
            "unit": entry.unit.name if entry.unit else entry.department,
            "unit_id": entry.unit_id,
            "subject": entry.subject,
            "category": entry.category,
            "source": entry.source,
            "valid_from": entry.valid_from_on and entry.valid_from_on.isoformat(),
            "valid_to": entry.valid_to_on and entry.valid_to_on.isoformat(),
            "valid": self._is_valid(entry),
            "public": entry.audience == Audience.PUBLIC,
        }

    async def chosen(
        self,
        query: str,
        entry_id: int,
        user_id: int | None,
        shown_ids: Sequence[int] = (),
        ticket_no: str | None = None,
    ) -> None:
        """This entry answered the question, on this ticket where there is one; raises NotFound."""
        async with self._db.unit_of_work() as session:
            await feedback.chosen(
                session, self._clock, query=query, entry_id=entry_id, user_id=user_id, shown_ids=shown_ids,
                ticket_no=ticket_no,
            )  # fmt: skip

    async def not_found(self, query: str, user_id: int | None, shown_ids: Sequence[int] = ()) -> None:
        """Nothing answered the question: the editors see it (M-84); `user_id` None: the public asked."""
        if not feedback.is_telling(query):
            return
        async with self._db.unit_of_work() as session:
            await feedback.not_found(session, self._clock, query=query, user_id=user_id, shown_ids=shown_ids)

    async def rebuild(self, progress: Progress | None = None) -> int:
        """Make the index anew; returns the number of entries."""
        return await self._keeper.rebuild(progress)

    async def reindex(self, entry_ids: Iterable[int]) -> None:
        """Take these entries in as they are now."""
        await self._keeper.reindex(entry_ids)

    def _today(self) -> Any:
        return self._clock.now().astimezone(BEIJING).date()

    def _may_see(self, entry: Entry, audience: AudienceName) -> bool:
        begun = entry.valid_from_on is None or entry.valid_from_on <= self._today()
        if audience == "staff":
            return entry.state in INDEXED and begun
        return begun and self._is_valid(entry) and entry.audience == Audience.PUBLIC

    def _is_valid(self, entry: Entry) -> bool:
        lasting = entry.valid_to_on is None or entry.valid_to_on >= self._today()
        return entry.state == EntryState.PUBLISHED and lasting

    async def _run(self, q: str, limit: int, scope: Scope, answers: bool) -> list[Hit]:
        q, limit = q[:LONGEST_QUERY], max(1, min(limit, MOST_HITS))
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._search, q, limit, scope, answers)

    def _search(self, q: str, limit: int, scope: Scope, answers: bool) -> list[Hit]:
        engine = self._engine()
        return engine.search(q, limit, scope, answers=answers) if engine else []

    def _engine(self) -> Engine | None:
        """This thread's reader of the generation in use; None while there is no index."""
        engine: Engine | None = getattr(self._local, "engine", None)
        folder = index.named(self._path)
        if engine is None or engine.folder != folder:
            if engine:
                engine.close()
                self._engines.remove(engine)
            engine = self._local.engine = Engine(folder, self._remembered) if folder else None
            if engine:
                self._engines.append(engine)
        return engine
