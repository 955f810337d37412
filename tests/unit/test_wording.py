"""Which sentences the hotline may say (提示音文字), and what is heard of one that was edited."""

import io
import wave
from pathlib import Path

import numpy as np
import pytest

from core.errors import InvalidInput
from ivr.menus.menu_check import load as load_menus
from ivr.speech import prompt_audio, wording
from ivr.speech.prompt_catalogue import Edit, load
from ivr.speech.prompts import PromptSettings, PromptsFailed, hear
from ivr.speech.studio import Studio

SHIPPED = load(Path("dialplan/prompts.toml"), "96128")
MENUS = load_menus(Path("dialplan/menus.toml"), SHIPPED)
STUDIO = Studio(SHIPPED, MENUS, PromptSettings(Path(), Path(), Path()))


def wav(samples: np.ndarray, rate: int = 16000, channels: int = 1) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return made.getvalue()


def tone(seconds: float, rate: int = 16000) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 500 * np.arange(int(rate * seconds)) / rate)


@pytest.mark.parametrize(
    ("prompt", "text", "said"),
    [
        ("thanks", " \n ", "请填写要播报的文字"),
        ("thanks", "谢" * 301, "有 301 个字，最多 300 个"),
        ("thanks", "谢谢{name}。", "不认识 {name}，花括号里只能写 {line_number}"),
        ("thanks", "谢谢{。", "“{”不能播报"),
        ("thanks", "谢谢<b>您☎", "“<>☎”不能播报"),
        ("thanks", "……，。", "没有可以播报的字"),
        ("welcome", "您好，欢迎拨打{line_number}。", "须告知来电人通话将被录音"),
        ("main-menu", "查询请按1，投诉请按2。", "节点 MAIN 有 3 键，但提示音没有说到"),
        ("main-menu", "查询请按1，投诉请按2，查进度请按3，点歌请按4。", "节点 MAIN 的提示音说“请按4”，但没有 4 键"),
    ],
)  # fmt: skip
def test_a_sentence_that_callers_could_not_use_is_refused(prompt: str, text: str, said: str):
    """Empty, too long, unspeakable, a placeholder there is not, a notice left out, other keys than the menu's."""
    with pytest.raises(InvalidInput) as refused:
        wording.checked(text, prompt, "", SHIPPED, MENUS)
    assert said in refused.value.message


def test_every_shipped_sentence_passes_the_check():
    """What the file says could be saved on the page as it stands, in one line."""
    for prompt in SHIPPED:
        if prompt.is_speech:
            assert wording.checked(f" {prompt.written}\n", prompt.id, "", SHIPPED, MENUS) == prompt.written


def test_a_text_of_one_line_is_heard_on_that_line_alone():
    """The others hear what all lines say; the number is filled in; an edit of a prompt that is gone is left out."""
    edits = [
        Edit("thanks", "", "多谢。"),
        Edit("thanks", "0871", "再会，{line_number}。"),
        Edit("gone", "", "没有了。"),
    ]
    now = SHIPPED.edited(edits)
    assert now.sound("thanks", "0871") == "hotline/line-0871/thanks"
    assert now.sound("thanks", "96128") == now.sound("thanks") == "hotline/thanks"
    assert now.prompts["thanks"].text == "多谢。"
    assert now.prompts["line-0871/thanks"].text == "再会，96128。"
    assert "gone" not in now
    assert SHIPPED.prompts["thanks"].text == "感谢您的来电。"


def test_a_voice_actors_file_belongs_to_the_text_it_was_recorded_for(tmp_path: Path):
    """The recording beside the file's text is heard for that text, not for an edited one, which an uploaded one wins over."""
    said, uploaded = tone(0.5), tone(0.7)
    (tmp_path / "thanks.wav").write_bytes(wav(said))
    speaks = PromptSettings(tmp_path, tmp_path, tmp_path, command="cp no-such-file {wav}")

    def seconds(data: bytes) -> float:
        return len(prompt_audio.read_wav(io.BytesIO(data))) / prompt_audio.RATE

    assert seconds(hear(SHIPPED.prompts["thanks"], SHIPPED, speaks)) == pytest.approx(0.5, abs=0.1)
    with pytest.raises(PromptsFailed):
        hear(SHIPPED.with_edit(Edit("thanks", "", "多谢。")), SHIPPED, speaks)
    own = SHIPPED.with_edit(Edit("thanks", "", "多谢。", wav(uploaded)))
    assert seconds(hear(own, SHIPPED, speaks)) == pytest.approx(0.7, abs=0.1)


async def test_an_uploaded_recording_is_made_fit_for_the_telephone():
    """Stereo at 44.1 kHz with silence around it becomes 8 kHz mono speech at the loudness of the others."""
    rate = 44_100
    sound = np.concatenate([np.zeros(rate), 0.05 * tone(1.5, rate), np.zeros(rate)])
    taken = await STUDIO.taken_in(wav(np.repeat(sound, 2), rate, channels=2))
    with wave.open(io.BytesIO(taken)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
    samples = prompt_audio.read_wav(io.BytesIO(taken))
    assert len(samples) / 8000 == pytest.approx(1.5, abs=0.15)
    assert np.sqrt((samples**2).mean()) == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"ID3 an mp3", "不是可读的 PCM WAV 文件"),
        (wav(tone(1))[:-4000], "文件不完整"),
        (wav(np.zeros(16000)), "里面没有声音"),
        (wav(tone(130, 8000), 8000), "最长 120 秒"),
        (wav(tone(1), rate=1), "采样率应在 8000 至 192000 Hz 之间"),
    ],
)  # fmt: skip
async def test_a_file_that_is_no_prompt_is_refused(data: bytes, said: str):
    """Another format, cut off, silent, too long, or a header that would blow it up: a sentence that says what to do."""
    with pytest.raises(InvalidInput) as refused:
        await STUDIO.taken_in(data)
    assert said in refused.value.message
