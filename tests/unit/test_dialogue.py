"""One caller over AsyncAGI: commands and answers, keys typed ahead, leaving, long lists of sounds."""

import asyncio
from collections.abc import Callable
from urllib.parse import quote

import pytest

from ivr.asterisk.ami import TelephonyDown, UnsafeValue, safe
from ivr.menus import patience
from ivr.menus.dialogue import PLAY_CHARACTERS, AgiResult, CallerGone, Dialogue, parse_result

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
        ("200 result=35 (dtmf) endpos=24000\n", AgiResult(35, "dtmf")),
        ("200 result=-1 (hangup) endpos=8000\n", AgiResult(-1, "hangup")),
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
    waiting = [asyncio.create_task(dialogue.command("A")), asyncio.create_task(dialogue.listen(["x"], 60))]
    await asyncio.sleep(0)
    dialogue.leave()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [CallerGone, CallerGone]


async def test_waiting_for_a_key_of_a_caller_who_is_gone_ends_at_once(dialogue: Dialogue):
    """A caller who hung up before the wait began is not waited for, nor taken for silent."""
    dialogue.leave()
    with pytest.raises(CallerGone):
        await asyncio.wait_for(dialogue.listen(["x"], 60), 1)


async def test_commands_after_the_end_are_refused(ami: FakeAmi, dialogue: Dialogue):
    """Nothing is sent for a caller who is gone."""
    dialogue.leave()
    with pytest.raises(CallerGone):
        await dialogue.command("A")
    assert ami.posted == []


async def test_keys_typed_ahead_are_kept_in_order(ami: FakeAmi, dialogue: Dialogue):
    """No key is lost between two commands, and nothing is played to who has typed ahead."""
    for key in "123":
        dialogue.key_up(key)
    assert dialogue.next_key == "1"
    await dialogue.play(["hotline/main-menu"])
    assert [await dialogue.listen(["hotline/main-menu"], 6) for _ in range(3)] == ["1", "2", "3"]
    assert ami.posted == []


def listening(ami: FakeAmi, dialogue: Dialogue) -> "asyncio.Task[str | None]":
    return asyncio.create_task(dialogue.listen(["hotline/main-menu"], 6))


async def test_silence_is_none(ami: FakeAmi, dialogue: Dialogue):
    """One command plays and waits; ended without a key it was silence."""
    task = listening(ami, dialogue)
    await asyncio.sleep(0)
    assert [item["Command"] for item in ami.posted] == ['EXEC Read "KEY,hotline/main-menu,1,,1,6"']
    dialogue.answer(ami.posted[0]["CommandID"], quote("200 result=0"))
    assert await task is None


async def test_key_is_taken_when_it_begins(ami: FakeAmi, dialogue: Dialogue):
    """The next command is sent while the finger is still on the key, whose end then counts no second time."""
    task = listening(ami, dialogue)
    await asyncio.sleep(0)
    dialogue.key_down("5")
    assert await task == "5"
    following = listening(ami, dialogue)
    await asyncio.sleep(0)
    dialogue.key_up("5")
    dialogue.answer(ami.posted[0]["CommandID"], quote("200 result=0"))
    dialogue.answer(ami.posted[1]["CommandID"], quote("200 result=0"))
    assert (await following, len(ami.posted)) == (None, 2)


async def test_key_without_a_beginning_is_taken_at_its_end(ami: FakeAmi, dialogue: Dialogue):
    """A telephone that reports keys as messages (SIP INFO) tells only their end."""
    task = listening(ami, dialogue)
    await asyncio.sleep(0)
    dialogue.key_up("5")
    assert await task == "5"


async def test_key_begun_while_nothing_is_played_is_taken_at_its_end(ami: FakeAmi, dialogue: Dialogue):
    """Between two commands a key's end may still stop the next one: it is taken only then, and only once."""
    dialogue.key_down("5")
    assert dialogue.next_key is None
    task = listening(ami, dialogue)
    await asyncio.sleep(0)
    dialogue.key_up("5")
    assert (await task, dialogue.next_key) == ("5", None)


