"""Writing one generation of the index (写索引): entries in and out, shown to the readers by `commit`. One thread at a time."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import tantivy

from kb import index
from kb.index import ANSWER, CHAR, DOC, FIRST, LINE, MARK, PAIR, SCHEMA, SOUND, SYLLABLE, WORD
from kb.prepare import Doc, Line, Prepared, prepare, unit_name_mark

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
        for one in prepared:
            self._put_doc(one)
            for place, line in enumerate(one.lines):
                self._put_line(one, line, one.words if place == 0 else "")

    def remove(self, ids: Iterable[int]) -> None:
        """Take entries out; unknown ids are passed over."""
        for doc_id in ids:
            gone = self._store.execute(
                "DELETE FROM doc WHERE id = ? RETURNING word_keys", (doc_id,)
            ).fetchall()
            if not gone:
                continue
            self._terms.delete_documents_by_term(DOC, doc_id)
            self._count(ANSWER, gone[0][0], -1)
            lines = self._store.execute(
                "DELETE FROM line WHERE doc = ? RETURNING char_keys, word_keys", (doc_id,)
            )
            for chars, words in lines.fetchall():
                self._count(CHAR, chars, -1)
                self._count(WORD, words, -1)

    def set_synonyms(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._store.execute("DELETE FROM synonym")
        self._store.executemany("INSERT OR IGNORE INTO synonym VALUES (?, ?)", pairs)

    def stamps(self, ids: Iterable[int] | None = None) -> dict[int, str]:
        """What the index holds, of these entries or all: entry id -> the stamp it was put with."""
        some = f" WHERE id IN ({','.join(map(str, ids))})" if ids is not None else ""
        return dict(self._store.execute(f"SELECT id, stamp FROM doc{some}"))  # noqa: S608 - integers of ours

    def _put_doc(self, one: Prepared) -> None:
        doc = one.doc
        self._store.execute(
            "INSERT INTO doc VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (doc.id, doc.kind, doc.unit_id, doc.region_id, doc.valid_from, doc.valid_to, doc.review_by, doc.public,
             doc.chosen, doc.chosen_on, doc.unit, one.word_keys, doc.stamp, doc.source_id, doc.category, doc.title,
             doc.answer),
        )  # fmt: skip
        self._store.execute("INSERT OR IGNORE INTO unit VALUES (?, ?)", (doc.unit, unit_name_mark(doc.unit)))
        self._count(ANSWER, one.word_keys, 1)

    def _put_line(self, one: Prepared, line: Line, answer: str) -> None:
        terms = {
            LINE: line.id, DOC: one.doc.id, WORD: line.words, PAIR: line.pairs, CHAR: line.units, SOUND: line.sound_pairs,
            FIRST: line.triples, SYLLABLE: line.sounds, ANSWER: answer, MARK: one.marks,
        }  # fmt: skip
        self._terms.add_document(tantivy.Document.from_dict(terms, SCHEMA))
        self._store.execute(
            "INSERT INTO line VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (line.id, one.doc.id, line.weight, line.units, line.sounds, line.firsts, line.words, line.char_keys,
             line.word_keys, line.pair_keys, line.sound_keys),
        )  # fmt: skip
        self._count(CHAR, line.char_keys, 1)
        self._count(WORD, line.word_keys, 1)

    def _count(self, field: str, keys: bytes, by: int) -> None:
        self._added[field] += by
        self._grown[field] += by * (len(keys) // 4)
