"""What a search asks for and what it gives (检索范围与结果)."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from kb.searching.highlight import Marks

VISIBLE = (
    "(valid_from IS NULL OR valid_from <= :today) AND (valid_to IS NULL OR valid_to >= :since) AND public >= :public"
    " AND (:unit = '' OR instr(unit, :unit) > 0) AND (:region IS NULL OR region_id = :region)"
    " AND (:kind = '' OR kind = :kind)"
)
"""The condition in the index's store for what a `Scope` may see, with the parameters of its `filters`."""


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
        """Parameters of `VISIBLE`."""
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
