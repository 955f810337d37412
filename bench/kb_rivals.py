"""The obvious designs to compare with: SQLite FTS5 and PostgreSQL's own search, both over words cut by rjieba, joined by OR."""

import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import islice
from typing import Any

from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import create_async_engine
from support.postgres import PostgresServer

from bench.kb_report import Search
from kb.searching import text

K = 10
Rows = Iterable[dict[str, Any]]


def fts5(rows: Rows) -> Search:
    """One full-text row per entry, bm25 with the title at ten times."""
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE f USING fts5(id UNINDEXED, title, answer, tokenize='unicode61')")
    db.executemany("INSERT INTO f VALUES (?, ?, ?)", map(_cut, rows))

    async def search(query: str) -> list[str]:
        words = " OR ".join(f'"{word}"' for word in _words(query))
        if not words:
            return []
        found = db.execute("SELECT id FROM f WHERE f MATCH ? ORDER BY bm25(f, 0, 10, 1) LIMIT ?", (words, K))
        return [row[0] for row in found]

    return search


@contextmanager
def server() -> Iterator[str]:
    """The address of an empty database of a private server."""
    with PostgresServer() as running:
        yield running.new_database()


@asynccontextmanager
async def postgres(rows: Rows) -> AsyncIterator[Search]:
    """A weighted tsvector under a GIN index, ts_rank; configuration `simple`, because the words are cut already."""
    with server() as address:
        engine = create_async_engine(address)
        async with engine.begin() as connection:
            await connection.execute(sql("CREATE TABLE f (id text, v tsvector)"))
            put = sql("INSERT INTO f VALUES (:id, setweight(to_tsvector('simple', :title), 'A')"
                      " || setweight(to_tsvector('simple', :answer), 'D'))")  # fmt: skip
            cut = (dict(zip(("id", "title", "answer"), _cut(row), strict=True)) for row in rows)
            while batch := list(islice(cut, 2_000)):
                await connection.execute(put, batch)
            await connection.execute(sql("CREATE INDEX f_v ON f USING gin (v)"))
        async with engine.connect() as connection:
            await connection.execute(sql("ANALYZE f"))

            async def search(query: str) -> list[str]:
                words = " | ".join(f"'{word}'" for word in _words(query))
                ranked = sql(
                    "SELECT id FROM f, to_tsquery('simple', :q) q WHERE v @@ q ORDER BY ts_rank(v, q, 1) DESC LIMIT :k"
                )
                return (
                    list((await connection.execute(ranked, {"q": words, "k": K})).scalars()) if words else []
                )

            yield search
        await engine.dispose()


def _words(query: str) -> list[str]:
    return text.words(text.normalise(query))


def _cut(row: dict[str, Any]) -> tuple[str, str, str]:
    return str(row["id"]), *(" ".join(_words(row.get(name) or "")) for name in ("title", "answer"))  # type: ignore[return-value]
