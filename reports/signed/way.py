"""One step on the way of what is signed and handed on (办理步骤): taken once, however many press at the same moment."""

from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from core.db import hit_one
from reports.models import CitationList, Report


async def taken(
    session: AsyncSession, one: Report | CitationList, stamp: str, values: dict[str, Any]
) -> bool:
    """Set the values, by compare-and-set on the column `stamp`, which was empty until then; whether it was."""
    kind: Any = type(one)
    first = update(kind).where(kind.id == one.id, getattr(kind, stamp).is_(None))
    return hit_one(await session.execute(first.values(**values)))
