"""What callers say and what offices write (同义词): the list that ships, and the editors' own in the database."""

import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from core.bus import publish
from core.errors import InvalidInput
from kb.events import SynonymsChanged
from kb.models import Synonym
from kb.searching.query import LONGEST_SYNONYM
from kb.searching.text import normalise

SHIPPED = Path(__file__).with_name("synonyms.toml")


@cache
def shipped() -> tuple[tuple[str, str], ...]:
    """Pairs of (said, official) of the shipped list, normalised."""
    return tuple(_pairs(tomllib.loads(SHIPPED.read_text(encoding="utf-8"))))


def _pairs(data: dict[str, list[dict[str, list[str]]]]) -> Iterator[tuple[str, str]]:
    for groups in data.values():
        for group in groups:
            for said in group["say"]:
                for official in group["official"]:
                    yield normalise(said), normalise(official)


def everything(session: Session) -> list[tuple[str, str]]:
    """The shipped pairs and the editors' own; asked twice a second, by a quick look."""
    rows = session.execute(select(Synonym.say, Synonym.official))
    return [*shipped(), *((say, official) for say, official in rows)]


async def add(session: AsyncSession, say: str, official: str) -> None:
    """From now on who says `say` also finds `official`; twice is once."""
    said, written = normalise(say), normalise(official)
    if not 0 < len(said) <= LONGEST_SYNONYM or not written:
        raise InvalidInput(
            field="同义词", reason=f"请填写群众的说法（{LONGEST_SYNONYM} 字以内）和对应的规范用语"
        )
    known = select(Synonym.id).where(Synonym.say == said, Synonym.official == written)
    if await session.scalar(known) is None:
        session.add(Synonym(say=said, official=written))
        await session.flush()
    publish(session, SynonymsChanged())


async def remove(session: AsyncSession, say: str, official: str) -> None:
    """Forget a pair of the editors' own; the shipped list stays."""
    same = (Synonym.say == normalise(say), Synonym.official == normalise(official))
    await session.execute(delete(Synonym).where(*same))
    publish(session, SynonymsChanged())
