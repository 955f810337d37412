"""Import and export (导入导出, M-64, M-106): a file is tried first, taken in on a second word, with a bar meanwhile.

The file is sent, or fetched from another system's address.

A run belongs to this process and is forgotten with it; what it took in is in the database. Entries written here are not
imported on this page: they go through the checks.
"""

import asyncio
import secrets
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from agent_desktop.kb.common import PUBLISHERS, text
from core import audit
from core.clock import beijing
from core.errors import HotlineError, InvalidInput, NotFound
from core.web.app import render, see_other
from core.web.changes import CHANGES
from core.web.keys import CLOCK, DB, TASKS, person
from core.web.requests import source_of
from core.web.routes import Routes
from kb import attachments
from kb.interchange import exchange, exporting, feed
from kb.interchange.exchange import Report

routes = Routes()
LARGEST_MB = 100
KEPT = 20
LONGEST_ADDRESS, LONGEST_KEY = 400, 200
FORMS = {"jsonl": "JSONL", "json": "JSON", "csv": "CSV", "xlsx": "XLSX"}


@dataclass
class Run:
    """One file and what became of it."""

    name: str
    path: Path
    source: str
    retire: bool
    user_id: int
    address: str = ""
    """Where the file is fetched from, before it is tried"""
    access_key: str = field(default="", repr=False)
    """What the other system wants to be shown; forgotten with the run"""
    dry_run: bool = True
    done: int = 0
    total: int = 0
    report: Report | None = None
    error: str = ""
    key: str = field(default_factory=lambda: secrets.token_urlsafe(9))

    @property
    def is_running(self) -> bool:
        return self.report is None and not self.error


