"""Import and export (导入导出, M-64, M-106): a file is tried first, taken in on a second word, with a bar meanwhile.

A run belongs to this process and is forgotten with it; what it took in is in the database. Entries written here are not
imported on this page: they go through the checks.
"""

import asyncio
import secrets
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
from kb import attachments, exchange, exporting
from kb.exchange import Report

routes = Routes()
LARGEST_MB = 100
KEPT = 20
FORMS = {"jsonl": "JSONL", "json": "JSON", "csv": "CSV", "xlsx": "XLSX"}


@dataclass
class Run:
    """One file and what became of it."""

    name: str
    path: Path
    source: str
    retire: bool
    user_id: int
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
    return render(request, "kb/exchange.html", forms=FORMS, error="", largest=LARGEST_MB)


@routes.post("/kb/exchange", roles=PUBLISHERS, body_kb=LARGEST_MB * 1024)
async def upload(request: web.Request) -> web.StreamResponse:
    """Take the file and try it: nothing is changed before the second word."""
    form = await request.post()
    sent = form.get("file")
    if not isinstance(sent, web.FileField) or Path(sent.filename).suffix.lower()[1:] not in FORMS:
        if isinstance(sent, web.FileField):
            sent.file.close()
        refusal = InvalidInput(field="文件", reason="请选择 JSONL、JSON、CSV 或 XLSX 文件")
        return render(
            request,
            "kb/exchange.html",
            status=refusal.status,
            forms=FORMS,
            error=refusal.message,
            largest=LARGEST_MB,
        )
    runs = request.app[RUNS]
    name = Path(sent.filename.replace("\\", "/")).name[-120:]
    path = runs.folder / f"{secrets.token_hex(8)}{Path(name).suffix.lower()}"
    with sent.file as file:
        await asyncio.to_thread(lambda: path.write_bytes(file.read()))
    run = Run(
        name,
        path,
        text(form, "source") or Path(name).stem,
        text(form, "retire") == "yes",
        person(request).user_id,
    )
    runs.keep(run)
    _start(request, run)
    return see_other(f"/kb/exchange/{run.key}")


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
                target=f"source:{run.source}"[:120], reason=run.name, source=source_of(request),
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
