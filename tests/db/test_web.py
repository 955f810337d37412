"""The web side under bad input: sizes, shapes, headers, sockets that never read, parts that are down."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from io import BytesIO
from urllib.parse import urlencode

import pytest
from aiohttp import WSMsgType, WSServerHandshakeError, web
from sqlalchemy import func, select
from support.web import ROOMS, TEST, Browser, add_person, browsing, web_app

from core import accounts
from core.clock import ShiftedClock, SystemClock
from core.db import Database
from core.people import Role, User
from core.tasks import LoopState
from core.units import Region, RegionLevel
from core.web import push
from core.web.keys import DB, HUB, TASKS, PartState
from core.web.limits import RateLimit
from core.web.routes import SIGNED_IN, Routes
from portal.keys import SEARCHER
from tickets.models import Channel, State, Ticket, TicketKind
from tickets.query_codes.codes import issue, new_code

pytestmark = pytest.mark.parametrize("db", ["sqlite"], indirect=True)
"""What is asked here is the web side's own; the rows behind it are tried on both engines elsewhere."""
DUE = "/api/v1/workdays/due"


@pytest.fixture
async def browser(db: Database):
    await add_person(db, "zhang", Role.ADMIN)
    async with browsing(web_app(db)) as browser:
        await browser.sign_in("zhang")
        yield browser


async def _key(db: Database) -> dict[str, str]:
    async with db.unit_of_work() as session:
        key = await accounts.issue_token(session, SystemClock(), TEST, name="图书馆", channel="library")
    return {"Authorization": f"Bearer {key}"}


async def test_form_with_a_megabyte_is_refused_whole(db: Database, browser: Browser):
    """1 MB of text in a form: 413, a Chinese sentence, and no row half-stored."""
    form = {"csrf": browser.csrf, "username": "wang", "display_name": "王" * 350_000, "role": "operator"}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = BytesIO(urlencode(form).encode())
    response = await browser.client.post("/admin/people", data=body, headers=headers)
    assert response.status == 413
    assert "没有保存" in await response.text()
    async with db.reading() as session:
        assert await session.scalar(select(func.count()).select_from(User)) == 1


async def test_megabyte_without_a_length_is_refused_too(browser: Browser):
    """A body that hides its size behind chunks is cut off as well."""

    async def chunks():
        for _ in range(64):
            yield b"x" * 16_384

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = await browser.client.post("/track", data=chunks(), headers=headers)
    assert response.status == 413


async def test_refusals_have_one_json_shape(browser: Browser):
    """Every refusal under /api is {"error": {code, message, fields}}, whatever refused it."""
    cases = {
        ("GET", "/api/v1/nothing"): (404, "not_found"),
        ("POST", "/api/v1/openapi.json"): (405, "method_not_allowed"),
        ("GET", f"{DUE}?received=x&days=5"): (422, "invalid_input"),
        ("GET", f"{DUE}?received=2026-06-01&days=0"): (422, "invalid_input"),
        ("GET", f"{DUE}?received=2026-06-01&days=5&region=zz"): (404, "region_unknown"),
        ("GET", "/api/v1/inquiries/123"): (404, "query_code_wrong"),
        ("GET", "/api/v1/tickets/1"): (403, "not_allowed"),
    }
    for (method, path), (status, code) in cases.items():
        response = await browser.client.request(method, path)
        body = await response.json()
        assert (response.status, body["error"]["code"]) == (status, code), path
        assert set(body) == {"error"}
        assert set(body["error"]) == {"code", "message", "fields"}
        assert isinstance(body["error"]["fields"], dict)
        assert any("\u4e00" <= c <= "\u9fff" for c in body["error"]["message"])


async def test_exact_error_body(browser: Browser):
    """The shape is pinned byte for byte: programs rely on it."""
    response = await browser.client.get(f"{DUE}?received=2026-06-01&days=x")
    assert json.loads(await response.text()) == {
        "error": {
            "code": "invalid_input",
            "message": "days：请用 1～250 的整数",
            "fields": {"field": "days", "reason": "请用 1～250 的整数"},
        }
    }


