"""Requests that are no HTTP (无法识别的请求): a Chinese answer in place of the library's English one, and no traceback.

They never become a request of the application: an address with bare Chinese characters is refused by the parser already.
"""

import structlog
from aiohttp import web
from aiohttp.web_request import BaseRequest

from core.web import api
from core.web.errors import RequestUnreadable
from core.web.failures import error_shape
from core.web.headers import HEADERS

log = structlog.get_logger()
_PROGRAMS = (" /api/", " /open311/")
_PAGE = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>无法完成</title><link rel="icon" href="/static/core/icon.svg"><link rel="stylesheet" href="/static/core/hotline.css"></head>
<body class="public"><main class="page"><section class="card narrow"><h1>无法完成</h1><p class="lead">{sentence}</p>
<p class="actions"><a class="button" href="/">返回首页</a></p></section></main></body></html>
"""


class Connection(web.RequestHandler):
    """One client's connection."""

    __slots__ = ()

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What the parser refuses is the sender's fault and only noted; anything else is ours."""
        if status >= 500 or request.writer.output_size > 0:
            return super().handle_error(request, status, exc, message)
        log.info("request_unreadable", source=request.remote, error=type(exc).__name__)
        return _answer(message or "")


def _answer(refused: str) -> web.Response:
    """`refused` holds the line that could not be read, which tells programs from people."""
    error = RequestUnreadable()
    if any(place in refused for place in _PROGRAMS):
        response = api.answer(error_shape(error), status=error.status)
    else:
        page = _PAGE.format(sentence=error.message)
        response = web.Response(text=page, status=error.status, content_type="text/html")
    response.headers.update(HEADERS | {"Server": "hotline", "Cache-Control": "no-store"})
    response.force_close()
    return response
