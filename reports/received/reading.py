"""A report of another hotline as it is written (外来报表的格式): what `GET /api/v1/reports` answers, checked field by field. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from core.errors import InvalidInput
from reports.models import PeriodKind
from reports.signed.periods import period

COUNTS = ("registered", "finished", "open", "void", "out_of_scope")
FIGURE_TEXTS = {"id": 20, "name": 60, "text": 40}
FIGURE_NUMBERS = ("numerator", "denominator")
MOST_ITEMS, MOST_FIGURES = 200, 200
_HIGHEST = 10**15
_ID = re.compile(r"K-[0-9]{2}(\.[a-z0-9_]+)?")


@dataclass(frozen=True)
class Fault:
    """What is wrong with the report in one place of the file."""

    place: int
    """From 1."""
    field: str
    reason: str

    def __str__(self) -> str:
        return f"第 {self.place} 份：{self.field}：{self.reason}"


@dataclass(frozen=True)
class Given:
    """One revision of one report."""

    place: int
    region_code: str
    kind: PeriodKind
    first_on: date
    last_on: date
    revision: int
    reason: str
    signed_at: datetime
    rule_version: str
    counts: dict[str, int]
    figures: list[dict[str, Any]]


def read_text(data: bytes) -> Any:
    """The JSON of a file; raises InvalidInput."""
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise InvalidInput(
            field="文件", reason="不是 JSON 文件，请用另一热线的 /api/v1/reports 给出的内容"
        ) from None


def read(body: Any) -> tuple[list[Given], list[Fault]]:
    """The reports of an answer of `GET /api/v1/reports`, and every fault found; raises InvalidInput for no such answer."""
    listed = body.get("items") if isinstance(body, Mapping) else None
    items: list[Any] = listed if isinstance(listed, list) else []
    if not 0 < len(items) <= MOST_ITEMS or not all(isinstance(item, Mapping) for item in items):
        raise InvalidInput(field="items", reason=f"应为 1～{MOST_ITEMS} 份报表的列表")
    found: list[Given] = []
    faults: list[Fault] = []
    for place, item in enumerate(items, start=1):
        reader = _Reader(place, item)
        given = reader.report()
        faults += reader.faults
        if given and not reader.faults:
            found.append(given)
    return found, faults


class _Reader:
    """Reads one item and remembers what is wrong with it."""

    def __init__(self, place: int, item: Mapping[str, Any]) -> None:
        self._place, self._item = place, item
        self.faults: list[Fault] = []

    def report(self) -> Given | None:
        kind, first, last = self._kind(), self._day("first_on"), self._day("last_on")
        if kind and first and last:
            due = period(kind, first)
            if (due.first, due.last) != (first, last):
                self._wrong("first_on", "与 last_on 不是一个完整的报告期")
        signed_at, revision = (
            self._moment("signed_at"),
            self._number(self._item, "revision", least=1, most=999),
        )
        if signed_at and last and signed_at.date() <= last:
            self._wrong("signed_at", "报告期结束后才能签发")
        reason = self._text(self._item, "reason", 1000, needed=bool(revision and revision > 1))
        code, rules = self._text(self._item, "region_code", 20), self._text(self._item, "rule_version", 20)
        counts, figures = self._counts(), self._figures()
        if self.faults or not (kind and first and last and signed_at):
            return None
        return Given(
            self._place, code, kind, first, last, revision, reason, signed_at, rules, counts, figures
        )

    def _wrong(self, field: str, reason: str) -> None:
        self.faults.append(Fault(self._place, field, reason))

    def _kind(self) -> PeriodKind | None:
        kind = self._item.get("kind")
        if isinstance(kind, str) and kind in set(PeriodKind):
            return PeriodKind(kind)
        self._wrong("kind", f"可以是 {'、'.join(PeriodKind)}")
        return None

    def _day(self, name: str) -> date | None:
        try:
            return date.fromisoformat(str(self._item.get(name)))
        except ValueError:
            self._wrong(name, "应为 2026-06-01 这样的日期")
            return None

    def _moment(self, name: str) -> datetime | None:
        try:
            found = datetime.fromisoformat(str(self._item.get(name)))
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            self._wrong(name, "应为带时区的时间，如 2026-07-03T09:12:00+08:00")
            return None
        return found

    def _text(self, of: Mapping[str, Any], name: str, most: int, *, needed: bool = True) -> str:
        text: Any = of.get(name, "")
        is_text = isinstance(text, str) and len(text) <= most and text.replace("\n", "").isprintable()
        if not is_text or (needed and not text.strip()):
            self._wrong(name, f"应为 {1 if needed else 0}～{most} 个字")
            return ""
        return str(text).strip()

    def _number(self, of: Mapping[str, Any], name: str, *, least: int = 0, most: int = _HIGHEST) -> int:
        number = of.get(name)
        if type(number) is not int or not least <= number <= most:
            self._wrong(name, f"应为不小于 {least} 的整数")
            return 0
        return number

    def _counts(self) -> dict[str, int]:
        given = self._item.get("counts")
        given = given if isinstance(given, Mapping) else {}
        counts = {name: self._number(given, name) for name in COUNTS}
        if counts["registered"] != sum(counts.values()) - counts["registered"]:
            self._wrong("counts", "登记应等于办结、在办、无效并案、超范围之和")
        return counts

    def _figures(self) -> list[dict[str, Any]]:
        given = self._item.get("figures")
        if not isinstance(given, list) or not 0 < len(given) <= MOST_FIGURES:
            self._wrong("figures", f"应为 1～{MOST_FIGURES} 个指标的列表")
            return []
        figures = [self._figure(one if isinstance(one, Mapping) else {}) for one in given]
        if len({one["id"] for one in figures}) < len(figures):
            self._wrong("figures", "同一指标出现了两次")
        return figures

    def _figure(self, one: Mapping[str, Any]) -> dict[str, Any]:
        texts = {name: self._text(one, name, most) for name, most in FIGURE_TEXTS.items()}
        if texts["id"] and not _ID.fullmatch(texts["id"]):
            self._wrong("id", "应为指标编号，如 K-01")
        return texts | {name: self._number(one, name) for name in FIGURE_NUMBERS}
