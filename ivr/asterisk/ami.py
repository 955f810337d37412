"""The one AMI connection (Asterisk 管理接口): events in order, actions with time limits, failures that show.

What panoramisk does not do, beside what `ami_protocol` adds to it, and why:

* every action has a time limit, and fails at once when the connection drops; none is sent again by itself,
  because nobody knows whether it was carried out;
* control characters in a value are refused: a line break would become a second AMI header.
"""

import asyncio
import itertools
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import structlog
from panoramisk.actions import Action
from panoramisk.message import Message

from core.errors import HotlineError
from ivr.asterisk.ami_protocol import Connection, Fields, Never, Protocol

log = structlog.get_logger()
NORMAL_CLEARING = 16
"""Q.850 cause of a call that somebody has hung up."""
ACTION_LIMIT_S = 5.0


class TelephonyDown(HotlineError):
    """There is no connection to Asterisk, or it dropped before the answer came."""

    code = "telephony_down"
    status = 503
    text = "电话系统连接中断，正在自动恢复，请稍候再试。"


class ActionTimeout(HotlineError):
    """Asterisk did not answer in time: whether the action was carried out is unknown."""

    code = "telephony_timeout"
    status = 504
    text = "电话系统没有及时响应，请查看通话状态后再试。"


class ActionRefused(HotlineError):
    """Asterisk refused an action; `action` and `reason` are its own words."""

    code = "telephony_refused"
    status = 409
    text = "电话系统未能执行该操作（{action}：{reason}），通话可能已经结束。"


class UnsafeValue(HotlineError):
    """A value for AMI or AGI holds a control character; `name` says which."""

    code = "unsafe_value"
    status = 422
    text = "“{name}”含有不允许的控制字符，请重新输入。"


def safe(name: str, value: object) -> str:
    """The value as AMI may carry it; UnsafeValue when it holds a control character."""
    text = str(value)
    if not text.isprintable():
        raise UnsafeValue(name=name)
    return text


def quoted(value: object) -> str:
    """One argument of an AGI command."""
    return '"' + safe("argument", value).replace("\\", "\\\\").replace('"', '\\"') + '"'


