"""The template to fill in (导入模板): an XLSX with a sheet a table, choices to pick from, and what is on record if wanted."""

from io import BytesIO
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from core.organisation.cells import Column, flag
from core.organisation.files import GUIDE
from core.organisation.plan import Snapshot
from core.organisation.tables import SHEETS, Table

_HEAD = (
    "每张工作表第一行是列名，从第二行起每行一项；不导入的工作表和列可以删去。",
    "已有的项按代码更新，没有的项新建；表里没有列出的项不变。",
    "任何一格有误，整个文件都不导入，并指出所在的行和列。",
)


def template(snapshot: Snapshot | None = None) -> bytes:
    """Empty, or filled with the directory as it stands."""
    book = Workbook()
    book.remove(book.active)
    for kind, table in SHEETS.items():
        sheet = book.create_sheet(table.title)
        sheet.append([column.title for column in table.columns])
        for facts in snapshot.rows[kind].values() if snapshot else ():
            sheet.append([_safe(text) for text in table.shown(facts).values()])
        _dress(sheet, table)
    _guide(book.create_sheet(GUIDE, 0))
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _safe(text: str) -> str:
    """A spreadsheet program must not take what people typed for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _dress(sheet: Any, table: Table) -> None:
    sheet.freeze_panes = "A2"
    for number, column in enumerate(table.columns, start=1):
        letter = get_column_letter(number)
        sheet.column_dimensions[letter].width = 24 if column.name in ("name", "address") else 16
        sheet[f"{letter}1"].font = Font(bold=True)
        sheet.column_dimensions[letter].number_format = "@"  # codes keep their leading zeros
        if choices := _choices(column):
            rule = DataValidation(type="list", formula1=f'"{",".join(choices)}"', allow_blank=True)
            sheet.add_data_validation(rule)
            rule.add(f"{letter}2:{letter}2000")


def _choices(column: Column) -> list[str]:
    if column.read is flag:
        return ["是", "否"]
    return list(column.names.values()) if column.names and column.default != [] else []


def _guide(sheet: Any) -> None:
    for line in _HEAD:
        sheet.append([line])
    sheet.append([])
    sheet.append(["工作表", "列", "必填", "说明"])
    for table in SHEETS.values():
        for column in table.columns:
            choices = "、".join(_choices(column))
            sheet.append([table.title, column.title, "是" if column.required else "", column.hint or choices])
    for letter, width in zip("ABCD", (12, 14, 8, 60), strict=True):
        sheet.column_dimensions[letter].width = width
