"""What set-up tells the person at the keyboard: short progress lines, and failures in Chinese and English."""

from __future__ import annotations


class SetupError(Exception):
    """Set-up cannot go on; carries one sentence in Chinese and one in English that say what to do."""

    def __init__(self, chinese: str, english: str) -> None:
        super().__init__(f"{chinese}\n{english}")


def step(text: str) -> None:
    """Tell what is being done right now."""
    print(f"      {text}", flush=True)


def note(chinese: str, english: str) -> None:
    """Tell something that does not stop the set-up."""
    print(f"  注意: {chinese}\n  note: {english}", flush=True)
