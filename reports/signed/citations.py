"""Praise and criticism (表扬和通报批评, M-78): a list's way from the draft to the public.

    草稿 ─政府办签发→ 已签发 ─监察会签→ 已会签 ─公布→ 已公布

A draft may be reckoned anew; from the first signature on the list stays as it is. Who is on it: `reports.signed.classes`.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager, selectinload

from core import audit
from core.clock import Clock, beijing
from core.errors import Conflict, InvalidInput, NotFound
from core.people import User
from core.units import Region
from reports.counting.indicators import VERSION
from reports.models import CitationList, PeriodKind
from reports.signed import classes
from reports.signed.periods import Period
from reports.signed.way import taken

STATES = {"draft": "草稿", "signed": "已签发", "cosigned": "已会签", "published": "已公布"}


class ListSigned(Conflict):
    """The list is at another point of its way; `state` says which."""

    code = "citations_state"
    text = "名单目前为“{state}”，不能进行这项操作，请刷新后核对。"


class ListKnown(Conflict):
    """The region has a list for that period."""

    code = "citations_known"
    text = "这一时段的名单已经有了，请在名单中打开；草稿可以重新计算。"


@dataclass(frozen=True)
class Published:
    """A published list as the public sees it: no ticket, no person."""

    region: str
    region_code: str
    period: Period
    published_on: date
    classes: list[dict[str, Any]]
    """Each `title`, `praise`, `rule`, `entries`: `kind` (unit or region), `name`, `text`."""


_PUBLIC = (
    select(CitationList)
    .join(CitationList.region)
    .where(CitationList.published_at.is_not(None))
    .options(contains_eager(CitationList.region))
    .order_by(CitationList.published_at.desc(), CitationList.id.desc())
)


async def published(session: AsyncSession, region_code: str = "", *, most: int = 12) -> list[Published]:
    """The newest published lists, of one region or of all; for the public pages."""
    wanted = _PUBLIC.where(Region.code == region_code) if region_code else _PUBLIC
    return [_told(one) for one in await session.scalars(wanted.limit(most))]


async def published_between(
    session: AsyncSession, region_id: int, since: datetime, until: datetime
) -> list[Published]:
    """One region's, published from `since` up to, not including, `until`."""
    within = (CitationList.published_at >= since) & (CitationList.published_at < until)
    wanted = _PUBLIC.where(CitationList.region_id == region_id, within)
    return [_told(one) for one in await session.scalars(wanted)]


async def find_published(
    session: AsyncSession, region_code: str, kind: PeriodKind, first_on: date
) -> Published:
    """The published list of this region and period; raises NotFound."""
    named = (CitationList.kind == kind) & (CitationList.first_on == first_on)
    one = await session.scalar(_PUBLIC.where(Region.code == region_code, named))
    if one is None:
        raise NotFound
    return _told(one)


def _told(one: CitationList) -> Published:
    assert one.published_at is not None
    on = beijing(one.published_at).date()
    return Published(one.region.name, one.region.code, period_of(one), on, one.content)


async def draft(
    session: AsyncSession, clock: Clock, user: User, region: Region, period: Period
) -> CitationList:
    """A new list; raises InvalidInput before the period has ended, ListKnown."""
    if period.last >= beijing(clock.now()).date():
        raise InvalidInput(field="报告期", reason=f"{period.name}尚未结束")
    made = CitationList(
        region_id=region.id, kind=period.kind, first_on=period.first, last_on=period.last, made_at=clock.now(),
        rule_version=VERSION, content=await classes.judge(session, clock.now(), region.id, period),
    )  # fmt: skip
    made.region = region
    session.add(made)
    try:
        await session.flush()
    except IntegrityError:
        raise ListKnown from None
    await _note(session, clock, user, "draft", made)
    return made


async def find(session: AsyncSession, list_id: int, region_ids: frozenset[int]) -> CitationList:
    """The list with its region; raises NotFound outside these regions."""
    wanted = select(CitationList).where(CitationList.id == list_id, CitationList.region_id.in_(region_ids))
    found = await session.scalar(wanted.options(selectinload(CitationList.region)))
    if found is None:
        raise NotFound
    return found


async def reckon_anew(session: AsyncSession, clock: Clock, one: CitationList, user: User) -> None:
    """A draft says what is true now."""
    _need(one, "draft")
    one.content = await classes.judge(session, clock.now(), one.region_id, period_of(one))
    one.made_at, one.rule_version = clock.now(), VERSION
    await _note(session, clock, user, "reckon", one)


async def sign(session: AsyncSession, clock: Clock, one: CitationList, user: User) -> None:
    """签发 by the government office."""
    await _pass(session, clock, user, one, "draft", {"signed_at": clock.now(), "signer_id": user.id})


async def cosign(session: AsyncSession, clock: Clock, one: CitationList, user: User) -> None:
    """会签 by the supervision body."""
    await _pass(session, clock, user, one, "signed", {"cosigned_at": clock.now(), "cosigner_id": user.id})


async def publish(session: AsyncSession, clock: Clock, one: CitationList, user: User) -> None:
    """公布: from now on the public reads it."""
    await _pass(session, clock, user, one, "cosigned", {"published_at": clock.now()})


def state_of(one: CitationList) -> str:
    """A key of STATES."""
    passed = ((one.published_at, "published"), (one.cosigned_at, "cosigned"), (one.signed_at, "signed"))
    return next((name for at, name in passed if at), "draft")


def period_of(one: CitationList) -> Period:
    return Period(one.kind, one.first_on, one.last_on)


async def _pass(
    session: AsyncSession, clock: Clock, user: User, one: CitationList, state: str, values: dict[str, object]
) -> None:
    """One step of the way, by compare-and-set."""
    _need(one, state)
    column, *_ = values
    if not await taken(session, one, column, values):
        raise ListSigned(state=STATES[state_of(one)])
    await _note(session, clock, user, column.removesuffix("_at"), one)


def _need(one: CitationList, state: str) -> None:
    if state_of(one) != state:
        raise ListSigned(state=STATES[state_of(one)])


async def _note(session: AsyncSession, clock: Clock, user: User, what: str, one: CitationList) -> None:
    await audit.record(
        session,
        clock,
        actor=user.username,
        action=f"citations.{what}",
        target=f"{one.region.code}:{one.kind}:{one.first_on}",
    )
