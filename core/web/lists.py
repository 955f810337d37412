"""The list every page uses (列表): filter, sort, page and export of one SELECT, from the address and back into links.

A page says which columns and filters its list has, once::

    PLACES = Table(
        "places", "办事地点",
        columns=(
            Column("name", "名称", lambda row: row.name, sort=Place.name, href=lambda row: f"/places/{row.code}"),
            Column("state", "状态", lambda row: row.state, tone=lambda row: "ok" if row.open else "bad"),
        ),
        filters=(Filter("q", "名称", lambda text: Place.name.contains(text, autoescape=True)),),
        sort="name", tie=Place.id,
    )  # fmt: skip

    return await serve_list(request, PLACES, select(Place).where(visible), "places/list.html")

and its template shows it: `{% from "list.html" import list_view %} {{ list_view(listed, live="places") }}`; with
`live` the open page follows every `announce(app, …, "places")` by itself, see `core.web.changes`. What a column's
`text` says is shown and exported alike, so a number masked there is masked everywhere.

Who may see which rows is in the SELECT that the page brings; nothing here widens it.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from sqlalchemy import ColumnElement, Date, Result, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core import audit
from core.clock import BEIJING, beijing
from core.errors import InvalidInput
from core.web.days import read_day
from core.web.keys import CLOCK, DB, person
from core.web.numbers import whole_number
from core.web.pages import render
from core.web.requests import source_of
from core.web.sheets import CSV_TYPE, XLSX_TYPE, Rows, book_bytes, csv_text

EXPORT_MOST = 20_000
COUNTED_MOST = 10_000
"""Beyond that a list says “超过”; nobody pages that far, and counting on would cost more than the page."""
FILTER_LENGTH, PAGE_DIGITS = 100, 6
Query = Select[*tuple[Any, ...]]
Where = Callable[[str], ColumnElement[bool]]


@dataclass(frozen=True)
class Column:
    key: str
    label: str
    text: Callable[[Any], str]
    """What a row's cell says, on the page and in the file."""
    sort: Any = None
    """The expression to sort by; none: not sortable."""
    href: Callable[[Any], str] | None = None
    """Where the cell leads; an empty address: nowhere."""
    tone: Callable[[Any], str] | None = None
    """Shows the text as a chip: ok, info, warn, bad or plain (""); an empty text has no chip."""
    number: bool = False
    """Right-aligned figures."""
    whole: bool = False
    """Never broken over two lines: a date, a moment."""
    long: bool = False
    """Running text, which keeps its room on a narrow screen too."""


@dataclass(frozen=True)
class Filter:
    key: str
    label: str
    where: Where
    """The condition for a value; never called with an empty one. May raise InvalidInput."""
    options: Mapping[Any, str] = field(default_factory=dict)
    """Value → label; with options only these are accepted."""
    kind: str = "search"
    """search, date, or tabs: its options stand above the list."""
    default: str = ""
    """What holds while the address says nothing."""


