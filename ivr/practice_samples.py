"""The sample calls to practise with (练习来电), read from `dialplan/practice.toml`: what each is for, and what its caller says."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).parents[1] / "dialplan" / "practice.toml"


@dataclass(frozen=True)
class Sample:
    key: str
    title: str
    about: str
    """What it is to practise, for the trainee."""
    says: tuple[str, ...]
    """Prompts of the catalogue, in order."""


@cache
def samples() -> Mapping[str, Sample]:
    """Every sample by its key, in the file's order."""
    entries = tomllib.loads(FILE.read_text(encoding="utf-8"))["samples"]
    found = [Sample(one["key"], one["title"], one["about"], tuple(one["says"])) for one in entries]
    return {sample.key: sample for sample in found}
