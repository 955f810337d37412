"""News of what other systems report, delivered after the commit."""

from dataclasses import dataclass


@dataclass(frozen=True)
class OutsideReported:
    """An item or a figure was reported, its bounds were set or its due day passed: what waits for the region's inspectors may have changed."""

    region_id: int
