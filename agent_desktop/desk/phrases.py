"""Standard phrases (规范用语, M-26 「热线回答要求用语规范」): shown by the state of the call. Text lives in phrases.toml."""

import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "phrases.toml"


@dataclass(frozen=True)
class Situation:
    id: str
    title: str
    when: tuple[str, ...]
    """Desk states (`ringing`, `talking`, …) or choices in the form (`outcome:other_ways`) that bring it up."""
    phrases: tuple[str, ...]


def load(file: Path = FILE) -> list[Situation]:
    """Every situation in the file's order. Raises ValueError naming the entry that lacks something."""
    entries = tomllib.loads(file.read_text(encoding="utf-8"))["situations"]
    return [_situation(entry) for entry in entries]


def phrases_json(situations: list[Situation]) -> list[dict[str, Any]]:
    return [asdict(situation) for situation in situations]


def _situation(entry: dict[str, Any]) -> Situation:
    if not all(entry.get(key) for key in ("id", "title", "when", "phrases")):
        raise ValueError(f"规范用语条目不完整：{entry.get('id') or entry}")
    return Situation(entry["id"], entry["title"], tuple(entry["when"]), tuple(entry["phrases"]))
