"""What the two engines say differently: the time between two instants, the Beijing day and hour of one."""

from typing import Any

from sqlalchemy import Integer, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction


class elapsed_ms(GenericFunction[int]):  # noqa: N801 - used like any SQL function
    """`elapsed_ms(later, earlier)` in whole milliseconds; NULL when either is missing."""

    type = Integer()
    inherit_cache = True

    def __init__(self, later: Any, earlier: Any) -> None:
        super().__init__(later, earlier)


@compiles(elapsed_ms, "sqlite")
def _on_sqlite(element: elapsed_ms, compiler: Any, **options: Any) -> str:
    later, earlier = (compiler.process(clause, **options) for clause in element.clauses)
    return f"CAST(ROUND((julianday({later}) - julianday({earlier})) * 86400000) AS INTEGER)"


@compiles(elapsed_ms, "postgresql")
def _on_postgresql(element: elapsed_ms, compiler: Any, **options: Any) -> str:
    later, earlier = (compiler.process(clause, **options) for clause in element.clauses)
    return f"CAST(ROUND(EXTRACT(EPOCH FROM ({later}) - ({earlier})) * 1000) AS BIGINT)"


class beijing_day(GenericFunction[str]):  # noqa: N801
    """`beijing_day(at)` as `2026-06-01`."""

    type = String()
    inherit_cache = True


class beijing_hour(GenericFunction[int]):  # noqa: N801
    """`beijing_hour(at)`, 0 to 23."""

    type = Integer()
    inherit_cache = True


@compiles(beijing_day, "sqlite")
def _day_on_sqlite(element: beijing_day, compiler: Any, **options: Any) -> str:
    return f"date({compiler.process(element.clauses, **options)}, '+8 hours')"


@compiles(beijing_day, "postgresql")
def _day_on_postgresql(element: beijing_day, compiler: Any, **options: Any) -> str:
    return f"to_char(({compiler.process(element.clauses, **options)}) AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD')"


@compiles(beijing_hour, "sqlite")
def _hour_on_sqlite(element: beijing_hour, compiler: Any, **options: Any) -> str:
    return f"CAST(strftime('%H', {compiler.process(element.clauses, **options)}, '+8 hours') AS INTEGER)"


@compiles(beijing_hour, "postgresql")
def _hour_on_postgresql(element: beijing_hour, compiler: Any, **options: Any) -> str:
    at = compiler.process(element.clauses, **options)
    return f"CAST(EXTRACT(HOUR FROM ({at}) AT TIME ZONE 'Asia/Shanghai') AS INTEGER)"
