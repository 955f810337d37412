"""What may stand in a cell (单元格): text to a plain value, refused in Chinese, and the value back to text.

A reader takes what a spreadsheet, a form or a TOML file gives and returns what can be stored as JSON; it raises
ValueError with the words that follow “应为…” or “请…” in the sentence about the cell.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from core.calendar.workdays import segments_of
from core.errors import InvalidInput
from core.sheet_reader import column_letter

Reader = Callable[[Any], Any]
_YES, _NO = {"是", "yes", "true", "1", "开通", "启用"}, {"否", "no", "false", "0", "", "不开通", "停用"}
_SPLIT = re.compile(r"[、,，;；\n]+")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


def text(most: int) -> Reader:
    def read(given: Any) -> str:
        words = " ".join(_UNPRINTABLE.sub("", str(given)).split())
        if len(words) > most:
            raise ValueError(f"太长，最多 {most} 个字")
        return words

    return read


def pattern(form: str, says: str) -> Reader:
    expression = re.compile(form)

    def read(given: Any) -> str:
        words = str(given).strip()
        if words and not expression.fullmatch(words):
            raise ValueError(f"“{words[:30]}”不对，应为{says}")
        return words

    return read


def choice(names: Mapping[Any, str]) -> Reader:
    """A value of an enumeration, given as itself or by its Chinese name."""
    values = {name: str(value) for value, name in names.items()} | {str(value): str(value) for value in names}

    def read(given: Any) -> str:
        words = str(given).strip()
        if words and words not in values:
            raise ValueError(f"“{words[:30]}”不对，应为{'、'.join(names.values())}之一")
        return values.get(words, "")

    return read


def flag(given: Any) -> bool:
    words = str(given).strip().lower()
    if words not in _YES | _NO:
        raise ValueError(f"“{words[:30]}”不对，应为“是”或“否”")
    return words in _YES


def whole(least: int, most: int) -> Reader:
    def read(given: Any) -> int | None:
        words = str("" if given is None else given).strip()
        if not words:
            return None
        if not (words.isascii() and words.isdigit() and len(words) < 7 and least <= int(words) <= most):
            raise ValueError(f"“{words[:30]}”不对，应为 {least}～{most} 的整数")
        return int(words)

    return read


def many(one: Reader) -> Reader:
    """Several values in a cell, parted by 、 or a comma; each is read by `one`."""

    def read(given: Any) -> list[Any]:
        parts = given if isinstance(given, list | tuple) else _SPLIT.split(str(given))
        values = [one(part) for part in parts if str(part).strip()]
        if len(set(values)) < len(values):
            raise ValueError("有重复的内容")
        return values

    return read


def hours(given: Any) -> str:
    words = " ".join(str(given).replace("：", ":").replace("－", "-").replace("、", " ").split())
    if words:
        try:
            segments_of(words)
        except InvalidInput as error:
            raise ValueError(str(error.fields["reason"])) from None
    return words


def days(given: Any) -> str:
    """A period as `2026-12-01~2026-12-05`; without an end `2026-12-01~`; one date means that day."""
    first, mark, last = str(given).replace("至", "~").partition("~")
    try:
        start = date.fromisoformat(first.strip())
        end = date.fromisoformat(last.strip()) if last.strip() else None
    except ValueError:
        raise ValueError(f"“{str(given)[:30]}”不对，请写成 2026-12-01~2026-12-05") from None
    end = end if mark else start
    if end and end < start:
        raise ValueError(f"“{str(given)[:30]}”的结束早于开始")
    return f"{start}~{end or ''}"


def plain(value: Any) -> str:
    """A stored value as people read and write it."""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, list):
        return "、".join(map(str, value))
    return "" if value is None else str(value)


@dataclass(frozen=True)
class Column:
    """One column of a table: its key, its heading, and how a cell is read and shown."""

    name: str
    title: str
    read: Reader
    hint: str = ""
    required: bool = False
    default: Any = ""
    names: Mapping[Any, str] | None = None
    """Of a choice: value to Chinese name."""

    def show(self, value: Any) -> str:
        if self.names is None:
            return plain(value)
        shown = {str(one): name for one, name in self.names.items()}
        return "、".join(
            shown[one] for one in (value if isinstance(value, list) else [value]) if one in shown
        )


def heading_faults(
    headings: Sequence[str], columns: Iterable[Column], names: Mapping[str, str], prefix: str = ""
) -> tuple[list[str], list[str]]:
    """Sentences about headings that are nobody's, and about compulsory columns that are not there.

    `names` gives the column's key for each heading that may be written; `prefix` says which sheet is meant.
    """
    unknown = [
        f"{prefix}第 1 行 {column_letter(index)} 列：不认识的列“{title[:20]}”，请对照模板"
        for index, title in enumerate(headings)
        if title and title not in names
    ]
    present = {names[title] for title in headings if title in names}
    missing = [
        f"{prefix}第 1 行：缺少“{column.title}”列"
        for column in columns
        if column.required and column.name not in present
    ]
    return unknown, missing
