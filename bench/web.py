"""`python -m bench.web`: the portal's search and tracking with a hundred thousand entries and a million tickets.

A server process serves the portal on SQLite or PostgreSQL (`--url`), this one asks over keep-alive connections. The floor is
the same page, taken once and served by the same server from memory. With `--browser` a page's weight and the time until it can
be read are measured in Chromium on a slow telephone's line and processor.
"""

import argparse
import asyncio
import gzip
import json
import multiprocessing
import random
import shutil
import socket
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiohttp import ClientSession, TCPConnector, web
from sqlalchemy import text

import portal.app
from bench.measure import spread
from core.calendar.holidays import CalendarSettings
from core.clock import SystemClock
from core.db import Database, DatabaseSettings
from core.tasks import Tasks
from core.units import Region, RegionLevel, Unit
from core.web.app import make_app
from core.web.keys import WebDeps
from core.web.routes import PUBLIC, Routes
from core.web.settings import HttpSettings
from kb import demo
from kb.models import Entry
from kb.searching.search import Searcher
from portal.keys import PORTAL, SEARCHER
from portal.settings import PortalSettings
from tickets.intake.ask import Question, ask
from tickets.models import Channel, Step, Ticket
from tickets.query_codes import codes
from tickets.query_codes.code_models import QueryCode
from tickets.settings import TicketSettings

if TYPE_CHECKING:
    from playwright.async_api import Browser, Response

ENTRIES, TICKETS, KNOWN = 100_000, 1_000_000, 2_000
CONNECTIONS, SECONDS, WARM_UP_S = 16, 10, 2
LOADS = 5
SLOW_PHONE = {
    "latency": 150,
    "downloadThroughput": 1.6e6 / 8,
    "uploadThroughput": 0.75e6 / 8,
    "offline": False,
}
TABLE = Path(__file__).parents[1] / "config/calendar/cn.toml"
UNLIMITED = 10**9
WORDS = (
    "社保卡",
    "居住证怎么办理",
    "低保申请条件",
    "公积金提取",
    "身份证换领",
    "养老保险转移",
    "出生登记",
    "营业执照",
)


def _database(url: str) -> Database:
    db = Database(DatabaseSettings(url=url))
    db.provide(TicketSettings(code_secret=b"0123456789abcdef", code_failures_a_day=UNLIMITED))
    db.provide(CalendarSettings(table=TABLE))
    return db


async def fill(db: Database, entries: int, tickets: int) -> list[str]:
    """The tables as big as said; returns the codes of KNOWN tickets."""
    from config.database import load_models

    load_models()
    await db.create_all()
    samples = [json.loads(line) for line in demo.ENTRIES.read_text(encoding="utf-8").splitlines()]
    now = SystemClock().now()
    async with db.unit_of_work() as session:
        session.add(region := Region(code="5399", name="示范州", level=RegionLevel.PREFECTURE))
        await session.flush()
        session.add(unit := Unit(region_id=region.id, code="101", name="人力资源和社会保障局"))
        await session.flush()
    for start in range(0, entries, 5000):
        rows = [
            {
                "kind": "faq", "state": "published", "source": "bench", "source_id": str(number), "details": {},
                "title": f"{samples[number % len(samples)]['title']}（{number}）", "unit_id": unit.id, "region_id": region.id,
                "answer": samples[number * 7 % len(samples)].get("answer", ""), "created_at": now, "changed_at": now,
                "published_at": now,
            }
            for number in range(start, min(start + 5000, entries))
        ]  # fmt: skip
        async with db.unit_of_work() as session:
            await session.execute(Entry.__table__.insert(), rows)
    return await _tickets(db, tickets, region.id, unit.id)


