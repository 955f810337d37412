"""`python -m bench.search`: how well and how fast the knowledge base is searched, beside full text over cut words.

Without options it asks the demo's entries by their own aliases, which are kept out of the index. With `--corpus` and
`--queries` (JSONL: `query`, `expected_id` or `expected_ids`, `kind`) it measures any other base. Expired entries count:
the corpora at hand are old. The baseline is SQLite FTS5 over words, joined by OR, bm25 with the title at ten times.
"""

import argparse
import asyncio
import json
import sqlite3
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import core.people
import core.web.models  # noqa: F401 - every room's tables
import ivr.models  # noqa: F401
import recordings.models  # noqa: F401
import tickets.models  # noqa: F401
from core.clock import SystemClock
from core.db import Database, DatabaseSettings
from core.tasks import Tasks
from kb import demo, entries, exchange, text
from kb.fields import EntryFields, columns
from kb.models import Entry
from kb.search import Searcher

K = 10
TYPISTS = 20
Search = Callable[[str], Awaitable[list[str]]]


@dataclass(frozen=True)
class Asked:
    query: str
    wanted: frozenset[str]
    kind: str


@dataclass(frozen=True)
class Answered:
    rank: int | None
    took_ms: float


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, help="JSONL as `hotline kb import` takes it")
    parser.add_argument("--queries", type=Path, help="JSONL with the right ids")
    parser.add_argument("--no-baseline", action="store_true")
    parser.add_argument(
        "--seconds", type=float, default=10, help=f"how long {TYPISTS} people type at once; 0: not at all"
    )
    return parser.parse_args()


async def main() -> None:
    given = _arguments()
    with tempfile.TemporaryDirectory(prefix="kb-bench-") as folder:
        corpus, asked = _material(given, Path(folder))
        db = Database(DatabaseSettings(url=f"sqlite+aiosqlite:///{folder}/hotline.db"))
        await db.create_all()
        searcher = Searcher(Path(folder) / "kb.sqlite", db, SystemClock())
        try:
            await _measure(given, db, searcher, corpus, asked)
        finally:
            await searcher.close()
            await db.close()


async def _measure(
    given: argparse.Namespace, db: Database, searcher: Searcher, corpus: Path, asked: list[Asked]
) -> None:
    started = time.perf_counter()
    report = await exchange.import_file(db, SystemClock(), corpus)
    imported = time.perf_counter()
    total = await searcher.rebuild()
    rebuilt = time.perf_counter()
    print(f"{total} entries ({len(report.errors)} rows refused): import {imported - started:.1f} s, "
          f"rebuild {rebuilt - imported:.1f} s, {len(asked)} queries, k = {K}\n")  # fmt: skip

    async def ours(query: str) -> list[str]:
        return [hit.source_id for hit in await searcher.search(query, K, audience="staff", with_expired=True)]

    systems: dict[str, Search] = {"this search": ours}
    if not given.no_baseline:
        systems["FTS5 words"] = baseline(corpus)
    for name, search in systems.items():
        print(table(name, await ask(search, asked)))
    print(await saved_to_found(db, searcher))
    if given.seconds:
        print(await typists(searcher, asked, given.seconds))


def _material(given: argparse.Namespace, folder: Path) -> tuple[Path, list[Asked]]:
    if given.corpus:
        return given.corpus, list(_asked(given.queries))
    rows = [json.loads(line) for line in demo.ENTRIES.read_text(encoding="utf-8").splitlines()]
    asked = [
        Asked(alias, frozenset({row["id"]}), "alias") for row in rows for alias in row.pop("aliases", ())
    ]
    corpus = folder / "corpus.jsonl"
    corpus.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return corpus, asked


def _asked(path: Path) -> Iterator[Asked]:
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield Asked(
            row["query"], frozenset(row.get("expected_ids") or [row["expected_id"]]), row.get("kind", "all")
        )


async def ask(search: Search, asked: list[Asked]) -> dict[str, list[Answered]]:
    """Every query once, one at a time, after a few to warm up."""
    for one in asked[:20]:
        await search(one.query)
    answers: dict[str, list[Answered]] = defaultdict(list)
    for one in asked:
        started = time.perf_counter()
        got = await search(one.query)
        took_ms = (time.perf_counter() - started) * 1000
        rank = next((place for place, key in enumerate(got, start=1) if key in one.wanted), None)
        answers[one.kind].append(Answered(rank, took_ms))
    return answers


