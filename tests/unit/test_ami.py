"""The AMI connection against a fake server: the contract it shares with Asterisk, and what only a fake can do wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from structlog.testing import capture_logs
from support import ami_contract
from support.ami_contract import Listener, until
from support.fake_ami import FakeAmi, listed, message, refused

from ivr.asterisk import ami_protocol
from ivr.asterisk.ami import ActionTimeout, TelephonyDown, quoted
from ivr.asterisk.ami_protocol import parse

CONTRACT = (
    ami_contract.login_is_accepted, ami_contract.refusal_carries_the_reason,
    ami_contract.empty_list_is_a_refusal_at_once, ami_contract.list_has_its_rows,
    ami_contract.line_break_is_refused, ami_contract.chinese_value_survives,
)  # fmt: skip


@pytest.fixture
async def server() -> AsyncIterator[FakeAmi]:
    async with FakeAmi() as fake:
        store: dict[str, str] = {}

        def put(action: dict[str, str]) -> bytes:
            store[action["Variable"]] = action["Value"]
            return message({"Response": "Success", "ActionID": action["ActionID"]})

        def get(action: dict[str, str]) -> bytes:
            number = action["ActionID"]
            return message({"Response": "Success", "ActionID": number, "Value": store[action["Variable"]]})

        fake.answers = {
            "Hangup": refused("No such channel"), "PJSIPShowContacts": refused("No Contacts found"),
            "QueueStatus": listed([{"Event": "QueueParams", "Queue": "operators"}]), "Setvar": put, "Getvar": get,
        }  # fmt: skip
        yield fake


@pytest.fixture
async def listener(server: FakeAmi) -> AsyncIterator[Listener]:
    async with Listener(server.port, "controller", "secret") as one:
        yield one


@pytest.mark.parametrize("promise", CONTRACT, ids=lambda promise: promise.__name__)
async def test_contract(listener: Listener, promise):
    """The fake keeps the promises that Asterisk keeps."""
    await promise(listener)


async def test_refused_login_is_seen(server: FakeAmi):
    """A wrong password is an error in the log, and the connection never counts as up."""
    await ami_contract.refused_login_is_seen(Listener(server.port, "controller", "wrong"))


async def test_action_without_an_answer_times_out(server: FakeAmi, listener: Listener):
    """An action that Asterisk never answers fails at its time limit, and the next one works."""
    server.silent = {"Hangup"}
    with pytest.raises(ActionTimeout):
        await listener.ami.action("Hangup", limit_s=0.05, Channel="x")
    await listener.ami.action("Ping")


async def test_lost_connection_fails_the_action_at_once(server: FakeAmi, listener: Listener):
    """Who waits for an answer when the connection drops is told at once, not at the time limit."""
    server.silent = {"Hangup"}
    waiting = asyncio.create_task(listener.ami.action("Hangup", limit_s=60, Channel="x"))
    await until(lambda: "Hangup" in server.names)
    await server.lose()
    with pytest.raises(TelephonyDown):
        await asyncio.wait_for(waiting, 1)
    assert (listener.ami.up, listener.downs) == (False, 1)


async def test_nothing_is_sent_again_after_a_reconnect(server: FakeAmi, listener: Listener):
    """An unanswered action may have been carried out: it is never repeated; on_up runs for the new connection."""
    server.drops = {"Originate"}
    with pytest.raises(TelephonyDown):
        await listener.ami.action("Originate", Channel="x")
    await until(lambda: listener.ups == 2)
    await server.event("FullyBooted", Status="Fully Booted")
    await listener.ami.action("Ping")
    assert server.names == ["Login", "Originate", "Login", "Ping"]


async def test_action_without_a_connection_is_refused_at_once(server: FakeAmi, listener: Listener):
    """While there is no connection nothing is queued for later."""
    await server.lose()
    await until(lambda: not listener.ami.up)
    with pytest.raises(TelephonyDown):
        await listener.ami.action("Ping")


async def test_server_that_comes_later_is_found():
    """The controller may start before Asterisk: it keeps trying."""
    async with FakeAmi() as first:
        port = first.port
    one = Listener(port, "controller", "secret")
    one.ami.start()
    await asyncio.sleep(0)
    late = FakeAmi()
    late.port = port
    async with late:
        await until(lambda: one.ami.up)
        await one.ami.close()


async def test_closed_connection_stays_closed(server: FakeAmi, listener: Listener):
    """After close nothing is up, and a reconnect that was under way does not come back."""
    await server.lose()
    await until(lambda: not listener.ami.up)
    await listener.ami.close()
    await asyncio.sleep(1.3)
    assert (server.names, listener.ami.up) == (["Login"], False)


async def test_close_fails_what_waits(server: FakeAmi, listener: Listener):
    """An action under way when the controller stops ends, and nothing can be sent afterwards."""
    server.silent = {"Hangup"}
    waiting = asyncio.create_task(listener.ami.action("Hangup", limit_s=60, Channel="x"))
    await until(lambda: "Hangup" in server.names)
    await listener.ami.close()
    with pytest.raises(TelephonyDown):
        await asyncio.wait_for(waiting, 1)
    with pytest.raises(TelephonyDown):
        await listener.ami.action("Ping")


async def test_login_that_is_never_answered_is_given_up(server: FakeAmi, monkeypatch: pytest.MonkeyPatch):
    """A server that accepts the connection and then says nothing is left and tried again."""
    monkeypatch.setattr(ami_protocol, "LOGIN_LIMIT_S", 0.1)
    server.silent = {"Login"}
    one = Listener(server.port, "controller", "secret")
    one.ami.start()
    await until(lambda: server.names == ["Login"])
    server.silent = set()
    await until(lambda: one.ami.up)
    await one.ami.close()


async def test_dropped_connection_is_made_anew(server: FakeAmi, listener: Listener):
    """`drop` leaves a connection that no longer answers."""
    listener.ami.drop()
    await until(lambda: listener.ups == 2)
    assert listener.downs == 1


async def test_events_arrive_in_order(server: FakeAmi, listener: Listener):
    """A thousand events in one burst reach the callback in the order they were sent."""
    await server.send(b"".join(message({"Event": "Hangup", "Uniqueid": str(n)}) for n in range(1000)))
    await until(lambda: len(listener.events) == 1000)
    assert [event["Uniqueid"] for event in listener.events] == [str(n) for n in range(1000)]


async def test_failing_handler_does_not_stop_the_next_event(server: FakeAmi):
    """One event that cannot be handled is logged; the following ones are."""
    handled: list[str] = []

    def handle(event: dict[str, str]) -> None:
        if event["Event"] == "Bad":
            raise ValueError("a surprise")
        handled.append(event["Event"])

    one = Listener(server.port, "controller", "secret")
    one.ami._on_event = handle
    async with one:
        with capture_logs() as logs:
            await server.event("Bad")
            await server.event("Good")
            await until(lambda: bool(handled))
    assert handled == ["Good"]
    assert [entry["event"] for entry in logs] == ["ami_event_failed"]


@pytest.mark.parametrize("cut", range(1, 12))
async def test_chinese_name_split_over_two_packets(server: FakeAmi, listener: Listener, cut: int):
    """A packet boundary inside a character loses nothing."""
    data = message({"Event": "Newchannel", "CallerIDName": "张三丰"})
    at = data.index("张".encode()) + cut - 1
    await server.send(data[:at])
    await asyncio.sleep(0.02)
    await server.send(data[at:])
    await until(lambda: bool(listener.events))
    assert listener.events == [{"Event": "Newchannel", "CallerIDName": "张三丰"}]


async def test_frame_end_split_over_packets(server: FakeAmi, listener: Listener):
    """Messages are told apart even when every byte comes alone."""
    for byte in message({"Event": "A"}) + message({"Event": "B"}):
        await server.send(bytes([byte]))
        await asyncio.sleep(0)
    await until(lambda: listener.names() == ["A", "B"])


async def test_event_with_the_id_of_an_action_is_not_its_answer(server: FakeAmi, listener: Listener):
    """Asterisk puts the action's id on the events it causes; one that overtakes the answer stays an event."""

    def overtaken(action: dict[str, str]) -> bytes:
        number = {"ActionID": action["ActionID"]}
        return message({"Event": "QueueMemberAdded", **number}) + message({"Response": "Success", **number})

    server.answers["QueueAdd"] = overtaken
    assert (await listener.ami.action("QueueAdd", Queue="operators"))["Response"] == "Success"
    await until(lambda: listener.names() == ["QueueMemberAdded"])


