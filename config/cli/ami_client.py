"""A plain, synchronous AMI client for operations (asterisk-ami): one question, one answer, or a trace of events.

The controller has a connection of its own; this second, independent one shows what Asterisk says even when the
controller does not run.
"""

import queue
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog
from asterisk.ami import AMIClient, SimpleAction

from core.errors import HotlineError, why
from ivr.asterisk.ami import safe
from ivr.settings import AsteriskSettings

log = structlog.get_logger()
ANSWER_LIMIT_S = 5.0


class AsteriskSilent(HotlineError):
    """Asterisk cannot be reached or asked; `reason` says why."""

    code = "asterisk_silent"
    status = 503
    text = (
        "Asterisk 没有应答（{host}:{port}，{reason}）。请确认热线正在运行，并核对 asterisk.ami_port 和密码。"
    )


class AsteriskRefused(HotlineError):
    """Asterisk answered that it would not; `reason` is its own words."""

    code = "asterisk_refused"
    status = 409
    text = "Asterisk 没有执行：{reason}"


class _Client(AMIClient):  # type: ignore[misc]
    """Its reading thread ends quietly; whoever waits for an answer notices."""

    def listen(self) -> None:
        try:
            super().listen()
        except Exception as error:  # noqa: BLE001 - anything at all: it is a thread's last word
            self.finished.set()
            log.debug("ami_reading_ended", cause=type(error).__name__)


class AmiClient:
    """A signed-in connection; use `connected`."""

    def __init__(self, client: AMIClient) -> None:
        self._client = client

    def ask(self, action: str, **fields: str) -> Mapping[str, Any]:
        """The response's fields; raises AsteriskRefused when it is an error, AsteriskSilent when none comes."""
        for name, value in fields.items():
            safe(name, value)
        return self._answer(SimpleAction(action, **fields))

    def command(self, text: str) -> str:
        """What one command of Asterisk's console prints."""
        return str(self.ask("Command", Command=text).get("Output", ""))

    def events(self) -> Iterator[dict[str, Any]]:
        """Every event from now on, in order; a ping now and then keeps the connection open."""
        arrived: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._client.add_event_listener(lambda event, **_: arrived.put({"Event": event.name, **event.keys}))
        while not self._client.finished.is_set():
            try:
                yield arrived.get(timeout=1)
            except queue.Empty:
                self.ask("Ping")
        raise self._silent("连接中断")

    def login(self, user: str, secret: str) -> None:
        try:
            self._answer(SimpleAction("Login", Username=user, Secret=secret))
        except AsteriskRefused as error:
            raise self._silent("拒绝登录") from error

    def _answer(self, action: SimpleAction) -> Mapping[str, Any]:
        answered: queue.SimpleQueue[Any] = queue.SimpleQueue()
        try:
            self._client.send_action(action, answered.put)
            response = answered.get(timeout=ANSWER_LIMIT_S)
        except queue.Empty:
            raise self._silent("等待超时") from None
        except OSError as error:
            raise self._silent(why(error)) from error
        if response.is_error():
            raise AsteriskRefused(reason=response.keys.get("Output") or response.keys.get("Message", ""))
        return dict(response.keys)

    def _silent(self, reason: str) -> AsteriskSilent:
        return AsteriskSilent(host=self._client._address, port=self._client._port, reason=reason)  # noqa: SLF001


@contextmanager
def connected(settings: AsteriskSettings) -> Iterator[AmiClient]:
    """A connection that has signed in as the controller's user; raises AsteriskSilent."""
    raw = _Client(address=settings.control_host, port=settings.ami_port, timeout=ANSWER_LIMIT_S)
    client = AmiClient(raw)
    try:
        raw.connect()
    except OSError as error:
        raw._socket.close()  # noqa: SLF001 - it leaves the socket open when nobody answers
        raise AsteriskSilent(host=settings.control_host, port=settings.ami_port, reason=why(error)) from error
    try:
        client.login(settings.ami_user, settings.ami_secret)
        yield client
    finally:
        raw.disconnect()