def table(name: str, answers: dict[str, list[Answered]]) -> str:
    rows = [f"{name:<20}{'n':>6}{'R@1':>8}{'R@5':>8}{'R@10':>8}{'p50 ms':>9}{'p99 ms':>9}"]
    for kind, some in [*sorted(answers.items()), ("ALL", [one for part in answers.values() for one in part])]:
        recalls = "".join(
            f"{sum(1 for one in some if one.rank and one.rank <= k) / len(some):8.3f}" for k in (1, 5, K)
        )
        took = [one.took_ms for one in some]
        rows.append(
            f"{kind:<20}{len(some):>6}{recalls}{percentile(took, 50):9.1f}{percentile(took, 99):9.1f}"
        )
    return "\n".join(rows) + "\n"


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))]


def baseline(corpus: Path) -> Search:
    """The obvious design: one full-text row per entry, words joined by OR."""
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE f USING fts5(id UNINDEXED, title, answer, tokenize='unicode61')")
    with corpus.open(encoding="utf-8") as lines:
        db.executemany("INSERT INTO f VALUES (?, ?, ?)", (_cut(json.loads(line)) for line in lines))

    async def search(query: str) -> list[str]:
        words = " OR ".join(f'"{word}"' for word in text.words(text.normalise(query)))
        if not words:
            return []
        rows = db.execute("SELECT id FROM f WHERE f MATCH ? ORDER BY bm25(f, 0, 10, 1) LIMIT ?", (words, K))
        return [row[0] for row in rows]

    return search


def _cut(row: dict[str, Any]) -> tuple[str, str, str]:
    fields = (" ".join(text.words(text.normalise(row.get(name) or ""))) for name in ("title", "answer"))
    return (row["id"], *fields)  # type: ignore[return-value]


async def saved_to_found(db: Database, searcher: Searcher, times: int = 20) -> str:
    """From the return of the commit that publishes an entry to the first search that finds it."""
    clock, tasks, took = SystemClock(), Tasks(SystemClock()), []
    tasks.loop("kb-index", searcher.follow)
    await asyncio.sleep(0)
    for number in range(times):
        async with db.unit_of_work() as session:
            entry = Entry(**_blank(number, clock.now()))
            session.add(entry)
            await session.flush()
            entries.touch(session, clock, entry)
        started = time.perf_counter()
        while not any(hit.id == entry.id for hit in await searcher.search(f"琉璃试样{number}", 20)):
            await asyncio.sleep(0.001)
        took.append((time.perf_counter() - started) * 1000)
    await tasks.close()
    return f"saved -> found: p50 {percentile(took, 50):.0f} ms, worst of {times} {max(took):.0f} ms"


def _blank(number: int, now: Any) -> dict[str, Any]:
    fields = EntryFields(f"琉璃试样{number}", "测量用。")
    values = columns(fields)
    return values | {
        "state": "published",
        "created_at": now,
        "changed_at": now,
        "source_id": f"bench-{number}",
    }


async def typists(searcher: Searcher, asked: list[Asked], seconds: float) -> str:
    """People who type at once, a keystroke a second each; the longest pause of the event loop beside it."""
    took: list[float] = []
    ends = time.perf_counter() + seconds

    async def one(number: int) -> None:
        await asyncio.sleep(number / TYPISTS)
        for turn in range(int(seconds)):
            query = asked[(number * 37 + turn) % len(asked)].query
            for end in range(1, len(query) + 1):
                if time.perf_counter() > ends:
                    return
                started = time.perf_counter()
                await searcher.typeahead(query[:end], audience="staff")
                took.append((time.perf_counter() - started) * 1000)
                await asyncio.sleep(max(0.0, 1 - (time.perf_counter() - started)))

    pause = asyncio.create_task(_longest_pause(ends))
    await asyncio.gather(*(one(number) for number in range(TYPISTS)))
    return (f"{TYPISTS} typists: {len(took)} keystrokes, p50 {percentile(took, 50):.1f} ms, p99 {percentile(took, 99):.1f} ms; "
            f"event loop never held up longer than {await pause:.0f} ms")  # fmt: skip


async def _longest_pause(ends: float) -> float:
    longest = 0.0
    while (started := time.perf_counter()) < ends:
        await asyncio.sleep(0.005)
        longest = max(longest, time.perf_counter() - started - 0.005)
    return longest * 1000


if __name__ == "__main__":
    asyncio.run(main())
