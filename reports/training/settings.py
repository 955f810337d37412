"""What the composition root hands to this room (培训要求)."""

from dataclasses import dataclass
from typing import Literal

from core.people import Role


@dataclass(frozen=True)
class TrainingSettings:
    """Which valid trainings a role needs, as topics of `reports.training.models.Topic` (M-89, M-124)."""

    operator: tuple[str, ...] = ("secrecy",)
    liaison: tuple[str, ...] = ("secrecy",)
    head: tuple[str, ...] = ()
    window: tuple[str, ...] = ("pre_post",)
    at_sign_in: Literal["warn", "refuse"] = "warn"
    """What an operator who lacks one meets when signing in to the seat: a sentence, or a closed door."""
    warn_days: int = 30
    """How long before its end a training is told to the person and their head."""

    @property
    def needed(self) -> dict[Role, tuple[str, ...]]:
        return {
            Role.OPERATOR: self.operator,
            Role.LIAISON: self.liaison,
            Role.HEAD: self.head,
            Role.WINDOW: self.window,
        }