@pytest.mark.parametrize("piece", [b"\x00\xff\xfe garbage", b"no colon\r\n", b"Event\r\n\r\n", b": \r\n\r\n"])
async def test_a_megabyte_of_garbage(server: FakeAmi, listener: Listener, piece: bytes):
    """Garbage from the server costs at most the connection: the next event or the next login works."""
    await server.send(piece * (1_000_000 // len(piece)) + b"\r\n\r\n")
    await server.event("After")
    await until(lambda: "After" in listener.names() or listener.ups == 2)
    await listener.ami.action("Ping")


async def test_endless_frame_is_not_kept(server: FakeAmi, listener: Listener):
    """A message that never ends is not collected for ever: the connection is given up and made anew."""
    with suppress(ConnectionError):
        for _ in range(20):
            await server.send(b"x" * 1_000_000)
    await until(lambda: listener.ups == 2)
    await listener.ami.action("Ping")


@pytest.mark.parametrize(
    ("frame", "fields"),
    [
        ("Event: X\r\nA: 1", {"Event": "X", "A": "1"}),
        ("Event: X\r\nA:", {"Event": "X", "A": ""}),
        ("Event: X\r\nA:b: c", {"Event": "X", "A": "b: c"}),
        ("Output: 1\r\nOutput: 2", {"Output": "1\n2"}),
        ("no colon", {}),
        ("", {}),
    ],
)
def test_parsing(frame: str, fields: dict[str, str]):
    """Headers become fields; a repeated one keeps every value; what has no colon is left out."""
    assert parse(frame.encode()) == fields


def test_agi_argument_is_quoted():
    """Quotes and backslashes cannot end an argument."""
    assert quoted('a"b\\c') == '"a\\"b\\\\c"'
