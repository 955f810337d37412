"""The data dictionary (数据字典, M-92): every table and column as the models say it, so that no page can grow old."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, Table
from sqlalchemy.orm import Mapper

from config.database import load_models
from core.db import Base

_HEAD = "| 字段 | 类型 | 可空 | 键 | 说明 |\n| --- | --- | --- | --- | --- |"


def chapters() -> Iterator[str]:
    """One Markdown chapter a table, by name."""
    load_models()
    by_table = {str(mapper.local_table): mapper for mapper in Base.registry.mappers}
    for name in sorted(by_table):
        yield _chapter(name, by_table[name])


def _chapter(name: str, mapper: Mapper[Any]) -> str:
    table, notes = mapper.local_table, _notes(mapper.class_)
    assert isinstance(table, Table)
    rows = [_row(column, notes.get(column.key, "")) for column in table.columns]
    about = _first_line(mapper.class_.__doc__ or "")
    return "\n".join((f"## {name}\n", *([f"{about}\n"] if about else []), _HEAD, *rows, ""))


def _row(column: "Column[Any]", note: str) -> str:
    keys = ["主键"] if column.primary_key else []
    keys += [f"→ {key.target_fullname}" for key in column.foreign_keys]
    keys += ["唯一"] if column.unique else []
    cells = (column.name, str(column.type), "是" if column.nullable else "", "，".join(keys), note)
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _notes(model: type) -> dict[str, str]:
    """The words written below the model's attributes."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(body, ast.ClassDef)
    found = {}
    for one, after in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(one, ast.AnnAssign)
            and isinstance(one.target, ast.Name)
            and isinstance(after, ast.Expr)
        ):
            found[one.target.id] = _first_line(str(ast.literal_eval(after.value)))
    return found


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
