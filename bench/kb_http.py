"""Twenty operators who type at once, over HTTP: the pages in a process of their own, the typists in this one.

`python -m bench.kb_http ADDRESS INDEX` is the process that serves; it prints its port and a bearer token.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from aiohttp import ClientSession, web

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.web import ROOMS, TEST, add_person, web_app

from bench.kb_report import Asked
from bench.measure import spread
from core import accounts
from core.clock import SystemClock
from core.db import Database, DatabaseSettings
from core.people import Role
from kb.searching.search import Searcher
from portal.keys import SEARCHER

TYPISTS = 20


async def typing(db: Database, index: Path, asked: Sequence[Asked], seconds: float) -> str:
    """A keystroke a second each; the time is the client's, from asking to the last byte."""
    address = db.url.render_as_string(hide_password=False)
    serving = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.kb_http", address, str(index), stdout=asyncio.subprocess.PIPE
    )
    assert serving.stdout is not None
    port, token = (await serving.stdout.readline()).decode().split()
    took: list[float] = []
    try:
        async with ClientSession(
            f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {token}"}, raise_for_status=True
        ) as client:
            await asyncio.gather(
                *(_typist(client, number, asked, seconds, took) for number in range(TYPISTS))
            )
    finally:
        serving.terminate()
        await serving.wait()
    all_of_them = spread(took)
    return (f"{TYPISTS} operators typing over HTTP: {all_of_them.count} keystrokes, "
            f"p50 {all_of_them.p50:.1f} ms, p99 {all_of_them.p99:.1f} ms")  # fmt: skip


async def _typist(
    client: ClientSession, number: int, asked: Sequence[Asked], seconds: float, took: list[float]
) -> None:
    await asyncio.sleep(number / TYPISTS)
    ends = time.perf_counter() + seconds
    turn = number * 37
    while time.perf_counter() < ends:
        query = asked[turn % len(asked)].query
        for end in range(1, len(query) + 1):
            started = time.perf_counter()
            async with client.get("/api/v1/kb/search", params={"q": query[:end]}) as response:
                await response.read()
            took.append((time.perf_counter() - started) * 1000)
            await asyncio.sleep(max(0.0, 1 - (time.perf_counter() - started)))
            if time.perf_counter() > ends:
                return
        turn += 1


async def serve(address: str, index: Path) -> None:
    db, clock = Database(DatabaseSettings(url=address)), SystemClock()
    searcher = Searcher(index, db, clock, remembered=0)
    user = await add_person(db, "typist", Role.OPERATOR)
    async with db.unit_of_work() as session:
        token = await accounts.issue_token(session, clock, TEST, name="bench", user=user)
    app = web_app(db, clock, rooms=(*ROOMS, lambda app: app.__setitem__(SEARCHER, searcher)))
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], token, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], Path(sys.argv[2])))
