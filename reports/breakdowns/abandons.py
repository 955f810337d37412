"""Where callers gave up (放弃环节, K-03, M-16): the calls that K-03 counts above its line, by the node they ended in."""

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from recordings.models import Call
from reports.counting.figures import NUMERATOR, items
from reports.counting.indicators import BY_KEY
from reports.counting.slices import Slice

NODE = func.coalesce(Call.end_node, "")


async def by_node(session: AsyncSession, of: Slice) -> list[tuple[str, int]]:
    """(node, calls), the most first; their sum is K-03's numerator. A slice by unit has none, as K-03."""
    if of.unit_ids is not None:
        return []
    query = items(BY_KEY["K-03"], of, NUMERATOR).with_only_columns(NODE, func.count()).group_by(NODE)
    return [
        (node, number) for node, number in await session.execute(query.order_by(func.count().desc(), NODE))
    ]
