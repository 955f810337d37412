"""Spreadsheets (电子表格) that people send: XLSX and CSV as plain text cells, with the row numbers they see themselves.

Knows file forms, not what is in them. A file of another kind, a broken or an enormous one is refused in one sentence.
"""

import csv
import io
import zipfile
from dataclasses import dataclass
from typing import Any

from openpyxl import load_workbook

from core.errors import HotlineError

MOST_ROWS = 20_000
MOST_COLUMNS = 60
MOST_UNPACKED = 64 * 1024 * 1024
"""A small file can unpack to gigabytes; this is read and no more."""


class SheetUnreadable(HotlineError):
    """The file is no spreadsheet that can be taken in; `reason` says why."""

    code = "sheet_unreadable"
    status = 422
    text = "文件“{name}”无法导入：{reason}。没有导入任何内容。"


@dataclass(frozen=True)
class Sheet:
    """One table: its title (empty for CSV) and its rows that hold anything, each with its number from 1."""

    title: str
    rows: list[tuple[int, list[str]]]


def read_sheets(name: str, data: bytes) -> list[Sheet]:
    """Every table of an XLSX or CSV file (blocking: call it from a thread); raises SheetUnreadable."""
    if not data.strip():
        raise SheetUnreadable(name=name, reason="文件是空的")
    if data.startswith(b"PK\x03\x04"):
        return _workbook(name, data)
    if name.lower().endswith((".xlsx", ".xls")) or b"\x00" in data:
        raise SheetUnreadable(name=name, reason="不是 XLSX 工作簿或 CSV 文本；旧的 .xls 请另存为 .xlsx")
    return [_comma_separated(name, data)]


def column_letter(index: int) -> str:
    """0 → A, 26 → AA, as spreadsheets name their columns."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _workbook(name: str, data: bytes) -> list[Sheet]:
    try:
        _refuse_bomb(name, data)
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        try:
            return [
                Sheet(sheet.title.strip(), _kept(name, sheet.iter_rows(values_only=True)))
                for sheet in book.worksheets
            ]
        finally:
            book.close()
    except SheetUnreadable:
        raise
    except Exception as error:  # openpyxl raises whatever zip, XML and itself raise
        raise SheetUnreadable(name=name, reason="不是完整的 Excel 工作簿（.xlsx）") from error


def _refuse_bomb(name: str, data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        if sum(part.file_size for part in parts.infolist()) > MOST_UNPACKED:
            raise SheetUnreadable(name=name, reason="展开后太大，请分成几个文件")


def _comma_separated(name: str, data: bytes) -> Sheet:
    try:
        return Sheet("", _kept(name, csv.reader(io.StringIO(_decoded(name, data), newline=""), strict=True)))
    except csv.Error as error:
        raise SheetUnreadable(name=name, reason="不是规范的 CSV 表格") from error


def _decoded(name: str, data: bytes) -> str:
    """What office programs write: UTF-8 with or without mark, else GB18030."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise SheetUnreadable(name=name, reason="文字编码不是 UTF-8 或 GB18030")


def _kept(name: str, rows: Any) -> list[tuple[int, list[str]]]:
    kept = []
    for number, cells in enumerate(rows, start=1):
        texts = [cell_text(cell) for cell in cells[:MOST_COLUMNS]]
        if any(texts):
            kept.append((number, texts))
        if number > MOST_ROWS:
            raise SheetUnreadable(name=name, reason=f"超过 {MOST_ROWS} 行，请分成几个文件")
    return kept


def cell_text(cell: Any) -> str:
    """A cell as it reads: a date without its midnight, a whole number without its point."""
    if cell is None:
        return ""
    if hasattr(cell, "date"):
        return str(cell.date().isoformat())
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()
