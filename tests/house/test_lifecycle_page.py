"""Generated pages about tickets, entries and indicators are current."""

from types import ModuleType

import pytest

import kb.diagram
import reports.counting.catalogue
import tickets.diagram


@pytest.mark.parametrize(
    "diagram", [tickets.diagram, kb.diagram, reports.counting.catalogue], ids=lambda module: module.__name__
)
def test_the_lifecycle_page_is_current(diagram: ModuleType):
    """The page in docs/ is what `python -m tickets.diagram` `kb.diagram` or `reports.counting.catalogue` writes now."""
    assert diagram.TARGET.read_text(encoding="utf-8") == diagram.page()
