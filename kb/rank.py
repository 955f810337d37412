"""How well lines and answers fit a query (相关度): BM25 per field, many at once. How often a term stands in one is nought.

Pure: is handed keys and counts, knows neither the index nor the database.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb.index import ANSWER, CHAR, PAIR, SOUND, WORD
from kb.keys import key
from kb.query import Query

K1 = 1.2
FIELD_WEIGHT = {WORD: 1.0, PAIR: 0.35, CHAR: 1.5, SOUND: 0.35, ANSWER: 0.5}
LENGTH_NORM = {WORD: 0.7, PAIR: 0.7, CHAR: 0.6, SOUND: 0.7, ANSWER: 0.6}
Scores = NDArray[Any]


@dataclass(frozen=True)
class Totals:
    """How many lines (or answers) a field has and how many different terms they have on average."""

    n: int
    average: float


class Ranker:
    """The weights of one query's terms against one index."""

    def __init__(
        self, query: Query, count: Callable[[tuple[str, str]], int], totals: Mapping[str, Totals]
    ) -> None:
        fields = {
            WORD: query.words, PAIR: query.bigrams, CHAR: query.chars, SOUND: query.pairs, ANSWER: query.words,
        }  # fmt: skip
        self._count, self._totals = count, totals
        self._weights = {name: self._weighed(name, terms) for name, terms in fields.items()}

    def lines(self, keys: Mapping[str, Sequence[bytes]]) -> Scores:
        """The fit of titles or aliases, from the keys of each by field."""
        return sum((self._field(name, some) for name, some in keys.items()), start=np.zeros(1))

    def answers(self, keys: Sequence[bytes]) -> Scores:
        """The fit of answers, from the keys of their words."""
        return self._field(ANSWER, keys)

    def _weighed(self, name: str, terms: Mapping[str, float]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Keys in order and the weight of each; one that no term has stands for the empty query."""
        weights = {
            key(term): FIELD_WEIGHT[name] * worth * self._idf(name, self._count((name, term)))
            for term, worth in terms.items()
        } or {0: 0.0}
        ordered = sorted(weights)
        return np.array(ordered, dtype="<u4"), np.array([weights[one] for one in ordered])

    def _idf(self, name: str, n: int) -> float:
        total = max(self._totals[name].n, n)
        return math.log(1 + (total - n + 0.5) / (n + 0.5))

    def _field(self, name: str, some: Sequence[bytes]) -> Scores:
        wanted, weights = self._weights[name]
        terms = np.frombuffer(b"".join(some), dtype="<u4")
        at = np.minimum(np.searchsorted(wanted, terms), len(wanted) - 1)
        worth = np.where(wanted[at] == terms, weights[at], 0.0)
        sizes = np.fromiter((len(one) for one in some), dtype=np.int64, count=len(some)) // 4
        sums = np.bincount(np.repeat(np.arange(len(some)), sizes), weights=worth, minlength=len(some))
        b = LENGTH_NORM[name]
        norm = K1 * (1 - b + b * sizes / self._totals[name].average)
        return sums * (K1 + 1) / (1 + norm)
