"""Standard phrases (规范用语, M-26 「热线回答要求用语规范」): shown by the state of the call, and edited by supervisors.

What ships is in phrases.toml; a situation whose words a supervisor has changed is in the database.
"""

import functools
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.desk.models import OwnPhrases
from core.bus import publish
from core.errors import InvalidInput

FILE = Path(__file__).parent / "phrases.toml"
MOST, LONGEST = 12, 200
"""Phrases of one situation, and characters of one: the panel is read in mid-call."""


@dataclass(frozen=True)
class Situation:
    id: str
    title: str
    when: tuple[str, ...]
    """Desk states (`ringing`, `talking`, …) or choices in the form (`outcome:other_ways`) that bring it up."""
    phrases: tuple[str, ...]


@dataclass(frozen=True)
class PhrasesChanged:
    """A supervisor has changed the words of a situation."""

    situation: str


@functools.cache
def load(file: Path = FILE) -> tuple[Situation, ...]:
    """Every situation as shipped, in the file's order. Raises ValueError naming the entry that lacks something."""
    entries = tomllib.loads(file.read_text(encoding="utf-8"))["situations"]
    return tuple(_situation(entry) for entry in entries)


async def current(session: AsyncSession) -> list[Situation]:
    """Every situation with the words that hold now."""
    own = {row.situation: tuple(row.phrases) for row in await session.scalars(select(OwnPhrases))}
    return [replace(one, phrases=own.get(one.id, one.phrases)) for one in load()]


async def change(session: AsyncSession, situation: str, text: str | None) -> Situation:
    """Other words for a situation, one phrase a line; None: those that ship. Raises InvalidInput."""
    shipped = next((one for one in load() if one.id == situation), None)
    if shipped is None:
        raise InvalidInput(field="场合", reason="请从页面上选择")
    words = shipped.phrases if text is None else tuple(filter(None, map(str.strip, text.splitlines())))
    if not words:
        raise InvalidInput(field=shipped.title, reason="请至少写一句，或恢复原来的用语")
    if len(words) > MOST or any(len(line) > LONGEST or not line.isprintable() for line in words):
        raise InvalidInput(field=shipped.title, reason=f"最多 {MOST} 句，每句不超过 {LONGEST} 个字")
    await session.execute(delete(OwnPhrases).where(OwnPhrases.situation == situation))
    if words != shipped.phrases:
        session.add(OwnPhrases(situation=situation, phrases=list(words)))
    publish(session, PhrasesChanged(situation))
    return replace(shipped, phrases=words)


def phrases_json(situations: Sequence[Situation], line: str) -> list[dict[str, Any]]:
    """For the page; `line` is the number that callers dial."""
    return [
        asdict(one) | {"phrases": [text.replace("{专线}", line) for text in one.phrases]}
        for one in situations
    ]


def _situation(entry: dict[str, Any]) -> Situation:
    if not all(entry.get(key) for key in ("id", "title", "when", "phrases")):
        raise ValueError(f"规范用语条目不完整：{entry.get('id') or entry}")
    return Situation(entry["id"], entry["title"], tuple(entry["when"]), tuple(entry["phrases"]))
