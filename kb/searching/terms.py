"""Reading the half of the index that finds lines by their terms: counts, best fits, shapes. Knows no ranking of entries."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from tantivy import Occur, Order, Query

from kb.searching import index, pinyin
from kb.searching.index import FIRST, LINE, MARK, PAIR, SCHEMA, SOUND, SYLLABLE

Term = tuple[str, str]
"""Field and term"""
MOST_ENDINGS = 60
"""So many ways to go on with an unfinished term are looked at."""
MOST_COUNTS = 100_000
"""Counts remembered; beyond that all are forgotten."""


class Terms:
    """The terms of one generation, as of the last commit that `refresh` has seen."""

    def __init__(self, folder: Path) -> None:
        self._index = index.terms(folder)
        self._index.config_reader("manual")
        self._searcher = self._index.searcher()
        self._counts: dict[Term, int] = {}

    def refresh(self) -> None:
        """Look at the newest commit, by whatever process."""
        self._index.reload()
        self._searcher = self._index.searcher()
        self._counts.clear()

    def count(self, term: Term) -> int:
        """In how many lines (or answers) a term stands."""
        if (known := self._counts.get(term)) is None:
            if len(self._counts) >= MOST_COUNTS:
                self._counts.clear()
            known = self._counts[term] = self._searcher.doc_freq(*term)
        return known

    def best(self, weights: Sequence[tuple[Term, float]], limit: int, within: Query | None) -> set[int]:
        """Lines with any of these terms, those that fit best (BM25 of each field by its weight)."""
        if not weights:
            return set()
        terms = [(Occur.Should, Query.boost_query(_term(term), weight)) for term, weight in weights]
        query = _both(Query.boolean_query(terms), within)
        return set(self._lines(query, limit))

    def shortest(self, shape: Query | None, limit: int, within: Query | None = None) -> list[int]:
        """Lines of this shape, the shortest first."""
        if shape is None:
            return []
        found = self._searcher.search(
            _both(shape, within), limit=limit, count=False, order_by_field=LINE, order=Order.Asc
        )
        return [index.unsorted(number) for number, _ in found.hits]

    def _lines(self, query: Query, limit: int) -> list[int]:
        hits = self._searcher.search(query, limit=limit, count=False).hits
        numbers = self._searcher.fast_field_values(LINE, [address for _, address in hits])
        return [index.unsorted(int(number or 0)) for number in numbers]

    def beginning(self, field: str, start: str) -> Query | None:
        """Lines with a term that begins so; None: there is none."""
        known = self._searcher.terms_with_prefix(field, start, limit=MOST_ENDINGS)
        return _any(_term((field, term)) for term, _ in known)

    def all_of(self, field: str, tokens: Iterable[str]) -> Query:
        """Lines with every one of these terms, wherever."""
        return Query.boolean_query([(Occur.Must, _term((field, token))) for token in tokens])

    def phrase(self, field: str, tokens: Sequence[str]) -> Query:
        """Lines with these terms in a row."""
        return (
            _term((field, tokens[0])) if len(tokens) == 1 else Query.phrase_query(SCHEMA, field, list(tokens))
        )

    def holding(self, units: Sequence[str]) -> Query:
        """Lines with these two or more characters in a row."""
        return self.phrase(PAIR, [a + b for a, b in pairwise(units)])

    def sounding(self, sounds: Sequence[str]) -> Query | None:
        """Lines in which these syllables follow each other; the last may be unfinished."""
        if len(sounds) == 1:
            return self.beginning(SYLLABLE, sounds[0])
        pairs = [pinyin.PAIR.join(two) for two in pairwise(sounds)]
        if sounds[-1] in pinyin.UNEXTENDABLE:
            return self.phrase(SOUND, pairs)
        if len(pairs) == 1:
            return self.beginning(SOUND, pairs[0])
        return Query.phrase_prefix_query(SCHEMA, SOUND, list(pairs))

    def first_letters(self, letters: str) -> Query | None:
        """Lines with these first letters in a row."""
        if len(letters) < 3:
            return self.beginning(FIRST, letters)
        return self.phrase(FIRST, [letters[at : at + 3] for at in range(len(letters) - 2)])


def within(groups: Sequence[Sequence[str]], *further: Query | None) -> Query | None:
    """Keeps to lines that have a mark of every group, and are within the further ones; None: everything is."""
    wanted = [_any(_term((MARK, mark)) for mark in group) for group in groups]
    musts = [(Occur.Must, Query.const_score_query(one, 0.0)) for one in (*wanted, *further) if one]
    return Query.boolean_query(musts) if musts else None


def _term(term: Term) -> Query:
    return Query.term_query(SCHEMA, term[0], term[1], "freq")


def _any(queries: Iterable[Query]) -> Query | None:
    some = [(Occur.Should, query) for query in queries]
    return Query.boolean_query(some) if some else None


def _both(query: Query, within: Query | None) -> Query:
    return query if within is None else Query.boolean_query([(Occur.Must, query), (Occur.Must, within)])
