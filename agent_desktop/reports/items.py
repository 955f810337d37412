"""`/reports/items` (指标明细): the very calls, steps or tickets that a numerator or denominator counts, with links."""

from typing import Any

from aiohttp import web
from sqlalchemy import select, true

from agent_desktop.reports.ask import FIELDS, Question, question_of
from agent_desktop.reports.reach import READERS, Reach, reach_of
from core.clock import beijing
from core.errors import NotFound
from core.people import Role, User
from core.units import Unit
from core.web.keys import CLOCK, DB, person
from core.web.lists import Column, Filter, Query, Table, serve_list
from core.web.routes import Routes
from recordings.call_story import story
from recordings.listening.permission import SEES_CALLS
from recordings.models import Call
from reports.breakdowns import abandons
from reports.breakdowns.liaisons import OWN
from reports.counting import figures
from reports.counting.figures import DENOMINATOR, MISSED, NUMERATOR, Figure
from reports.counting.indicators import BY_KEY, Indicator, Show, Way
from reports.scores.clerks import OF_CLERKS
from tickets.models import TicketKind

routes = Routes()
LISTED = {**BY_KEY, **OWN, **{one.key: one for one in OF_CLERKS}}
"""Every indicator whose rows can be listed, by its key."""
PARTS = {NUMERATOR: "分子", DENOMINATOR: "分母", MISSED: "未达"}


@routes.get("/reports/items", roles=READERS | {Role.WINDOW})
async def page(request: web.Request) -> web.StreamResponse:
    indicator, part = LISTED.get(request.query.get("key", "")), request.query.get("part", DENOMINATOR)
    if indicator is None or part not in PARTS or (part == MISSED and not indicator.misses):
        raise NotFound
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
        asked = await question_of(session, request.app[CLOCK], reach, request.query)
        one = await figures.figure(session, indicator, asked.of)
    if not one.applies:
        raise NotFound
    query, columns = _query(indicator, asked, part)
    table = _table(indicator, part, columns, reach, sees_calls=bool(person(request).roles & SEES_CALLS))
    return await serve_list(
        request, table, query, "reports/items.html", one=one, asked=asked, part=PARTS[part], tabs=_tabs(asked, one, part),
        node=story.node_name(request.query.get("node", "")),
    )  # fmt: skip


def link_to(asked: Question, indicator: Indicator, part: str, **more: str) -> str:
    return "/reports/items" + asked.link(key=indicator.key, part=part, **more)


def _tabs(asked: Question, one: Figure, shown: str) -> list[tuple[str, str, bool]]:
    """(text, address, is shown) of what stands above and below the line, and of what is below alone."""
    parts = [NUMERATOR] if one.indicator.way is Way.COUNT else [NUMERATOR, DENOMINATOR]
    texts = {part: f"{PARTS[part]} {figures.number_text(one, part)}" for part in parts}
    if one.indicator.misses:
        texts[MISSED] = PARTS[MISSED]
    return [(text, link_to(asked, one.indicator, part), part == shown) for part, text in texts.items()]


def _query(indicator: Indicator, asked: Question, part: str) -> tuple[Query, Any]:
    rows = figures.items(indicator, asked.of, part).subquery()
    query = (
        select(rows, Unit.name.label("unit"), User.display_name.label("person"))
        .outerjoin(Unit, Unit.id == rows.c.unit_id)
        .outerjoin(User, User.id == rows.c.person_id)
    )
    return query, rows.c


def _table(indicator: Indicator, part: str, columns: Any, reach: Reach, *, sees_calls: bool) -> Table:
    source = indicator.apart if part == NUMERATOR and indicator.apart else indicator.source

    def hidden(row: Any) -> bool:
        return row.ticket_kind == TicketKind.COMPLAINT and not reach.sees_complaints

    def what(row: Any) -> str:
        return "投诉（由监察掌握）" if hidden(row) else row.ticket_no or row.linkedid or ""

    def href(row: Any) -> str:
        if row.ticket_no and not hidden(row):
            return f"/tickets/{row.ticket_no}"
        return f"/supervise/calls/{row.linkedid}" if row.linkedid and sees_calls else ""

    shown = [
        Column("what", source.what, what, href=href),
        Column("at", "计入时间", lambda row: f"{beijing(row.at):%Y-%m-%d %H:%M:%S}", sort=columns.at),
        Column("unit", "单位", lambda row: row.unit or "", sort=Unit.name),
        Column("person", "人员", lambda row: row.person or "", sort=User.display_name),
    ]
    if indicator.show is Show.SECONDS:
        shown.append(
            Column(
                "amount",
                "时长（秒）",
                lambda row: f"{row.amount / 1000:.1f}",
                sort=columns.amount,
                number=True,
            )
        )
    if indicator.show is Show.POINTS:
        points = lambda row: f"{row.amount / 100:.2f}"  # noqa: E731
        shown.append(Column("amount", "得分", points, sort=columns.amount, number=True))
    title = f"{indicator.name}：{PARTS[part]}"
    filters = (*KEPT, _in_node(columns)) if indicator.k == "K-03" else KEPT
    return Table("indicator-items", title, tuple(shown), filters=filters, sort="at", tie=columns.id)


def _in_node(columns: Any) -> Filter:
    """The calls that ended in one node of the menu."""
    wanted = lambda node: columns.id.in_(select(Call.id).where(node == abandons.NODE))  # noqa: E731
    return Filter("node", "放弃环节", wanted, kind="hidden")


KEPT = tuple(Filter(name, name, lambda _: true(), kind="hidden") for name in ("key", "part", *FIELDS))
"""What the address must say on every page of the list."""
