"""The register's spreadsheet (培训登记表): its columns, and one row of it read or refused cell by cell."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from core.organisation.cells import Column, choice, heading_faults, text, whole
from core.sheet_reader import Sheet
from reports.training.models import Kind, Result, Topic
from reports.training.register import Course
from reports.training.words import KINDS, RESULTS, TOPICS


def _day(given: Any) -> date | None:
    words = str(given).strip().replace("/", "-").replace(".", "-")
    if not words:
        return None
    try:
        return date(*(int(part) for part in words.split("-")))
    except (ValueError, TypeError):
        raise ValueError(f"“{words[:30]}”不对，应为日期，如 2026-06-01") from None


COLUMNS = (
    Column("person", "人员", text(40), "用户名或工号", required=True),
    Column("topic", "内容", choice(TOPICS), required=True, names=TOPICS),
    Column("kind", "类别", choice(KINDS), required=True, names=KINDS),
    Column("course", "课程", text(100), "课程或班次的名称", required=True),
    Column("held_on", "培训日期", _day, "最后一天，如 2026-06-01", required=True),
    Column("hours", "学时", whole(0, 1000)),
    Column("trainer", "授课人", text(60), "授课的人或单位"),
    Column("result", "结果", choice(RESULTS), required=True, names=RESULTS),
    Column("score", "成绩", whole(0, 100), "0～100"),
    Column("certificate", "证书编号", text(60)),
    Column("valid_until", "有效期至", _day, "最后有效的一天；留空为长期有效"),
)
_TITLES = {column.title: column.name for column in COLUMNS}


def course_of(cells: Mapping[str, Any]) -> tuple[Course | None, list[str]]:
    """The course that a row's cells tell, or the sentences about the cells that are wrong."""
    values: dict[str, Any] = {}
    faults = []
    for column in COLUMNS:
        try:
            value = column.read(cells.get(column.name, ""))
        except ValueError as error:
            faults.append(f"“{column.title}”{error}")
            continue
        if column.required and value in ("", None):
            faults.append(f"缺少“{column.title}”")
        values[column.name] = value
    if faults:
        return None, faults
    values.pop("person")
    values |= {
        "topic": Topic(values["topic"]),
        "kind": Kind(values["kind"]),
        "result": Result(values["result"]),
    }
    return Course(**values), []


def rows_of(sheet: Sheet) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    """Each row's number and cells by column; and what is wrong with the headings, in which case there are no rows."""
    (_, headings), *rest = sheet.rows
    unknown, missing = heading_faults(headings, COLUMNS, _TITLES)
    if unknown or missing:
        return [], unknown + missing
    names = [_TITLES.get(title, "") for title in headings]
    return [
        (number, {name: cell for name, cell in zip(names, cells, strict=False) if name})
        for number, cells in rest
    ], []
