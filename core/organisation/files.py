"""Directory rows from files (机构文件): XLSX with one sheet a table, CSV with one table, TOML as `config/demo/demo.toml`.

Finds the table by the sheet's name or its headings and names every cell the way its reader sees it; whether what
the cells hold is right is `plan`'s to say.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.organisation.cells import flag, heading_faults
from core.organisation.tables import SHEETS, Table
from core.sheet_reader import Sheet, SheetUnreadable, column_letter, read_sheets

GUIDE = "填写说明"
"""The template's own sheet, passed over."""


@dataclass(frozen=True)
class Given:
    """One row of a file: raw cells by column, and how the row and its cells are called in a sentence."""

    table: Table
    cells: dict[str, Any]
    row: str = ""
    where: dict[str, str] = field(default_factory=dict)

    def place(self, column: str | None = None) -> str:
        if column is None:
            return self.row
        title = self.table.column(column).title
        return f"{self.row}“{title}”{self.where.get(column, '')}"


@dataclass(frozen=True)
class Content:
    """What a file holds, and the sentences about what could not be read at all."""

    rows: list[Given]
    faults: list[str]


def read_file(name: str, data: bytes) -> Content:
    """Blocking: call it from a thread; raises SheetUnreadable when the file is none of the three forms."""
    if name.lower().endswith(".toml"):
        return _from_toml(name, data)
    rows: list[Given] = []
    faults: list[str] = []
    for sheet in read_sheets(name, data):
        if sheet.title != GUIDE and sheet.rows:
            _from_sheet(sheet, rows, faults)
    if not rows and not faults:
        faults.append("文件里没有可导入的行：第一行应为列名，从第二行起每行一项")
    return Content(rows, faults)


def _from_sheet(sheet: Sheet, rows: list[Given], faults: list[str]) -> None:
    prefix = f"工作表“{sheet.title}”" if sheet.title else ""
    (_, headings), *rest = sheet.rows
    table = _table_of(sheet.title, headings)
    if table is None:
        titles = "、".join(table.title for table in SHEETS.values())
        faults.append(f"{prefix}的列名不是{titles}中任何一种表的列名，请对照模板")
        return
    names = {column.title: column.name for column in table.columns} | {c.name: c.name for c in table.columns}
    known = [(index, names[title]) for index, title in enumerate(headings) if title in names]
    unknown, missing = heading_faults(headings, table.columns, names, prefix)
    faults += unknown
    if missing:
        faults += missing
        return
    where = {name: f"（{column_letter(index)} 列）" for index, name in known}
    for number, cells in rest:
        values = {name: cells[index] if index < len(cells) else "" for index, name in known}
        values = {name: cell for name, cell in values.items() if cell or table.column(name).read is not flag}
        rows.append(Given(table, values, f"{prefix}第 {number} 行", where))


def _table_of(title: str, headings: Sequence[str]) -> Table | None:
    """By the sheet's name, else the table whose headings these mostly are."""
    if named := next((table for table in SHEETS.values() if table.title == title), None):
        return named

    def likeness(table: Table) -> int:
        return len({column.title for column in table.columns} & set(headings))

    def is_whole(table: Table) -> bool:
        return {column.title for column in table.columns if column.required} <= set(headings)

    best = max(SHEETS.values(), key=lambda table: (is_whole(table), likeness(table)))
    return best if is_whole(best) or likeness(best) > len(headings) // 2 else None


def from_tables(content: Mapping[str, Any]) -> Content:
    """The tables `[[region]]`, `[[unit]]`, … of a TOML file; others are not the directory's."""
    rows: list[Given] = []
    for kind, table in SHEETS.items():
        found = content.get(kind, [])
        for number, cells in enumerate(found if isinstance(found, list) else [], start=1):
            rows.append(Given(table, dict(cells), f"第 {number} 个 [[{kind}]] "))
    return Content(rows, [] if rows else ["文件里没有 [[region]]、[[unit]] 等表"])


def _from_toml(name: str, data: bytes) -> Content:
    try:
        return from_tables(tomllib.loads(data.decode("utf-8")))
    except ValueError as error:
        raise SheetUnreadable(name=name, reason=f"不是规范的 TOML（{error}）") from error
