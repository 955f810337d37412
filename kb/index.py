"""The search index (检索索引): one SQLite file made from the entries, disposable, rebuilt when the cutter changes.

Knows lines and terms; nothing of entries' states, people or ranking. One thread writes; readers have connections
of their own and see whole transactions.

A *line* is one way to ask for an entry: its title, or an alias. `ft` holds each line's words and bigrams, `fp` its
syllable pairs and initials, `fa` the words of each answer; the three keep no text (contentless), so the tokens that
a deletion needs are kept with line and entry. `df` counts, per field and term, the lines or answers that have it.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kb import pinyin, text

FORMAT = f"4 {text.CUTTER}"
WORD, PAIR, CHAR, SOUND, ANSWER = "w", "b", "c", "s", "a"
"""Fields of `df`: words, bigrams, characters and syllable pairs of lines; words of answers."""
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE doc (
    id INTEGER PRIMARY KEY, stamp TEXT NOT NULL, source_id TEXT NOT NULL, unit_id INTEGER, region_id INTEGER,
    unit TEXT NOT NULL, kind TEXT NOT NULL, category TEXT NOT NULL, title TEXT NOT NULL, answer TEXT NOT NULL,
    valid_from TEXT, valid_to TEXT, review_by TEXT, public INTEGER NOT NULL, chosen REAL NOT NULL,
    chosen_on TEXT, words TEXT NOT NULL);
CREATE INDEX doc_source ON doc (source_id);
CREATE TABLE line (
    id INTEGER PRIMARY KEY, doc INTEGER NOT NULL, weight REAL NOT NULL, units TEXT NOT NULL, sounds TEXT NOT NULL,
    words TEXT NOT NULL);
CREATE INDEX line_doc ON line (doc);
CREATE VIRTUAL TABLE ft USING fts5(w, b, u, content='', tokenize="unicode61 remove_diacritics 0");
CREATE VIRTUAL TABLE fp USING fts5(s, i, content='', tokenize="unicode61 remove_diacritics 0");
CREATE VIRTUAL TABLE fa USING fts5(w, u, content='', tokenize="unicode61 remove_diacritics 0");
CREATE TABLE df (field TEXT, term TEXT, n INTEGER NOT NULL, PRIMARY KEY (field, term)) WITHOUT ROWID;
CREATE TABLE total (field TEXT PRIMARY KEY, n INTEGER NOT NULL, length INTEGER NOT NULL);
CREATE TABLE synonym (say TEXT, official TEXT, PRIMARY KEY (say, official)) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Doc:
    """One entry as the index wants it; dates as ISO text or None; `aliases` with their weights."""

    id: int
    title: str
    answer: str
    stamp: str = ""
    source_id: str = ""
    unit_id: int | None = None
    region_id: int | None = None
    unit: str = ""
    kind: str = "faq"
    category: str = ""
    keywords: str = ""
    valid_from: str | None = None
    valid_to: str | None = None
    review_by: str | None = None
    public: bool = True
    chosen: float = 0.0
    chosen_on: str | None = None
    aliases: tuple[tuple[str, float], ...] = ()


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)
    connection.execute("PRAGMA synchronous=OFF")  # a lost index is rebuilt
    return connection


def is_current(path: Path) -> bool:
    """Whether the file exists, can be read and was made by this format and cutter."""
    if not path.exists():
        return False
    try:
        connection = connect(path)
        try:
            row = connection.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
        finally:
            connection.close()
    except sqlite3.DatabaseError:
        return False
    return row is not None and row[0] == FORMAT


def create(path: Path) -> None:
    """An empty index in place of whatever was there."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(_TABLES)
    connection.execute("INSERT INTO meta VALUES ('format', ?)", (FORMAT,))
    connection.close()


