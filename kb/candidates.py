"""Which lines and answers are worth a closer look: full-text queries pruned to the rarest terms.

Common terms say little and cost much: the rarest are taken until together they stand in `BUDGET` lines.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from kb import pinyin, text
from kb.index import ANSWER, PAIR, SOUND, WORD
from kb.query import Query

BUDGET = 3_000
FACET_BUDGET = 20_000
"""Within a few units' entries common terms cost less and are needed more."""
TITLES, ANSWERS, SOUNDS = 80, 27, 27
MOST_HOLDING = 100
"""So many lines that hold a short query whole are looked at, the shortest first (see `kb.index._line`)."""
MOST_SOUNDING = 1_000
Counts = Mapping[tuple[str, str], int]


@dataclass
class Found:
    """Ids of lines and of entries (by their answers)."""

    lines: set[int]
    holding: set[int]
    """Lines that hold a short Han query as one piece."""
    alike: set[int]
    """Lines that hold it in sound; looked for when none holds it and it is no known saying: a slip of the keys."""
    docs: set[int]


def find(db: sqlite3.Connection, query: Query, counts: Counts, *, marks: list[str], answers: bool) -> Found:
    """Candidates for a query; `marks` keeps them to units' own entries, `answers` looks at answers too."""
    by_terms = {(WORD, word) for word in query.words} | {(PAIR, pair) for pair in query.bigrams}
    muted = {(field, term) for field, term in by_terms if text.is_function(term)}
    budget = FACET_BUDGET if marks else BUDGET
    lines = _match(db, "ft", _pruned(by_terms - muted or by_terms, counts, budget), marks, TITLES)
    lines |= _match(db, "fp", _pruned({(SOUND, pair) for pair in query.pairs}, counts, budget), [], SOUNDS)
    docs: set[int] = set()
    if answers:
        terms = {(ANSWER, word) for word in query.words if not text.is_function(word)}
        docs = _match(db, "fa", _pruned(terms, counts, budget), marks, ANSWERS)
    holding = _holding(db, query, marks)
    alike: set[int] = set()
    if query.pairs and query.is_short_han and not holding and not query.has_synonyms:
        shape = "s : " + " + ".join(f'"{pair}"' for pair in query.pairs)
        alike = set(sounding(db, shape, MOST_HOLDING))
    return Found(lines | holding | alike, holding, alike, docs)


def sounding(db: sqlite3.Connection, shape: str, limit: int = MOST_SOUNDING) -> list[int]:
    """Lines whose syllables or initials hold this shape, the shortest first."""
    rows = db.execute("SELECT rowid FROM fp WHERE fp MATCH ? LIMIT ?", (shape, limit))
    return [row[0] for row in rows]


def syllable_shape(sounds: Iterable[str]) -> str:
    """FTS5 query for lines in which these syllables follow each other; the last may be unfinished."""
    parts = list(sounds)
    if len(parts) == 1:
        return f's : "{parts[0]}" *'
    pairs = [pinyin.PAIR.join(two) for two in pairwise(parts)]
    return "s : " + " + ".join(f'"{pair}"' for pair in pairs) + " *"


def initials_shape(letters: str) -> str:
    """FTS5 query for lines with these first letters in a row."""
    if len(letters) < 3:
        return f'i : "{letters}" *'
    triples = (letters[at : at + 3] for at in range(len(letters) - 2))
    return "i : " + " + ".join(f'"{triple}"' for triple in triples)


def _holding(db: sqlite3.Connection, query: Query, marks: list[str]) -> set[int]:
    if not query.is_short_han:
        return set()
    if len(query.units) == 1:
        shape = f'b : "{query.units[0]}" *'
    else:
        pairs = (a + b for a, b in pairwise(query.units))
        shape = "b : " + " + ".join(f'"{pair}"' for pair in pairs)
    rows = db.execute("SELECT rowid FROM ft WHERE ft MATCH ? LIMIT ?", (_within(shape, marks), MOST_HOLDING))
    return {row[0] for row in rows}


def _pruned(terms: set[tuple[str, str]], counts: Counts, budget: int) -> list[tuple[str, str]]:
    """The rarest terms until their lines sum to the budget; at least one; none that nothing has."""
    taken: list[tuple[str, str]] = []
    total = 0
    for term in sorted(terms, key=lambda term: (counts.get(term, 0), term)):
        n = counts.get(term, 0)
        if n == 0:
            continue
        total += n
        if taken and total > budget:
            break
        taken.append(term)
    return taken


def _match(
    db: sqlite3.Connection, table: str, terms: list[tuple[str, str]], marks: list[str], limit: int
) -> set[int]:
    if not terms:
        return set()
    column = {WORD: "w", PAIR: "b", SOUND: "s", ANSWER: "w"}
    shape = "(" + " OR ".join(f'{column[field]} : "{term}"' for field, term in terms) + ")"
    weights = {"ft": "1.0, 0.35, 0.0", "fp": "1.0, 0.0", "fa": "1.0, 0.0"}[table]
    rows = db.execute(
        f"SELECT rowid FROM {table} WHERE {table} MATCH ? ORDER BY bm25({table}, {weights}) LIMIT ?",  # noqa: S608
        (_within(shape, marks), limit),
    )
    return {row[0] for row in rows}


def _within(shape: str, marks: list[str]) -> str:
    return f"({shape}) AND u : ({' OR '.join(marks)})" if marks else shape
