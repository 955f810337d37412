"""Every refusal and every fault becomes a Chinese page, or JSON for a program; nothing leaks, nothing is swallowed."""

import secrets
from typing import Any
from urllib.parse import quote

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from sqlalchemy.exc import IntegrityError

from core.db import is_database_away
from core.errors import Conflict, HotlineError, LoginRequired, TooManyRequests
from core.web import api
from core.web.errors import (
    AccountLocked,
    BadRequest,
    BodyTooLarge,
    DatabaseAway,
    MethodNotAllowed,
    PageNotFound,
)
from core.web.keys import CHANNEL, CSRF, REQUEST_ID, SESSION_ID, SETTINGS, USER
from core.web.pages import render
from core.web.requests import route_of, wants_json
from core.web.routes import DECLARED

log = structlog.get_logger()


@web.middleware
async def failures(request: web.Request, handler: Handler) -> web.StreamResponse:
    _start(request)
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        response = answer(request, _translated(request, error))
        if isinstance(error, web.HTTPMethodNotAllowed):
            response.headers["Allow"] = error.headers["Allow"]
        return response
    except HotlineError as error:
        if error.status >= 500:
            log.exception("request_failed", route=route_of(request))
        return answer(request, error)
    except IntegrityError:  # a row vanished or appeared between looking and writing
        log.exception("integrity_refused", route=route_of(request))
        return answer(request, Conflict())
    except Exception as error:
        if is_database_away(error):
            log.exception("database_away", route=route_of(request))
            return answer(request, DatabaseAway())
        log.exception("request_failed", route=route_of(request))
        return answer(request, HotlineError())
    finally:
        structlog.contextvars.unbind_contextvars("request_id")


def answer(request: web.Request, error: HotlineError) -> web.Response:
    """The error as the asker can read it."""
    headers = _headers(error)
    if wants_json(request):
        response = api.answer(error_shape(error), status=error.status)
        response.headers.update(headers)
        return response
    if isinstance(error, LoginRequired):
        return _to_login(request)
    response = render(request, "error.html", status=error.status, error=error, request_id=request[REQUEST_ID])
    response.headers.update(headers)
    return response


def error_shape(error: HotlineError) -> dict[str, Any]:
    """The one JSON shape of a refusal."""
    fields = {
        key: value if isinstance(value, int | float | bool) else str(value)
        for key, value in error.fields.items()
    }
    return {"error": {"code": error.code, "message": error.message, "fields": fields}}


def _start(request: web.Request) -> None:
    request[REQUEST_ID] = secrets.token_hex(6)
    request[USER] = None
    request[CHANNEL] = None
    request[SESSION_ID] = None
    request[CSRF] = ""
    structlog.contextvars.bind_contextvars(request_id=request[REQUEST_ID])


def _translated(request: web.Request, error: web.HTTPException) -> HotlineError:
    match error.status:
        case 403 | 404:  # aiohttp's own 403 is a folder of static files: not there for anybody
            return PageNotFound()
        case 405:
            return MethodNotAllowed()
        case 413:
            item = request.app[DECLARED].get(request.match_info.route)
            limit_kb = (item.body_kb if item else None) or request.app[SETTINGS].max_body_kb
            return BodyTooLarge(limit_kb=limit_kb)
        case status if status < 500:
            return BadRequest()
    log.error("request_failed", route=route_of(request), status=error.status, reason=error.reason)
    return HotlineError()


def _headers(error: HotlineError) -> dict[str, str]:
    if isinstance(error, TooManyRequests):
        return {"Retry-After": str(error.fields["wait_s"])}
    if isinstance(error, AccountLocked):
        return {"Retry-After": str(error.fields["minutes"] * 60)}
    return {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}


def _to_login(request: web.Request) -> web.Response:
    wanted = f"?next={quote(request.path_qs, safe='/')}" if request.method in {"GET", "HEAD"} else ""
    return web.Response(status=303, headers={"Location": f"/login{wanted}"})
