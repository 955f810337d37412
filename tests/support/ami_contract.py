"""What every AMI server must make of our `Ami` (AMI 契约): run against the fake and against the real Asterisk."""

import asyncio
from collections.abc import Callable
from typing import Self

import pytest
from structlog.testing import capture_logs

from ivr.asterisk.ami import ActionRefused, Ami, UnsafeValue
from ivr.asterisk.ami_protocol import Fields


class Listener:
    """An `Ami` under test and what it reported."""

    def __init__(self, port: int, user: str, secret: str) -> None:
        self.events: list[Fields] = []
        self.ups = 0
        self.downs = 0
        self.ami = Ami(
            host="127.0.0.1", port=port, user=user, secret=secret, on_event=self.events.append,
            on_up=self._up, on_down=self._down,
        )  # fmt: skip

    def _up(self) -> None:
        self.ups += 1

    def _down(self) -> None:
        self.downs += 1

    async def __aenter__(self) -> Self:
        self.ami.start()
        await until(lambda: self.ami.up)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.ami.close()

    def names(self) -> list[str]:
        return [event["Event"] for event in self.events]


async def until(condition: Callable[[], bool], limit_s: float = 5.0) -> None:
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.01)


async def login_is_accepted(listener: Listener) -> None:
    assert listener.ups == 1
    assert (await listener.ami.action("Ping"))["Response"] == "Success"


async def refused_login_is_seen(listener: Listener) -> None:
    """`listener` has the wrong secret and is not entered."""
    with capture_logs() as logs:
        listener.ami.start()
        try:
            await until(lambda: any(entry["event"] == "ami_login_refused" for entry in logs))
        finally:
            await listener.ami.close()
    assert (listener.ami.up, listener.ups) == (False, 0)


async def refusal_carries_the_reason(listener: Listener) -> None:
    with pytest.raises(ActionRefused) as caught:
        await listener.ami.action("Hangup", Channel="PJSIP/nobody-00000000")
    assert caught.value.fields == {"action": "Hangup", "reason": "No such channel"}


async def empty_list_is_a_refusal_at_once(listener: Listener) -> None:
    """PJSIPShowContacts answers an error when there are none: no waiting for a list that never comes."""
    with pytest.raises(ActionRefused):
        await listener.ami.listing("PJSIPShowContacts", limit_s=2)


async def list_has_its_rows(listener: Listener) -> None:
    rows = await listener.ami.listing("QueueStatus", Queue="operators")
    assert [row["Event"] for row in rows] == ["QueueParams"]
    assert rows[0]["Queue"] == "operators"


async def line_break_is_refused(listener: Listener) -> None:
    """A value with a line break never reaches the wire, where it would be a second header."""
    for value in ("a\r\nAction: Logoff", "a\nb", "a\x00b", "a\x1bb"):
        with pytest.raises(UnsafeValue):
            await listener.ami.action("Setvar", Variable="X", Value=value)
    with pytest.raises(UnsafeValue):
        await listener.ami.action("Originate", Variable=["A=1", "B=2\r\nAction: Logoff"])
    assert (await listener.ami.action("Ping"))["Response"] == "Success"


async def chinese_value_survives(listener: Listener) -> None:
    await listener.ami.action("Setvar", Variable="NAME", Value="张三，您好")
    assert (await listener.ami.action("Getvar", Variable="NAME"))["Value"] == "张三，您好"
