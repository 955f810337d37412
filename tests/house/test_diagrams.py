"""The drawings of docs/architecture.md are current."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_architecture_page_is_current():
    """Its sections are what `python docs/diagrams.py` writes now."""
    spec = spec_from_file_location("diagrams", ROOT / "docs" / "diagrams.py")
    assert spec
    assert spec.loader
    diagrams = module_from_spec(spec)
    spec.loader.exec_module(diagrams)
    text = diagrams.PAGE.read_text(encoding="utf-8")
    assert diagrams.page(text) == text
