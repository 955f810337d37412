"""A small AMI server for unit tests (假 AMI 服务器): speaks the wire format, misbehaves on request.

The same contract runs against the real Asterisk in `tests/asterisk/test_ami.py`; what only a fake can do (silence,
garbage, a lost connection at a chosen moment) is switched on by the test.
"""

import asyncio
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

GREETING = b"Asterisk Call Manager/9.0.0\r\n"
Fields = Mapping[str, str]


def message(fields: Fields) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\n"


class FakeAmi:
    """`received` is every action in the order it came; `answers` may replace the answer to an action by name."""

    def __init__(self, secret: str = "secret") -> None:
        self.secret = secret
        self.received: list[dict[str, str]] = []
        self.answers: dict[str, Callable[[dict[str, str]], bytes]] = {}
        self.silent: set[str] = set()
        """Names of actions that are never answered."""
        self.drops: set[str] = set()
        """Names of actions at which the connection is lost."""
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self.lose()
        await self._server.wait_closed()

    @property
    def names(self) -> list[str]:
        return [action["Action"] for action in self.received]

    async def send(self, data: bytes) -> None:
        """Raw bytes to whoever is connected."""
        for writer in self._writers:
            writer.write(data)
            await writer.drain()

    async def event(self, name: str, **fields: str) -> None:
        await self.send(message({"Event": name, **fields}))

    async def lose(self) -> None:
        """Close every connection without a word."""
        writers, self._writers = self._writers, []
        for writer in writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        writer.write(GREETING)
        try:
            while True:
                text = (await reader.readuntil(b"\r\n\r\n")).decode()
                await self._take(
                    dict(line.split(": ", 1) for line in text.split("\r\n") if ": " in line), writer
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.transport.abort()

    async def _take(self, action: dict[str, str], writer: asyncio.StreamWriter) -> None:
        self.received.append(action)
        name = action["Action"]
        if name in self.drops:
            await self.lose()
        elif name not in self.silent:
            writer.write(self.answers.get(name, self._answer)(action))

    def _answer(self, action: dict[str, str]) -> bytes:
        number = {"ActionID": action.get("ActionID", "")}
        if action["Action"] == "Login":
            accepted = action.get("Secret") == self.secret
            reply = {"Response": "Success" if accepted else "Error", **number}
            return message(
                {**reply, "Message": "Authentication accepted" if accepted else "Authentication failed"}
            )
        return message({"Response": "Success", **number, "Message": "Done"})


def listed(rows: list[dict[str, str]]) -> Callable[[dict[str, str]], bytes]:
    """The answer to an action that lists: start, rows, complete."""

    def answer(action: dict[str, str]) -> bytes:
        number = {"ActionID": action["ActionID"]}
        start = message({"Response": "Success", **number, "EventList": "start", "Message": "will follow"})
        items = b"".join(message({**row, **number}) for row in rows)
        end = message({"Event": f"{action['Action']}Complete", **number, "EventList": "Complete"})
        return start + items + end

    return answer


def refused(reason: str) -> Callable[[dict[str, str]], bytes]:
    return lambda action: message({"Response": "Error", "ActionID": action["ActionID"], "Message": reason})
