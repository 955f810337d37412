"""One reader of the index: from a typed query to entries in order. Synchronous; the event loop never comes here.

Knows the index and the ranking; nothing of sessions, people or the database the index was made from.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from kb import candidates, index, letters
from kb.index import ANSWER, CHAR, PAIR, SOUND, WORD
from kb.query import Query, parse
from kb.rank import Ranker, Totals

PRIOR_SHARE = 0.15
"""All priors together move an entry by at most this share of the best score: they order near-equals."""
HALF_LIFE_DAYS = 90
SNIPPET = 90
HELD = 1_000.0
"""Added to what holds a short query whole, so that it stands before everything that only shares terms."""


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
    own_unit_id: int | None = None
    own_region_id: int | None = None


@dataclass(frozen=True)
class Hit:
    """One entry found; `score` orders the hits of one query and compares nothing else."""

    id: int
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


@dataclass
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
    score: float


_VISIBLE = "(valid_from IS NULL OR valid_from <= :today) AND (valid_to IS NULL OR valid_to >= :since) AND public >= :public"


class Engine:
    """Searches with a connection of its own; one per thread."""

    def __init__(self, path: Path) -> None:
        self._db = index.connect(path)
        self._db.execute("PRAGMA query_only=ON")
        self._db.execute("PRAGMA cache_size=-32000")
        self._db.execute("PRAGMA mmap_size=1000000000")

    def close(self) -> None:
        self._db.close()

    def search(self, typed: str, limit: int, scope: Scope, *, answers: bool = True) -> list[Hit]:
        """The best entries for a query; `answers` False looks at titles and aliases only (typeahead)."""
        query = parse(typed, self._synonyms)
        if not query.chars:
            return []
        self._db.execute("BEGIN")  # one state of the index for the whole search
        try:
            scores = self._by_id(typed) | self._by_terms(query, scope, answers=answers)
            for place, doc in enumerate(letters.search(self._db, query, max(limit * 3, 30))):
                scores[doc] = scores.get(doc, 0.0) + HELD / 2 - place
            return self._hits(self._ordered(scores, scope)[:limit], query, scope.today.isoformat())
        finally:
            self._db.execute("COMMIT")

    # --- finding ---------------------------------------------------------------------------------------------------

    def _by_terms(self, query: Query, scope: Scope, *, answers: bool) -> dict[int, float]:
        counts, totals = self._counts(query), self._totals()
        if totals is None:
            return {}
        marks = self._unit_marks(scope.unit) if scope.unit else []
        if scope.unit and not marks:
            return {}
        found = candidates.find(self._db, query, counts, marks=marks, answers=answers)
        ranker = Ranker(query, counts, totals)
        gapped = None if found.holding or query.has_synonyms else query.gapped
        scores: dict[int, float] = {}
        for line, doc, weight, units, sounds, words in self._lines(found):
            score = weight * ranker.line(units, sounds, words)
            if line in found.holding:
                score += HELD
            elif line in found.alike:
                score += HELD / 4
            elif gapped and gapped.search(units.replace(" ", "")):
                score += HELD / 8
            scores[doc] = max(scores.get(doc, 0.0), score)
        if answers:
            for doc, words in self._rows("SELECT id, words FROM doc WHERE id IN ({})", scores):
                scores[doc] += ranker.answer(words)
        return scores

    def _lines(self, found: candidates.Found) -> list[tuple[int, int, float, str, str, str]]:
        columns = "SELECT id, doc, weight, units, sounds, words FROM line WHERE "
        lines = self._rows(columns + "id IN ({})", found.lines)
        return lines + self._rows(columns + "doc IN ({})", found.docs - {line[1] for line in lines})

    def _by_id(self, typed: str) -> dict[int, float]:
        """An entry whose source id was typed is what is wanted (M-22: by code)."""
        rows = self._db.execute("SELECT id FROM doc WHERE source_id = ?", (typed.strip(),))
        return {row[0]: HELD * 2 for row in rows}

    def _ordered(self, scores: dict[int, float], scope: Scope) -> list[_Row]:
        today, everything = scope.today.isoformat(), scope.with_expired and not scope.public_only
        parameters = {"today": today, "since": "" if everything else today, "public": int(scope.public_only)}
        ids = ",".join(str(doc) for doc in scores)
        columns = "id, kind, unit_id, region_id, valid_to, review_by, chosen, chosen_on"
        found = self._db.execute(
            f"SELECT {columns} FROM doc WHERE id IN ({ids}) AND {_VISIBLE}",  # noqa: S608 - integers of ours
            parameters,
        )
        rows = [_Row(*(*row, scores[row[0]])) for row in found]
        best = max((row.score % HELD for row in rows), default=0.0)
        for row in rows:
            row.score += min(_prior(row, scope), 1.0) * PRIOR_SHARE * best
        return sorted(rows, key=lambda row: (-row.score, row.id))

    # --- looking up -------------------------------------------------------------------------------------------------

    def _counts(self, query: Query) -> dict[tuple[str, str], int]:
        counts: dict[tuple[str, str], int] = {}
        fields = (
            (WORD, query.words),
            (PAIR, query.bigrams),
            (CHAR, query.chars),
            (SOUND, query.pairs),
            (ANSWER, query.words),
        )
        for name, terms in fields:
            marks = ",".join("?" * len(terms))
            rows = self._db.execute(
                f"SELECT term, n FROM df WHERE field = ? AND term IN ({marks})",  # noqa: S608
                (name, *terms),
            )
            counts.update({(name, term): n for term, n in rows})
        return counts

    def _totals(self) -> dict[str, Totals] | None:
        rows = self._db.execute("SELECT field, n, length FROM total WHERE n > 0").fetchall()
        totals = {name: Totals(n, max(length / n, 1.0)) for name, n, length in rows}
        return totals if len(totals) == len(index.FIELDS) else None

    def _unit_marks(self, name: str) -> list[str]:
        rows = self._db.execute(
            "SELECT DISTINCT unit_id FROM doc WHERE unit_id IS NOT NULL AND instr(unit, ?) > 0", (name,)
        )
        return list(index.unit_terms(row[0] for row in rows))

    def _synonyms(self, pieces: list[str]) -> Iterable[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for start in range(0, len(pieces), 500):
            some = pieces[start : start + 500]
            marks = ",".join("?" * len(some))
            query = f"SELECT say, official FROM synonym WHERE say IN ({marks})"  # noqa: S608
            found.extend(self._db.execute(query, some))
        return found

    def _rows(self, query: str, ids: Iterable[int]) -> list[tuple[Any, ...]]:
        wanted = ",".join(str(one) for one in ids)
        return self._db.execute(query.format(wanted)).fetchall() if wanted else []

    def _hits(self, rows: Sequence[_Row], query: Query, today: str) -> list[Hit]:
        columns = "id, source_id, title, answer, unit, kind, category, valid_to, review_by"
        ids = [row.id for row in rows]
        found = {row[0]: row for row in self._rows(f"SELECT {columns} FROM doc WHERE id IN ({{}})", ids)}  # noqa: S608
        hits = []
        for row in rows:
            _, source_id, title, answer, unit, kind, category, valid_to, review_by = found[row.id]
            hit = Hit(
                id=row.id, source_id=source_id, title=title, snippet=snippet(answer, query), unit=unit,
                score=round(row.score, 3), kind=kind, category=category, valid_to=valid_to, review_by=review_by,
                valid=valid_to is None or valid_to >= today,
            )  # fmt: skip
            hits.append(hit)
        return hits


def _prior(row: _Row, scope: Scope) -> float:
    """Between -.2 and 1: often chosen lately, own unit or region, FAQ before base document (M-65), stale ones last."""
    prior = 0.15 if row.kind == "faq" else 0.0
    if row.unit_id is not None and row.unit_id == scope.own_unit_id:
        prior += 0.35
    if row.region_id is not None and row.region_id == scope.own_region_id:
        prior += 0.35
    if row.chosen and row.chosen_on:
        age = (scope.today - date.fromisoformat(row.chosen_on)).days
        prior += min(0.05 * (row.chosen * 0.5 ** (age / HALF_LIFE_DAYS)), 0.35)
    today = scope.today.isoformat()
    if (row.review_by or today) < today or (row.valid_to or today) < today:
        prior -= 0.2
    return prior


def snippet(answer: str, query: Query) -> str:
    """The piece of an answer around the first long word of the query in it; its beginning when there is none."""
    flat = " ".join(answer.split())
    places = [flat.lower().find(word) for word in sorted(query.words, key=len, reverse=True) if len(word) > 1]
    at = next((place for place in places if place >= 0), 0)
    start = max(0, at - SNIPPET // 3) if at > SNIPPET * 2 // 3 else 0
    piece = flat[start : start + SNIPPET]
    return ("…" if start else "") + piece + ("…" if start + SNIPPET < len(flat) else "")
