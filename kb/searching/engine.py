"""One reader of the index: from a typed query to entries in order. Synchronous; the event loop never comes here.

Knows the index and the ranking; nothing of sessions, people or the database the index was made from.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from functools import lru_cache
from heapq import nlargest
from pathlib import Path
from typing import Any, NamedTuple

from tantivy import Query as Within

from kb.searching import candidates, index, letters, prepare
from kb.searching.highlight import Highlighter, Marks
from kb.searching.index import ANSWER, CHAR, PAIR, SOUND, WORD
from kb.searching.keys import key, union
from kb.searching.query import Query, Synonyms, parse
from kb.searching.rank import Ranker, Totals
from kb.searching.terms import Terms, within

PRIOR_SHARE = 0.15
"""All priors together move an entry by at most this share of the best score: they order near-equals."""
HALF_LIFE_DAYS = 90
WIDER = 10
"""How many times more candidates are looked at when too few of the first may be shown."""
JUDGED = 100
"""So many entries whose lines fit best are looked at themselves: may they be shown, what does their answer add?"""
OTHER_WORDINGS = 0.75
"""What an entry's other lines have of the query counts so much beside its best line: 社保卡 here, 补办 there."""
MOST_UNITS = 200
TIER_STEP = 1_000.0
REMEMBERED = 256
"""Searches whose hits are kept until the index changes: many people ask the same."""


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


@dataclass(frozen=True)
class Scope:
    """Who asks and what they may and want to see."""

    today: date
    """Beijing date: entries outside their validity are not there."""
    public_only: bool = True
    with_expired: bool = False
    """Also what is past its last day, marked as not valid (M-22); never for the public."""
    unit: str = ""
    """Only entries of units whose name holds this."""
    region_id: int | None = None
    """Only entries of this region."""
    kind: str = ""
    """Only entries of this kind (`kb.models.EntryKind`)."""
    own_unit_id: int | None = None
    own_region_id: int | None = None

    @property
    def filters(self) -> dict[str, Any]:
        """Parameters of `_VISIBLE`."""
        today, everything = self.today.isoformat(), self.with_expired and not self.public_only
        return {
            "today": today, "since": "" if everything else today, "public": int(self.public_only), "unit": self.unit,
            "region": self.region_id, "kind": self.kind,
        }  # fmt: skip


@dataclass(frozen=True)
class Hit:
    """One entry found; `score` orders the hits of one query and compares nothing else."""

    id: int
    source: str
    source_id: str
    title: str
    snippet: str
    unit: str
    score: float
    kind: str
    category: str
    valid_to: str | None
    review_by: str | None
    valid: bool
    """False only where expired entries were asked for."""
    public: bool
    """False only for staff: not to be passed on (M-70)."""
    title_marks: Marks
    snippet_marks: Marks


@dataclass(slots=True)
class _Row:
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


class _Line(NamedTuple):
    """A title or alias that was found."""

    tier: Tier
    score: float
    weight: float
    sizes: bytes
    keys: bytes


_VISIBLE = (
    "(valid_from IS NULL OR valid_from <= :today) AND (valid_to IS NULL OR valid_to >= :since) AND public >= :public"
    " AND (:unit = '' OR instr(unit, :unit) > 0) AND (:region IS NULL OR region_id = :region)"
    " AND (:kind = '' OR kind = :kind)"
)


