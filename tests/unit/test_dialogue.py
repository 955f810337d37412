"""One caller over AsyncAGI: commands and answers, keys typed ahead, leaving, long lists of sounds."""

import asyncio
from collections.abc import Callable
from urllib.parse import quote

import pytest

from ivr.ami import TelephonyDown, UnsafeValue, safe
from ivr.dialogue import PLAY_CHARACTERS, AgiResult, CallerGone, Dialogue, parse_result

START = {
    "Channel": "PJSIP/trunk-00000001", "Uniqueid": "n1-1.1", "Linkedid": "n1-1.1",
    "Env": quote("agi_callerid: 13900000001\nagi_calleridname: 张三\nagi_arg_1: after\n"),
}  # fmt: skip


class FakeAmi:
    """Takes AGI actions; answers nothing by itself."""

    def __init__(self) -> None:
        self.posted: list[dict[str, str]] = []
        self.refuse: list[Callable[[], None] | None] = []

    def post(self, name: str, on_refused: Callable[[], None] | None = None, /, **fields: object) -> None:
        assert name == "AGI"
        self.posted.append({key: safe(key, value) for key, value in fields.items()})
        self.refuse.append(on_refused)


@pytest.fixture
def ami() -> FakeAmi:
    return FakeAmi()


@pytest.fixture
def dialogue(ami: FakeAmi) -> Dialogue:
    return Dialogue(ami, START)  # type: ignore[arg-type]


async def command(ami: FakeAmi, dialogue: Dialogue, text: str, result: str) -> AgiResult:
    task = asyncio.create_task(dialogue.command(text))
    await asyncio.sleep(0)
    dialogue.answer(ami.posted[-1]["CommandID"], quote(result))
    return await task


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("200 result=0\n", AgiResult(0)),
        ("200 result=1 (13900000001)\n", AgiResult(1, "13900000001")),
        ("200 result=35 (dtmf) endpos=24000\n", AgiResult(35, "dtmf", 3000)),
        ("200 result=-1 (hangup) endpos=8000\n", AgiResult(-1, "hangup", 1000)),
        ("200 result=", AgiResult(0)),
        (
            "511 Command Not Permitted on a dead channel",
            AgiResult(-1, "511 Command Not Permitted on a dead channel"),
        ),
        ("", AgiResult(-1, "")),
        ("\x00garbage", AgiResult(-1, "\x00garbage")),
    ],
)
def test_results_are_read(text: str, expected: AgiResult):
    """Every answer of Asterisk becomes a result; what is no answer counts as a failure."""
    assert parse_result(text) == expected


def test_stage_is_read_from_the_environment(dialogue: Dialogue, ami: FakeAmi):
    """The start event tells why the caller is handed over; without a stage it is a new caller."""
    assert dialogue.stage == "after"
    assert Dialogue(ami, {**START, "Env": ""}).stage == "welcome"  # type: ignore[arg-type]


async def test_command_gets_its_own_answer(ami: FakeAmi, dialogue: Dialogue):
    """Two commands under way each get their own result, whichever comes first."""
    first = asyncio.create_task(dialogue.command("A"))
    second = asyncio.create_task(dialogue.command("B"))
    await asyncio.sleep(0)
    dialogue.answer(ami.posted[1]["CommandID"], quote("200 result=2"))
    dialogue.answer(ami.posted[0]["CommandID"], quote("200 result=1"))
    assert ((await first).result, (await second).result) == (1, 2)


async def test_answer_to_nothing_is_ignored(dialogue: Dialogue):
    """An answer to a command of an earlier controller does no harm."""
    dialogue.answer("n1-1.1/999999", quote("200 result=0"))


async def test_command_that_is_never_answered_ends(dialogue: Dialogue):
    """A command has a time limit."""
    with pytest.raises(TelephonyDown):
        await dialogue.command("A", limit_s=0.01)


async def test_gone_channel_ends_the_command(ami: FakeAmi, dialogue: Dialogue):
    """Asterisk's error for a channel that has ended means that the caller is gone."""
    task = asyncio.create_task(dialogue.command("A"))
    await asyncio.sleep(0)
    refuse = ami.refuse[0]
    assert refuse
    refuse()
    with pytest.raises(CallerGone):
        await task


async def test_leaving_wakes_whoever_waits(dialogue: Dialogue):
    """Hang-up ends a command and a wait for a key at once."""
    waiting = [asyncio.create_task(dialogue.command("A")), asyncio.create_task(dialogue.key(60))]
    await asyncio.sleep(0)
    dialogue.leave()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [CallerGone, CallerGone]


