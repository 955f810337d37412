"""How well a line and an answer fit a query (相关度): BM25 per field, and small priors that order near-equals.

Pure: is handed tokens and counts, knows neither the index file nor the database.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from kb import pinyin
from kb.index import ANSWER, CHAR, PAIR, SOUND, WORD
from kb.query import Query

K1 = 1.2
FIELD_WEIGHT = {WORD: 1.0, PAIR: 0.35, CHAR: 1.5, SOUND: 0.35, ANSWER: 0.5}
LENGTH_NORM = {WORD: 0.7, PAIR: 0.7, CHAR: 0.6, SOUND: 0.7, ANSWER: 0.6}


@dataclass(frozen=True)
class Totals:
    """How many lines (or answers) a field has and how long they are on average."""

    n: int
    average: float


def _key(name: str, term: str) -> Any:
    """Pairs of sounds are looked up as pairs: joining them for every line would cost more than the rest."""
    return tuple(term.split(pinyin.PAIR)) if name == SOUND else term


class Ranker:
    """The weights of one query's terms against one index."""

    def __init__(
        self, query: Query, count: Callable[[tuple[str, str]], int], totals: Mapping[str, Totals]
    ) -> None:
        fields = {
            WORD: query.words, PAIR: query.bigrams, CHAR: query.chars, SOUND: query.pairs, ANSWER: query.words,
        }  # fmt: skip
        self._totals = totals
        self._weights: dict[str, dict[Any, float]] = {
            name: {
                _key(name, term): FIELD_WEIGHT[name] * worth * self._idf(name, count((name, term)))
                for term, worth in terms.items()
            }
            for name, terms in fields.items()
        }

    def line(self, units: str, sounds: str, words: str) -> float:
        """The fit of a title or alias, from its tokens as the index keeps them; how often a token stands there is nought."""
        parts = units.split(" ")
        length = len(parts)
        score = self._once(CHAR, parts, length) + self._once(WORD, some := words.split(" "), len(some))
        score += self._once(PAIR, map(str.__add__, parts, parts[1:]), length - 1)
        return score + self._once(SOUND, pairwise(sounds.split(" ")), length - 1)

    def answer(self, words: str) -> float:
        """The fit of an answer, from its words as the index keeps them."""
        return self._field(ANSWER, some := words.split(" "), len(some))

    def _once(self, name: str, tokens: Iterable[Any], length: int) -> float:
        weights = self._weights[name]
        met = weights.keys() & tokens
        if not met:
            return 0.0
        b = LENGTH_NORM[name]
        norm = K1 * (1 - b + b * length / self._totals[name].average)
        return sum([weights[token] for token in met]) * (K1 + 1) / (1 + norm)

    def _idf(self, name: str, n: int) -> float:
        total = self._totals[name].n
        return math.log(1 + (total - n + 0.5) / (n + 0.5))

    def _field(self, name: str, tokens: Iterable[Any], length: int) -> float:
        weights = self._weights[name]
        met = [token for token in tokens if token in weights]
        if not met:
            return 0.0
        b, average = LENGTH_NORM[name], self._totals[name].average
        norm = K1 * (1 - b + b * length / average)
        if len(met) == len(set(met)):
            return sum([weights[token] for token in met]) * (K1 + 1) / (1 + norm)
        return sum(weights[token] * n * (K1 + 1) / (n + norm) for token, n in Counter(met).items())
