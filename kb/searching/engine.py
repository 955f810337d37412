"""One reader of the index: from a typed query to entries in order. Synchronous; the event loop never comes here.

Knows the index and the ranking; nothing of sessions, people or the database the index was made from.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from heapq import nlargest
from pathlib import Path
from typing import Any

from tantivy import Query as Within

from kb.searching import candidates, index, letters, prepare
from kb.searching.highlight import Highlighter
from kb.searching.hits import VISIBLE, Hit, Scope
from kb.searching.index import ANSWER, CHAR, PAIR, SOUND, WORD
from kb.searching.ordering import PRIOR_SHARE, Fits, Line, Row, Tier, prior, tiers, together
from kb.searching.query import Query, Synonyms, parse
from kb.searching.rank import Ranker, Totals
from kb.searching.terms import Terms, within

WIDER = 10
"""How many times more candidates are looked at when too few of the first may be shown."""
JUDGED = 100
"""So many entries whose lines fit best are looked at themselves: may they be shown, what does their answer add?"""
MOST_UNITS = 200
"""A filter by a unit's name that more units fit is left to the store."""
TIER_STEP = 1_000.0
"""What a tier is worth in the score that is shown."""
REMEMBERED = 256
"""Searches whose hits are kept until the index changes: many people ask the same."""


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
    ) -> tuple[list[Row], bool]:
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
        tier = tiers(query, found)
        asked: dict[int, list[Line]] = defaultdict(list)
        for (line, weight, han, sizes, keys), fit in zip(rows, fits, strict=True):
            asked[index.entry_of(line)].append(Line(tier(line, han, keys), weight * fit, weight, sizes, keys))
        return together(asked, ranker)

    def _ordered(self, fits: Fits, scope: Scope, ranker: Ranker | None) -> list[Row]:
        """The entries that may be shown, with what their answers (as far as there is a `ranker`) and the priors add."""
        ids = ",".join(str(doc) for doc in fits)
        columns = "id, kind, unit_id, region_id, valid_to, review_by, chosen, chosen_on, word_keys"
        found = self._db.execute(
            f"SELECT {columns} FROM doc WHERE id IN ({ids}) AND {VISIBLE}",  # noqa: S608 - integers of ours
            scope.filters,
        ).fetchall()
        rows = [Row(*(*row[:-1], *fits[row[0]])) for row in found]
        if ranker and rows:
            for row, more in zip(rows, ranker.answers([one[-1] for one in found]).tolist(), strict=True):
                row.score += more
        best = max((row.score for row in rows), default=0.0)
        today = scope.today.isoformat()
        for row in rows:
            row.score += min(prior(row, scope, today), 1.0) * PRIOR_SHARE * best
        return sorted(rows, key=lambda row: (-row.tier, -row.score, row.id))

    # --- looking up -------------------------------------------------------------------------------------------------

    def _within(self, scope: Scope) -> Within | None:
        """What the terms alone can keep out; dates, and units too many to name, are left to `VISIBLE`."""
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

    def _hits(self, rows: Sequence[Row], query: Query, today: str) -> list[Hit]:
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