class Writer:
    """The one writer of an index file; use from one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._db = connect(path)
        self._df: Counter[tuple[str, str]] = Counter()
        self._totals: dict[str, tuple[int, int]] = {}

    def close(self) -> None:
        self._db.close()

    def begin(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Write the counts and show everything since `begin` to the readers at once."""
        self._save_counts()
        self._db.execute("COMMIT")

    def roll_back(self) -> None:
        self._df.clear()
        self._totals.clear()
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def clear(self) -> None:
        for table in ("ft", "fp", "fa"):
            self._db.execute(f"INSERT INTO {table}({table}) VALUES ('delete-all')")  # noqa: S608 - our own names
        for table in ("doc", "line", "df", "total"):
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names

    def compact(self) -> None:
        """Merge the full-text segments: worth it after a rebuild only."""
        for table in ("ft", "fp", "fa"):
            self._db.execute(f"INSERT INTO {table}({table}) VALUES ('optimize')")  # noqa: S608 - our own names

    def put(self, docs: Iterable[Doc]) -> None:
        """Add entries that are not there yet."""
        last = self._db.execute("SELECT coalesce(max(id), 0) FROM line").fetchone()[0]
        for doc in docs:
            words = text.words(text.normalise(f"{doc.answer} {doc.keywords} {doc.category} {doc.unit}"))
            self._put_doc(doc, words)
            self._count(ANSWER, words, 1)
            for line, weight in ((doc.title, 1.0), *doc.aliases):
                last += 1
                self._put_line(last, doc, line, weight)

    def remove(self, ids: Iterable[int]) -> None:
        """Take entries out; unknown ids are passed over."""
        for doc_id in ids:
            doc = self._db.execute("SELECT words, unit_id FROM doc WHERE id = ?", (doc_id,)).fetchone()
            if doc is None:
                continue
            mark = _unit_mark(doc[1])
            self._db.execute(
                "INSERT INTO fa(fa, rowid, w, u) VALUES ('delete', ?, ?, ?)", (doc_id, doc[0], mark)
            )
            self._count(ANSWER, doc[0].split(), -1)
            self._db.execute("DELETE FROM doc WHERE id = ?", (doc_id,))
            self._remove_lines(doc_id, mark)

    def set_synonyms(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._db.execute("DELETE FROM synonym")
        self._db.executemany("INSERT OR IGNORE INTO synonym VALUES (?, ?)", pairs)

    def stamps(self) -> dict[int, str]:
        """What the index holds: entry id -> the stamp it was put with."""
        return dict(self._db.execute("SELECT id, stamp FROM doc"))

    def _put_doc(self, doc: Doc, words: list[str]) -> None:
        joined = " ".join(words)
        self._db.execute(
            "INSERT INTO doc VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (doc.id, doc.stamp, doc.source_id, doc.unit_id, doc.region_id, doc.unit, doc.kind, doc.category, doc.title,
             doc.answer, doc.valid_from, doc.valid_to, doc.review_by, doc.public, doc.chosen, doc.chosen_on, joined),
        )  # fmt: skip
        self._db.execute(
            "INSERT INTO fa(rowid, w, u) VALUES (?, ?, ?)", (doc.id, joined, _unit_mark(doc.unit_id))
        )

    def _put_line(self, line_id: int, doc: Doc, line: str, weight: float) -> None:
        normal = text.normalise(line)
        parts, sounds, words = text.units(normal), pinyin.syllables(normal), text.words(normal)
        row = (line_id, doc.id, weight, " ".join(parts), " ".join(sounds), " ".join(words))
        self._db.execute("INSERT INTO line VALUES (?, ?, ?, ?, ?, ?)", row)
        bigrams, pairs = text.bigrams(parts), pinyin.pairs(parts, sounds)
        mark = _unit_mark(doc.unit_id)
        self._db.execute(
            "INSERT INTO ft(rowid, w, b, u) VALUES (?, ?, ?, ?)", (line_id, row[5], " ".join(bigrams), mark)
        )
        first = " ".join(pinyin.initials(parts, sounds))
        self._db.execute("INSERT INTO fp(rowid, s, i) VALUES (?, ?, ?)", (line_id, " ".join(pairs), first))
        self._count_line(words, bigrams, parts, pairs, 1)

    def _remove_lines(self, doc_id: int, mark: str) -> None:
        query = "SELECT id, units, sounds, words FROM line WHERE doc = ?"
        for line_id, joined, sounding, words in self._db.execute(query, (doc_id,)).fetchall():
            parts, sounds = joined.split(), sounding.split()
            bigrams, pairs = text.bigrams(parts), pinyin.pairs(parts, sounds)
            self._db.execute(
                "INSERT INTO ft(ft, rowid, w, b, u) VALUES ('delete', ?, ?, ?, ?)",
                (line_id, words, " ".join(bigrams), mark),
            )
            first = " ".join(pinyin.initials(parts, sounds))
            self._db.execute(
                "INSERT INTO fp(fp, rowid, s, i) VALUES ('delete', ?, ?, ?)",
                (line_id, " ".join(pairs), first),
            )
            self._count_line(words.split(), bigrams, parts, pairs, -1)
            self._db.execute("DELETE FROM line WHERE id = ?", (line_id,))

    def _count_line(
        self, words: list[str], bigrams: list[str], parts: list[str], pairs: list[str], by: int
    ) -> None:
        self._count(WORD, words, by)
        self._count(PAIR, bigrams, by)
        self._count(CHAR, [part for part in parts if part != text.BREAK], by)
        self._count(SOUND, pairs, by)

    def _count(self, field: str, terms: list[str], by: int) -> None:
        self._df.update({(field, term): by for term in set(terms)})
        n, length = self._totals.get(field, (0, 0))
        self._totals[field] = (n + by, length + by * len(terms))

    def _save_counts(self) -> None:
        rows = sorted((field, term, n) for (field, term), n in self._df.items() if n)
        self._db.executemany(
            "INSERT INTO df VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n", rows
        )
        totals = [(field, n, length) for field, (n, length) in self._totals.items()]
        self._db.executemany(
            "INSERT INTO total VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET n = n + excluded.n, length = length + excluded.length",
            totals,
        )
        self._df.clear()
        self._totals.clear()


def unit_terms(unit_ids: Iterable[int]) -> Iterator[str]:
    """The tokens that mark a line or answer as one of these units' own."""
    return (_unit_mark(unit_id) for unit_id in unit_ids)


def _unit_mark(unit_id: int | None) -> str:
    return "" if unit_id is None else f"u{unit_id}"
