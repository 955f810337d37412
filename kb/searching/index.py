"""Where the search index (检索索引) lives and what it is made of; nothing of ranking, people or the database.

An index is a folder of *generations*, of which `current` names the one in use; a rebuild makes the next one beside it and
then changes the name, so that searches go on in the old one. A generation has two halves: `terms` (tantivy), which finds
lines by their terms, and `store.db` (SQLite), which keeps what the ranking looks at and what is shown.

A *line* is one way to ask for an entry: its title, or an alias. The first line also carries the words of the answer.
Everything here can be thrown away: it is made from the entries at any time.
"""

import fcntl
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import metadata
from pathlib import Path

import tantivy

from kb.errors import RebuildRunning
from kb.searching import text

WORD, PAIR, CHAR, SOUND, FIRST, SYLLABLE, ANSWER, MARK = "w", "b", "c", "s", "i", "y", "a", "m"
"""Fields of `terms`: words, pairs and single characters of a line; pairs of its syllables, triples of their first letters,
single syllables; words of the answer; marks to keep a search to some entries."""
LINE, DOC = "line", "doc"
"""Numbers: a line's length and id in one (`sortable`), and the entry it belongs to"""
RANKED = (CHAR, WORD, PAIR, SOUND)
"""Fields of a line that the ranking compares, in the order in which their keys stand"""
FORMAT = f"13 {text.CUTTER} tantivy {metadata.version('tantivy')}"
MOST_LINES = 64
LONGEST_RANKED = 500
_LINE_BITS = 40
_STORE = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE doc ( -- what is long stands last: SQLite reads a row from its beginning
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, unit_id INTEGER, region_id INTEGER, valid_from TEXT, valid_to TEXT,
    review_by TEXT, public INTEGER NOT NULL, chosen REAL NOT NULL, chosen_on TEXT, unit TEXT NOT NULL,
    word_keys BLOB NOT NULL, stamp TEXT NOT NULL, source TEXT NOT NULL, source_id TEXT NOT NULL, category TEXT NOT NULL,
    title TEXT NOT NULL, answer TEXT NOT NULL);
CREATE TABLE line (
    id INTEGER PRIMARY KEY, weight REAL NOT NULL, han TEXT NOT NULL, firsts TEXT NOT NULL, sounds TEXT NOT NULL,
    sizes BLOB NOT NULL, keys BLOB NOT NULL);
CREATE TABLE total (field TEXT PRIMARY KEY, n INTEGER NOT NULL, length INTEGER NOT NULL);
CREATE TABLE unit (name TEXT PRIMARY KEY, mark TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE synonym (say TEXT, official TEXT, PRIMARY KEY (say, official)) WITHOUT ROWID;
"""
_FILLED = """
CREATE INDEX IF NOT EXISTS doc_source ON doc (source_id);
PRAGMA journal_mode=WAL;
"""
"""What a generation gets when it is full: until then nobody reads beside the writer."""


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_tie_breaker_field("added")  # lines of equal score come in the order they were put
    builder.add_unsigned_field(LINE, fast=True)
    builder.add_unsigned_field(DOC, indexed=True)
    for name in (PAIR, SOUND, FIRST):
        builder.add_text_field(name, tokenizer_name="blanks", index_option="position")
    for name in (WORD, CHAR, SYLLABLE, ANSWER):
        builder.add_text_field(name, tokenizer_name="blanks", index_option="freq")
    builder.add_text_field(MARK, tokenizer_name="blanks", index_option="basic")
    return builder.build()


SCHEMA = _schema()


def current(path: Path) -> Path | None:
    """The generation in use; None where there is none that this version can read."""
    try:
        folder = named(path) or path
        with closing(store(folder)) as opened:
            row = opened.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
    except (OSError, sqlite3.DatabaseError):
        return None
    return folder if row and row[0] == FORMAT and tantivy.Index.exists(str(folder / "terms")) else None


def named(path: Path) -> Path | None:
    """The generation in use, unlooked at; None where there is none."""
    try:
        return path / (path / "current").read_text()
    except OSError:
        return None


@contextmanager
def rebuilding(path: Path) -> Iterator[None]:
    """Only one at a time makes an index anew; raises RebuildRunning."""
    path.mkdir(parents=True, exist_ok=True)
    with (path / "rebuild.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RebuildRunning from error
        yield


def create(path: Path) -> Path:
    """An empty generation, which nobody sees before `switch`; what a broken rebuild left behind is removed."""
    used = current(path)
    _remove_others(path, used)
    folder = path / str(int(used.name) + 1 if used else 1)
    (folder / "terms").mkdir(parents=True)
    with closing(store(folder)) as opened:
        opened.executescript(_STORE)
        opened.execute("INSERT INTO meta VALUES ('format', ?), ('synonyms', 0)", (FORMAT,))
    tantivy.Index(SCHEMA, path=str(folder / "terms"))
    return folder


def switch(folder: Path) -> None:
    """From now on this full generation is searched; who is still searching another one keeps its open files."""
    with closing(store(folder)) as opened:
        opened.executescript(_FILLED)
    fresh = folder.parent / "current.new"
    fresh.write_text(folder.name)
    fresh.replace(folder.parent / "current")
    _remove_others(folder.parent, folder)


def _remove_others(path: Path, used: Path | None) -> None:
    for left in path.iterdir():
        if left.is_dir() and left != used:
            shutil.rmtree(left, ignore_errors=True)


def store(folder: Path) -> sqlite3.Connection:
    """A connection to a generation's store; a lost one is rebuilt, so nothing waits for the disk."""
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    opened = sqlite3.connect(folder / "store.db", isolation_level=None, timeout=30, check_same_thread=False)
    opened.execute("PRAGMA synchronous=OFF")
    return opened


def terms(folder: Path) -> tantivy.Index:
    opened = tantivy.Index.open(str(folder / "terms"))
    opened.register_tokenizer("blanks", tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())
    return opened


def line_of(entry: int, place: int) -> int:
    """The id of an entry's line: its title at 0, then its aliases."""
    return entry * MOST_LINES + place


def entry_of(line: int) -> int:
    """The entry a line belongs to, from the line's id."""
    return line // MOST_LINES


def sortable(line: int, units: int) -> int:
    """Grows with the length: in this order the lines that say little else come first."""
    return (min(units, LONGEST_RANKED) << _LINE_BITS) + line


def unsorted(number: int) -> int:
    """The line's id, from its `sortable` number."""
    return number & ((1 << _LINE_BITS) - 1)