async def test_stranger_is_told_to_sign_in_the_way_they_ask(browser: Browser):
    """A program gets 401 with WWW-Authenticate, a person the login page."""
    browser.client.session.cookie_jar.clear()
    program = await browser.client.get("/api/v1/tickets/1")
    assert (program.status, program.headers["WWW-Authenticate"]) == (401, "Bearer")
    script = await browser.client.get("/admin", headers={"Accept": "application/json"})
    assert (script.status, (await script.json())["error"]["code"]) == (401, "login_required")
    person = await browser.get("/admin")
    assert (person.status, person.headers["Location"]) == (303, "/login?next=/admin")


async def test_fault_shows_a_number_and_no_details(db: Database):
    """An unexpected fault: 500 in Chinese with a number to report; no exception text leaks."""

    def faulty(app: web.Application) -> None:
        routes = Routes()

        @routes.get("/boom", roles=SIGNED_IN)
        async def boom(_: web.Request) -> web.StreamResponse:
            raise RuntimeError("secret detail")

        routes.register(app)

    await add_person(db, "zhang", Role.ADMIN)
    async with browsing(web_app(db, rooms=[*ROOMS, faulty])) as browser:
        await browser.sign_in("zhang")
        response = await browser.get("/boom")
        text = await response.text()
        assert response.status == 500
        assert "系统暂时出错" in text
        assert "错误编号" in text
        assert "secret detail" not in text


@pytest.mark.parametrize("path", ["/", "/login", "/nothing", "/static/core/hotline.css", "/api/v1/nothing"])
async def test_every_answer_carries_the_security_headers(browser: Browser, path: str):
    """Pages, files and refusals alike: strict content policy, no sniffing, no framing."""
    headers = (await browser.get(path)).headers
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == ("no-cache" if path.startswith("/static/") else "no-store")


async def test_static_file_is_not_sent_twice(browser: Browser):
    """The second look at the style sheet is a 304."""
    first = await browser.get("/static/core/hotline.css")
    again = await browser.get("/static/core/hotline.css", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status, again.status) == (200, 304)


async def test_style_sheet_is_kept_under_the_address_of_its_content(browser: Browser):
    """As a page names it, it is good for ever; under any other version it is asked for again each time."""
    (address,) = re.findall(r'href="(/static/core/hotline.css[^"]*)"', await (await browser.get("/")).text())
    kept = (await browser.get(address)).headers["Cache-Control"]
    other = (await browser.get("/static/core/hotline.css?v=0")).headers["Cache-Control"]
    assert ("immutable" in kept, other) == (True, "no-cache")


async def test_style_sheet_travels_packed(browser: Browser):
    """A browser that can unpack gets the sheet packed; one that cannot gets it plain; both whole."""
    texts = []
    for accepted in ("gzip", "identity"):
        response = await browser.get("/static/core/hotline.css", headers={"Accept-Encoding": accepted})
        assert response.headers.get("Content-Encoding", "identity").replace("deflate", "gzip") == accepted
        texts.append(await response.text())
    assert texts[0] == texts[1]
    assert len(texts[0]) > 10_000


