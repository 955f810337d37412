"""Controller and desk as the processes that they are in service (分进程), on one PostgreSQL, and people at their pages."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import ClientSession, ClientWebSocketResponse, CookieJar
from support.hotline import PASSWORD, free_ports
from support.killable import KillableHotline, until

REPOSITORY = Path(__file__).parents[2]
KAMAILIO = (".tools/bin/kamailio", "-f", "dialplan/kamailio/kamailio.cfg")


class ControllerAlone(KillableHotline):
    """`hotline serve controller`; `desk()` starts the desk of the same node besides."""

    command = ("serve", "controller")
    ready = "呼叫控制已启动"

    @asynccontextmanager
    async def desk(self) -> AsyncIterator[str]:
        """`hotline serve desk`; its address."""
        async with self.serving("desk", "网页已启动"):
            yield self.city.url

    @asynccontextmanager
    async def serving(self, part: str, ready: str, **more: str) -> AsyncIterator[Callable[[], str]]:
        """Another part of the same node, once it says that it is ready; what it has said up to now."""
        log = self.folders.root.parent / f"{part}-output"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "config.cli", "serve", part, env=os.environ | self.environ | more,
                stdout=output, stderr=output, cwd=REPOSITORY,
            )  # fmt: skip
        try:
            await until(lambda: ready in log.read_text() or process.returncode is not None, 60)
            assert process.returncode is None, log.read_text()
            yield log.read_text
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


class LivePage:
    """A page without a browser: signed in, its live line (the desk's, or `live`) open; `state` is the last it was sent."""

    def __init__(self, url: str, username: str, live: str = "/desk/ws") -> None:
        self._client = ClientSession(url, cookie_jar=CookieJar(unsafe=True))  # cookies of an address, too
        self._username = username
        self._live = live
        self._csrf = ""
        self.state: dict[str, Any] = {}

    async def __aenter__(self) -> Self:
        form = {"username": self._username, "password": PASSWORD}
        async with self._client.post("/login", data=form) as answer:
            assert answer.status == 200, await answer.text()
        await self._read_csrf("/account")
        self._socket = await self._client.ws_connect(self._live)
        self._reading = asyncio.create_task(self._read(self._socket))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._socket.close()
        await self._client.close()

    async def wish(self, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
        """What a button of the page sends; status and answer."""
        headers = {"Accept": "application/json", "X-CSRF-Token": self._csrf}
        async with self._client.post(path, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str) -> tuple[int, dict[str, Any]]:
        async with self._client.get(path, headers={"Accept": "application/json"}) as answer:
            return answer.status, await answer.json()

    async def read(self, path: str) -> bytes:
        async with self._client.get(path) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.read()

    async def shows(self, seat: str, phase: str | None = None, limit_s: float = 15.0) -> dict[str, Any]:
        """Wait until the desk shows this state of the seat, and of the call; returns the call."""

        def is_so() -> bool:
            agent, call = self.state.get("agent"), self.state.get("call")
            return bool(
                agent and agent["state"] == seat and (phase is None or (call and call["phase"] == phase))
            )

        try:
            await until(is_so, limit_s)
        except TimeoutError:
            raise AssertionError(f"not shown, but: {self.state}") from None
        return self.state.get("call") or {}

    async def _read(self, socket: ClientWebSocketResponse) -> None:
        async for message in socket:
            heard = message.json()
            if heard.get("kind") == "state":
                self.state = heard

    async def _read_csrf(self, path: str) -> None:
        async with self._client.get(path) as page:
            found = re.search(r'<meta name="csrf" content="([^"]+)"', await page.text())
        assert found
        self._csrf = found[1]


class SecondNode(KillableHotline):
    """Another node, all in one process, on the first one's database; nothing is founded again, and it may end dead."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    def freeze(self) -> None:
        """Its controller says and hears nothing more; its Asterisk does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    async def die(self) -> None:
        """As a machine that loses its power: controller and Asterisk are gone at once."""
        await self.kill()
        for file in self.folders.root.rglob("asterisk.pid"):
            os.kill(int(file.read_text()), signal.SIGKILL)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is None:
            await self.db.close()
        else:
            await super().__aexit__(kind, error, trace)


@dataclass(frozen=True)
class Dispatcher:
    """Kamailio's addresses, and the certificate that it shows and wants to see."""

    sip: tuple[str, int]
    tls: tuple[str, int]
    certificate: Path
    key: Path


@asynccontextmanager
async def dispatcher(folder: Path, nodes: Sequence[KillableHotline]) -> AsyncIterator[Dispatcher]:
    """Kamailio with the shipped configuration before these nodes, over UDP, TCP and TLS."""
    sip, tls = free_ports(2)
    listed, certificate, key = folder / "nodes.list", folder / "cert.pem", folder / "key.pem"
    listed.write_text("".join(f"1 sip:127.0.0.1:{node.city.sip[1]}\n" for node in nodes))
    make_certificate(certificate, key)
    given = {"NODES": listed, "CERTIFICATE": certificate, "PRIVATE_KEY": key, "CALLERS": certificate}
    listening = [f"udp:127.0.0.1:{sip}", f"tcp:127.0.0.1:{sip}", f"tls:127.0.0.1:{tls}"]
    process = await asyncio.create_subprocess_exec(
        *KAMAILIO, *(part for one in listening for part in ("-l", one)), "-DD", "-E", "-m", "32", "-M", "4", "-Y", folder,
        *(part for name, file in given.items() for part in ("-A", f'{name}="{file}"')), cwd=REPOSITORY,
    )  # fmt: skip
    try:
        yield Dispatcher(("127.0.0.1", sip), ("127.0.0.1", tls), certificate, key)
    finally:
        process.terminate()
        await process.wait()


def make_certificate(certificate: Path, key: Path) -> None:
    """Signed by itself, for a day."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1",
         "-keyout", key, "-out", certificate], check=True, capture_output=True,
    )  # fmt: skip
