"""What the menus read out of the knowledge base (热点和公告播报, M-18, M-109): asked at every call, so that nothing is stale."""

from collections.abc import Callable, Coroutine, Sequence
from datetime import date
from typing import Any

from core.clock import Clock, beijing
from core.db import Database
from ivr.flow.context import HotAnswer
from kb import entries, readings, spoken
from kb.models import Entry

Job = Callable[[Coroutine[Any, Any, None], str], object]


class SpokenAnswers:
    """`job` runs on beyond the caller's stay: nobody waits for the note that something was read out."""

    def __init__(self, db: Database, clock: Clock, job: Job) -> None:
        self._db, self._clock, self._job = db, clock, job

    async def hot(self, subject: str | None) -> Sequence[HotAnswer]:
        async with self._db.reading() as session:
            return [_spoken(entry) for entry in await entries.hot(session, self._today(), subject)]

    async def notices(self) -> Sequence[HotAnswer]:
        async with self._db.reading() as session:
            return [_spoken(entry) for entry in await entries.notices(session, self._today())]

    async def read_out(self, answer: HotAnswer, linkedid: str) -> HotAnswer | None:
        async with self._db.reading() as session:
            entry = await entries.public_entry(session, self._today(), answer.entry_id)
        if entry is None:
            return None
        self._job(self._note(entry.id, linkedid), "kb-reading")
        return _spoken(entry)

    async def _note(self, entry_id: int, linkedid: str) -> None:
        async with self._db.unit_of_work() as session:
            await readings.note(session, self._clock, entry_id, linkedid=linkedid)

    def _today(self) -> date:
        return beijing(self._clock.now()).date()


def _spoken(entry: Entry) -> HotAnswer:
    return HotAnswer(spoken.title_of(entry), spoken.text_of(entry), entry.id)
