"""The two weighted indices (加权指数): 转接质量 of a call centre and 响应性 of service phones, each beside its parts.

M-73 「转接质量」, M-74 「服务电话响应性」; the weights are the administrator's [I]. A share counts as so many points out of 100;
the time of a transfer as the time that earns them all over the mean, at most 100.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reports.counting.figures import Figure
from reports.counting.indicators import Group
from reports.scores.sheets import Component, points_text, total_of
from reports.settings import ReportSettings

FULL = 100.0


@dataclass(frozen=True)
class Index:
    group: Group
    """The group of indicators that it sums up."""
    name: str
    components: tuple[Component, ...]

    @property
    def text(self) -> str:
        """Out of 100, “—” where less than half of the weight can be judged."""
        return points_text(total_of(self.components))

    @property
    def formula(self) -> str:
        """`（K-04 91.20 × 1 + K-05 — × 1）÷ 可评的权重`."""
        parts = " + ".join(
            f"{one.figure.indicator.name} {points_text(one.points)} × {one.weight}" for one in self.components
        )
        return f"（{parts}）÷ 可评各项的权重之和"


def indices(settings: ReportSettings, known: Mapping[str, Figure]) -> list[Index]:
    """Those of which every part applies to what was asked."""
    weights = {
        (Group.TRANSFER, "转接质量指数"): {
            "K-04": settings.weight_success, "K-05": settings.weight_accuracy, "K-06": settings.weight_speed,
        },
        (Group.UNIT, "响应性指数"): {"K-07": settings.weight_answered, "K-08": settings.weight_prompt},
    }  # fmt: skip
    return [
        Index(group, name, tuple(_component(settings, known[key], weight) for key, weight in parts.items()))
        for (group, name), parts in weights.items()
        if all(key in known and known[key].applies for key in parts)
    ]


def as_json(one: Index) -> dict[str, Any]:
    """The index as plain JSON, with the weights of its day, for a report that keeps it."""
    return {"group": one.group, "name": one.name, "text": one.text, "formula": one.formula}


def _component(settings: ReportSettings, one: Figure, weight: int) -> Component:
    if one.value is None:
        return Component(one, weight, None)
    if one.indicator.key == "K-06":
        quick_ms = settings.connect_within_s * 1000
        return Component(one, weight, FULL if one.value <= quick_ms else FULL * quick_ms / one.value)
    return Component(one, weight, FULL * one.value)
