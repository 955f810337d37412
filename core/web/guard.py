"""The gate before every handler: who asks, may they, and did our own page send it (M-85, M-90)."""

import hmac

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.typedefs import Handler

from core.errors import LoginRequired, NotAllowed
from core.web.errors import BadRequest, BodyTooLarge, CsrfRefused, TokenInvalid, TokenMissing
from core.web.keys import CHANNEL, CLOCK, CSRF, DB, SESSION_ID, SETTINGS, USER, Channel
from core.web.requests import from_our_pages, is_for_programs, route_of
from core.web.routes import DECLARED, PUBLIC, Declared, may
from core.web.sessions import SEEN_EVERY, cookie_name, find_bearer, find_session, touch
from core.web.statics import packed

log = structlog.get_logger()
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    if isinstance(request.match_info.route.resource, web.StaticResource):
        return packed(request, await handler(request))
    item = None if request.match_info.http_exception else _declaration(request)
    limit_kb = (item.body_kb if item else None) or request.app[SETTINGS].max_body_kb
    if (request.content_length or 0) > limit_kb * 1024:
        raise BodyTooLarge(limit_kb=limit_kb)
    if "\0" in request.path or "%00" in request.rel_url.raw_query_string:
        raise BadRequest  # PostgreSQL's texts cannot hold it
    await _identify(request)
    if item and item.body_kb:
        request = request.clone(client_max_size=limit_kb * 1024)
    if item is not None:
        await _admit(request, item)
    await _read_form(request)
    return await handler(request)


def _declaration(request: web.Request) -> Declared:
    item = request.app[DECLARED].get(request.match_info.route)
    if item is None:  # fail closed: nobody said who may use it
        log.error("route_without_roles", route=route_of(request))
        raise NotAllowed
    return item


async def _identify(request: web.Request) -> None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme:
        await _identify_bearer(request, scheme, token.strip())
        return
    if key := request.cookies.get(cookie_name(request.app[SETTINGS])):
        await _identify_cookie(request, key)


async def _identify_bearer(request: web.Request, scheme: str, token: str) -> None:
    if scheme.lower() != "bearer" or not token:
        raise TokenInvalid
    async with request.app[DB].reading() as session:
        found = await find_bearer(session, token)
    if isinstance(found, Channel):
        request[CHANNEL] = found
    else:
        request[USER] = found


async def _identify_cookie(request: web.Request, key: str) -> None:
    db, clock = request.app[DB], request.app[CLOCK]
    async with db.reading() as session:
        found = await find_session(session, clock, request.app[SETTINGS], key)
    if found is None:
        return
    request[USER], request[SESSION_ID], request[CSRF] = found.user, found.session_id, found.csrf
    if clock.now() - found.seen_at > SEEN_EVERY:
        async with db.unit_of_work() as session:
            await touch(session, clock, found.session_id)


async def _admit(request: web.Request, item: Declared) -> None:
    if not may(item.roles, request[USER], request[CHANNEL]):
        if request[USER] or request[CHANNEL]:
            raise NotAllowed
        raise TokenMissing if is_for_programs(request) else LoginRequired
    by_bearer = "Authorization" in request.headers
    if request.method in SAFE_METHODS or by_bearer:
        return
    if not from_our_pages(request):
        raise CsrfRefused
    if item.roles is not PUBLIC and not hmac.compare_digest(
        await _sent_token(request), request[CSRF].encode()
    ):
        raise CsrfRefused


async def _read_form(request: web.Request) -> None:
    """A form is read here, once for every handler: one whose parts cannot be told apart is the sender's fault."""
    if request.method == "POST" and request.content_type in _FORM_TYPES:
        try:
            await request.post()
        except (ValueError, BadHttpMessage):
            raise BadRequest from None


async def _sent_token(request: web.Request) -> bytes:
    sent = request.headers.get("X-CSRF-Token", "")
    if not sent and request.content_type in _FORM_TYPES:
        sent = str((await request.post()).get("csrf", ""))
    return sent.encode(errors="replace")
