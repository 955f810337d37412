"""The files entries are exchanged in (交换文件): JSONL, JSON, CSV and XLSX, read and written row by row.

Knows file forms and column names; nothing of entries' rules or of the database.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from core.sheet_reader import cell_text
from kb.errors import FileUnreadable
from kb.kinds import FIELDS

COLUMNS = {
    "编号": "id", "标题": "title", "问题": "title", "答复": "answer", "内容": "answer", "单位": "department",
    "类别": "category", "关键词": "keywords", "别名": "aliases", "生效日期": "valid_from", "失效日期": "valid_to",
    "复核日期": "review_by", "来源": "source", "类型": "type", "主题": "subject", "热点": "is_hot",
    "公开范围": "audience", "不公开理由": "internal_reason", "办理依据": "basis", "办理条件": "conditions",
    "办理程序": "procedure", "办理时限": "time_limit", "服务指南": "guide", "收费标准": "fee",
    "适用地区": "region", "办理层级": "level", "采用热度": "used_weight", "采用日期": "used_on",
} | {one.label: one.key for fields in FIELDS.values() for one in fields}  # fmt: skip
"""Chinese column headings of CSV and XLSX and the keys of JSONL they mean; the keys themselves do as well."""
NamedRow = tuple[str, dict[str, Any] | str]
"""The row's name in Chinese, and its values or what is wrong with it."""


def read(path: Path) -> Iterator[NamedRow]:
    """Every row of the file, by its ending; raises FileUnreadable when it is none of the three forms."""
    readers = {".jsonl": _jsonl, ".json": _json, ".csv": _csv, ".xlsx": _xlsx}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise _unknown_form(path)
    try:
        yield from reader(path)
    except OSError as error:
        raise FileUnreadable(name=path.name, reason="文件不存在或没有读取权限") from error
    except UnicodeDecodeError as error:
        raise FileUnreadable(name=path.name, reason="文字编码不是 UTF-8 或 GB18030") from error


def _jsonl(path: Path) -> Iterator[NamedRow]:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            name = f"第 {number} 行"
            try:
                row = json.loads(line)
            except ValueError:
                yield name, "不是完整的 JSON"
                continue
            yield name, row if isinstance(row, dict) else "应是一个 JSON 对象"


def _json(path: Path) -> Iterator[NamedRow]:
    """One list of objects, or an object whose `items` is one; many objects on lines of their own will do as well."""
    text = path.read_text(encoding="utf-8-sig")
    try:
        data = json.loads(text)
    except ValueError as error:
        if text.lstrip().startswith("{") and "\n" in text.strip():
            yield from _jsonl(path)
            return
        raise FileUnreadable(name=path.name, reason="不是完整的 JSON") from error
    rows = data.get("items") if isinstance(data, dict) else data
    if not isinstance(rows, list):
        raise FileUnreadable(name=path.name, reason="应是一个 JSON 数组，或含有 items 数组的对象")
    for number, row in enumerate(rows, start=1):
        yield f"第 {number} 条", row if isinstance(row, dict) else "应是一个 JSON 对象"


def _csv(path: Path) -> Iterator[NamedRow]:
    with path.open(encoding=_encoding(path), newline="") as file:
        try:
            rows = csv.reader(file)
            yield from _with_headings(path, enumerate(rows, start=1))
        except csv.Error as error:
            raise FileUnreadable(name=path.name, reason="不是规范的 CSV 表格") from error


def _encoding(path: Path) -> str:
    """What office programs write: UTF-8 with or without mark, else GB18030."""
    try:
        path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8-sig"


def _xlsx(path: Path) -> Iterator[NamedRow]:
    if not path.is_file():
        raise FileUnreadable(name=path.name, reason="文件不存在或没有读取权限")
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # openpyxl raises whatever zip, XML and itself raise
        raise FileUnreadable(name=path.name, reason="不是完整的 Excel 工作簿（.xlsx）") from error
    try:
        sheet = book.worksheets[0]
        yield from _with_headings(path, enumerate(sheet.iter_rows(values_only=True), start=1))
    finally:
        book.close()


def _with_headings(path: Path, rows: Iterator[tuple[int, Any]]) -> Iterator[NamedRow]:
    _, first = next(rows, (0, ()))
    headings = [COLUMNS.get(cell_text(cell), cell_text(cell)) for cell in first]
    if "title" not in headings:
        raise FileUnreadable(name=path.name, reason="第一行应是列名，且至少有“标题”一列")
    for number, cells in rows:
        values = {name: cell_text(cell) for name, cell in zip(headings, cells, strict=False) if name}
        if any(values.values()):
            yield f"第 {number} 行", values


HEADINGS = {key: heading for heading, key in reversed(COLUMNS.items())}
"""The heading that each key is written under, the first of those it is read from."""
_ORDER = tuple(dict.fromkeys(COLUMNS.values()))


class Writer:
    """A file of rows in the form of its ending, whole only when the `with` block has ended without an error."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._count = 0
        self._suffix = path.suffix.lower()
        if self._suffix not in {".jsonl", ".json", ".csv", ".xlsx"}:
            raise _unknown_form(path)

    def __enter__(self) -> Self:
        if self._suffix == ".xlsx":
            self._book = Workbook(write_only=True)
            self._sheet = self._book.create_sheet("信息")
            self._sheet.append([HEADINGS[key] for key in _ORDER])
            return self
        encoding = "utf-8-sig" if self._suffix == ".csv" else "utf-8"
        self._file = self._part.open("w", encoding=encoding, newline="")
        if self._suffix == ".csv":
            csv.writer(self._file).writerow([HEADINGS[key] for key in _ORDER])
        elif self._suffix == ".json":
            self._file.write("[\n")
        return self

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            if self._suffix == ".xlsx":
                self._sheet.append([_plain_cell(self._sheet, text) for text in _cells(row)])
            elif self._suffix == ".csv":
                csv.writer(self._file).writerow(_cells(row))
            else:
                comma = ",\n" if self._suffix == ".json" and self._count else ""
                end = "" if self._suffix == ".json" else "\n"
                self._file.write(comma + json.dumps(row, ensure_ascii=False) + end)
            self._count += 1

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._suffix == ".xlsx":
            self._book.save(self._part)
        else:
            if self._suffix == ".json":
                self._file.write("\n]\n")
            self._file.close()
        if kind is None:
            self._part.replace(self._path)
        else:
            self._part.unlink(missing_ok=True)


def _unknown_form(path: Path) -> FileUnreadable:
    return FileUnreadable(name=path.name, reason="只接受 .jsonl、.json、.csv、.xlsx 文件")


def _cells(row: Mapping[str, Any]) -> list[str]:
    """A row in the order of the headings; several wordings joined, yes as 是."""
    values = [row.get(key, "") for key in _ORDER]
    return [
        "；".join(value) if isinstance(value, list) else "是" if value is True else str(value)
        for value in values
    ]


def _plain_cell(sheet: Any, text: str) -> WriteOnlyCell:
    """Text as text, also when it begins like a formula."""
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", text))
    cell.data_type = "s"
    return cell
