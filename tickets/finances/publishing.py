"""公开 (M-114): the ways recorded, the board's title, and what of it everybody reads on the web."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import ColumnElement, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core.clock import Clock, beijing
from core.errors import InvalidInput, NotFound
from core.people import User
from core.units import Region, RegionLevel, Unit
from tickets.finances.errors import Recorded
from tickets.finances.marks import mark
from tickets.finances.models import FinanceChannel, FinanceNotice
from tickets.finances.stages import CHANNELS, Channel, Level, Stage
from tickets.finances.way import claim
from tickets.text import clean

MOST_LEVELS = 6


async def record(
    session: AsyncSession, clock: Clock, *, user: User, notice_id: int, channel: Channel, on: date, note: str
) -> None:
    """One way, each once; from 网络 on it is on the web. Raises NotFound, NotAllowed, WrongStage, InvalidInput, Recorded."""
    notice = await claim(session, clock, user, notice_id, Stage.PUBLICATION)
    today, signed = beijing(clock.now()).date(), notice.signed_at
    if on > today or (signed and on < beijing(signed).date()):
        raise InvalidInput(field="公开日期", reason="请填写审签以后、今天以前的日期")
    said = clean("place", note)
    session.add(FinanceChannel(notice_id=notice.id, channel=channel, on=on, note=said))
    try:
        await session.flush()
    except IntegrityError:
        raise Recorded(what=f"{CHANNELS[channel]}公开") from None
    text = f"{CHANNELS[channel]}，{on:%Y-%m-%d}" + (f"，{said}" if said else "")
    await mark(session, clock, user, notice, "channel", text)


async def board_title(session: AsyncSession, notice: FinanceNotice) -> str:
    """「巴州区XXX乡镇(街道办事处)政务党务公开专栏」, of a village 「…XXX村(居)委会党务村务公开栏」 (L115)."""
    unit = await session.get_one(Unit, notice.unit_id)
    county, township = await _places(session, unit)
    if notice.level == Level.VILLAGE:
        return f"{county}{township}{notice.village}党务村务公开栏"
    return f"{county}{township}政务党务公开专栏"


async def _places(session: AsyncSession, unit: Unit) -> tuple[str, str]:
    """The county's name and the township's; a township that is no region of its own is called after its government."""
    above: dict[str, str] = {}
    region = await session.get(Region, unit.region_id)
    for _ in range(MOST_LEVELS):
        if region is None:
            break
        above[region.level] = region.name
        region = await session.get(Region, region.parent_id) if region.parent_id else None
    county = above.get(RegionLevel.COUNTY, "")
    township = above.get(RegionLevel.TOWNSHIP) or unit.name.removesuffix("人民政府")
    return county, township.removeprefix(county)


def _on_the_web() -> ColumnElement[bool]:
    web = select(FinanceChannel.notice_id).where(FinanceChannel.channel == Channel.WEB)
    return FinanceNotice.id.in_(web)


async def published(
    session: AsyncSession, *, most: int, offset: int = 0
) -> Sequence[tuple[FinanceNotice, date]]:
    """What is on the web and since when, the newest first."""
    query = (
        select(FinanceNotice, FinanceChannel.on)
        .join(FinanceChannel, FinanceChannel.notice_id == FinanceNotice.id)
        .where(FinanceChannel.channel == Channel.WEB)
        .options(selectinload(FinanceNotice.unit).selectinload(Unit.region))
        .order_by(FinanceChannel.on.desc(), FinanceNotice.id.desc())
    )
    rows = await session.execute(query.limit(most).offset(offset))
    return [(notice, on) for notice, on in rows]


async def find_published(session: AsyncSession, public_id: str) -> FinanceNotice:
    """Raises NotFound for what is not on the web."""
    wanted = select(FinanceNotice).where(FinanceNotice.public_id == public_id, _on_the_web())
    notice = await session.scalar(wanted.options(selectinload(FinanceNotice.unit)))
    if notice is None:
        raise NotFound
    return notice