class Runs:
    """The last runs, with their files in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._runs: OrderedDict[str, Run] = OrderedDict()

    def keep(self, run: Run) -> None:
        self._runs[run.key] = run
        while len(self._runs) > KEPT:
            self._runs.popitem(last=False)[1].path.unlink(missing_ok=True)

    def find(self, request: web.Request) -> Run:
        run = self._runs.get(request.match_info["key"])
        if run is None or run.user_id != person(request).user_id:
            raise NotFound
        return run


RUNS = web.AppKey("RUNS", Runs)


@routes.get("/kb/exchange", roles=PUBLISHERS)
async def page(request: web.Request) -> web.StreamResponse:
    return _exchange(request, {})


def _exchange(
    request: web.Request, typed: dict[str, str], error: InvalidInput | None = None
) -> web.StreamResponse:
    return render(
        request, "kb/exchange.html", status=error.status if error else 200, forms=FORMS, typed=typed,
        error=error.message if error else "", largest=LARGEST_MB,
    )  # fmt: skip


@routes.post("/kb/exchange", roles=PUBLISHERS, body_kb=LARGEST_MB * 1024)
async def upload(request: web.Request) -> web.StreamResponse:
    """Take the file and try it: nothing is changed before the second word."""
    form = await request.post()
    sent, folder = form.get("file"), request.app[RUNS].folder
    source, retire, user_id = text(form, "source"), text(form, "retire") == "yes", person(request).user_id
    try:
        if isinstance(sent, web.FileField) and sent.filename:
            name, path = await _kept(sent, folder)
            run = Run(name, path, source or Path(name).stem, retire, user_id)
        else:
            address, host = _address(text(form, "address"))
            path = folder / secrets.token_hex(8)
            key = text(form, "access_key")[:LONGEST_KEY]
            run = Run(host, path, source or host, retire, user_id, address, key)
    except InvalidInput as error:
        typed = {name: text(form, name) for name in ("address", "source")}
        return _exchange(request, typed, error)
    request.app[RUNS].keep(run)
    _start(request, run)
    return see_other(f"/kb/exchange/{run.key}")


async def _kept(sent: web.FileField, folder: Path) -> tuple[str, Path]:
    """A file that was sent, by its name, and where it is now; raises InvalidInput."""
    name = Path(sent.filename.replace("\\", "/")).name[-120:]
    with sent.file as file:
        if Path(name).suffix.lower()[1:] not in FORMS:
            raise InvalidInput(field="文件", reason="请选择 JSONL、JSON、CSV 或 XLSX 文件")
        path = folder / f"{secrets.token_hex(8)}{Path(name).suffix.lower()}"
        await asyncio.to_thread(lambda: path.write_bytes(file.read()))
    return name, path


def _address(given: str) -> tuple[str, str]:
    """An address to fetch from and its host; raises InvalidInput."""
    host = feed.host_of(given)
    if not host or len(given) > LONGEST_ADDRESS:
        raise InvalidInput(field="文件", reason="请选择文件，或填写以 http:// 或 https:// 开头的信息源网址")
    return given, host


@routes.get("/kb/exchange/{key}", roles=PUBLISHERS)
async def show(request: web.Request) -> web.StreamResponse:
    return render(request, "kb/exchange_run.html", run=request.app[RUNS].find(request))


@routes.post("/kb/exchange/{key}", roles=PUBLISHERS)
async def take_in(request: web.Request) -> web.StreamResponse:
    """The second word: the file that was tried is taken in."""
    run = request.app[RUNS].find(request)
    if run.dry_run and run.report is not None:
        async with request.app[DB].unit_of_work() as session:
            await audit.record(
                session, request.app[CLOCK], actor=person(request).username, action="kb.import",
                target=f"source:{run.source}"[:120], reason=(run.address or run.name)[:500], source=source_of(request),
            )  # fmt: skip
        run.dry_run, run.report, run.done = False, None, 0
        _start(request, run)
    return see_other(f"/kb/exchange/{run.key}")


def _start(request: web.Request, run: Run) -> None:
    app = request.app

    def progress(done: int, total: int) -> None:
        run.done, run.total = done, total
        app[CHANGES].add("kb-import")

    async def work() -> None:
        try:
            if run.address and run.dry_run:
                async with feed.fetched(run.address, run.access_key) as file:
                    run.path = Path(shutil.move(file, run.path.with_suffix(file.suffix)))
            run.report = await exchange.import_file(
                app[DB], app[CLOCK], run.path, source=run.source, retire_missing=run.retire, dry_run=run.dry_run,
                allow_own=False, total=None if run.dry_run else run.total, progress=progress,
            )  # fmt: skip
        except HotlineError as error:
            run.error = error.message.replace(run.path.name, run.name)
        except Exception:
            run.error = "导入中断，请稍后重新导入；已读入的部分不会重复。"
            raise
        finally:
            app[CHANGES].add("kb-import")

    app[TASKS].job(work(), "kb-import")


@routes.get("/kb/export", roles=PUBLISHERS)
async def export(request: web.Request) -> web.StreamResponse:
    """?form=, ?public=yes: a file that the import of any instance takes."""
    form = request.query.get("form", "jsonl")
    if form not in FORMS:
        raise InvalidInput(field="格式", reason="请从列表中选择")
    now = beijing(request.app[CLOCK].now())
    public_only = request.query.get("public") == "yes"
    with tempfile.TemporaryDirectory(prefix="hotline-kb-export-") as folder:
        path = Path(folder) / f"信息库-{now:%Y%m%d-%H%M}.{form}"
        done = await exporting.export_file(request.app[DB], path, public_only=public_only)
        async with request.app[DB].unit_of_work() as session:
            await audit.record(
                session, request.app[CLOCK], actor=person(request).username, action="kb.export",
                target=f"entries:{done}", source=source_of(request),
            )  # fmt: skip
        body = await asyncio.to_thread(path.read_bytes)
    headers = {"Content-Disposition": attachments.disposition(path.name)}
    return web.Response(body=body, content_type="application/octet-stream", headers=headers)


async def keep_runs(app: web.Application) -> AsyncIterator[None]:
    """While the application serves there is a folder for the files of its runs."""
    with tempfile.TemporaryDirectory(prefix="hotline-kb-import-") as folder:
        app[RUNS] = Runs(Path(folder))
        yield
