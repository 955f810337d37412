"""`hotline run` in a process of its own (可杀进程): started, killed as by `kill -9`, started again over what it left."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from support.hotline import City, environment, found, share_sounds

from config.bootstrap import Hotline
from config.database import upgrade
from config.settings import load, make_clock
from ivr.ami import Ami
from ivr.site import Folders

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

    async def start(self) -> None:
        """Start it and wait until calls are answered."""
        with self._log.open("ab") as log:
            began = log.tell()
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "config.cli", *self.command, env=os.environ | self.environ, stdout=log, stderr=log,
                cwd=Path(__file__).parents[2],
            )  # fmt: skip
        process = self.process

        def is_ready() -> bool:
            assert process.returncode is None, self.said(began)
            return self.ready in self.said(began)

        await until(is_ready, START_LIMIT_S)

    def said(self, since: int = 0) -> str:
        return self._log.read_bytes()[since:].decode(errors="replace")

    async def kill(self) -> None:
        """Its process is gone at once; Asterisk and the calls in it are not."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()
        self.process = None

    async def ask_asterisk(self, action: str, **fields: object) -> None:
        """One AMI action of somebody else's, such as a member added to the queue."""
        settings, up = self.city.hotline.settings.asterisk, asyncio.Event()
        ami = Ami(
            host="127.0.0.1", port=settings.ami_port, user=settings.ami_user, secret=settings.ami_secret,
            on_event=lambda _: None, on_up=up.set, on_down=lambda: None,
        )  # fmt: skip
        ami.start()
        try:
            await asyncio.wait_for(up.wait(), 10)
            await ami.action(action, **fields)
        finally:
            await ami.close()


async def until(is_so: Callable[[], bool], limit_s: float = 20.0) -> None:
    async with asyncio.timeout(limit_s):
        while not is_so():
            await asyncio.sleep(0.05)
