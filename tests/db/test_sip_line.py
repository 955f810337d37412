"""The telephone's line through our own server: who may use it, for what, and who is cut off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import WSMsgType
from support.desk_site import PASSWORD, DeskSite, running_desk

from agent_desktop.keys import CALLER_PHONE, SOFTPHONE


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[DeskSite]:
    async with running_desk(tmp_path) as site:
        yield site


@asynccontextmanager
async def browser(site: DeskSite, username: str = "") -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
        if username:
            form = {"username": username, "password": PASSWORD}
            async with client.post(f"{site.url}/login", data=form, allow_redirects=False) as response:
                assert response.status == 303
        yield client


def message(method: str, user: str, number: str = "96128", call_id: str = "c1") -> str:
    return "\r\n".join(
        [
            f"{method} sip:{number}@96128.invalid SIP/2.0", "Via: SIP/2.0/WS x.invalid;branch=z9hG4bK1",
            f"From: <sip:{user}@96128.invalid>;tag=1", f"To: <sip:{number}@96128.invalid>", f"Call-ID: {call_id}",
            f"CSeq: 1 {method}", f"Contact: <sip:{user}@x.invalid>", "", "",
        ]
    )  # fmt: skip


async def closed(line: aiohttp.ClientWebSocketResponse) -> int | None:
    """The code the line was closed with."""
    while True:
        received = await line.receive(timeout=5)
        if received.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING, WSMsgType.ERROR):
            return line.close_code


async def test_nobody_without_a_session_gets_a_line(site: DeskSite) -> None:
    """Without signing in the line is refused before it opens."""
    async with browser(site) as client:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(f"{site.url}/sip", protocols=("sip",))
    assert refused.value.status in (303, 401)


async def test_another_site_cannot_use_the_session(site: DeskSite) -> None:
    """A page of another origin gets no line, whatever cookies its visitor has."""
    async with browser(site, "operator") as client:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(f"{site.url}/sip", protocols=("sip",), origin="https://evil.example")
    assert refused.value.status == 403


async def test_ones_own_register_passes_and_is_answered(site: DeskSite) -> None:
    """REGISTER under one's own name reaches Asterisk, and its answer comes back."""
    async with (
        browser(site, "operator") as client,
        client.ws_connect(f"{site.url}/sip", protocols=("sip",)) as line,
    ):
        await line.send_str(message("REGISTER", "w1001"))
        assert (await line.receive_str(timeout=5)).startswith("SIP/2.0 200")


@pytest.mark.parametrize(
    "text", [message("REGISTER", "w1002"), message("INVITE", "w1002"), message("REFER", "w1001")]
)
async def test_somebody_elses_name_ends_the_line(site: DeskSite, text: str) -> None:
    """REGISTER and INVITE under another name, and REFER at all, never reach Asterisk and close the line (1008)."""
    async with (
        browser(site, "operator") as client,
        client.ws_connect(f"{site.url}/sip", protocols=("sip",)) as line,
    ):
        await line.send_str(text)
        assert await closed(line) == 1008
    assert site.sip.heard == []


async def test_a_bye_under_another_name_passes(site: DeskSite) -> None:
    """Inside a dialog From is whoever began it, so a hang-up of an inbound call passes."""
    async with (
        browser(site, "operator") as client,
        client.ws_connect(f"{site.url}/sip", protocols=("sip",)) as line,
    ):
        await line.send_str(
            message("BYE", "x9f2k").replace("@96128.invalid>\r\nCall-ID", "@96128.invalid>;tag=2\r\nCall-ID")
        )
        await line.send_str(message("REGISTER", "w1001"))
        await line.receive_str(timeout=5)
    assert site.sip.heard[0].startswith("BYE ")


async def test_a_message_too_long_ends_the_line(site: DeskSite) -> None:
    """A frame above the limit is not read into memory: the line is closed with 1009."""
    async with (
        browser(site, "operator") as client,
        client.ws_connect(f"{site.url}/sip", protocols=("sip",)) as line,
    ):
        await line.send_str("x" * 70_000)
        assert await closed(line) == 1009


async def test_a_client_that_never_reads_is_cut_off(site: DeskSite) -> None:
    """Nothing piles up for a page that does not take its messages: it is cut off, and the server lives on."""
    site.app[SOFTPHONE]  # settings are read at each connection
    site.app._state[SOFTPHONE] = replace(site.app[SOFTPHONE], send_timeout_s=0.5)
    async with (
        browser(site, "operator") as client,
        client.ws_connect(f"{site.url}/sip", protocols=("sip",)) as line,
    ):
        await line.send_str(message("REGISTER", "w1001"))
        await line.receive_str(timeout=5)
        upstream = site.sip.sockets[0]
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(20):
                for _ in range(2000):  # 120 MB if somebody took it all
                    await upstream.send_str("OPTIONS sip:x SIP/2.0\r\n" + "X: y\r\n" * 10_000)
    async with (
        browser(site, "operator") as client,
        client.ws_connect(f"{site.url}/sip", protocols=("sip",)) as line,
    ):
        await line.send_str(message("REGISTER", "w1001"))
        assert (await line.receive_str(timeout=5)).startswith("SIP/2.0 200")


