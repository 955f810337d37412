"""One hotline with a real Asterisk for all call tests; every test brings its own calls and leaves none behind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from support.calls import Exchange
from support.hotline import City, free_ports, running_hotline
from support.quick import Quick


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def city(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[City]:
    """The hotline of the whole session, on a Monday morning; telephones ring three seconds."""
    folder: Path = tmp_path_factory.mktemp("hotline")
    times = {f"HOTLINE__CALLS__{name}_S": "3" for name in ("RING", "PHONE_RING", "RETURN_RING")}
    contact = f"sip:127.0.0.1:{free_ports(1)[0]}"
    async with running_hotline(folder, HOTLINE__ASTERISK__TRUNK_CONTACT=contact, **times) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def exchange(city: City) -> AsyncIterator[Exchange]:
    """Phones and questions for one test; afterwards nobody is on the line and every seat is empty."""
    async with Exchange(city) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="session")
async def quick(exchange: Exchange) -> AsyncIterator[Quick]:
    """Prompts of a twentieth of a second, so that a test walks the menus in no time; `prompts` tells which were played."""
    async with Quick(exchange.city) as one:
        yield one