class Engine:
    """Searches one generation of the index; one per thread. Remembers the last `remembered` searches."""

    def __init__(self, folder: Path, remembered: int = REMEMBERED) -> None:
        self.folder = folder
        self._hits_of = lru_cache(remembered)(self._search)
        self._version = -1
        self._terms = Terms(folder)
        self._db = index.store(folder)
        self._db.execute("PRAGMA query_only=ON")
        self._db.execute("PRAGMA cache_size=-32000")
        self._db.execute("PRAGMA mmap_size=4000000000")
        self._synonyms: Synonyms = {}
        self._synonyms_seen: tuple[str] | None = None
        self._totals: dict[str, Totals] | None = None

    def close(self) -> None:
        self._db.close()

    def search(self, typed: str, limit: int, scope: Scope, *, answers: bool = True) -> list[Hit]:
        """The best entries for a query; `answers` False looks at titles and aliases only (typeahead)."""
        # grows when a writer, of whatever process, commits to the store, which it does after the terms
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            self._look_again()
            self._version = version
        return list(self._hits_of(typed, limit, scope, answers))

    def _look_again(self) -> None:
        self._hits_of.cache_clear()
        self._terms.refresh()
        self._totals = self._read_totals()
        self._read_synonyms()

    def _search(self, typed: str, limit: int, scope: Scope, answers: bool) -> list[Hit]:
        self._db.execute("BEGIN")  # one state of the store for the whole search
        try:
            query = parse(typed, self._synonyms)
            if not query.chars:
                return []
            rows, more = self._candidates(typed, query, scope, limit, answers=answers, wider=1)
            if more and len(rows) < limit:
                rows, _ = self._candidates(typed, query, scope, limit, answers=answers, wider=WIDER)
            return self._hits(rows[:limit], query, scope.today.isoformat())
        finally:
            self._db.execute("COMMIT")

    # --- finding ---------------------------------------------------------------------------------------------------

    def _candidates(
        self, typed: str, query: Query, scope: Scope, limit: int, *, answers: bool, wider: int
    ) -> tuple[list[_Row], bool]:
        """What may be shown, best first, and whether a wider look could show more."""
        if self._totals is None:
            return [], False
        kept = self._within(scope)
        own = self._own(scope, kept)
        found = candidates.find(self._terms, query, within=kept, own=own, answers=answers, wider=wider)
        ranker = Ranker(query, self._terms.count, self._totals)
        fits = self._by_lines(query, found, ranker)
        sounding = letters.search(self._terms, self._db, query, max(limit * 3, 30) * wider, kept)
        for place, doc in enumerate(sounding):
            fit = (Tier.SOUNDS, 100 * 0.95**place)
            fits[doc] = max(fits.get(doc, fit), fit)
        for row in self._db.execute("SELECT id FROM doc WHERE source_id = ?", (typed.strip(),)):
            fits[row[0]] = (Tier.NAMED, 0.0)
        judged = set(nlargest(max(limit, JUDGED) * wider, fits, key=fits.__getitem__))
        judged.update(fits.keys() & {index.entry_of(line) for line in found.own})
        rows = self._ordered({doc: fits[doc] for doc in judged}, scope, ranker if answers else None)
        return rows, len(rows) < len(fits)

    def _by_lines(self, query: Query, found: candidates.Found, ranker: Ranker) -> Fits:
        """The best line of each entry, and what its other wordings say besides."""
        rows = self._rows("line", "id, weight, han, sizes, keys", found.lines)
        if not rows:
            return {}
        fits = ranker.lines([row[4] for row in rows], [row[3] for row in rows]).tolist()
        tier = _tiers(query, found)
        asked: dict[int, list[_Line]] = defaultdict(list)
        for (line, weight, han, sizes, keys), fit in zip(rows, fits, strict=True):
            asked[index.entry_of(line)].append(
                _Line(tier(line, han, keys), weight * fit, weight, sizes, keys)
            )
        return _together(asked, ranker)

    def _ordered(self, fits: Fits, scope: Scope, ranker: Ranker | None) -> list[_Row]:
        """The entries that may be shown, with what their answers (as far as there is a `ranker`) and the priors add."""
        ids = ",".join(str(doc) for doc in fits)
        columns = "id, kind, unit_id, region_id, valid_to, review_by, chosen, chosen_on, word_keys"
        found = self._db.execute(
            f"SELECT {columns} FROM doc WHERE id IN ({ids}) AND {_VISIBLE}",  # noqa: S608 - integers of ours
            scope.filters,
        ).fetchall()
        rows = [_Row(*(*row[:-1], *fits[row[0]])) for row in found]
        if ranker and rows:
            for row, more in zip(rows, ranker.answers([one[-1] for one in found]).tolist(), strict=True):
                row.score += more
        best = max((row.score for row in rows), default=0.0)
        today = scope.today.isoformat()
        for row in rows:
            row.score += min(_prior(row, scope, today), 1.0) * PRIOR_SHARE * best
        return sorted(rows, key=lambda row: (-row.tier, -row.score, row.id))

    # --- looking up -------------------------------------------------------------------------------------------------

    def _within(self, scope: Scope) -> Within | None:
        """What the terms alone can keep out; dates, and units too many to name, are left to `_VISIBLE`."""
        wanted = [prepare.region_mark(scope.region_id)] if scope.region_id is not None else []
        wanted += [prepare.kind_mark(scope.kind)] if scope.kind else []
        wanted += [prepare.PUBLIC] if scope.public_only else []
        named = self._unit_marks(scope.unit) if scope.unit else []
        return within([[mark] for mark in wanted] + ([named] if named else []))

    def _own(self, scope: Scope, kept: Within | None) -> Within | None:
        marks = [prepare.unit_mark(scope.own_unit_id)] if scope.own_unit_id is not None else []
        marks += [prepare.region_mark(scope.own_region_id)] if scope.own_region_id is not None else []
        return within([marks], kept) if marks else None

    def _unit_marks(self, name: str) -> list[str]:
        """Marks of the units whose name holds this; none when they are too many to help."""
        query = "SELECT mark FROM unit WHERE instr(name, ?) > 0 LIMIT ?"
        marks = [row[0] for row in self._db.execute(query, (name, MOST_UNITS))]
        return marks if len(marks) < MOST_UNITS else []

    def _read_totals(self) -> dict[str, Totals] | None:
        rows = self._db.execute("SELECT field, n, length FROM total WHERE n > 0")
        known = {name: Totals(n, max(length / n, 1.0)) for name, n, length in rows}
        if len(known) < 3:
            return None
        pairs = Totals(known[CHAR].n, max(known[CHAR].average - 1, 1.0))
        return {WORD: known[WORD], CHAR: known[CHAR], ANSWER: known[ANSWER], PAIR: pairs, SOUND: pairs}

    def _read_synonyms(self) -> None:
        """All of them, when the writer has set others."""
        seen = self._db.execute("SELECT value FROM meta WHERE key = 'synonyms'").fetchone()
        if seen != self._synonyms_seen:
            known: dict[str, list[str]] = {}
            for say, official in self._db.execute("SELECT say, official FROM synonym ORDER BY say, official"):
                known.setdefault(say, []).append(official)
            self._synonyms, self._synonyms_seen = known, seen

    def _rows(self, table: str, columns: str, ids: Iterable[int]) -> list[tuple[Any, ...]]:
        wanted = ",".join(str(one) for one in ids)
        query = f"SELECT {columns} FROM {table} WHERE id IN ({wanted})"  # noqa: S608 - names and integers of ours
        return self._db.execute(query).fetchall() if wanted else []

    def _hits(self, rows: Sequence[_Row], query: Query, today: str) -> list[Hit]:
        columns = "id, source, source_id, title, answer, unit, kind, category, valid_to, review_by, public"
        ids = [row.id for row in rows]
        found = {row[0]: row for row in self._rows("doc", columns, ids)}
        light, hits = Highlighter(query), []
        for row in rows:
            _, source, source_id, title, answer, unit, kind, category, valid_to, review_by, public = found[
                row.id
            ]
            shown = light.snippet(answer)
            hit = Hit(
                id=row.id, source=source, source_id=source_id, title=title, snippet=shown, unit=unit,
                score=round(TIER_STEP * row.tier + row.score, 3), kind=kind, category=category,
                valid_to=valid_to, review_by=review_by, valid=valid_to is None or valid_to >= today,
                public=bool(public), title_marks=light.marks(title), snippet_marks=light.marks(shown),
            )  # fmt: skip
            hits.append(hit)
        return hits


def _together(asked: Mapping[int, Sequence[_Line]], ranker: Ranker) -> Fits:
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


def _tiers(query: Query, found: candidates.Found) -> Callable[[int, str, bytes], Tier]:
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


def _prior(row: _Row, scope: Scope, today: str) -> float:
    """Between -.5 and 1: often chosen lately, own unit or region, FAQ before base document (M-65), stale ones last."""
    prior = 0.15 if row.kind == "faq" else 0.0
    if row.unit_id is not None and row.unit_id == scope.own_unit_id:
        prior += 0.35
    if row.region_id is not None and row.region_id == scope.own_region_id:
        prior += 0.35
    if row.chosen and row.chosen_on:
        age = (scope.today - date.fromisoformat(row.chosen_on)).days
        prior += min(0.05 * (row.chosen * 0.5 ** (age / HALF_LIFE_DAYS)), 0.35)
    if (row.valid_to or today) < today:
        return prior - 0.5
    return prior - 0.2 if (row.review_by or today) < today else prior
