"""What every test shares: logs that print a fault plainly, as the running hotline does; what costs much each time, cheap."""

import gc
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import argon2
import jinja2
import pytest
import structlog
from support import compiled

from core import people
from core.web import pages

# compiled once, whatever the machine's habit: each process of the run, and each hotline it starts, reads all of it
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that wait (calls), files that compute (databases) and browsers evenly mixed, for processes side by side; no long one last."""
    files: dict[str, dict[Path, None]] = {}
    for item in items:
        files.setdefault(item.path.parent.name, {})[item.path] = None
    last = {"asterisk": 0.8, "browser": 0.8}
    place = {
        path: last.get(folder, 1.0) * number / len(paths)
        for folder, paths in files.items()
        for number, path in enumerate(paths)
    }
    items.sort(key=lambda item: place[item.path])


def pytest_collection_finish() -> None:
    """What was imported stays to the end: dictionaries of readings, models, pages are not looked through again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)  # looked through after 700 new objects, the rest costs a tenth of all
