"""The virus scanner (防病毒, M-87): any command of the administrator's, shown every file that comes in from outside.

Knows nothing of what the file is for; who keeps it asks here first.
"""

import asyncio
import shlex
from dataclasses import dataclass
from pathlib import Path

import structlog

from core.errors import HotlineError

log = structlog.get_logger()
INFECTED = 1
"""What virus scanners exit with when they found something; anything else but 0 is a failure of theirs."""


class Infected(HotlineError):
    """The scanner refused the file `name`."""

    code = "attachment_infected"
    status = 422
    text = "附件“{name}”未通过安全检查，没有提交，请换一个文件。"


class NotScanned(HotlineError):
    """The scanner gave no answer."""

    code = "attachment_not_scanned"
    status = 503
    text = "附件暂时无法进行安全检查，没有提交；您可以先不带附件提交，或稍后再试。"


@dataclass(frozen=True)
class Scanner:
    """`command` has `{file}` for the file and exits 0 for a clean one, 1 for an infected one; empty: nothing is scanned."""

    command: str = ""
    timeout_s: float = 30.0

    async def check(self, file: Path, name: str) -> None:
        """Returns for a clean file that its sender calls `name`; raises Infected, NotScanned."""
        if not self.command:
            return
        status = await self._run([part.replace("{file}", str(file)) for part in shlex.split(self.command)])
        if status == INFECTED:
            log.warning("attachment_infected", file=file.name)
            raise Infected(name=name)
        if status != 0:
            log.warning("scanner_failed", status=status)
            raise NotScanned

    async def _run(self, command: list[str]) -> int:
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        except OSError:
            log.exception("scanner_missing", command=command[0])
            raise NotScanned from None
        try:
            async with asyncio.timeout(self.timeout_s):
                return await process.wait()
        except TimeoutError:
            log.warning("scanner_slow", timeout_s=self.timeout_s)
            raise NotScanned from None
        finally:
            if process.returncode is None:
                process.kill()
