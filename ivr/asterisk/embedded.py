"""An Asterisk of the hotline's own: started from a private configuration, watched, stopped with the hotline.

Knows processes and folders, nothing of calls.
"""

import asyncio
import contextlib
import resource
from collections.abc import Callable
from pathlib import Path

import structlog

from core.errors import HotlineError
from ivr.asterisk.site import Folders
from ivr.settings import AsteriskSettings

log = structlog.get_logger()
BOOT_LIMIT_S = 30.0
STOP_LIMIT_S = 10.0
WATCH_S = 2.0


class AsteriskUnavailable(HotlineError):
    """Asterisk could not be started; `reason` says what it printed last."""

    code = "asterisk_unavailable"
    status = 503
    text = "电话系统 Asterisk 无法启动：{reason}。请检查端口是否被占用，详情见日志目录 {log_dir}。"


class EmbeddedAsterisk:
    def __init__(self, settings: AsteriskSettings, folders: Folders) -> None:
        self._settings = settings
        self._folders = folders
        self.process: asyncio.subprocess.Process | None = None
        self._found_running = False

    async def start(self) -> None:
        """Start and wait until every module is up; AsteriskUnavailable when it is not within 30 s.

        One that a killed hotline left running is taken over with the calls in it.
        """
        self._found_running = await self._is_running()
        if self._found_running:
            log.info("asterisk_taken_over")
            return
        _raise_file_limit()
        self._folders.log.mkdir(parents=True, exist_ok=True)
        with (self._folders.log / "console").open("ab") as console:
            self.process = await asyncio.create_subprocess_exec(
                self._settings.binary.absolute(),
                "-C",
                self._conf,
                "-f",
                stdout=console,
                stderr=console,
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(BOOT_LIMIT_S):
                await self._until_booted()
        except TimeoutError:
            await self.stop()
            raise AsteriskUnavailable(reason="启动超时", log_dir=self._folders.log) from None
        log.info("asterisk_started", pid=self.process.pid)

    async def command(self, text: str) -> str:
        """Run one command of Asterisk's console and return what it prints."""
        process = await asyncio.create_subprocess_exec(
            self._settings.binary.absolute(),
            "-C",
            self._conf,
            "-rx",
            text,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(10):
            output, _ = await process.communicate()
        return output.decode(errors="replace")

    async def watch(self, beat: Callable[[], None]) -> None:
        """Start Asterisk again whenever it has ended by itself."""
        while True:
            beat()
            await asyncio.sleep(WATCH_S)
            gone = self.process is not None and self.process.returncode is not None
            if gone or (self._found_running and not await self._is_running()):
                log.error("asterisk_ended")
                await self.start()

    async def stop(self) -> None:
        """End the process: politely, then firmly."""
        if self._found_running:
            await self.command("core stop now")
        process, self.process = self.process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_LIMIT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _is_running(self) -> bool:
        with contextlib.suppress(TimeoutError):
            return "fully booted" in await self.command("core waitfullybooted")
        return False

    @property
    def _conf(self) -> Path:
        return self._folders.etc.absolute() / "asterisk.conf"

    async def _until_booted(self) -> None:
        assert self.process is not None
        while True:
            if self.process.returncode is not None:
                raise AsteriskUnavailable(reason=self._last_words(), log_dir=self._folders.log)
            with contextlib.suppress(TimeoutError):
                if "fully booted" in await self.command("core waitfullybooted"):
                    return
            await asyncio.sleep(0.1)

    def _last_words(self) -> str:
        lines = (self._folders.log / "console").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "没有输出"


def _raise_file_limit() -> None:
    """A call takes several descriptors; the usual 1024 end at a hundred calls."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