async def _tickets(db: Database, tickets: int, region_id: int, unit_id: int) -> list[str]:
    """One ticket asked as on the web, copied inside the database; the copies' codes open nothing but for KNOWN of them."""
    question = Question("居住证怎样办理？", Channel.WEB, "96128", region_id, unit_id)
    async with db.unit_of_work() as session:
        first = (await ask(session, SystemClock(), question)).ticket.id
    is_sqlite = db.url.get_backend_name() == "sqlite"
    series = (
        "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count) SELECT i FROM n) AS n"
        if is_sqlite
        else "generate_series(1, :count) AS n(i)"
    )
    fake = "lower(hex(randomblob(32)))" if is_sqlite else "md5(i::text) || md5((i + 1)::text)"
    changed = {
        Ticket: {"id": ":first + i", "ticket_no": "'B' || i"},
        Step: {"ticket_id": ":first + i"},
        QueryCode: {"ticket_id": ":first + i", "code_hash": fake},
    }
    for model, new in changed.items():
        table = model.__table__
        names = [column.name for column in table.columns if column.name != "id" or "id" in new]
        values = ", ".join(new.get(name, f"t.{name}") for name in names)
        key = "t.id" if model is Ticket else "t.ticket_id"
        copy = f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {values} FROM {table.name} t CROSS JOIN {series} WHERE {key} = :first"
        async with db.unit_of_work() as session:
            await session.execute(text(copy), {"first": first, "count": tickets})
    async with db.unit_of_work() as session:
        return [
            await codes.issue(session, SystemClock(), first + tickets - number) for number in range(KNOWN)
        ]


def serve(url: str, index: str, port: int) -> None:
    """The server process: the portal, and `/floor/…` with the pages from memory."""
    asyncio.run(_serve(url, index, port))


async def _serve(url: str, index: str, port: int) -> None:
    db, clock = _database(url), SystemClock()
    searcher = Searcher(Path(index), db, clock)
    await searcher.open()
    pages: dict[str, bytes] = {}
    routes = Routes()

    @routes.post("/floor/{name}", roles=PUBLIC)
    async def keep(request: web.Request) -> web.StreamResponse:
        pages[request.match_info["name"]] = await request.read()
        return web.Response()

    @routes.get("/floor/{name}", roles=PUBLIC)
    async def floor(request: web.Request) -> web.StreamResponse:
        return web.Response(body=pages[request.match_info["name"]], content_type="text/html", charset="utf-8")

    def room(app: web.Application) -> None:
        limits = {"address_requests": UNLIMITED, "code_requests": UNLIMITED}
        app[PORTAL], app[SEARCHER] = PortalSettings(region="5399", secret=b"bench", **limits), searcher
        portal.app.setup(app)
        routes.register(app)

    app = make_app(WebDeps(db, clock, db.bus, Tasks(clock), HttpSettings()), [room])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


async def load(ask: Callable[[ClientSession, int], Awaitable[None]]) -> str:
    """CONNECTIONS askers for SECONDS, after a warm-up: requests per second and the spread."""
    took: list[float] = []
    begins = time.perf_counter() + WARM_UP_S

    async def asker(client: ClientSession, number: int) -> None:
        turn = number
        while (started := time.perf_counter()) < begins + SECONDS:
            await ask(client, turn)
            turn += CONNECTIONS
            if started > begins:
                took.append((time.perf_counter() - started) * 1000)

    async with ClientSession(connector=TCPConnector(limit=CONNECTIONS)) as client:
        await asyncio.gather(*(asker(client, number) for number in range(CONNECTIONS)))
    found = spread(took)
    return f"{found.count / SECONDS:.0f} | {found.p50:.1f} | {found.p99:.1f}"


async def measure(address: str, known: list[str], name: str) -> Iterator[str]:
    async def page(client: ClientSession, path: str, **form: str) -> bytes:
        method = "POST" if form else "GET"
        async with client.request(method, address + path, data=form or None) as response:
            assert response.status == 200, response.status
            return await response.read()

    titles = [json.loads(line)["title"] for line in demo.ENTRIES.read_text(encoding="utf-8").splitlines()]

    async def front(client: ClientSession, _turn: int) -> None:
        await page(client, "/")

    async def search(client: ClientSession, turn: int) -> None:
        await page(client, f"/search?q={WORDS[turn % len(WORDS)]}")

    async def new_search(client: ClientSession, turn: int) -> None:
        await page(client, f"/search?q={quote(titles[turn % len(titles)])}")

    async def track(client: ClientSession, turn: int) -> None:
        await page(client, "/track", code=known[turn % len(known)])

    rows, weights = [], []
    async with ClientSession() as client:
        for what, body in (
            ("search", await page(client, f"/search?q={WORDS[0]}")),
            ("tracking", await page(client, "/track", code=known[0])),
        ):
            await (await client.post(f"{address}/floor/{what}", data=body)).read()
            weights.append(f"{what} {len(gzip.compress(body)) / 1024:.1f} kB")
    rows.append(f"| {name} | front page | {await load(front)} |")
    rows.append(f"| {name} | search, the usual questions | {await load(search)} |")
    rows.append(f"| {name} | search, another question each time | {await load(new_search)} |")
    rows.append(f"| floor | search | {await load(lambda client, _: _quiet(page(client, '/floor/search')))} |")
    rows.append(f"| {name} | tracking | {await load(track)} |")
    rows.append(
        f"| floor | tracking | {await load(lambda client, _: _quiet(page(client, '/floor/tracking')))} |"
    )
    return iter([*rows, "", "weight of the page alone, gzipped: " + ", ".join(weights)])


