"""Statements compiled once for all databases of a test run: each test has a database, and an engine, of its own."""

from typing import Any, Final

from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import LRUCache

from core import db

_STATEMENTS: Final[LRUCache[Any, Any]] = LRUCache(5000)


def _same_kind(one: object, other: object) -> bool:
    return type(one) is type(other)


def _hash_of_kind(one: object) -> int:
    return hash(type(one))


def _sharing_engine(*arguments: Any, **options: Any) -> AsyncEngine:
    engine = create_async_engine(*arguments, **options)
    engine.sync_engine._compiled_cache = _STATEMENTS
    return engine


def share() -> None:
    """One engine's statements serve the next: their keys name the dialect, and all engines of a kind reach the same server."""
    for dialect in (PGDialect_asyncpg, SQLiteDialect_aiosqlite):
        dialect.__eq__, dialect.__hash__ = _same_kind, _hash_of_kind  # type: ignore[method-assign,assignment]
    db.create_async_engine = _sharing_engine
