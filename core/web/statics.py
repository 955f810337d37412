"""Static files (静态文件): packed on the way, style sheets kept by browsers under an address that tells their content.

A style sheet with other content has another address, so it is never asked for twice. Scripts import each other by their
plain addresses: with a version one of them would be loaded as two; browsers ask each time whether theirs is still good.
"""

from hashlib import sha256
from pathlib import Path

from aiohttp import web

PREFIX = "/static/"
_KEPT = (".css", ".svg")
_PACKED = (".css", ".js", ".json", ".svg")


class Statics:
    """The folders of one application."""

    def __init__(self, router: web.UrlDispatcher) -> None:
        self._router = router
        self._versions: dict[str, str] = {}

    def add(self, prefix: str, folder: Path) -> None:
        """Serve this folder at /static/prefix/."""
        self._router.add_static(f"{PREFIX}{prefix}/", folder)
        for file in folder.rglob("*"):
            if file.suffix in _KEPT:
                path = f"{prefix}/{file.relative_to(folder).as_posix()}"
                self._versions[path] = sha256(file.read_bytes()).hexdigest()[:12]

    def address(self, path: str) -> str:
        """Where a browser finds a file, e.g. of `core/hotline.css`."""
        version = self._versions.get(path)
        return f"{PREFIX}{path}?v={version}" if version else f"{PREFIX}{path}"

    def is_for_good(self, request: web.Request) -> bool:
        """Whether this address will never mean another content."""
        version = self._versions.get(request.path.removeprefix(PREFIX))
        return version is not None and request.query.get("v") == version


STATICS = web.AppKey("STATICS", Statics)


def packed(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Style sheets and scripts travel compressed: a slow telephone waits for them before it shows anything.

    Not when a browser asks whether its copy is still good: the answer to that has no body.
    """
    asks_for_whole = not {"Range", "If-None-Match", "If-Modified-Since"} & set(request.headers)
    if asks_for_whole and request.path.endswith(_PACKED):
        response.enable_compression()
    return response
