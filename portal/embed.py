"""The search box and the ask form on other government sites (嵌入, M-107): one line of HTML puts a frame there.

Only the sites named in the settings may frame these pages; the browser enforces it by `frame-ancestors`.
"""

from pathlib import Path

from aiohttp import web

from core.web.app import render
from core.web.headers import CSP
from core.web.keys import CLOCK
from core.web.routes import PUBLIC, Routes
from portal.keys import PORTAL
from portal.submitting import forms

routes = Routes()
SCRIPT = Path(__file__).parent / "static" / "embed.js"


@routes.get("/embed.js", roles=PUBLIC)
async def script(request: web.Request) -> web.StreamResponse:
    """`<script src="https://…/embed.js" async></script>` is the one line."""
    del request
    headers = {
        "Content-Type": "text/javascript; charset=utf-8",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    return web.FileResponse(SCRIPT, headers=headers | {"Cache-Control": "public, max-age=3600"})


@routes.get("/embed", roles=PUBLIC)
async def frame(request: web.Request) -> web.StreamResponse:
    settings = request.app[PORTAL]
    page = render(
        request, "portal/embed.html", form_number=forms.fresh(settings, request.app[CLOCK]),
        show=request.query.get("show", "both"),
    )  # fmt: skip
    page.headers["Content-Security-Policy"] = policy(settings.embed_origins)
    return page


def policy(origins: tuple[str, ...]) -> str:
    """The site's own policy, framed by `origins` as well; by nobody when there are none (X-Frame-Options yields)."""
    return CSP.replace("frame-ancestors 'none'", "frame-ancestors " + (" ".join(origins) or "'none'"))
