"""Requests that are no HTTP (无法识别的请求): a Chinese answer for people and programs, nothing of our own told, no traceback."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs
from support.hotline import free_ports
from support.web import web_app

from config.web_server import WebServer
from core.db import Database
from core.web.settings import HttpSettings


@pytest.fixture
async def port(db: Database) -> AsyncIterator[int]:
    settings = HttpSettings(port=free_ports(1)[0])
    server = WebServer(settings)
    await server.start(web_app(db))
    yield settings.port
    await server.stop()


async def answered(port: int, sent: bytes) -> tuple[str, str]:
    """Head and body of what comes back until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    async with asyncio.timeout(10):
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return head, body


async def test_what_is_no_http_gets_a_chinese_sentence(port: int, caplog: pytest.LogCaptureFixture):
    """Bare Chinese in the address, a request line that is none, a header line that is none: 400, told in Chinese; whole ones are served."""
    rest = b" HTTP/1.1\r\nHost: x\r\n\r\n"
    with capture_logs() as logs:
        for sent in (
            "GET /search?q=社保".encode() + rest,
            b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
            b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        ):
            head, body = await answered(port, sent)
            assert head.split()[1] == "400"
            assert "text/html; charset=utf-8" in head
            assert "Content-Security-Policy" in head
            assert "请求无法识别" in body
            assert "aiohttp" not in head + body
            assert "社保" not in body
        head, body = await answered(port, "GET /api/v1/kb/search?q=社保".encode() + rest)
    assert "application/json" in head
    assert json.loads(body)["error"]["code"] == "bad_request"
    assert {line["event"] for line in logs} == {"request_unreadable"}
    assert [record for record in caplog.records if record.exc_info] == []
    head, _ = await answered(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert head.startswith("HTTP/1.1 200 ")