class Ami:
    """`on_event` gets every event in order; `on_up` runs after each login, `on_down` after each loss."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        user: str,
        secret: str,
        on_event: Callable[[Fields], None],
        on_up: Callable[[], None],
        on_down: Callable[[], None],
    ) -> None:
        self.up = False
        self._on_event = on_event
        self._on_up = on_up
        self._on_down = on_down
        self._waiting: set[asyncio.Future[Any]] = set()
        self._numbers = itertools.count(1)
        self._posted: dict[str, Callable[[], None]] = {}
        self._outgoing: list[str] = []
        self._manager = Connection(
            host=host, port=port, username=user, secret=secret, events="on", reconnect_timeout=1,
            ping_delay=3600, ping_interval=3600, protocol_factory=Protocol, forgetable_actions=Never(),
            on_login=self._logged_in, on_disconnect=self._lost, on_fields=self._happened,
            on_reply=self._replied,
        )  # fmt: skip

    def start(self) -> None:
        """Connect in the background and stay connected."""
        self._manager.loop = asyncio.get_running_loop()
        self._manager.connect()

    async def close(self) -> None:
        self.up, self._manager.is_closing = False, True
        self._manager.close()
        self._fail_waiting()

    def drop(self) -> None:
        """Give up a connection that no longer answers; panoramisk makes a new one."""
        if self._manager.protocol and not self._manager.protocol.closed:
            self._manager.protocol.connection_lost(None)

    async def action(self, name: str, *, limit_s: float = ACTION_LIMIT_S, **fields: object) -> Fields:
        """Carry out one action and return its response.

        Raises TelephonyDown, ActionTimeout (outcome unknown), ActionRefused or UnsafeValue.
        """
        response = await self._send(name, fields, as_list=False, limit_s=limit_s)
        answer = dict(response.items())
        if answer.get("Response") not in ("Success", "Follows", "Goodbye"):
            raise ActionRefused(action=name, reason=answer.get("Message", ""))
        return answer

    async def listing(self, name: str, *, limit_s: float = ACTION_LIMIT_S, **fields: object) -> list[Fields]:
        """Carry out an action that answers with a list of events; returns those between start and complete."""
        responses = await self._send(name, fields, as_list=True, limit_s=limit_s)
        if isinstance(responses, Message):
            raise ActionRefused(action=name, reason=responses.get("Message", ""))
        return [dict(item.items()) for item in responses[1:-1]]

    def post(self, name: str, on_refused: Callable[[], None] | None = None, /, **fields: object) -> None:
        """Send an action now and wait for nothing; `on_refused` is called should Asterisk refuse it.

        Menus send several for every call: these go round panoramisk's action objects, which cost more than the rest
        of the step. Raises TelephonyDown when there is no connection.
        """
        if not self.up:
            raise TelephonyDown
        number = f"post-{next(self._numbers)}"
        lines = "".join([f"{key}: {safe(key, value)}\r\n" for key, value in fields.items()])
        if on_refused:
            self._posted[number] = on_refused
        if not self._outgoing:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outgoing.append(f"Action: {name}\r\nActionID: {number}\r\n{lines}\r\n")

    def _flush(self) -> None:
        """What one turn of the event loop has posted goes out in one piece: a write costs more than all the rest."""
        posted, self._outgoing = self._outgoing, []
        if posted and self.up:
            self._manager.protocol.transport.write("".join(posted).encode())

    def _replied(self, fields: Fields) -> None:
        on_refused = self._posted.pop(fields.get("ActionID", ""), None)
        if on_refused and fields["Response"] == "Error":
            on_refused()

    def _write(self, name: str, fields: Mapping[str, object], *, as_list: bool) -> "asyncio.Future[Any]":
        if not self.up:
            raise TelephonyDown
        action = Action({"Action": name, "ActionID": f"{name}-{next(self._numbers)}"})
        for key, value in fields.items():
            action[key] = [safe(key, item) for item in value] if isinstance(value, list) else safe(key, value)
        self._flush()
        future: asyncio.Future[Any] = self._manager.protocol.send(action, as_list=as_list)
        return future

    async def _send(self, name: str, fields: Mapping[str, object], *, as_list: bool, limit_s: float) -> Any:
        future = self._write(name, fields, as_list=as_list)
        self._waiting.add(future)
        try:
            async with asyncio.timeout(limit_s):
                return await future
        except TimeoutError:
            raise ActionTimeout from None
        finally:
            self._waiting.discard(future)

    def _happened(self, fields: Fields) -> None:
        """Hand an event on as it is read, so that they stay in order; a handler that fails does not end the connection."""
        try:
            self._on_event(fields)
        except Exception:
            log.exception("ami_event_failed", event_name=fields.get("Event"))

    def _logged_in(self, _: Connection) -> None:
        self.up = True
        log.info("ami_connected")
        self._on_up()

    def _lost(self, _: Connection, __: object) -> None:
        if self.up:
            self.up = False
            log.warning("ami_lost")
            self._fail_waiting()
            self._on_down()

    def _fail_waiting(self) -> None:
        self._posted.clear()
        self._outgoing.clear()
        for future in list(self._waiting):
            if not future.done():
                future.set_exception(TelephonyDown())


async def value_of(ami: Ami, variable: str, channel: str = "") -> str:
    """A variable or function of a channel, or of Asterisk itself; empty where there is none. Raises TelephonyDown."""
    of: dict[str, Any] = {"Channel": channel} if channel else {}
    with suppress(ActionRefused):
        return (await ami.action("Getvar", **of, Variable=variable)).get("Value", "")
    return ""


async def hang_up_if_there(ami: Ami, channel: str, cause: int = NORMAL_CLEARING) -> None:
    """Hang up a channel that may have ended by itself, or whose Asterisk is away; its Hangup event tells the rest."""
    try:
        await ami.action("Hangup", Channel=channel, Cause=cause)
    except (ActionRefused, TelephonyDown):
        log.debug("leg_already_gone", channel=channel)