@pytest.mark.parametrize(
    "path", ["/static/core/../pages.py", "/static/core/%2e%2e/pages.py", "/static/core/"]
)
async def test_static_files_end_at_their_folder(browser: Browser, path: str):
    """No way up from the static folder, and no listing of it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", browser.client.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = (await asyncio.wait_for(reader.read(), 10)).decode()
    writer.close()
    assert answer.split()[1] == "404"
    assert "def render" not in answer


async def test_script_in_a_name_is_shown_as_text(db: Database, browser: Browser):
    """What people type is escaped wherever it is shown (M-85)."""
    await add_person(db, "wang", Role.OPERATOR, display_name="<script>alert(1)</script>")
    text = await (await browser.get("/admin?q=<script>")).text()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


async def test_injection_in_the_search_finds_nothing(browser: Browser):
    """SQL in a search field is only text."""
    for text in ("' OR 1=1 --", "%", "_", "'; DROP TABLE users; --"):
        page = await (await browser.get("/admin", params={"q": text})).text()
        assert "没有符合条件的账号" in page


async def test_unknown_unit_key_is_refused_in_chinese(browser: Browser):
    """A unit that does not exist is no fault of the program."""
    form = {"username": "wang", "display_name": "王", "role": "operator", "unit_id": "999"}
    response = await browser.post("/admin/people", form)
    assert response.status in {409, 422}


async def test_ready_names_each_part(db: Database):
    """/readyz is 200 when all parts are up and 503 with the reason when one is down; /healthz stays 200."""
    state = [PartState(True, "已连接")]

    async def asterisk() -> PartState:
        return state[0]

    async with browsing(web_app(db, probes={"asterisk": asterisk})) as browser:
        ready = await browser.client.get("/readyz")
        parts = (await ready.json())["parts"]
        assert ready.status == 200
        assert {"database", "asterisk", "loop:web_sessions"} <= set(parts)
        state[0] = PartState(False, "AMI 已断开")
        down = await browser.client.get("/readyz")
        assert (down.status, (await down.json())["parts"]["asterisk"]["text"]) == (503, "AMI 已断开")
        assert (await browser.client.get("/healthz")).status == 200


async def test_dead_loop_makes_the_whole_not_ready(db: Database):
    """A background loop that no longer runs is seen from outside."""
    app = web_app(db)
    async with browsing(app) as browser:
        app[TASKS].loops["tickets"] = LoopState("tickets")
        response = await browser.client.get("/readyz")
        assert response.status == 503
        assert (await response.json())["parts"]["loop:tickets"]["ok"] is False


async def test_broken_probe_is_a_part_that_is_down(db: Database):
    """A probe that itself fails or hangs never takes /readyz with it."""

    async def broken() -> PartState:
        raise OSError

    async with browsing(web_app(db, probes={"asterisk": broken})) as browser:
        response = await browser.client.get("/readyz")
        assert (response.status, (await response.json())["parts"]["asterisk"]["ok"]) == (503, False)


async def test_metrics_are_prometheus_text(browser: Browser):
    """Requests are counted by route pattern, never by address with a code in it."""
    await browser.client.get(f"/api/v1/inquiries/{new_code()}")
    text = await (await browser.client.get("/metrics")).text()
    assert 'hotline_http_requests_total{method="GET",route="/api/v1/inquiries/{query_code}"' in text


async def test_openapi_describes_every_api_route(browser: Browser):
    """Each described path exists, and each parameter of a path is declared."""
    document = await (await browser.client.get("/api/v1/openapi.json")).json()
    assert document["openapi"].startswith("3.")
    assert {"/kb/search", "/tickets/{ticket_no}", "/inquiries/{query_code}", "/workdays/due"} <= set(
        document["paths"]
    )
    for path, operations in document["paths"].items():
        for operation in operations.values():
            places = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert places == {part.strip("{}") for part in path.split("/") if part.startswith("{")}


async def test_due_date_by_api(db: Database, browser: Browser):
    """Five working days from Friday 2026-09-25 pass over the holidays; the plus sign may be left raw."""
    headers = await _key(db)
    response = await browser.client.get(f"{DUE}?received=2026-06-01T10:00:00+08:00&days=5", headers=headers)
    body = await response.json()
    assert body["received_on"] == "2026-06-01"
    assert body["due_on"] == "2026-06-08"
    assert body["counted"] == ["2026-06-02", "2026-06-03", "2026-06-04", "2026-06-05", "2026-06-08"]
    assert [day["on"] for day in body["skipped"]] == ["2026-06-06", "2026-06-07"]
    assert set(body) >= {"days", "cut_off_at", "provisional", "table_version"}


async def test_answer_is_found_by_code_on_the_page_and_by_api(db: Database, browser: Browser):
    """With the code one reads state and reply, and neither name nor number."""
    async with db.unit_of_work() as session:
        region = Region(code="532900", name="某州", level=RegionLevel.PREFECTURE)
        session.add(region)
        await session.flush()
        ticket = Ticket(
            ticket_no="20260601000017",
            kind=TicketKind.QUESTION,
            state=State.REPLIED,
            channel=Channel.PHONE,
            region_id=region.id,
            received_at=SystemClock().now(),
            caller_number="13812345678",
            asker_name="王某",
            answer="请到派出所申领。",
        )
        session.add(ticket)
        await session.flush()
        code = await issue(session, SystemClock(), ticket.id)
    page = await (await browser.post("/track", {"code": f"{code[:4]} {code[4:8]} {code[8:]}"})).text()
    answer = await browser.client.get(f"/api/v1/inquiries/{code}", headers=await _key(db))
    assert (await answer.json())["reply"] == "请到派出所申领。"
    assert "请到派出所申领。" in page
    for text in (page, await answer.text()):
        assert "1381" not in text
        assert "王某" not in text


async def test_guessing_codes_ends_after_ten(db: Database, browser: Browser):
    """Ten well-formed wrong codes from one address, then 429 for the day (§5.5)."""
    for _ in range(10):
        assert (await browser.post("/track", {"code": new_code()})).status == 404
    refused = await browser.post("/track", {"code": new_code()})
    assert refused.status == 429
    assert "明天再试" in await refused.text()


async def test_search_without_a_knowledge_base_says_so(browser: Browser):
    """The page and the API tell the truth while nothing can be searched."""
    assert "正在准备" in await (await browser.get("/search?q=居住证")).text()
    response = await browser.client.get(
        "/api/v1/kb/search?q=居住证", headers={"Cookie": f"hotline={browser.cookie()}"}
    )
    assert (response.status, (await response.json())["error"]["code"]) == (503, "search_not_ready")


async def test_rate_limit_slides(db: Database):
    """Three a minute: the fourth waits until the first is a minute old."""
    clock = ShiftedClock(datetime(2026, 6, 1, tzinfo=UTC))
    limit = RateLimit(clock, limit=3, window_s=60)
    for _ in range(3):
        limit.take("a")
    with pytest.raises(Exception, match="60 秒") as refused:
        limit.take("a")
    assert refused.value.fields["wait_s"] == 60
    limit.take("b")
    clock.move_to(clock.now() + timedelta(seconds=61))
    limit.take("a")


def _live_room(app: web.Application) -> None:
    routes = Routes()

    @routes.get("/follow", roles=SIGNED_IN)
    async def live(request: web.Request) -> web.StreamResponse:
        async def first() -> dict[str, object]:
            return {"state": "first"}

        return await request.app[HUB].serve(request, topic="t", first=first)

    routes.register(app)


@pytest.fixture
async def live(db: Database):
    await add_person(db, "zhang", Role.ADMIN)
    async with browsing(web_app(db, rooms=[*ROOMS, _live_room])) as browser:
        await browser.sign_in("zhang")
        yield browser


def _hub(browser: Browser) -> push.Hub:
    return browser.client.app[HUB]


async def _until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_live_page_gets_its_state_and_then_the_news(live: Browser):
    """First the whole state, then every message in order."""
    socket = await live.client.ws_connect("/follow")
    assert await socket.receive_json(timeout=5) == {"state": "first"}
    for number in range(3):
        _hub(live).send("t", {"n": number})
    assert [await socket.receive_json(timeout=5) for _ in range(3)] == [{"n": 0}, {"n": 1}, {"n": 2}]
    await socket.close()
    await _until(lambda: len(_hub(live)) == 0)


async def test_live_page_that_never_reads_is_cut_off(live: Browser):
    """A page that takes nothing is dropped, a page beside it hears everything, the process goes on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", live.client.port, limit=1024)
    lines = [
        "GET /follow HTTP/1.1",
        f"Host: 127.0.0.1:{live.client.port}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        f"Cookie: hotline={live.cookie()}",
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    assert b"101" in await reader.readline()
    writer.transport.pause_reading()
    healthy = await live.client.ws_connect("/follow", max_msg_size=0)
    assert await healthy.receive_json(timeout=5) == {"state": "first"}
    await _until(lambda: len(_hub(live)) == 2)
    sent = 0
    async with asyncio.timeout(30):
        while len(_hub(live)) == 2:
            _hub(live).send("t", {"filling": "x" * 262_144})
            sent += 1
            await healthy.receive(timeout=5)
    assert sent > push.QUEUE_LENGTH
    _hub(live).send("t", {"still": "there"})
    assert (await healthy.receive_json(timeout=5)) == {"still": "there"}
    assert (await live.client.get("/healthz")).status == 200
    writer.transport.abort()
    await healthy.close()


async def test_live_page_of_another_site_is_refused(live: Browser):
    """A foreign page cannot listen with the person's cookie."""
    with pytest.raises(WSServerHandshakeError) as refused:
        await live.client.ws_connect("/follow", headers={"Origin": "https://evil.example"})
    assert refused.value.status == 403


async def test_live_page_without_a_session_is_refused(live: Browser):
    """No cookie, no news: 401 instead of a login page."""
    live.client.session.cookie_jar.clear()
    with pytest.raises(WSServerHandshakeError) as refused:
        await live.client.ws_connect("/follow")
    assert refused.value.status == 401


async def test_signing_out_closes_live_pages(live: Browser):
    """After the logout the socket closes with the code that sends the page to the login."""
    socket = await live.client.ws_connect("/follow")
    await socket.receive_json(timeout=5)
    await live.post("/logout")
    message = await socket.receive(timeout=5)
    assert (message.type, message.data) == (WSMsgType.CLOSE, push.SESSION_ENDED)


async def test_live_page_counts_as_presence(db: Database):
    """An open live page keeps its session past the idle hour; twelve hours end it and close the page."""
    clock = ShiftedClock(datetime(2026, 6, 1, 1, 0, tzinfo=UTC))
    await add_person(db, "zhang", Role.ADMIN)
    app = web_app(db, clock, rooms=[*ROOMS, _live_room])
    settings = app[push.SETTINGS]
    async with browsing(app) as browser:
        await browser.sign_in("zhang")
        socket = await browser.client.ws_connect("/follow")
        await socket.receive_json(timeout=5)
        for _ in range(3):
            clock.move_to(clock.now() + timedelta(minutes=40))
            await push.keep_sessions(app[HUB], app[DB], clock, settings)
        assert (await browser.get("/admin")).status == 200
        clock.move_to(clock.now() + timedelta(hours=11))
        await push.keep_sessions(app[HUB], app[DB], clock, settings)
        assert (await socket.receive(timeout=5)).data == push.SESSION_ENDED


async def test_nonsense_from_a_live_page_closes_only_that_page(db: Database):
    """Text that is no JSON object ends the socket with 1007."""

    def hearing(app: web.Application) -> None:
        routes = Routes()

        @routes.get("/hearing", roles=SIGNED_IN)
        async def hear(request: web.Request) -> web.StreamResponse:
            async def heard(client: push.Client, message: push.Message) -> None:
                client.send({"echo": message})

            return await request.app[HUB].serve(request, topic="h", heard=heard)

        routes.register(app)

    await add_person(db, "zhang", Role.ADMIN)
    async with browsing(web_app(db, rooms=[*ROOMS, hearing])) as browser:
        await browser.sign_in("zhang")
        good, bad = [await browser.client.ws_connect("/hearing") for _ in range(2)]
        await bad.send_str("[1, 2")
        assert (await bad.receive(timeout=5)).data == 1007
        await good.send_json({"a": 1})
        assert await good.receive_json(timeout=5) == {"echo": {"a": 1}}
        await good.close()


async def test_portal_alone_has_no_staff_pages(db: Database):
    """A process that serves the portal only offers no login at all."""
    async with browsing(web_app(db, rooms=ROOMS[1:])) as browser:
        assert (await browser.get("/")).status == 200
        assert (await browser.get("/login")).status == 404
        assert SEARCHER not in browser.client.app