async def test_waiting_for_a_key_of_a_caller_who_is_gone_ends_at_once(dialogue: Dialogue):
    """A caller who hung up before the wait began is not waited for, nor taken for silent."""
    dialogue.leave()
    with pytest.raises(CallerGone):
        await asyncio.wait_for(dialogue.key(60), 1)


async def test_commands_after_the_end_are_refused(ami: FakeAmi, dialogue: Dialogue):
    """Nothing is sent for a caller who is gone."""
    dialogue.leave()
    with pytest.raises(CallerGone):
        await dialogue.command("A")
    assert ami.posted == []


async def test_keys_typed_ahead_are_kept_in_order(dialogue: Dialogue):
    """No key is lost between two commands."""
    for key in "123":
        dialogue.press(key)
    assert dialogue.next_key == "1"
    assert [await dialogue.key(0) for _ in range(3)] == ["1", "2", "3"]


async def test_silence_is_none(dialogue: Dialogue):
    """No key within the time is silence."""
    assert await dialogue.key(0.01) is None


async def test_key_pressed_while_waiting_is_returned(dialogue: Dialogue):
    """A key that comes during the wait ends it."""
    waiting = asyncio.create_task(dialogue.key(60))
    await asyncio.sleep(0)
    dialogue.press("5")
    assert await asyncio.wait_for(waiting, 1) == "5"


async def test_play_is_skipped_when_a_key_waits(ami: FakeAmi, dialogue: Dialogue):
    """Who types ahead does not listen to the prompt."""
    dialogue.press("1")
    await dialogue.play(["hotline/main-menu"])
    assert ami.posted == []


async def test_long_lists_are_played_in_parts(ami: FakeAmi, dialogue: Dialogue):
    """AMI refuses lines over 1024 characters: a long list is cut between sounds, none lost, each part in bounds."""
    sounds = [f"hotline/sound-number-{n:04}" for n in range(200)]
    task = asyncio.create_task(dialogue.play(sounds))
    while not task.done():
        await asyncio.sleep(0)
        if ami.posted:
            dialogue.answer(ami.posted[-1]["CommandID"], quote("200 result=0"))
    played = [part["Command"].split('"')[1].split(",")[1] for part in ami.posted]
    assert "&".join(played).split("&") == sounds
    assert max(map(len, played)) <= PLAY_CHARACTERS


async def test_key_between_two_parts_ends_the_list(ami: FakeAmi, dialogue: Dialogue):
    """A key during the first part of a long list stops the rest."""
    task = asyncio.create_task(dialogue.play([f"hotline/sound-number-{n:04}" for n in range(100)]))
    await asyncio.sleep(0)
    dialogue.press("1")
    dialogue.answer(ami.posted[0]["CommandID"], quote("200 result=0"))
    await task
    assert len(ami.posted) == 1


async def test_recording_tells_its_length(ami: FakeAmi, dialogue: Dialogue):
    """The keys before and during a recording are not the next menu's; its length is in milliseconds."""
    dialogue.press("7")
    task = asyncio.create_task(dialogue.record("/spool/message/n1-1.1-1", 180))
    await asyncio.sleep(0)
    dialogue.press("#")
    dialogue.answer(ami.posted[0]["CommandID"], quote("200 result=35 (dtmf) endpos=40000"))
    assert await task == 5000
    assert dialogue.next_key is None
    assert ami.posted[0]["Command"] == 'RECORD FILE "/spool/message/n1-1.1-1" wav "#" 180000 BEEP'


async def test_line_break_never_reaches_asterisk(ami: FakeAmi, dialogue: Dialogue):
    """A control character in a value is refused before anything is sent."""
    with pytest.raises(UnsafeValue):
        await dialogue.set_variable("NAME", "a\nb")
    assert ami.posted == []


async def test_leaving_to_the_dialplan_sets_next_last(ami: FakeAmi, dialogue: Dialogue):
    """The dialplan goes on where NEXT says, with every variable set before."""
    task = asyncio.create_task(dialogue.leave_to("operators", QUEUE_LIMIT=600))
    while not task.done():
        await asyncio.sleep(0)
        if ami.posted and not task.done():
            dialogue.answer(ami.posted[-1]["CommandID"], quote("200 result=1"))
    assert [item["Command"] for item in ami.posted] == [
        'SET VARIABLE QUEUE_LIMIT "600"', 'SET VARIABLE NEXT "operators"', "ASYNCAGI BREAK"
    ]  # fmt: skip
