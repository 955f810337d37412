"""Generated pages about tickets are current."""

from tickets import diagram


def test_the_lifecycle_page_is_current():
    """docs/tickets-lifecycle.md is what `python -m tickets.diagram` writes now."""
    assert diagram.TARGET.read_text(encoding="utf-8") == diagram.page()
