"""What a complaint is about (投诉事由, M-136), in the source's own words, so that reports can count them. Pure.

Named by whoever complains or types it in, settled by the inspectors with their reply.
"""

from enum import StrEnum

from core.errors import InvalidInput


class Cause(StrEnum):
    """M-136 「办事推诿、拖拉、扯皮」「门难进、人难找、脸难看、话难听、事难办」; then what M-123, M-116 and M-132 name."""

    SHIRKING = "shirking"
    DRAGGING = "dragging"
    WRANGLING = "wrangling"
    DOOR = "door"
    NOBODY = "nobody"
    FACE = "face"
    WORDS = "words"
    HARD = "hard"
    OUTSIDE_HALL = "outside_hall"
    FINANCE = "finance"
    BIDDING = "bidding"
    OTHER = "other"


CAUSES = {
    Cause.SHIRKING: "推诿",
    Cause.DRAGGING: "拖拉",
    Cause.WRANGLING: "扯皮",
    Cause.DOOR: "门难进",
    Cause.NOBODY: "人难找",
    Cause.FACE: "脸难看",
    Cause.WORDS: "话难听",
    Cause.HARD: "事难办",
    Cause.OUTSIDE_HALL: "厅外受理",
    Cause.FINANCE: "财务公开",
    Cause.BIDDING: "围标、串标、借资质",
    Cause.OTHER: "其他",
}


def cause_of(text: str) -> Cause | None:
    """The cause chosen, None for none; raises InvalidInput."""
    if text and text not in set(Cause):
        raise InvalidInput(field="投诉事由", reason="请从列表中选择")
    return Cause(text) if text else None