async def test_prompt_cut_by_an_old_key_is_played_again(ami: FakeAmi, dialogue: Dialogue):
    """A prompt that ends while a key is held leaves the key's end to the next prompt: that one is not lost."""
    task = listening(ami, dialogue)
    await asyncio.sleep(0)
    dialogue.key_down("5")
    await task
    following = listening(ami, dialogue)
    await asyncio.sleep(0)
    dialogue.answer(ami.posted[0]["CommandID"], quote("200 result=0"))
    dialogue.key_up("5")
    dialogue.answer(ami.posted[1]["CommandID"], quote("200 result=0"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert ami.posted[2]["Command"] == ami.posted[1]["Command"]
    dialogue.answer(ami.posted[2]["CommandID"], quote("200 result=0"))
    assert (await following, len(ami.posted)) == (None, 3)


async def test_held_key_that_stops_its_own_prompt_repeats_nothing(ami: FakeAmi, dialogue: Dialogue):
    """The next key after an undisturbed one is taken at its beginning again."""
    for key in "12":
        task = listening(ami, dialogue)
        await asyncio.sleep(0)
        dialogue.key_down(key)
        assert await task == key
        dialogue.key_up(key)
        dialogue.answer(ami.posted[-1]["CommandID"], quote("200 result=0"))
    assert len(ami.posted) == 2


async def test_an_end_key_after_the_last_digit_is_no_key(ami: FakeAmi, dialogue: Dialogue):
    """Twelve digits are enough, and the # that the caller was asked for only makes the next prompt begin again, once."""
    dialogue.end_may_follow()
    task = listening(ami, dialogue)
    await asyncio.sleep(0)
    dialogue.key_down("#")
    dialogue.key_up("#")
    dialogue.answer(ami.posted[0]["CommandID"], quote("200 result=0"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert ami.posted[1]["Command"] == ami.posted[0]["Command"]
    dialogue.key_down("#")
    assert (await task, len(ami.posted)) == ("#", 2)


@pytest.mark.parametrize(("ahead", "left"), [("#1", "1"), ("1#", "1"), ("#", None)])
async def test_an_end_key_typed_ahead_is_no_key(dialogue: Dialogue, ahead: str, left: str | None):
    """Who types ahead types the # as well: it goes with the digits it ends; one that comes after another key stays."""
    for key in ahead:
        dialogue.key_up(key)
    dialogue.end_may_follow()
    assert dialogue.take_key() == left
    dialogue.key_up("#")
    assert dialogue.next_key == "#"


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
    dialogue.key_up("1")
    dialogue.answer(ami.posted[0]["CommandID"], quote("200 result=0"))
    await task
    assert len(ami.posted) == 1


async def recording(ami: FakeAmi, dialogue: Dialogue) -> "asyncio.Task[None]":
    """The caller has gone to speak a message."""
    task = asyncio.create_task(dialogue.record(180, "voicemail|12|"))
    while len(ami.posted) < 4:
        await asyncio.sleep(0)
    for sent in list(ami.posted):
        dialogue.answer(sent["CommandID"], quote("200 result=1"))
    while ami.posted[-1]["Command"] != "ASYNCAGI BREAK":
        await asyncio.sleep(0)
    return task


async def test_a_message_is_recorded_by_the_dialplan(ami: FakeAmi, dialogue: Dialogue):
    """What is known of it goes along; the caller comes back to the same dialogue, and keys before and during it are nobody's."""
    dialogue.key_up("7")
    task = await recording(ami, dialogue)
    assert [sent["Command"] for sent in ami.posted] == [
        'SET VARIABLE MESSAGE_S "180"', 'SET VARIABLE PAUSE_S ""', 'SET VARIABLE MESSAGE_TOLD "voicemail|12|"',
        'SET VARIABLE NEXT "message"', "ASYNCAGI BREAK",
    ]  # fmt: skip
    dialogue.key_up("#")
    assert (dialogue.is_away, task.done()) == (True, False)
    dialogue.come_back()
    await task
    assert (dialogue.is_away, dialogue.gone, dialogue.leaving, dialogue.next_key) == (
        False,
        False,
        False,
        None,
    )


async def test_hang_up_and_a_lost_connection_over_a_message(ami: FakeAmi, dialogue: Dialogue):
    """Who hangs up over a message has left it; with the connection lost nobody knows, and nothing is concluded."""
    task = await recording(ami, dialogue)
    dialogue.leave()
    await task
    assert dialogue.gone
    other = Dialogue(ami, START)  # type: ignore[arg-type]
    ami.posted.clear()
    task = await recording(ami, other)
    other.cut()
    with pytest.raises(TelephonyDown):
        await task


async def test_music_while_we_are_busy(ami: FakeAmi, dialogue: Dialogue, monkeypatch: pytest.MonkeyPatch):
    """Nothing said for a while, before the first command or after one, is music; it ends with the next one. Who is gone hears none."""
    monkeypatch.setattr(patience, "QUIET_S", 0.02)
    dialogue.rest()
    await asyncio.sleep(0.05)
    await command(ami, dialogue, "NOOP", "200 result=1")
    assert sent_by(ami) == ["EXEC StartMusicOnHold", "EXEC StopMusicOnHold", "NOOP"]
    await asyncio.sleep(0.05)
    assert sent_by(ami)[3:] == ["EXEC StartMusicOnHold"]
    dialogue.rest()
    dialogue.leave()
    await asyncio.sleep(0.05)
    assert sent_by(ami)[4:] == []


async def test_no_music_over_what_is_being_said(
    ami: FakeAmi, dialogue: Dialogue, monkeypatch: pytest.MonkeyPatch
):
    """Neither while a command runs, nor once the caller is on the way back to the dialplan."""
    monkeypatch.setattr(patience, "QUIET_S", 0.02)
    dialogue.rest()
    task = asyncio.create_task(dialogue.leave_to("operators"))
    await asyncio.sleep(0.05)
    dialogue.answer(ami.posted[0]["CommandID"], quote("200 result=1"))
    await task
    await asyncio.sleep(0.05)
    assert sent_by(ami) == ['SET VARIABLE NEXT "operators"', "ASYNCAGI BREAK"]


def sent_by(ami: FakeAmi) -> list[str]:
    return [one["Command"] for one in ami.posted]


async def test_line_break_never_reaches_asterisk(ami: FakeAmi, dialogue: Dialogue):
    """A control character in a value is refused before anything is sent."""
    with pytest.raises(UnsafeValue):
        await dialogue.leave_to("operators", LADDER="a\nb")
    assert ami.posted == []


async def test_leaving_to_the_dialplan_sets_next_last(ami: FakeAmi, dialogue: Dialogue):
    """The dialplan goes on where NEXT says, with every variable set before."""
    task = asyncio.create_task(dialogue.leave_to("operators", QUEUE_LIMIT=600))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for item in list(ami.posted):
        dialogue.answer(item["CommandID"], quote("200 result=1"))
    await task
    assert [item["Command"] for item in ami.posted] == [
        'SET VARIABLE QUEUE_LIMIT "600"', 'SET VARIABLE NEXT "operators"', "ASYNCAGI BREAK"
    ]  # fmt: skip
