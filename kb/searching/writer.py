"""Writing one generation of the index (写索引): entries in and out, shown to the readers by `commit`. One thread at a time."""

from array import array
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import tantivy

from kb.searching import index
from kb.searching.index import (
    ANSWER,
    CHAR,
    DOC,
    FIRST,
    LINE,
    MARK,
    PAIR,
    RANKED,
    SCHEMA,
    SOUND,
    SYLLABLE,
    WORD,
    line_of,
)
from kb.searching.prepare import Doc, Line, Prepared, prepare, unit_name_mark

_HEAP = 128_000_000


class IndexKept(Exception):
    """Another process keeps this index; it writes, we read."""


class Writer:
    """The only writer of a generation, on this machine; raises IndexKept when there is one already."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:  # one thread: lines of equal score stay in the order they were put
            self._terms = index.terms(folder).writer(_HEAP, 1)
        except ValueError as error:
            if "LockBusy" not in str(error):
                raise
            raise IndexKept from error
        self._store = index.store(folder)
        self._store.execute("PRAGMA cache_size=-64000")
        self._grown: Counter[str] = Counter()
        self._added: Counter[str] = Counter()
        self._begin()

    def close(self) -> None:
        """What is not committed is lost."""
        self._terms.wait_merging_threads()
        self._store.close()

    def commit(self) -> None:
        """Show everything since the last commit.

        The store, which holds the stamps, comes last: what a crash leaves between the two is taken in again.
        """
        self._terms.commit()
        for field, n in self._added.items():
            self._store.execute(
                "INSERT INTO total VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET n = n + excluded.n, length = length + excluded.length",
                (field, n, self._grown[field]),
            )
        self._store.execute("COMMIT")
        self._begin()

    def roll_back(self) -> None:
        self._terms.rollback()
        self._store.execute("ROLLBACK")
        self._begin()

    def _begin(self) -> None:
        self._grown.clear()
        self._added.clear()
        self._store.execute("BEGIN")

    def replace(self, ids: Iterable[int], docs: Iterable[Doc]) -> None:
        """Take these entries out and put those in."""
        self.remove(ids)
        self.put(prepare(docs))

    def put(self, prepared: Iterable[Prepared]) -> None:
        """Add entries that are not there yet."""
        some = list(prepared)
        self._store.executemany(
            "INSERT INTO doc VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            map(_doc_row, some),
        )
        units = dict.fromkeys(one.doc.unit for one in some)
        self._store.executemany(
            "INSERT OR IGNORE INTO unit VALUES (?, ?)", [(unit, unit_name_mark(unit)) for unit in units]
        )
        lines = [(one, line) for one in some for line in one.lines]
        self._store.executemany(
            "INSERT INTO line VALUES (?, ?, ?, ?, ?, ?, ?)", [line[:7] for _, line in lines]
        )
        for one, line in lines:
            self._terms.add_document(tantivy.Document.from_dict(_terms(one, line), SCHEMA))
            self._count_line(line.sizes, 1)
        for one in some:
            self._count_answer(one.word_keys, 1)

    def remove(self, ids: Iterable[int]) -> None:
        """Take entries out; unknown ids are passed over."""
        for doc_id in ids:
            gone = self._store.execute(
                "DELETE FROM doc WHERE id = ? RETURNING word_keys", (doc_id,)
            ).fetchall()
            if not gone:
                continue
            # not by term: of a Python number tantivy makes a signed one, which no unsigned field holds
            self._terms.delete_documents_by_query(tantivy.Query.term_query(SCHEMA, DOC, doc_id, "basic"))
            self._count_answer(gone[0][0], -1)
            ends = line_of(doc_id, 0), line_of(doc_id + 1, 0)
            lines = self._store.execute("DELETE FROM line WHERE id >= ? AND id < ? RETURNING sizes", ends)
            for line in lines.fetchall():
                self._count_line(line[0], -1)

    def set_synonyms(self, pairs: Iterable[tuple[str, str]]) -> None:
        """From now on these; a new number tells readers to look again."""
        self._store.execute("UPDATE meta SET value = value + 1 WHERE key = 'synonyms'")
        self._store.execute("DELETE FROM synonym")
        self._store.executemany("INSERT OR IGNORE INTO synonym VALUES (?, ?)", pairs)

    def stamps(self, ids: Iterable[int] | None = None) -> dict[int, str]:
        """What the index holds, of these entries or all: entry id -> the stamp it was put with."""
        some = f" WHERE id IN ({','.join(map(str, ids))})" if ids is not None else ""
        return dict(self._store.execute(f"SELECT id, stamp FROM doc{some}"))  # noqa: S608 - integers of ours

    def _count_answer(self, keys: bytes, by: int) -> None:
        self._added[ANSWER] += by
        self._grown[ANSWER] += by * (len(keys) // 4)

    def _count_line(self, sizes: bytes, by: int) -> None:
        for field, size in zip(RANKED, array("H", sizes), strict=True):
            self._added[field] += by
            self._grown[field] += by * size


def _doc_row(one: Prepared) -> tuple[object, ...]:
    doc = one.doc
    return (
        doc.id, doc.kind, doc.unit_id, doc.region_id, doc.valid_from, doc.valid_to, doc.review_by, doc.public, doc.chosen,
        doc.chosen_on, doc.unit, one.word_keys, doc.stamp, doc.source, doc.source_id, doc.category, doc.title,
        doc.answer,
    )  # fmt: skip


def _terms(one: Prepared, line: Line) -> dict[str, object]:
    """A line's fields; the first line of an entry carries the answer too."""
    answer = one.words if line is one.lines[0] else ""
    return {
        LINE: line.sortable, DOC: one.doc.id, WORD: line.words, PAIR: line.pairs, CHAR: line.units, SOUND: line.sound_pairs,
        FIRST: line.triples, SYLLABLE: line.sounds, ANSWER: answer, MARK: one.marks,
    }  # fmt: skip