@dataclass(frozen=True)
class Table:
    name: str
    """English, for the file name and the audit log."""
    title: str
    columns: tuple[Column, ...]
    sort: str
    """Key of a column, with a leading `-` for descending."""
    tie: Any
    """The key of the SELECT's first table, so that pages never repeat or lose a row."""
    filters: tuple[Filter, ...] = ()
    size: int = 50
    keys_first: bool = False
    """For long rows of which the filters leave few: the page's keys are sorted and counted in one go, its rows read after."""

    async def read(self, session: AsyncSession, query: Query, asked: Mapping[str, str]) -> "Listed":
        """The page asked for; raises InvalidInput for a filter value that cannot be meant."""
        values = self._values(asked)
        ordered = self._ordered(self._narrowed(query, values), sort := self._sort(asked))
        if self.keys_first:
            total, page, rows = await self._by_keys(session, query, ordered, sort, page_of(asked))
        else:
            total = await session.scalar(_count(ordered, self.tie)) or 0
            page = min(page_of(asked), self._pages(total))
            rows = await _rows(session, self._cut(ordered, page))
        return Listed(self, rows, total, page, self._pages(total), values, sort)

    async def _by_keys(
        self, session: AsyncSession, query: Query, ordered: Query, sort: str, page: int
    ) -> tuple[int, int, Sequence[Any]]:
        """Total, page and rows; a page beyond the last is the last."""
        keys = self._cut(ordered.with_only_columns(self.tie, func.count().over()), page)
        found = (await session.execute(keys)).all()
        if not found and page > 1:
            total = await session.scalar(_count(ordered, self.tie)) or 0
            return await self._by_keys(session, query, ordered, sort, self._pages(total))
        page_rows = self._ordered(query.where(self.tie.in_([row[0] for row in found])), sort)
        return (found[0][1] if found else 0), page, await _rows(session, page_rows) if found else ()

    def _cut(self, query: Query, page: int) -> Query:
        return query.offset((page - 1) * self.size).limit(self.size)

    def _pages(self, total: int) -> int:
        return max(1, -(-total // self.size))

    async def sheet(self, session: AsyncSession, query: Query, asked: Mapping[str, str]) -> list[list[str]]:
        """Head and rows of the whole list, at most EXPORT_MOST, in the order asked for."""
        ordered = self._ordered(self._narrowed(query, self._values(asked)), self._sort(asked))
        rows = await _rows(session, ordered.limit(EXPORT_MOST))
        head = [column.label for column in self.columns]
        return [head, *([column.text(row) for column in self.columns] for row in rows)]

    def _values(self, asked: Mapping[str, str]) -> dict[str, str]:
        return {item.key: asked.get(item.key, item.default).strip()[:FILTER_LENGTH] for item in self.filters}

    def _narrowed(self, query: Query, values: Mapping[str, str]) -> Query:
        for item in self.filters:
            if value := values[item.key]:
                if item.options and value not in item.options:
                    raise InvalidInput(field=item.label, reason="请从列表中选择")
                query = query.where(item.where(value))
        return query

    def _sort(self, asked: Mapping[str, str]) -> str:
        wanted = asked.get("sort", "")
        return wanted if self._sortable(wanted) is not None else self.sort

    def _sortable(self, key: str) -> Any:
        plain = key.removeprefix("-")
        return next((column.sort for column in self.columns if column.key == plain), None)

    def _ordered(self, query: Query, sort: str) -> Query:
        if (by := self._sortable(sort)) is not None:
            query = query.order_by(by.desc() if sort.startswith("-") else by)
        return query.order_by(self.tie)


@dataclass(frozen=True)
class Listed:
    """One page of a list, as the template `list.html` shows it."""

    table: Table
    rows: Sequence[Any]
    total: int
    """COUNTED_MOST + 1 when there are more than COUNTED_MOST."""
    page: int
    pages: int
    values: Mapping[str, str]
    sort: str

    @property
    def total_text(self) -> str:
        return f"超过 {COUNTED_MOST}" if self.total > COUNTED_MOST else str(self.total)

    @property
    def is_filtered(self) -> bool:
        return any(self.values[item.key] != item.default for item in self.table.filters)

    def link(self, **changes: str | int) -> str:
        """The same list with changes, as a query string; without `page` the first page."""
        asked = {item.key: self.values[item.key] for item in self.table.filters}
        defaults = {item.key: item.default for item in self.table.filters} | {"sort": self.table.sort}
        fields = asked | {"sort": self.sort} | {name: str(value) for name, value in changes.items()}
        return "?" + urlencode(
            {name: text for name, text in fields.items() if text != defaults.get(name, "")}
        )

    def sort_link(self, key: str) -> str:
        """Sorted by this column; once more turns it round."""
        return self.link(sort=f"-{key}" if self.sort == key else key)


def period(key: str, label: str, column: Any) -> tuple[Filter, Filter]:
    """Two date fields that narrow a date or instant column to whole Beijing days, both included."""
    is_date = isinstance(column.type, Date)

    def since(text: str) -> ColumnElement[bool]:
        first = read_day(text, f"{label}起")
        return column >= (first if is_date else _midnight(first))  # type: ignore[no-any-return]

    def until(text: str) -> ColumnElement[bool]:
        after = read_day(text, f"{label}止") + timedelta(days=1)
        return column < (after if is_date else _midnight(after))  # type: ignore[no-any-return]

    return (
        Filter(f"{key}_from", f"{label}起", since, kind="date"),
        Filter(f"{key}_to", f"{label}止", until, kind="date"),
    )


async def serve_list(
    request: web.Request, table: Table, query: Query, template: str, **context: Any
) -> web.Response:
    """The page with the list as `listed`, or with `?export=csv|xlsx` the file, which is written down (M-91)."""
    if kind := request.query.get("export", ""):
        return await _export(request, table, query, kind)
    async with request.app[DB].reading() as session:
        listed = await table.read(session, query, request.query)
    return render(request, template, listed=listed, **context)


async def _export(request: web.Request, table: Table, query: Query, kind: str) -> web.Response:
    async with request.app[DB].reading() as session:
        rows = await table.sheet(session, query, request.query)
    return await export_answer(request, table.name, table.title, rows, kind)


async def export_answer(request: web.Request, name: str, title: str, rows: Rows, kind: str) -> web.Response:
    """The rows, the first their head, as a file `name` of this kind, csv or xlsx; written down (M-91) before it is sent."""
    if kind not in {"csv", "xlsx"}:
        raise InvalidInput(field="导出格式", reason="请选择 CSV 或 XLSX")
    clock = request.app[CLOCK]
    async with request.app[DB].unit_of_work() as session:
        await audit.record(
            session, clock, actor=person(request).username, action="list.export",
            target=f"{name}:{len(rows) - 1}", reason=request.query_string[:500], source=source_of(request),
        )  # fmt: skip
    file = f"{name}-{beijing(clock.now()):%Y%m%d-%H%M}"
    if kind == "csv":
        headers = {"Content-Disposition": f'attachment; filename="{file}.csv"'}
        return web.Response(text=csv_text(rows), content_type=CSV_TYPE, charset="utf-8", headers=headers)
    return await book_answer(file, [(title, rows)])


async def book_answer(name: str, sheets: Sequence[tuple[str, Rows]]) -> web.Response:
    """Several sheets as the file `name.xlsx`."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.xlsx"'}
    body = await asyncio.to_thread(book_bytes, sheets)
    return web.Response(body=body, content_type=XLSX_TYPE, headers=headers)


async def _rows(session: AsyncSession, query: Query) -> Sequence[Any]:
    """The rows; of a single entity the entities themselves."""
    found: Result[Any] = await session.execute(query)
    return found.scalars().all() if len(query.column_descriptions) == 1 else found.all()


def _count(query: Query, tie: Any) -> Select[int]:
    matches = query.order_by(None).with_only_columns(tie).limit(COUNTED_MOST + 1)
    return select(func.count()).select_from(matches.subquery())


def page_of(asked: Mapping[str, str]) -> int:
    """The page asked for, from 1; anything else is page one."""
    return whole_number(asked.get("page", ""), PAGE_DIGITS) or 1


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), BEIJING)
