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

FORMAT = f"5 {text.CUTTER}"
WORD, PAIR, CHAR, SOUND, ANSWER = "w", "b", "c", "s", "a"
FIELDS = (WORD, PAIR, CHAR, SOUND, ANSWER)
"""Fields of `df`: words, bigrams, characters and syllable pairs of lines; words of answers."""
_FULL_TEXT = ("ft", "fp", "fa")
_HASH_BYTES = 32_000_000
_MOST_LINES = 64
_LONGEST_RANKED = 500
_LINE = "id, units, sounds, firsts, words, mark"
_Line = tuple[int, str, str, str, str, str]
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE doc (
    id INTEGER PRIMARY KEY, stamp TEXT NOT NULL, source_id TEXT NOT NULL, unit_id INTEGER, region_id INTEGER,
    unit TEXT NOT NULL, kind TEXT NOT NULL, category TEXT NOT NULL, title TEXT NOT NULL, answer TEXT NOT NULL,
    valid_from TEXT, valid_to TEXT, review_by TEXT, public INTEGER NOT NULL, chosen REAL NOT NULL,
    chosen_on TEXT, words TEXT NOT NULL, mark TEXT NOT NULL);
CREATE INDEX doc_source ON doc (source_id);
CREATE TABLE line (
    id INTEGER PRIMARY KEY, doc INTEGER NOT NULL, weight REAL NOT NULL, units TEXT NOT NULL, sounds TEXT NOT NULL,
    firsts TEXT NOT NULL, words TEXT NOT NULL, mark TEXT NOT NULL);
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
        for table in _FULL_TEXT:
            self._db.execute(f"INSERT INTO {table}({table}, rank) VALUES ('hashsize', {_HASH_BYTES})")  # noqa: S608
        self._df: dict[str, Counter[str]] = {name: Counter() for name in FIELDS}
        self._totals: dict[str, list[int]] = {name: [0, 0] for name in FIELDS}

    def close(self) -> None:
        self._db.close()

    def begin(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Write the counts and show everything since `begin` to the readers at once."""
        self._save_counts()
        self._db.execute("COMMIT")

    def roll_back(self) -> None:
        self._forget_counts()
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def clear(self) -> None:
        for table in _FULL_TEXT:
            self._db.execute(f"INSERT INTO {table}({table}) VALUES ('delete-all')")  # noqa: S608
        for table in ("doc", "line", "df", "total"):
            self._db.execute(f"DELETE FROM {table}")  # noqa: S608

    def put(self, docs: Iterable[Doc]) -> None:
        """Add entries that are not there yet."""
        lines = [line for doc in docs for line in self._put_doc(doc)]
        self._fill(sorted(lines))

    def put_docs(self, docs: Iterable[Doc]) -> None:
        """As `put` for a rebuild: the lines' full text waits for `fill`, which wants them in order."""
        for doc in docs:
            self._put_doc(doc)

    def fill(self) -> None:
        """The full text of every line, after `put_docs`."""
        self._fill(self._db.execute(f"SELECT {_LINE} FROM line ORDER BY id"))  # noqa: S608
        for table in _FULL_TEXT:
            self._db.execute(f"INSERT INTO {table}({table}) VALUES ('optimize')")  # noqa: S608

    def remove(self, ids: Iterable[int]) -> None:
        """Take entries out; unknown ids are passed over."""
        for doc_id in ids:
            doc = self._db.execute("SELECT words, mark FROM doc WHERE id = ?", (doc_id,)).fetchone()
            if doc is None:
                continue
            self._db.execute("INSERT INTO fa(fa, rowid, w, u) VALUES ('delete', ?, ?, ?)", (doc_id, *doc))
            self._count(ANSWER, doc[0].split(), -1)
            self._db.execute("DELETE FROM doc WHERE id = ?", (doc_id,))
            lines = self._db.execute(f"SELECT {_LINE} FROM line WHERE doc = ?", (doc_id,)).fetchall()  # noqa: S608
            self._db.execute("DELETE FROM line WHERE doc = ?", (doc_id,))
            for line in lines:
                ft, fp = self._tokens(line, -1)
                self._db.execute("INSERT INTO ft(ft, rowid, w, b, u) VALUES ('delete', ?, ?, ?, ?)", ft)
                self._db.execute("INSERT INTO fp(fp, rowid, s, i) VALUES ('delete', ?, ?, ?)", fp)

    def set_synonyms(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._db.execute("DELETE FROM synonym")
        self._db.executemany("INSERT OR IGNORE INTO synonym VALUES (?, ?)", pairs)

    def stamps(self) -> dict[int, str]:
        """What the index holds: entry id -> the stamp it was put with."""
        return dict(self._db.execute("SELECT id, stamp FROM doc"))

    def _put_doc(self, doc: Doc) -> list[_Line]:
        """Store an entry, its answer's words and its lines without their full text."""
        words = text.words(text.normalise(f"{doc.answer} {doc.keywords} {doc.category} {doc.unit}"))
        joined, mark = " ".join(words), _unit_mark(doc.unit_id)
        self._count(ANSWER, words, 1)
        self._db.execute(
            "INSERT INTO doc VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (doc.id, doc.stamp, doc.source_id, doc.unit_id, doc.region_id, doc.unit, doc.kind, doc.category, doc.title,
             doc.answer, doc.valid_from, doc.valid_to, doc.review_by, doc.public, doc.chosen, doc.chosen_on,
             joined, mark),
        )  # fmt: skip
        self._db.execute("INSERT INTO fa(rowid, w, u) VALUES (?, ?, ?)", (doc.id, joined, mark))
        asked = ((doc.title, 1.0), *doc.aliases[: _MOST_LINES - 1])
        lines = [_line(doc.id, place, line, mark) for place, (line, _) in enumerate(asked)]
        rows = [(line[0], doc.id, weight, *line[1:]) for line, (_, weight) in zip(lines, asked, strict=True)]
        self._db.executemany("INSERT INTO line VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        return lines

    def _fill(self, lines: Iterable[_Line]) -> None:
        for line in lines:
            ft, fp = self._tokens(line, 1)
            self._db.execute("INSERT INTO ft(rowid, w, b, u) VALUES (?, ?, ?, ?)", ft)
            self._db.execute("INSERT INTO fp(rowid, s, i) VALUES (?, ?, ?)", fp)

    def _tokens(self, line: _Line, by: int) -> tuple[tuple[object, ...], tuple[object, ...]]:
        """The rows of a line in `ft` and `fp`; counts their terms up or down."""
        line_id, units, sounding, first, words, mark = line
        parts = units.split(" ")
        bigrams, pairs = text.bigrams(parts), pinyin.pairs(sounding.split(" "))
        self._count(WORD, words.split(" "), by)
        self._count(PAIR, bigrams, by)
        self._count(CHAR, parts, by)
        self._count(SOUND, pairs, by)
        starts = " ".join(pinyin.initials(first))
        return (line_id, words, " ".join(bigrams), mark), (line_id, " ".join(pairs), starts)

    def _count(self, field: str, terms: list[str], by: int) -> None:
        counter = self._df[field]
        if by > 0:
            counter.update(set(terms))
        else:
            counter.subtract(set(terms))
        total = self._totals[field]
        total[0] += by
        total[1] += by * len(terms)

    def _save_counts(self) -> None:
        rows = (
            (field, term, n) for field, terms in self._df.items() for term, n in sorted(terms.items()) if n
        )
        self._db.executemany(
            "INSERT INTO df VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n", rows
        )
        totals = [(field, *total) for field, total in self._totals.items()]
        self._db.executemany(
            "INSERT INTO total VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET n = n + excluded.n, length = length + excluded.length",
            totals,
        )
        self._forget_counts()

    def _forget_counts(self) -> None:
        for name in FIELDS:
            self._df[name].clear()
            self._totals[name] = [0, 0]


def _line(doc_id: int, place: int, asked: str, mark: str) -> _Line:
    """Ids grow with the length: full-text queries that stop early then meet the short lines first."""
    normal = text.normalise(asked)
    parts, sounds = pinyin.sounded(normal)
    line_id = (min(len(parts), _LONGEST_RANKED) << 40) + doc_id * _MOST_LINES + place
    return (
        line_id,
        " ".join(parts),
        " ".join(sounds),
        pinyin.firsts(sounds),
        " ".join(text.words(normal)),
        mark,
    )


def unit_terms(unit_ids: Iterable[int]) -> Iterator[str]:
    """The tokens that mark a line or answer as one of these units' own."""
    return (_unit_mark(unit_id) for unit_id in unit_ids)


def _unit_mark(unit_id: int | None) -> str:
    return "" if unit_id is None else f"u{unit_id}"
