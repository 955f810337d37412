"""Rows as lines of JSON, the same from and for every engine: the column's type decides how a value is written.

Everything here is synchronous, for `AsyncConnection.run_sync`, inside the caller's transaction.
"""

import base64
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from itertools import islice
from typing import IO, Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Date,
    LargeBinary,
    Table,
    bindparam,
    func,
    insert,
    null,
    select,
    update,
)  # fmt: skip

from config.database import load_models
from core.db import Base, UtcDateTime

_BATCH = 500
Decoder = Callable[[Any], Any]


def tables() -> Sequence[Table]:
    """Every table that is kept, what is referred to before what refers to it."""
    load_models()
    return [table for table in Base.metadata.sorted_tables if not table.info.get("of_the_moment")]


def has_rows(connection: Connection, table: Table) -> bool:
    return connection.execute(select(table).limit(1)).first() is not None


def dump(connection: Connection, table: Table, out: IO[bytes]) -> int:
    """Write the rows in key order, one JSON object a line; gives their number."""
    query = select(table).order_by(*table.primary_key).execution_options(yield_per=_BATCH)
    count = 0
    for row in connection.execute(query):
        line = json.dumps(dict(row._mapping), ensure_ascii=False, default=_plain)  # noqa: SLF001 - its public name
        out.write(line.encode() + b"\n")
        count += 1
    return count


def load(connection: Connection, table: Table, lines: Iterable[bytes]) -> int:
    """Insert what `dump` wrote; gives the number of rows. References within the table follow once every row is there."""
    own = [key.parent for key in table.foreign_keys if key.column.table is table]
    later: dict[Column[Any], list[dict[str, Any]]] = {column: [] for column in own}
    decoders = {column.name: _decoder(column) for column in table.columns}
    count = 0
    lines = iter(lines)
    while rows := [_decoded(line, decoders) for line in islice(lines, _BATCH)]:
        for column in own:
            later[column] += [_set_aside(row, column) for row in rows if row[column.name] is not None]
        connection.execute(insert(table), rows)
        count += len(rows)
    for column, pairs in later.items():
        if pairs:
            refer = (
                update(table)
                .where(table.c.id == bindparam("referring"))
                .values({column: bindparam("referred")})
            )
            connection.execute(refer, pairs)
    return count


def set_sequences(connection: Connection) -> None:
    """PostgreSQL numbers the next row after the last one restored; SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables():
        if (column := table.autoincrement_column) is not None:
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            connection.execute(select(func.setval(sequence, select(func.max(column)).scalar_subquery())))


def _plain(value: Any) -> str:
    """What JSON has no form for."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, date):  # a datetime is one too
        return value.isoformat()
    raise TypeError(f"no form for {type(value).__name__}")


def _decoded(line: bytes, decoders: dict[str, Decoder]) -> dict[str, Any]:
    values = json.loads(line)
    return {name: decode(values[name]) for name, decode in decoders.items()}


def _decoder(column: Column[Any]) -> Decoder:
    match column.type:
        case JSON():  # None would be stored as JSON's null
            return lambda value: null() if value is None and column.nullable else value
        case UtcDateTime():
            convert: Decoder = datetime.fromisoformat
        case Date():
            convert = date.fromisoformat
        case LargeBinary():
            convert = base64.b64decode
        case _:
            return lambda value: value
    return lambda value: None if value is None else convert(value)


def _set_aside(row: dict[str, Any], column: Column[Any]) -> dict[str, Any]:
    pair = {"referring": row["id"], "referred": row[column.name]}
    row[column.name] = None
    return pair
