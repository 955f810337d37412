"""What every test shares: logs that print a fault plainly, as the running hotline does."""

from collections.abc import Iterator

import pytest
import structlog


def _print_plainly() -> None:
    structlog.reset_defaults()
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ]
    )


_print_plainly()


@pytest.fixture(autouse=True)
def plain_logs() -> Iterator[None]:
    """A test of the commands sets up the real logging; the next test in the same process prints again."""
    yield
    _print_plainly()
