"""How well lines and answers fit a query (相关度): BM25 per field, many at once. How often a term stands in one is nought.

Pure: is handed keys and counts, knows neither the index nor the database.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb.searching.index import ANSWER, CHAR, PAIR, RANKED, SOUND, WORD
from kb.searching.keys import key
from kb.searching.query import Query

K1 = 1.2
FIELD_WEIGHT = {WORD: 1.0, PAIR: 0.35, CHAR: 1.5, SOUND: 0.35, ANSWER: 0.3}
LENGTH_NORM = {WORD: 0.7, PAIR: 0.7, CHAR: 0.6, SOUND: 0.7, ANSWER: 0.6}
_NEAR = 0xFFFF
"""The part of a key that tells most of them apart"""
Scores = NDArray[Any]
Terms = Mapping[str, float]


@dataclass(frozen=True)
class Totals:
    """How many lines (or answers) a field has and how many different terms they have on average."""

    n: int
    average: float


@dataclass(frozen=True)
class _Weights:
    """The keys of some fields of a query in order; for each its field's place and what it is worth."""

    fields: Sequence[str]
    keys: NDArray[Any]
    places: NDArray[Any]
    worths: NDArray[Any]


class Ranker:
    """The weights of one query's terms against one index."""

    def __init__(
        self, query: Query, count: Callable[[tuple[str, str]], int], totals: Mapping[str, Totals]
    ) -> None:
        self._count, self._totals, self._query = count, totals, query
        self._lines = self._weights(
            RANKED, {WORD: query.words, PAIR: query.bigrams, CHAR: query.chars, SOUND: query.pairs}
        )

    def lines(self, keys: Sequence[bytes], sizes: Sequence[bytes]) -> Scores:
        """The fit of titles or aliases, from the keys of their `RANKED` fields and how many each field has."""
        lengths = np.frombuffer(b"".join(sizes), "<u2").reshape(len(keys), len(RANKED))
        return self._fit(self._lines, keys, lengths)

    def answers(self, keys: Sequence[bytes]) -> Scores:
        """The fit of answers, from the keys of their words."""
        lengths = np.array([[len(one) // 4] for one in keys])
        return self._fit(self._weights((ANSWER,), {ANSWER: self._query.words}), keys, lengths)

    def _weights(self, fields: Sequence[str], terms: Mapping[str, Terms]) -> _Weights:
        worth = {
            key(field, term): (place, FIELD_WEIGHT[field] * weight * self._idf(field, term))
            for place, field in enumerate(fields)
            for term, weight in terms[field].items()
            if self._count((field, term))
        }
        ordered = sorted(worth) or [0]
        places, worths = zip(*(worth.get(one, (0, 0.0)) for one in ordered), strict=True)
        return _Weights(fields, np.array(ordered, "<u4"), np.array(places), np.array(worths))

    def _idf(self, field: str, term: str) -> float:
        n = self._count((field, term))
        total = max(self._totals[field].n, n)
        return math.log(1 + (total - n + 0.5) / (n + 0.5))

    def _fit(self, weights: _Weights, some: Sequence[bytes], lengths: NDArray[Any]) -> Scores:
        b = np.array([LENGTH_NORM[field] for field in weights.fields])
        average = np.array([self._totals[field].average for field in weights.fields])
        norm = K1 * (1 - b + b * lengths / average)
        scores: Scores = (_sums(weights, some) * (K1 + 1) / (1 + norm)).sum(axis=1)
        return scores


def _sums(weights: _Weights, some: Sequence[bytes]) -> NDArray[Any]:
    """What the terms of each are worth together, field by field."""
    terms = np.frombuffer(b"".join(some), "<u4")
    near = np.zeros(_NEAR + 1, bool)
    near[weights.keys & _NEAR] = True
    here = np.flatnonzero(near[terms & _NEAR])  # few are left to be looked up
    at = np.minimum(np.searchsorted(weights.keys, terms[here]), len(weights.keys) - 1)
    equal = weights.keys[at] == terms[here]
    here, known = here[equal], at[equal]
    ends = np.cumsum([len(one) // 4 for one in some])
    cells = np.searchsorted(ends, here, side="right") * len(weights.fields) + weights.places[known]
    sums = np.bincount(cells, weights.worths[known], len(some) * len(weights.fields))
    return sums.reshape(len(some), len(weights.fields))
