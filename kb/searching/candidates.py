"""Which lines and answers are worth a closer look: the rarest terms of a query, its sounds, and its shape.

Common terms say little and cost much: the rarest are taken until together they stand in `BUDGET` lines.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tantivy import Query as Within

from kb.searching import text
from kb.searching.index import ANSWER, CHAR, PAIR, SOUND, WORD
from kb.searching.query import Query
from kb.searching.terms import Term, Terms

BUDGET = 10_000
TITLES, ANSWERS, SOUNDS, OWN = 100, 40, 27, 27
"""How many lines are looked at for each kind of fit."""
MOST_HOLDING = 100
"""So many lines that hold a short query whole are looked at, the shortest first."""
_WEIGHT = {WORD: 1.0, PAIR: 0.35, CHAR: 1.0, SOUND: 1.0, ANSWER: 1.0}


@dataclass
class Found:
    """Ids of lines."""

    lines: set[int]
    holding: set[int]
    """Lines that hold a short Han query as one piece."""
    own: set[int]
    """Lines of the asker's own unit or region, which others that fit as well must not crowd out."""
    alike: set[int]
    """Lines that sound like it, taken for a slip of the keys: only when none holds it and it has no synonyms."""


def find(
    terms: Terms, query: Query, *, within: Within | None, own: Within | None, answers: bool, wider: int
) -> Found:
    """Candidates for a query, as far as they are `within`; some more of the asker's `own`.

    `answers` looks at answers too; `wider`: so many times the usual number of candidates.
    """
    written = {(WORD, word) for word in query.words} | {(PAIR, pair) for pair in query.bigrams}
    wanted = {term for term in written if not text.is_function(term[1])} or written
    if any(terms.count(term) for term in wanted):  # one character alone finds nothing
        wanted |= {(CHAR, char) for char in query.chars if not text.is_function(char)}
    telling = _pruned(terms, wanted)
    lines = terms.best(telling, TITLES * wider, within)
    owned = terms.best(telling, OWN * wider, own) if own is not None else set()
    lines |= terms.best(_pruned(terms, {(SOUND, pair) for pair in query.pairs}), SOUNDS * wider, within)
    if answers:
        words = {(ANSWER, word) for word in query.words if not text.is_function(word)}
        lines |= terms.best(_pruned(terms, words), ANSWERS * wider, within)
    holding = _holding(terms, query, MOST_HOLDING * wider, within)
    alike: set[int] = set()
    if query.is_short_han and not holding and not query.has_synonyms:
        most = MOST_HOLDING * wider
        if query.pairs:
            alike = set(terms.shortest(terms.phrase(SOUND, list(query.pairs)), most, within))
        if query.gapped:
            lines |= set(terms.shortest(terms.all_of(CHAR, query.chars), most, within))
    return Found(lines | owned | holding | alike, holding, owned, alike)


def _holding(terms: Terms, query: Query, limit: int, within: Within | None) -> set[int]:
    if not query.is_short_han:
        return set()
    if len(query.units) == 1:
        return terms.best([((CHAR, query.units[0]), 1.0)], limit, within)
    if len(query.units) == 2:
        return terms.best([((PAIR, "".join(query.units)), 1.0)], limit, within)
    return set(terms.shortest(terms.holding(query.units), limit, within))


def _pruned(terms: Terms, some: Iterable[Term]) -> list[tuple[Term, float]]:
    """The rarest terms until their lines sum to the budget; at least one; none that nothing has."""
    taken: list[tuple[Term, float]] = []
    total = 0
    for n, term in sorted((terms.count(term), term) for term in some):
        if n == 0:
            continue
        total += n
        if taken and total > BUDGET:
            break
        taken.append((term, _WEIGHT[term[0]]))
    return taken
