"""What the two engines say differently: the time between two instants."""

from typing import Any

from sqlalchemy import Integer
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
