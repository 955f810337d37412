"""Which of the entries found comes first (检索排序): the shape of the fit before its score, and small priors among near-equals.

Pure: the scores themselves are `kb.searching.rank`'s.
"""

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import NamedTuple

from kb.searching import candidates
from kb.searching.hits import Scope
from kb.searching.index import WORD
from kb.searching.keys import key, union
from kb.searching.query import Query
from kb.searching.rank import Ranker

PRIOR_SHARE = 0.15
"""All priors together move an entry by at most this share of the best score: they order near-equals."""
HALF_LIFE_DAYS = 90
"""After so many days a choice of an entry counts half."""
OTHER_WORDINGS = 0.75
"""What an entry's other lines have of the query counts so much beside its best line: 社保卡 here, 补办 there."""


class Tier(IntEnum):
    """What stands before what, whatever the score: the shape of the fit."""

    TERMS = 0
    """shares terms with the query"""
    GAPPED = 1
    """holds a short query but for characters left out"""
    SOUNDS = 2
    """holds it in sound, or fits the letters typed"""
    HOLDS = 3
    """holds it as one piece"""
    NAMED = 4
    """its own id was typed (M-22: by code)"""


Fits = dict[int, tuple[Tier, float]]
"""By entry"""


@dataclass(slots=True)
class Row:
    """What of an entry the order depends on."""

    id: int
    kind: str
    unit_id: int | None
    region_id: int | None
    valid_to: str | None
    review_by: str | None
    chosen: float
    chosen_on: str | None
    tier: Tier
    score: float


class Line(NamedTuple):
    """A title or alias that was found."""

    tier: Tier
    score: float
    weight: float
    sizes: bytes
    keys: bytes


def together(asked: Mapping[int, Sequence[Line]], ranker: Ranker) -> Fits:
    """The best line of each entry; of several, also what they have of the query as if it stood in the shortest one."""
    best = {entry: max(lines) for entry, lines in asked.items()}
    fits = {entry: (line.tier, line.score) for entry, line in best.items()}
    several = {entry: lines for entry, lines in asked.items() if len(lines) > 1}
    if several:
        whole = ranker.lines(
            [union(line.keys for line in lines) for lines in several.values()],
            [min(lines, key=lambda line: len(line.keys)).sizes for lines in several.values()],
        )
        for entry, fit in zip(several, whole.tolist(), strict=True):
            tier, score = fits[entry]
            fits[entry] = tier, score + OTHER_WORDINGS * max(0.0, best[entry].weight * fit - score)
    return fits


def tiers(query: Query, found: candidates.Found) -> Callable[[int, str, bytes], Tier]:
    """Tells the tier of a line from its id, its Han and its keys."""
    gapped = None if found.holding or query.has_synonyms else query.gapped
    word = array("I", [key(WORD, query.letters)]).tobytes() if query.letters else None

    def tier(line: int, han: str, keys: bytes) -> Tier:
        if line in found.holding or (word and word in keys):
            return Tier.HOLDS
        if line in found.alike:
            return Tier.SOUNDS
        return Tier.GAPPED if gapped and gapped.search(han) else Tier.TERMS

    return tier


def prior(row: Row, scope: Scope, today: str) -> float:
    """Between -.5 and 1: often chosen lately, own unit or region, FAQ before base document (M-65), stale ones last."""
    worth = 0.15 if row.kind == "faq" else 0.0
    if row.unit_id is not None and row.unit_id == scope.own_unit_id:
        worth += 0.35
    if row.region_id is not None and row.region_id == scope.own_region_id:
        worth += 0.35
    if row.chosen and row.chosen_on:
        age = (scope.today - date.fromisoformat(row.chosen_on)).days
        worth += min(0.05 * (row.chosen * 0.5 ** (age / HALF_LIFE_DAYS)), 0.35)
    if (row.valid_to or today) < today:
        return worth - 0.5
    return worth - 0.2 if (row.review_by or today) < today else worth
