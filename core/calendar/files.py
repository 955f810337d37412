"""Published arrangements of a year (年度放假安排) as files: TOML like `config/calendar/cn.toml`, or XLSX and CSV.

A sheet has the columns 类型 (放假 or 上班), 首日, 末日 (may be empty) and 名称, a row a span of days.
"""

import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from core.errors import HotlineError
from core.sheet_reader import read_sheets

HEADINGS = ("类型", "首日", "末日", "名称")
LONGEST_SPAN = 31


class CalendarFileInvalid(HotlineError):
    """The file is no arrangement that can be taken in; `reason` says where."""

    code = "calendar_file_invalid"
    status = 422
    text = "日历文件无法识别：{reason}。没有导入任何内容。"


@dataclass(frozen=True)
class PublishedYear:
    year: int
    off: dict[date, str]
    make_up: dict[date, str]
    """Make-up working days and the holiday each belongs to."""


def read_years(name: str, data: bytes) -> list[PublishedYear]:
    """The years a file settles (blocking); raises CalendarFileInvalid or SheetUnreadable."""
    if name.lower().endswith(".toml"):
        return _from_toml(data)
    days: dict[str, dict[date, str]] = {"放假": {}, "上班": {}}
    for sheet in read_sheets(name, data):
        for number, cells in sheet.rows:
            if cells[0] != HEADINGS[0] and any(cells):
                _take_row(days, number, [*cells, "", "", ""][:4])
    if not days["放假"]:
        raise CalendarFileInvalid(reason="没有“放假”的行，各列应为类型、首日、末日、名称")
    year = Counter(on.year for on in days["放假"]).most_common(1)[0][0]
    return [PublishedYear(year, days["放假"], days["上班"])]


def _take_row(days: dict[str, dict[date, str]], number: int, cells: list[str]) -> None:
    kind, first, last, name = cells
    if kind not in days:
        raise CalendarFileInvalid(reason=f"第 {number} 行“类型”应为“放假”或“上班”")
    try:
        days[kind].update(_span(first, last or first, name))
    except ValueError as error:
        raise CalendarFileInvalid(reason=f"第 {number} 行的日期应写成 2027-01-01，末日不早于首日") from error
    if not 0 < len(name) <= 40:
        raise CalendarFileInvalid(reason=f"第 {number} 行缺少“名称”")


def _from_toml(data: bytes) -> list[PublishedYear]:
    try:
        content = tomllib.loads(data.decode("utf-8"))
        return [
            PublishedYear(
                int(entry["year"]),
                _spans(entry["off"]),
                {date.fromisoformat(on): name for on, name in entry["make_up"]},
            )
            for entry in content["year"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        words = "请按 config/calendar/cn.toml 的格式书写 [[year]]，写明 year、off 和 make_up"
        raise CalendarFileInvalid(reason=words) from error


def _spans(spans: Iterable[tuple[str, str, str]]) -> dict[date, str]:
    found: dict[date, str] = {}
    for first, last, name in spans:
        found |= _span(first, last, name)
    return found


def _span(first: str, last: str, name: str) -> dict[date, str]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    if not 0 <= (end - start).days < LONGEST_SPAN:
        raise ValueError("a span runs forward and is no longer than a month")
    return {start + timedelta(days=offset): name for offset in range((end - start).days + 1)}
