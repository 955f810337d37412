"""Praise and criticism (表扬和通报批评, M-78): which units and regions belong to which class, and the list's way.

    草稿 ─政府办签发→ 已签发 ─监察会签→ 已会签 ─公布→ 已公布

There is no ranking: whoever meets a class's rule is in it, and its rule stands beside it. Satisfaction judges nobody with
fewer than ten ratings. A draft may be reckoned anew; from the first signature on the list stays as it is.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
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
from core.units import Region, Unit, regions_below
from reports.counting import figures
from reports.counting.figures import Figure
from reports.counting.indicators import BY_KEY, VERSION, Way
from reports.counting.slices import Slice, days
from reports.models import CitationList, PeriodKind
from reports.signed.periods import Period
from reports.signed.way import taken

STATES = {"draft": "草稿", "signed": "已签发", "cosigned": "已会签", "published": "已公布"}
LEAST_RATED, LEAST_GRADED = 10, 5
SATISFIED, WELL_SERVED, OFTEN_EXTENDED = 0.95, 9_000, 0.10
KEYS = ("K-09", "K-21.unit", "K-16", "K-16.extended", "K-16.unanswered", "K-16.unexplained", "K-18.attitude")
Figures = dict[str, Figure]


@dataclass(frozen=True)
class Class:
    """One class (档) of the list: who is in it, and what is said of them."""

    key: str
    title: str
    praise: bool
    rule: str
    shown: str
    """The indicator whose value stands behind each name and orders them."""
    holds: Callable[[Figures], bool]


def _share(one: Figure) -> float:
    return one.numerator / one.denominator if one.denominator else 0.0


def _is_blameless(of: Figures) -> bool:
    return not (
        of["K-16.unanswered"].numerator or of["K-16.unexplained"].numerator or of["K-18.attitude"].numerator
    )


CLASSES: tuple[Class, ...] = (
    Class(
        "satisfied", "回复效果好", True, "评价满 10 条，答复满意率不低于 95%，且没有逾期未办结、逾期未说明和属实的态度投诉。", "K-09",
        lambda of: of["K-09"].denominator >= LEAST_RATED and _share(of["K-09"]) >= SATISFIED and _is_blameless(of),
    ),
    Class(
        "well_served", "服务质量高", True, "质检满 5 次通话，单位质检得分不低于 90 分，且没有逾期未办结、逾期未说明和属实的态度投诉。", "K-21.unit",
        lambda of: of["K-21.unit"].denominator >= LEAST_GRADED and _share(of["K-21.unit"]) >= WELL_SERVED and _is_blameless(of),
    ),
    Class(
        "extended", "延期较多", False, "批准延期的办理环节超过应办结环节的 10%。", "K-16.extended",
        lambda of: _share(of["K-16.extended"]) > OFTEN_EXTENDED,
    ),
    Class(
        "unanswered", "逾期未回复", False, "期内应办结的环节，逾期至今仍未办结。", "K-16.unanswered",
        lambda of: of["K-16.unanswered"].numerator > 0,
    ),
    Class(
        "attitude", "服务态度恶劣", False, "期内办结的投诉中，服务态度方面查证属实。", "K-18.attitude",
        lambda of: of["K-18.attitude"].numerator > 0,
    ),
)  # fmt: skip
"""M-78 「对回复效果好、服务质量高的部门进行表彰,对延期或未回复、服务态度恶劣的地区及部门进行通报批评」; thresholds [I]."""


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


def named(classes: Iterable[Mapping[str, Any]], *, praise: bool) -> int:
    """How many units and regions the classes of a list praise, or criticise; each once."""
    return len({entry["name"] for part in classes if part["praise"] == praise for entry in part["entries"]})


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
        rule_version=VERSION, content=await _classes(session, clock.now(), region.id, period),
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
    one.content = await _classes(session, clock.now(), one.region_id, period_of(one))
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


async def _classes(
    session: AsyncSession, now: datetime, region_id: int, period: Period
) -> list[dict[str, Any]]:
    """Every class with its units, then its regions, each ordered by the figure shown."""
    below = frozenset(await session.scalars(regions_below(region_id)))
    of = Slice(*days(period.first, period.last), now, region_ids=below)
    units = select(Unit.id, Unit.name).where(Unit.region_id.in_(below), Unit.is_active)
    regions = select(Region.id, Region.name).where(Region.id.in_(below - {region_id}))
    judged = [
        *await _judged(session, of, "unit", {key: name for key, name in await session.execute(units)}),  # noqa: C416
        *await _judged(session, of, "region", {key: name for key, name in await session.execute(regions)}),  # noqa: C416
    ]
    return [
        {
            "key": one.key,
            "title": one.title,
            "praise": one.praise,
            "rule": one.rule,
            "entries": _entries(one, judged),
        }
        for one in CLASSES
    ]


async def _judged(
    session: AsyncSession, of: Slice, dimension: str, names: dict[int, str]
) -> list[tuple[str, str, Figures]]:
    """(kind, name, figures) of everybody named."""
    found = await figures.table(session, [BY_KEY[key] for key in KEYS], of, dimension)
    none = {key: Figure(BY_KEY[key]) for key in KEYS}
    return [
        (dimension, name, {key: found[key].get(one, none[key]) for key in KEYS})
        for one, name in names.items()
    ]


def _entries(one: Class, judged: Sequence[tuple[str, str, Figures]]) -> list[dict[str, str]]:
    """The best first of those praised, the worst first of those criticised."""
    named = [(kind, name, of[one.shown]) for kind, name, of in judged if one.holds(of)]
    named.sort(key=lambda entry: (entry[0] == "region", -(entry[2].value or 0), entry[1]))
    return [{"kind": kind, "name": name, "text": _said(figure)} for kind, name, figure in named]


def _said(one: Figure) -> str:
    """A count of cases for what is criticised, the figure itself for what is praised."""
    if one.indicator.way is Way.COUNT:
        return f"{one.numerator} 件"
    return f"{one.numerator} 件，占 {one.text}" if not one.indicator.higher_is_better else one.text


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
