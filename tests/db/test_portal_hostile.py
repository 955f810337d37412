"""Whatever is typed into the public side (Bad input): a status below 500, never an echo of markup, nothing half stored."""

import re
from urllib.parse import quote

from sqlalchemy import func, select
from support.tickets import City
from support.web import TEST, Browser

from core import accounts
from core.db import Database
from core.web.routes import PUBLIC, declared
from tickets.models import Ticket

MARKUP = "<script>alert(1)</script>"
HOSTILE = ("\x00", "a\x00b", MARKUP, "'; DROP TABLE tickets; --", "٣" * 12, "\u202e\u200b", "９" * 12, "-1", "1e9", "长" * 3000, "%ff", "../../etc/passwd", "{{7*7}}")  # fmt: skip
QUERIES = ("q", "kind", "unit", "region", "place", "month", "size", "page", "encoding", "show", "question", "service_request_id", "api_key", "limit")  # fmt: skip
FIELDS = ("code", "question", "text", "unit", "name", "phone", "cause", "score", "sum", "form", "door", "way", "address", "subject", "api_key", "service_code", "description", "lat")  # fmt: skip
FORMS = ("/ask", "/complain", "/apply", "/track", "/track/rate", "/track/complain", "/open311/v2/requests.json", "/open311/v2/requests.xml")  # fmt: skip


async def _check(response: object, where: str) -> None:
    text = await response.text(errors="replace")  # type: ignore[attr-defined]
    assert response.status < 500, where  # type: ignore[attr-defined]
    assert MARKUP not in text, where


async def test_hostile_addresses_are_answered(browser: Browser):
    """Each public page with each hostile value in each part of its path and in every query at once."""
    pages = {item.pattern for item in declared(browser.client.app) if item.roles is PUBLIC and item.method == "GET"}  # fmt: skip
    for value in HOSTILE:
        text = quote(value, safe="")
        query = "&".join(f"{name}={text}" for name in QUERIES)
        for page in sorted(pages - {"/live", "/metrics"}):
            path = re.sub(r"\{\w+\}", text, page)
            await _check(await browser.client.get(f"{path}?{query}"), f"{page} with {value!r:.40}")


async def test_broken_bodies_are_refused(browser: Browser, db: Database):
    """Parts without a boundary, with one that is nowhere, or broken off: 4xx in a sentence, and no fault of ours."""
    types = {"multipart/form-data": b"a=1", "multipart/form-data; boundary=x": b"--y\r\n\r\n", "multipart/form-data; boundary=z": b"--z\r\nContent-Disp"}  # fmt: skip
    for path in FORMS:
        for kind, body in types.items():
            response = await browser.client.post(path, data=body, headers={"Content-Type": kind})
            assert 400 <= response.status < 500, (path, kind, await response.text())


async def test_hostile_fields_are_answered_and_stored_whole_or_not(browser: Browser, city: City):
    """Each public form with each hostile value in every field, then in one at a time; no ticket without its words."""
    async with city.db.unit_of_work() as session:
        key = await accounts.issue_token(session, city.clock, TEST, name="市民软件", channel="web")
    number = re.search(r'name="form" value="([^"]+)"', await (await browser.get("/ask")).text())
    assert number
    good = {"form": number[1], "question": "问", "api_key": key, "service_code": "000", "description": "问", "text": "问"}  # fmt: skip
    for value in HOSTILE:
        sent = value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
        every = dict.fromkeys(FIELDS, sent)
        for path in FORMS:
            await _check(await browser.post(path, every), f"{path} with {value!r:.40}")
        for name in ("code", "unit", "name", "phone", "cause", "service_code"):
            await _check(await browser.post("/complain", good | {name: sent}), f"{name}={value!r:.40}")
            await _check(
                await browser.post("/open311/v2/requests.json", good | {name: sent}), f"{name}={value!r:.40}"
            )
    async with city.db.reading() as session:
        empty = select(func.count()).select_from(Ticket).where(Ticket.question == "")
        assert await session.scalar(empty) == 0
