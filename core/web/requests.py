"""Small questions about a request: where it came from, what it wants back, where it may go next."""

from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from core.web.errors import BadRequest
from core.web.keys import SETTINGS


def source_of(request: web.Request) -> str:
    """The caller's network address, believing X-Forwarded-For only from a trusted proxy."""
    remote = request.remote or ""
    if remote in request.app[SETTINGS].trusted_proxies:
        forwarded = request.headers.get("X-Forwarded-For", "").split(",")[-1].strip()
        return forwarded[:64] or remote
    return remote


def route_of(request: web.Request) -> str:
    """The route's pattern, for logs: an address may hold a query code, which opens its ticket to whoever reads it."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "unknown"


def is_for_programs(request: web.Request) -> bool:
    """Whether the address belongs to an interface that no page of ours uses."""
    return request.path.startswith(("/api/", "/open311/"))


def wants_json(request: web.Request) -> bool:
    """Programs, scripts and sockets get JSON; people get pages."""
    if is_for_programs(request) or "Upgrade" in request.headers:
        return True
    accept = request.headers.get("Accept", "")
    return "application/json" in accept and "text/html" not in accept


def from_our_pages(request: web.Request) -> bool:
    """Whether a browser says that one of our own pages sent this; programs say nothing and pass."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host


def site_of(request: web.Request, public_url: str) -> str:
    """How citizens reach us, without a slash at the end: the address that is set, or the one that was asked."""
    return public_url.rstrip("/") or f"{request.scheme}://{request.host}"


def safe_next(target: str) -> str:
    """A path of our own to go on to after the login, or empty: never another site, never a control character."""
    inner = target.startswith("/") and not target.startswith(("//", "/\\"))
    return target if inner and target.isprintable() and "\\" not in target else ""


async def json_body(request: web.Request) -> dict[str, Any]:
    """The body as a JSON object; anything else is refused."""
    try:
        body = await request.json()
    except (ValueError, LookupError):
        raise BadRequest from None
    if not isinstance(body, dict):
        raise BadRequest
    return body
