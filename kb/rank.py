"""How well a line and an answer fit a query (相关度): BM25 per field, and small priors that order near-equals.

Pure: is handed tokens and counts, knows neither the index file nor the database.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from kb import pinyin, text
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


Scorer = Callable[[Iterable[str], int], float]


class Ranker:
    """The weights of one query's terms against one index."""

    def __init__(
        self, query: Query, counts: Mapping[tuple[str, str], int], totals: Mapping[str, Totals]
    ) -> None:
        fields = {
            WORD: query.words, PAIR: query.bigrams, CHAR: query.chars, SOUND: query.pairs, ANSWER: query.words,
        }  # fmt: skip
        self._totals = totals
        self._weights = {
            name: {
                term: FIELD_WEIGHT[name] * worth * self._idf(name, counts.get((name, term), 0))
                for term, worth in terms.items()
            }
            for name, terms in fields.items()
        }

    def line(self, units: str, sounds: str, words: str) -> float:
        """The fit of a title or alias, from its tokens as the index keeps them."""
        parts = units.split(" ")
        chars = [part for part in parts if part != text.BREAK]
        score = self._field(WORD, words.split(" "))
        score += self._field(PAIR, text.bigrams(parts))
        score += self._field(CHAR, chars)
        if self._weights[SOUND]:
            score += self._field(SOUND, pinyin.pairs(parts, sounds.split(" ")))
        return score

    def answer(self, words: str) -> float:
        return self._field(ANSWER, words.split(" "))

    @property
    def perfect(self) -> float:
        """About what a line of average length scores that has every typed term once."""
        return sum(sum(self._weights[name].values()) for name in (WORD, PAIR, CHAR, SOUND))

    def _idf(self, name: str, n: int) -> float:
        total = self._totals[name].n
        return math.log(1 + (total - n + 0.5) / (n + 0.5))

    def _field(self, name: str, tokens: list[str]) -> float:
        weights = self._weights[name]
        met = Counter(token for token in tokens if token in weights)
        if not met:
            return 0.0
        b, average = LENGTH_NORM[name], self._totals[name].average
        norm = K1 * (1 - b + b * len(tokens) / average)
        return sum(weights[token] * n * (K1 + 1) / (n + norm) for token, n in met.items())
