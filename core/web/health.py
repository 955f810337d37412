"""For machines that watch: alive, ready, measured (健康检查)."""

import asyncio
import time
from functools import partial

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from core.clock import beijing
from core.db import Database
from core.web.api import answer
from core.web.keys import CLOCK, DB, HUB, PROBES, TASKS, PartState, Probe
from core.web.routes import PUBLIC, Routes

log = structlog.get_logger()
routes = Routes()
METRICS = web.AppKey("METRICS", CollectorRegistry)
"""Where rooms add their own collectors."""
_REQUESTS = web.AppKey("REQUESTS", Counter)
_SECONDS = web.AppKey("SECONDS", Histogram)
PROBE_TIMEOUT_S = 3.0
BEAT_LATE_S = 180.0
"""A loop silent for longer makes the whole not ready."""


def prepare(app: web.Application) -> None:
    registry = app[METRICS] = CollectorRegistry()
    labels = ("method", "route")
    app[_REQUESTS] = Counter(
        "hotline_http_requests", "Answers by status", (*labels, "status"), registry=registry
    )
    app[_SECONDS] = Histogram("hotline_http_seconds", "Time to answer", labels, registry=registry)
    live = Gauge("hotline_live_pages", "Open live pages", registry=registry)
    live.set_function(lambda: float(len(app[HUB])))
    failures = Gauge("hotline_loop_failures", "Restarts of background loops", registry=registry)
    failures.set_function(lambda: float(sum(loop.failures for loop in app[TASKS].loops.values())))


@web.middleware
async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
    started = time.perf_counter()
    status = 500
    try:
        response = await handler(request)
        status = response.status
    except web.HTTPException as error:
        status = error.status
        raise
    finally:
        resource = request.match_info.route.resource
        route = resource.canonical if resource else "unknown"
        request.app[_REQUESTS].labels(request.method, route, status).inc()
        if status != 101:  # a live page lasts for hours
            request.app[_SECONDS].labels(request.method, route).observe(time.perf_counter() - started)
    return response


@routes.get("/healthz", roles=PUBLIC)
async def healthz(_: web.Request) -> web.StreamResponse:
    return answer({"status": "ok"})


@routes.get("/readyz", roles=PUBLIC)
async def readyz(request: web.Request) -> web.StreamResponse:
    """Each part's state; 503 when one is down."""
    parts = {"database": await _asked("database", partial(_database, request.app[DB]))}
    for name, probe in request.app[PROBES].items():
        parts[name] = await _asked(name, probe)
    parts |= _loops(request.app)
    ready = all(part.ok for part in parts.values())
    body = {
        "ready": ready,
        "parts": {name: {"ok": part.ok, "text": part.text} for name, part in parts.items()},
    }
    return answer(body, status=200 if ready else 503)


@routes.get("/metrics", roles=PUBLIC)
async def metrics(request: web.Request) -> web.StreamResponse:
    return web.Response(
        body=generate_latest(request.app[METRICS]),
        headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
    )


async def _asked(name: str, probe: Probe) -> PartState:
    """A probe that hangs or fails is a part that is down, never a /readyz that is."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            return await probe()
    except TimeoutError:
        return PartState(False, f"{PROBE_TIMEOUT_S:.0f} 秒内没有回应")
    except Exception as error:  # noqa: BLE001 - whatever it is belongs into the answer
        log.warning("probe_failed", part=name, error=repr(error))
        return PartState(False, f"检查失败（{type(error).__name__}）")


async def _database(db: Database) -> PartState:
    if not db.answers:
        return PartState(False, "数据库没有应答，正在重试")
    try:
        async with db.reading() as session:
            await session.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError) as error:
        return PartState(False, f"数据库无法访问（{type(error).__name__}）")
    return PartState(True, "数据库正常")


def _loops(app: web.Application) -> dict[str, PartState]:
    now = app[CLOCK].now()
    parts = {}
    for name, loop in app[TASKS].loops.items():
        late_s = (now - loop.last_beat_at).total_seconds() if loop.last_beat_at else None
        ok = loop.running and (late_s is None or late_s < BEAT_LATE_S)
        beat = f"{beijing(loop.last_beat_at):%H:%M:%S}" if loop.last_beat_at else "尚无"
        parts[f"loop:{name}"] = PartState(ok, f"最近心跳 {beat}，重启 {loop.failures} 次")
    return parts
