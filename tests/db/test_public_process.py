"""`hotline serve portal`: the public side in a process of its own, on the hotline's database, without telephony (M-97)."""

import asyncio
import os
import sys
from pathlib import Path

from aiohttp import ClientSession
from support.hotline import environment

from config.database import upgrade
from config.public import PublicProcess
from config.settings import load, make_clock


async def test_public_pages_alone(tmp_path: Path):
    """Public pages and search are served; the staff's pages are not there."""
    settings = load(environment(tmp_path), mode="test")
    await upgrade(settings.database.url)
    process = PublicProcess(settings, make_clock(settings))
    await process.start()
    try:
        async with ClientSession(f"http://127.0.0.1:{settings.http.port}") as client:
            statuses = {path: (await client.get(path)).status for path in ("/", "/track", "/readyz", "/desk")}
    finally:
        await process.stop()
    assert statuses == {"/": 200, "/track": 200, "/readyz": 200, "/desk": 404}


async def test_public_process_knows_no_telephony():
    """Nothing of the telephone rooms is even loaded by it but their settings' shapes and prompts' texts."""
    program = "import sys, config.public; print([m for m in ('panoramisk', 'ivr.controller', 'agent_desktop.app') if m in sys.modules])"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, env=os.environ | {},
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    said, _ = await process.communicate()
    assert said.strip() == b"[]"


async def test_serving_needs_an_upgraded_database(tmp_path: Path):
    """The command refuses a database whose structure is not at the head, and says what to do."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "config.cli", "serve", "portal", stderr=asyncio.subprocess.PIPE,
        env=os.environ | environment(tmp_path) | {"HOTLINE__MODE": "test"}, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    _, said = await process.communicate()
    assert process.returncode == 1
    assert "hotline db upgrade" in said.decode()
