"""What every test shares: logs that print a fault plainly, as the running hotline does; what costs much each time, cheap."""

import gc
from collections.abc import Iterator
from functools import partial

import argon2
import jinja2
import pytest
import structlog
from support import compiled

from core import people
from core.web import pages


def _print_plainly() -> None:
    structlog.reset_defaults()
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ]
    )


_print_plainly()
# every person of every test signs in: at full cost that would be an hour of hashing
people._hasher = argon2.PasswordHasher.from_parameters(argon2.profiles.CHEAPEST)
# and nearly every test builds the pages anew
pages.Environment = partial(jinja2.Environment, bytecode_cache=jinja2.FileSystemBytecodeCache())
# and every test's database has an engine that compiles all statements of its own
compiled.share()


@pytest.fixture(autouse=True)
def plain_logs() -> Iterator[None]:
    """A test of the commands sets up the real logging; the next test in the same process prints again."""
    yield
    _print_plainly()


def pytest_collection_finish() -> None:
    """What was imported stays to the end: dictionaries of readings, models, pages are not looked through again and again."""
    gc.collect()
    gc.freeze()
