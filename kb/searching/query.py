"""What was typed, taken apart: terms with weights, sounds, and the shapes in which a title can hold it whole.

Knows words and synonyms; nothing of the index or of entries.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kb.searching import pinyin, text

SYNONYM_WEIGHT, SYNONYM_CHAR_WEIGHT = 0.45, 0.25
"""What official words are worth beside the typed ones: whole and in pairs; their single characters stand everywhere."""
FUNCTION_WEIGHT = 0.1
SHORT_HAN = 6
"""Up to so many Han characters a query is taken for a piece of a title: titles that hold it come first."""
LONGEST_SYNONYM = 12
LONGEST = 100
"""Characters of a query that are looked at."""
_LATIN = re.compile(r"[a-z]+")
Synonyms = Mapping[str, Sequence[str]]
"""What is said, and the official words it stands for"""


@dataclass
class Query:
    """Terms of a query by field, each with its weight."""

    normal: str
    units: list[str]
    sounds: list[str]
    words: dict[str, float] = field(default_factory=dict)
    bigrams: dict[str, float] = field(default_factory=dict)
    chars: dict[str, float] = field(default_factory=dict)
    pairs: dict[str, float] = field(default_factory=dict)
    has_synonyms: bool = False

    @property
    def is_short_han(self) -> bool:
        return 0 < len(self.units) <= SHORT_HAN and text.is_han("".join(self.units))

    @property
    def gapped(self) -> re.Pattern[str] | None:
        """What titles look like in which the query stands but for characters left out between its own."""
        return re.compile(".?".join(self.units)) if self.is_short_han and len(self.units) > 2 else None

    @property
    def letters(self) -> str:
        """What was typed, when it is nothing but Latin letters (blanks and ' between syllables allowed)."""
        joined = "".join(unit for unit in self.units if unit != text.BREAK)
        return joined if _LATIN.fullmatch(joined) else ""

    @property
    def mixed(self) -> tuple[list[str], str] | None:
        """Syllables of leading Han and the letters that follow it: 公积j, 社保ka."""
        if len(self.units) < 2 or not _LATIN.fullmatch(self.units[-1]):
            return None
        head = self.units[:-1]
        return (self.sounds[:-1], self.units[-1]) if text.is_han("".join(head)) else None


def parse(typed: str, synonyms: Synonyms) -> Query:
    """Take a query apart; an empty one has no terms."""
    normal = text.normalise_query(typed)[:LONGEST].strip()
    parts, sounds = pinyin.sounded(normal)
    query = Query(normal, parts, sounds)
    _add(query, normal, parts, 1.0, 1.0)
    if (query.words or query.chars) and all(text.is_function(term) for term in query.words):
        _unmute(query)
    query.pairs = dict.fromkeys(pinyin.pairs(sounds), 1.0)
    for official in _official(normal, synonyms):
        query.has_synonyms = True
        _add(query, official, text.units(official), SYNONYM_WEIGHT, SYNONYM_CHAR_WEIGHT)
    return query


def _add(query: Query, normal: str, parts: list[str], weight: float, char_weight: float) -> None:
    """Terms of one text; a term that is there with more weight keeps it."""
    chars = [part for part in parts if part != text.BREAK]
    for terms, found, most in (
        (query.words, text.words(normal), weight),
        (query.bigrams, text.bigrams(parts), weight),
        (query.chars, chars, char_weight),
    ):
        for term in found:
            worth = most * (FUNCTION_WEIGHT if text.is_function(term) else 1.0)
            terms[term] = max(terms.get(term, 0.0), worth)


def _unmute(query: Query) -> None:
    """Nothing but function words was typed: then they are what is wanted."""
    for terms in (query.words, query.bigrams, query.chars):
        terms.update(dict.fromkeys(terms, 1.0))


def _official(normal: str, synonyms: Synonyms) -> list[str]:
    """Official words for what was said: the longest pieces win, a piece inside a longer one is not looked at."""
    found: list[str] = []
    taken: set[int] = set()
    for length in range(min(LONGEST_SYNONYM, len(normal)), 0, -1):
        for start in range(len(normal) - length + 1):
            officials = synonyms.get(normal[start : start + length])
            if officials and taken.isdisjoint(range(start, start + length)):
                taken.update(range(start, start + length))
                found.extend(officials)
    return found
