"""What the composition root hands to this room (报表设置)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReportSettings:
    """Given once to the database: `db.provide(ReportSettings(...))`."""

    on_spot_target: float = 100.0
    """Percent, 0: none. M-128 「确保现场办结率和限时办结率两个100%」"""
    in_time_target: float = 100.0
    weight_success: int = 1
    """Of K-04, K-05 and K-06 in the index of 转接质量, of K-07 and K-08 in that of 响应性."""
    weight_accuracy: int = 1
    weight_speed: int = 1
    weight_answered: int = 1
    weight_prompt: int = 1
    connect_within_s: float = 20.0
    """A mean transfer this quick has all the points of K-06; a slower one as many times fewer."""