async def test_a_second_page_is_refused_until_it_asks(site: DeskSite) -> None:
    """One telephone per person (M-29): another tab is refused, may take over when idle, never during a call."""
    url = f"{site.url}/sip"
    async with (
        browser(site, "operator") as client,
        client.ws_connect(f"{url}?tab=a", protocols=("sip",)) as first,
    ):
        async with client.ws_connect(f"{url}?tab=b", protocols=("sip",)) as second:
            assert await closed(second) == 4409
        await first.send_str(message("INVITE", "w1001"))
        await first.send_str(message("REGISTER", "w1001"))
        await first.receive_str(timeout=5)
        async with client.ws_connect(f"{url}?tab=b&take=1", protocols=("sip",)) as second:
            assert await closed(second) == 4409
        await first.send_str(message("BYE", "w1001"))
        await first.send_str(message("REGISTER", "w1001"))
        await first.receive_str(timeout=5)
        async with client.ws_connect(f"{url}?tab=b&take=1", protocols=("sip",)) as second:
            assert await closed(first) == 4410
            await second.send_str(message("REGISTER", "w1001"))
            assert (await second.receive_str(timeout=5)).startswith("SIP/2.0 200")


async def test_a_reloaded_page_replaces_its_own_ghost(site: DeskSite) -> None:
    """The same tab gets the line back at once, also when its old connection still hangs."""
    url = f"{site.url}/sip?tab=a"
    async with browser(site, "operator") as client, client.ws_connect(url, protocols=("sip",)) as ghost:
        await ghost.send_str(message("INVITE", "w1001"))
        async with client.ws_connect(url, protocols=("sip",)) as line:
            await line.send_str(message("REGISTER", "w1001"))
            assert (await line.receive_str(timeout=5)).startswith("SIP/2.0 200")


async def test_the_account_never_shows_the_password(site: DeskSite) -> None:
    """The page gets the digest HA1 of its own telephone and nothing that opens another."""
    async with browser(site, "operator") as client, client.get(f"{site.url}/softphone/account") as response:
        text = await response.text()
    assert '"user": "w1001"' in text
    assert "sip-1001" not in text


# --- the caller's telephone ------------------------------------------------------------------------------------------


async def lease(client: aiohttp.ClientSession, site: DeskSite) -> dict[str, str]:
    async with client.post(f"{site.url}/phone/session", headers={"Accept": "application/json"}) as response:
        assert response.status == 200
        return await response.json()


async def test_the_callers_telephone_is_refused_unless_switched_on(site: DeskSite) -> None:
    """Outside the demo the page, its session and its line do not exist."""
    site.app._state[CALLER_PHONE] = replace(site.app[CALLER_PHONE], enabled=False)
    async with (
        browser(site) as client,
        client.get(f"{site.url}/phone") as page,
        client.post(f"{site.url}/phone/session") as session,
    ):
        assert (page.status, session.status) == (404, 404)
        assert "演示电话没有开启" in await page.text()


async def test_the_callers_telephone_dials_the_hotline_and_nothing_else(site: DeskSite) -> None:
    """Any other number is refused by a proper answer and never reaches Asterisk."""
    async with browser(site) as client:
        guest = (await lease(client, site))["user"]
        async with client.ws_connect(f"{site.url}/phone/sip", protocols=("sip",)) as line:
            await line.send_str(message("INVITE", guest, "13800005678"))
            assert (await line.receive_str(timeout=5)).startswith("SIP/2.0 503")
    assert site.sip.heard == []


async def test_the_sixth_call_of_a_minute_is_refused(site: DeskSite) -> None:
    """Five calls a minute from one address; the sixth gets 503, the same call with credentials counts once."""
    async with browser(site) as client:
        guest = (await lease(client, site))["user"]
        async with client.ws_connect(f"{site.url}/phone/sip", protocols=("sip",)) as line:
            for number in range(5):
                await line.send_str(message("INVITE", guest, call_id=f"c{number}"))
                await line.send_str(message("INVITE", guest, call_id=f"c{number}"))
            await line.send_str(message("INVITE", guest, call_id="c6"))
            assert (await line.receive_str(timeout=5)).startswith("SIP/2.0 503 Too Many Calls")
    assert len(site.sip.heard) == 10


async def test_each_browser_gets_a_telephone_of_its_own_until_the_pool_is_empty(site: DeskSite) -> None:
    """Three guests for three browsers; the fourth is told to wait; the same browser keeps its own."""
    async with browser(site) as one, browser(site) as two, browser(site) as three, browser(site) as four:
        names = [(await lease(client, site))["user"] for client in (one, two, three, one)]
        assert names == ["guest01", "guest02", "guest03", "guest01"]
        async with four.post(f"{site.url}/phone/session", headers={"Accept": "application/json"}) as response:
            assert (response.status, (await response.json())["error"]["code"]) == (503, "no_guest_free")


async def test_a_line_without_a_lease_is_refused(site: DeskSite) -> None:
    """Nobody opens the public line without having been given a telephone."""
    async with browser(site) as client:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await client.ws_connect(f"{site.url}/phone/sip", protocols=("sip",))
