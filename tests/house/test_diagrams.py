"""The drawings of docs/architecture.md and docs/menu-tree.md are current."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_drawn_pages_are_current():
    """Their sections are what `python docs/diagrams.py` writes now."""
    spec = spec_from_file_location("diagrams", ROOT / "docs" / "diagrams.py")
    assert spec
    assert spec.loader
    diagrams = module_from_spec(spec)
    spec.loader.exec_module(diagrams)
    stale = [path.name for path in diagrams.PAGES if diagrams.drawn(path) != path.read_text(encoding="utf-8")]
    assert stale == []
