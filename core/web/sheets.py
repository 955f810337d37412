"""Tables as files that a spreadsheet opens (导出): CSV and XLSX, numbers masked, formulas defused."""

import csv
import io
from collections.abc import Iterable, Sequence

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.worksheet.worksheet import Worksheet

from core.log import mask_text

CSV_TYPE = "text/csv"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NARROWEST, _WIDEST = 8, 60


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """RFC 4180 with a byte-order mark, as Excel wants for Chinese; no cell starts a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in rows:
        writer.writerow([f"'{cell}" if cell.startswith(_FORMULA_STARTS) else cell for cell in map(safe, row)])
    return "\ufeff" + out.getvalue()


Rows = Sequence[Sequence[str]]
"""Of the same length each, the first their head."""


def xlsx_bytes(title: str, rows: Rows) -> bytes:
    """One sheet; every cell is text, so nothing is reckoned or cut. Takes a while."""
    return book_bytes([(title, rows)])


def book_bytes(sheets: Sequence[tuple[str, Rows]]) -> bytes:
    """Several sheets, each with its title, as `xlsx_bytes`."""
    book = Workbook()
    book.remove(book.active)
    for title, rows in sheets:
        _fill(book.create_sheet(title[:31]), rows)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _fill(sheet: Worksheet, rows: Rows) -> None:
    sheet.freeze_panes = "A2"
    for place, row in enumerate(rows, start=1):
        for column, text in enumerate(map(safe, row), start=1):
            cell = sheet.cell(place, column)
            cell.value, cell.data_type = text, "s"
    for cell, width in zip(sheet[1], _widths(rows), strict=True):
        cell.font = Font(bold=True)
        sheet.column_dimensions[cell.column_letter].width = width


def safe(cell: str) -> str:
    """The cell without control characters and with every telephone number masked (§5.10)."""
    return mask_text(ILLEGAL_CHARACTERS_RE.sub("", cell))


def _widths(rows: Rows) -> list[int]:
    """By the longest text of the first rows; a Chinese character takes two places."""
    longest = [max(map(_places, column)) for column in zip(*rows[:200], strict=True)]
    return [min(max(places + 2, _NARROWEST), _WIDEST) for places in longest]


def _places(text: str) -> int:
    return sum(1 if character.isascii() else 2 for character in text)
