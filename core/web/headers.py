"""Security headers on every answer, and how long a browser may keep it."""

from aiohttp import web

from core.web.keys import SETTINGS
from core.web.statics import PREFIX, STATICS

CSP = (
    "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; connect-src 'self'; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
}


async def on_prepare(request: web.Request, response: web.StreamResponse) -> None:
    """An upgrade is seen at once, for a file is kept for good only under an address of its content; pages are never kept."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.app[SETTINGS].secure_cookies:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    response.headers.setdefault("Cache-Control", _keep(request))
    response.headers.popall("Server", None)


def _keep(request: web.Request) -> str:
    if not request.path.startswith(PREFIX):
        return "no-store"
    return "public, max-age=31536000, immutable" if request.app[STATICS].is_for_good(request) else "no-cache"
