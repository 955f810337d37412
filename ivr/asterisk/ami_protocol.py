"""panoramisk's AMI connection, changed where calls need it otherwise; what can be done with it is `ivr.asterisk.ami`'s.

panoramisk keeps the socket, the login and the reconnecting. What is changed here, and why:

* events reach one plain callback, in the order Asterisk sent them (its coroutine callbacks overtake one another);
* bytes are framed before they are decoded, so that a Chinese name cut by a packet boundary survives;
* no action is sent again after a reconnect (`forgetable_actions`);
* a refused login is an error that is seen, not silence.
"""

import asyncio
from typing import Any

import structlog
from panoramisk import Manager
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.message import Message

log = structlog.get_logger()
Fields = dict[str, str]
LOGIN_LIMIT_S = 10.0
FRAME_LIMIT = 4_000_000
"""Bytes of one message; a longer one is no AMI, and the connection is given up."""
_FRAME_END = b"\r\n\r\n"


def parse(frame: bytes) -> Fields:
    """One AMI message as a mapping; a repeated header's values are joined by line breaks."""
    fields: Fields = {}
    for line in frame.decode("utf-8", "replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name in fields else value
    return fields


class Never:
    """For panoramisk's `forgetable_actions`: no action is ever sent again after a reconnect."""

    def __contains__(self, _: object) -> bool:
        return True


class Protocol(AMIProtocol):  # type: ignore[misc]
    """Frames bytes, hands events on as plain dictionaries, leaves responses to panoramisk."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        *frames, self._buffer = (self._buffer + data).split(_FRAME_END)
        for frame in frames:
            self._take(parse(frame))
        if len(self._buffer) > FRAME_LIMIT:
            log.error("ami_frame_endless", bytes=len(self._buffer))
            self._buffer = b""
            self.connection_lost(None)

    def _take(self, fields: Fields) -> None:
        action = self.responses.get(fields.get("ActionID"))
        if action is None and "Response" in fields:
            self.factory.config["on_reply"](fields)
        elif "Response" in fields:
            if action and fields["Response"] == "Error":
                action.as_list = False  # no list follows an error, though panoramisk would wait for one
            self.handle_message(Message(fields))
        elif action and action.as_list and action.responses:
            self.handle_message(Message(fields))
        elif "Event" in fields:
            self.factory.config["on_fields"](fields)


class Connection(Manager):  # type: ignore[misc]
    is_closing = False

    def connect(self, *args: Any, **options: Any) -> Any:
        """A reconnect that panoramisk had planned may come after our close."""
        return None if self.is_closing else super().connect(*args, **options)

    def connection_made(self, f: "asyncio.Future[Any]") -> None:
        super().connection_made(f)
        if self.authenticated_future:
            self.loop.call_later(LOGIN_LIMIT_S, self._give_up_login, self.protocol, self.authenticated_future)

    def _give_up_login(self, protocol: AMIProtocol, login: "asyncio.Future[Message]") -> None:
        if not login.done() and not self.is_closing:
            log.error("ami_login_unanswered")
            protocol.connection_lost(None)

    def login(self, future: "asyncio.Future[Message]") -> bool:
        if future.cancelled() or future.exception():
            return False
        accepted = bool(super().login(future))
        self.ping_cancel()
        if not accepted:
            log.error("ami_login_refused", user=self.config["username"])
        return accepted

    def ping_cancel(self) -> None:
        """Our heartbeat (CTL_BEAT) asks more often than panoramisk's ping, and with a time limit."""
        if self.pinger is not None:
            self.pinger.cancel()
