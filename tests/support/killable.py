"""`hotline run` in a process of its own (可杀进程): started, killed as by `kill -9`, started again over what it left."""

import asyncio
import os
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeVar

from sqlalchemy import select
from support.hotline import City, environment, found, share_sounds

from config.bootstrap import Hotline
from config.database import upgrade
from config.settings import load, make_clock
from ivr.asterisk.ami import Ami
from ivr.asterisk.site import Folders
from recordings.models import Call, CallEvent

Row = TypeVar("Row")
START_LIMIT_S = 90.0


class KillableHotline:
    """`city` tells the settings and who is on record; its own hotline is never started."""

    command: tuple[str, ...] = ("run",)
    ready = "热线已启动"

    def __init__(self, folder: Path, **more: str) -> None:
        self.environ = environment(folder, **more) | {"HOTLINE__MODE": "test"}
        settings = load(self.environ)
        self.folders = Folders(settings.data_dir / "asterisk")
        share_sounds(self.folders)
        clock = make_clock(settings)
        self.city = City(Hotline(settings, clock), clock)  # type: ignore[arg-type]
        self.db = self.city.hotline.db
        self.process: asyncio.subprocess.Process | None = None
        self.began = 0
        """Where in its output the last start begins."""
        self._log = folder / "output"

    async def __aenter__(self) -> Self:
        await upgrade(self.city.hotline.settings.database.url)
        async with self.db.unit_of_work() as session:
            await found(session, self.city)
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is None:  # its Asterisk goes on running: only a hotline ends it
            await self.start()
        assert self.process is not None
        self.process.terminate()
        await asyncio.wait_for(self.process.wait(), 30)
        await self.db.close()

    async def start(self, ready: str = "") -> None:
        """Start it and wait until it says that it is ready, or what `ready` is."""
        with self._log.open("ab") as log:
            began = self.began = log.tell()
            process = self.process = await self._spawn(log)

        def is_ready() -> bool:
            assert process.returncode is None, self.said(began)
            return (ready or self.ready) in self.said(began)

        await until(is_ready, START_LIMIT_S)

    async def _spawn(self, output: IO[bytes]) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "config.cli", *self.command, env=os.environ | self.environ, stdout=output, stderr=output,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip

    async def start_another(self) -> tuple[int, str]:
        """A second one over the same folder, by mistake: its exit code and what it says."""
        file = self._log.with_name("another")
        with file.open("wb") as output:
            process = await self._spawn(output)
            async with asyncio.timeout(START_LIMIT_S):
                code = await process.wait()
        return code, file.read_text()

    def said(self, since: int = 0) -> str:
        return self._log.read_bytes()[since:].decode(errors="replace")

    async def kill(self) -> None:
        """Its process is gone at once; Asterisk and the calls in it are not."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()
        self.process = None

    @contextmanager
    def halted(self) -> Iterator[None]:
        """Its process does nothing, and is not gone."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    @asynccontextmanager
    async def asterisk(self) -> AsyncIterator[Ami]:
        """Somebody else's connection to Asterisk."""
        settings, up = self.city.hotline.settings.asterisk, asyncio.Event()
        ami = Ami(
            host="127.0.0.1", port=settings.ami_port, user=settings.ami_user, secret=settings.ami_secret,
            on_event=lambda _: None, on_up=up.set, on_down=lambda: None,
        )  # fmt: skip
        ami.start()
        try:
            async with asyncio.timeout(10):
                await up.wait()
            yield ami
        finally:
            await ami.close()

    async def ask_asterisk(self, action: str, **fields: object) -> None:
        """One AMI action of somebody else's, such as a member added to the queue."""
        async with self.asterisk() as ami:
            await ami.action(action, **fields)

    async def seat(self, extension: str = "1001", *, paused: bool = False) -> None:
        """A desk telephone takes calls of the queue, without a page that signs it in."""
        await self.ask_asterisk(
            "QueueAdd", Queue="operators", Interface=f"PJSIP/{extension}", MemberName=extension,
            Paused=str(paused).lower(),
        )  # fmt: skip

    async def until_beat_is(self, is_so: Callable[[int], bool]) -> None:
        """Wait until the age of the controller's last beat, in seconds, is as wanted."""
        async with self.asterisk() as ami, asyncio.timeout(30):
            while True:
                beat = (await ami.action("Getvar", Variable="CTL_BEAT"))["Value"]
                if is_so(int(time.time()) - int(beat)):
                    return
                await asyncio.sleep(0.05)

    @asynccontextmanager
    async def writing_nothing(self) -> AsyncIterator[None]:
        """The database, SQLite, is read but takes nothing: somebody else writes and does not finish."""
        file = self.city.hotline.settings.database.url.partition(":///")[2]
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")
            other.close()

    async def keep_in_doubt(self) -> None:
        """The dialplan waits for a dead controller's next beat: however slow this machine is, one is started again."""
        await self.ask_asterisk("Setvar", Variable="CTL_BEAT", Value=int(time.time() + START_LIMIT_S))

    async def until_paused(self, extension: str = "1001") -> None:
        """Wait until the seat is taken out of the queue, as after a talk."""
        async with self.asterisk() as ami, asyncio.timeout(20):
            while not any(
                row.get("Name") == extension and row.get("Paused") == "1"
                for row in await ami.listing("QueueStatus", Queue="operators")
            ):
                await asyncio.sleep(0.05)

    async def noted(self, family: str, value: str) -> None:
        """Wait until Asterisk's database has a row of this family in which `value` stands."""
        async with self.asterisk() as ami, asyncio.timeout(20):
            while not any(
                value in row.get("Val", "") for row in await ami.listing("DBGetTree", Family=family)
            ):
                await asyncio.sleep(0.02)

    # --- what is on record ----------------------------------------------------------------------------------------

    async def calls(self, number: str) -> list[Call]:
        async with self.db.reading() as session:
            return list(await session.scalars(select(Call).where(Call.caller_number == number)))

    async def ledger(self, number: str) -> list[tuple[str, dict[str, Any]]]:
        """What the ledger tells of this caller, oldest first."""
        async with self.db.reading() as session:
            query = select(CallEvent).join(Call).where(Call.caller_number == number).order_by(CallEvent.id)
            return [(row.kind, row.data) for row in await session.scalars(query)]

    async def been_at(self, number: str, node: str, limit_s: float = 20) -> None:
        """Wait until the ledger has this caller at a node of the menus."""
        await self.until_told(number, "node", limit_s, node=node)

    async def until_told(self, number: str, kind: str, limit_s: float = 20, **data: object) -> None:
        async with asyncio.timeout(limit_s):
            while not any(
                one == kind and data.items() <= told.items() for one, told in await self.ledger(number)
            ):
                await asyncio.sleep(0.05)

    async def closed(self, number: str, limit_s: float = 40) -> Call:
        """The only call of this caller, once its record is closed."""
        async with asyncio.timeout(limit_s):
            while not all(call.ended_at for call in await self.calls(number)) or not await self.calls(number):
                await asyncio.sleep(0.1)
        (call,) = await self.calls(number)
        return call

    async def of_call(
        self, table: type[Row], call: Call, at_least: int = 0, limit_s: float = 40
    ) -> list[Row]:
        """The rows that belong to a call, when there are enough of them."""
        async with asyncio.timeout(limit_s):
            while True:
                async with self.db.reading() as session:
                    rows = await session.scalars(select(table).where(table.call_id == call.id))  # type: ignore[attr-defined]
                    found = list(rows)
                if len(found) >= at_least:
                    return found
                await asyncio.sleep(0.1)


async def until(is_so: Callable[[], bool], limit_s: float = 20.0) -> None:
    async with asyncio.timeout(limit_s):
        while not is_so():
            await asyncio.sleep(0.05)