async def _quiet(work: Awaitable[bytes]) -> None:
    await work


async def in_browser(address: str) -> str:
    """Weight of everything a page loads, gzipped, and until its text is painted, on a slow telephone: medians of LOADS."""
    from playwright.async_api import async_playwright

    rows = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for path in ("/", f"/search?q={WORDS[0]}", "/ask", "/track", "/kiosk"):
            loads = [await _loaded(browser, address + path) for _ in range(LOADS + 1)][
                1:
            ]  # the server is warm
            weight, painted = (median(column) for column in zip(*loads, strict=True))
            rows.append(f"| {path} | {weight:.1f} | {painted:.0f} |")
        await browser.close()
    return "\n".join(rows)


async def _loaded(browser: "Browser", url: str) -> tuple[float, float]:
    """Kilobytes and milliseconds of one load by a browser that has nothing of the site yet."""
    context = await browser.new_context(viewport={"width": 390, "height": 800})
    page = await context.new_page()
    devtools = await context.new_cdp_session(page)
    await devtools.send("Network.enable")
    await devtools.send("Network.emulateNetworkConditions", SLOW_PHONE)
    await devtools.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    responses: list[Response] = []
    page.on("response", lambda response: responses.append(response))  # noqa: PLW0108 - it cannot mark a built-in method
    await page.goto(url, wait_until="networkidle")
    weight = sum([len(gzip.compress(await one.body())) for one in responses]) / 1024
    painted = await page.evaluate(
        "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN"
    )
    await context.close()
    return weight, painted


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="", help="an empty PostgreSQL database; without: SQLite")
    parser.add_argument("--entries", type=int, default=ENTRIES)
    parser.add_argument("--tickets", type=int, default=TICKETS)
    parser.add_argument("--folder", type=Path, help="keep the data here, or take it from here")
    parser.add_argument("--browser", action="store_true")
    return parser.parse_args()


async def main(given: argparse.Namespace, folder: Path) -> None:
    url = given.url or f"sqlite+aiosqlite:///{folder}/bench.db"
    known_file = folder / "codes.json"
    if not known_file.exists():
        db = _database(url)
        started = time.perf_counter()
        known = await fill(db, given.entries, given.tickets)
        searcher = Searcher(folder / "index.db", db, SystemClock())
        await searcher.open()
        await searcher.close()
        await db.close()
        known_file.write_text(json.dumps(known))
        print(f"filled in {time.perf_counter() - started:.0f} s", flush=True)
    known = json.loads(known_file.read_text())
    random.shuffle(known)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(url, str(folder / "index.db"), port), daemon=True
    )
    process.start()
    address = f"http://127.0.0.1:{port}"
    try:
        await _until_up(address)
        if given.browser:
            print(await in_browser(address))
        else:
            print("\n".join(await measure(address, known, "PostgreSQL" if given.url else "SQLite")))
    finally:
        process.terminate()
        process.join()


async def _until_up(address: str) -> None:
    async with ClientSession() as client, asyncio.timeout(120):
        while True:
            try:
                async with client.get(f"{address}/healthz"):
                    return
            except OSError:
                await asyncio.sleep(0.2)


if __name__ == "__main__":
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="web-bench-") as made:
        asyncio.run(main(arguments, arguments.folder or Path(made)))
