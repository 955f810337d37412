"""The catalogue is complete, and its sounds are made, replaced, repaired and checked."""

import re
import shlex
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from core.errors import HotlineError
from ivr.speech import prompt_audio, prompts
from ivr.speech.prompt_reading import pinyin, speakable
from ivr.speech.prompts import Catalogue, Prompt, PromptSettings, PromptsFailed, PromptsInvalid

SHIPPED = prompts.load(Path("dialplan/prompts.toml"), "96128")
SMALL = Catalogue(
    {
        "hello": Prompt("hello", "您好", "试"),
        "next": Prompt("next", "下一位", "试", asterisk_name="queue-youarenext"),
        "beep": Prompt("beep", "（音）", "试", asterisk_name="beep", tone_hz=1000, ms=300),
        "pause": Prompt("pause", "（停顿）", "试", ms=200),
    },
    {"您好": "你好"},
)

# Stands for a synthesiser: a tone of 100 ms a letter at 16 kHz between two silences, and a line in its diary.
SPEAKER = """
import math, sys, wave
wav, text, diary = sys.argv[1:]
said = open(text, encoding="utf-8").read() if text.endswith(".txt") else text
open(diary, "a", encoding="utf-8").write(said + "\\n")
if "坏" in said: sys.exit(3)
tone = [int(9000 * math.sin(i * 0.2)) for i in range(1600 * len(said))]
samples = [0] * 8000 + ([] if "哑" in said else tone) + [0] * 8000
with wave.open(wav, "wb") as f:
    f.setparams((1, 2, 16000, 0, "NONE", ""))
    f.writeframes(b"".join(s.to_bytes(2, "little", signed=True) for s in samples))
"""


@pytest.fixture
def diary(tmp_path: Path) -> Path:
    """Every text the synthesiser was asked to speak, one a line."""
    return tmp_path / "diary.txt"


@pytest.fixture
def settings(tmp_path: Path, diary: Path) -> PromptSettings:
    (tmp_path / "speaker.py").write_text(SPEAKER, "utf-8")
    program = shlex.join([sys.executable, str(tmp_path / "speaker.py")])
    (tmp_path / "recordings").mkdir()
    return PromptSettings(
        sounds_dir=tmp_path / "zh",
        overrides_dir=tmp_path / "recordings",
        music_dir=tmp_path / "moh",
        command=f"{program} {{wav}} {{text_file}} {shlex.quote(str(diary))}",
    )


def asked(diary: Path) -> list[str]:
    return sorted(diary.read_text("utf-8").split()) if diary.exists() else []


def record(path: Path, seconds: float, rate: int = 44100, width: int = 2, channels: int = 2) -> None:
    """A voice actor's file: half a second of silence, then a tone."""
    at = np.arange(int(rate * seconds)) / rate
    tone = np.concatenate([np.zeros(rate // 2), np.sin(2 * np.pi * 440 * at) * 0.4])
    whole = (np.repeat(tone, channels) * (2 ** (8 * width - 1) - 1)).astype("<i4")
    raw = whole.astype("<i4").tobytes()
    data = b"".join(raw[at : at + width] for at in range(0, len(raw), 4))
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(
            (np.frombuffer(data, np.uint8) + 128).astype(np.uint8).tobytes() if width == 1 else data
        )


def heard(name: str, settings: PromptSettings) -> prompt_audio.Samples:
    return prompt_audio.read_wav(settings.sounds_dir / f"{name}.wav")


def test_prompts_become_telephone_sounds(settings: PromptSettings, diary: Path) -> None:
    """8 kHz mono 16-bit files under the names that Asterisk expects, without the silence around the words."""
    steps: list[tuple[int, int, str]] = []
    assert prompts.render(SMALL, settings, lambda *step: steps.append(step)) == 4
    assert asked(diary) == ["下一位", "你好"]
    assert [(n, 4) for n in (1, 2, 3, 4)] == [step[:2] for step in steps]
    with wave.open(str(settings.sounds_dir / "queue-youarenext.wav")) as file:
        assert file.getparams()[:3] == (1, 2, 8000)
        assert 0.3 <= file.getnframes() / 8000 <= 0.45
    assert prompts.missing(SMALL, settings) == []
    assert prompts.problems(SMALL, settings) == []


def test_tones_and_silences_are_made_without_a_voice(settings: PromptSettings) -> None:
    """A beep has its frequency and length; a pause is silent."""
    prompts.render(SMALL, settings)
    beep = heard("beep", settings)
    assert len(beep) == 2400
    assert pytest.approx(np.argmax(np.abs(np.fft.rfft(beep))) * 8000 / len(beep), abs=5) == 1000
    assert len(heard("hotline/pause", settings)) == 1600
    assert np.abs(heard("hotline/pause", settings)).max() == 0


def test_nothing_is_made_twice(settings: PromptSettings, diary: Path) -> None:
    """A second run finds everything in place."""
    prompts.render(SMALL, settings)
    assert prompts.render(SMALL, settings) == 0
    assert len(asked(diary)) == 2


def test_only_what_changed_is_made_again(settings: PromptSettings, diary: Path) -> None:
    """A new text is spoken again, the others stay."""
    prompts.render(SMALL, settings)
    changed = Catalogue({**SMALL.prompts, "hello": Prompt("hello", "您好吗", "试")}, SMALL.readings)
    assert prompts.problems(changed, settings) == ["提示音 hello：文字、命令或录音已改，声音还是旧的"]
    assert prompts.render(changed, settings) == 1
    assert "你好吗" in asked(diary)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda file: file.unlink(), "提示音 hello：缺少声音文件"),
        (lambda file: file.write_bytes(file.read_bytes()[:600]), "提示音 hello：文件不完整，后半段缺失"),
        (lambda file: file.write_bytes(b""), "提示音 hello：不是可读的 PCM WAV 文件"),
        (lambda file: prompt_audio.write_wav(file, prompt_audio.silence(0)), "提示音 hello：声音文件是空的"),
    ],
)
def test_damaged_sounds_are_named_and_repaired(settings: PromptSettings, damage, said: str) -> None:
    """`hotline check` names the prompt and its fault; the next build repairs it."""
    prompts.render(SMALL, settings)
    damage(settings.sounds_dir / "hotline/hello.wav")
    assert [said] == prompts.problems(SMALL, settings)
    assert prompts.render(SMALL, settings) == 1
    assert prompts.problems(SMALL, settings) == []


def test_everything_missing_is_named_before_the_first_build(settings: PromptSettings) -> None:
    """Each prompt and the music."""
    assert list(SMALL.prompts) == prompts.missing(SMALL, settings)
    assert len(prompts.problems(SMALL, settings)) == 5


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
def test_a_recording_replaces_the_synthesised_voice(
    settings: PromptSettings, diary: Path, rate: int, width: int
) -> None:
    """A studio file of any rate, depth and channel count is brought to telephone form, its pitch kept."""
    prompts.render(SMALL, settings)
    record(settings.overrides_dir / "hello.wav", 1.5, rate, width)
    assert prompts.render(SMALL, settings) == 1
    voice = heard("hotline/hello", settings)
    assert pytest.approx(len(voice) / 8000, abs=0.1) == 1.5
    assert pytest.approx(np.argmax(np.abs(np.fft.rfft(voice))) * 8000 / len(voice), abs=2) == 440
    assert prompts.problems(SMALL, settings) == []


def test_taking_a_recording_away_brings_the_voice_back(settings: PromptSettings, diary: Path) -> None:
    """The synthesised prompt is made again when its replacement is gone."""
    record(settings.overrides_dir / "hello.wav", 1.5)
    prompts.render(SMALL, settings)
    assert asked(diary) == ["下一位"]
    (settings.overrides_dir / "hello.wav").unlink()
    assert prompts.render(SMALL, settings) == 1
    assert asked(diary) == ["下一位", "你好"]


def test_recordings_that_fit_nothing_are_named(settings: PromptSettings) -> None:
    """A misspelt file name or another format would otherwise be ignored in silence."""
    prompts.render(SMALL, settings)
    record(settings.overrides_dir / "helo.wav", 1)
    (settings.overrides_dir / "next.mp3").write_bytes(b"x")
    assert [fault.split("：")[0].split()[1] for fault in prompts.problems(SMALL, settings)] == [
        "helo.wav",
        "next.mp3",
    ]


@pytest.mark.parametrize(
    ("text", "cause"), [("坏", "语音合成命令出错，返回 3"), ("哑", "没有声音")], ids=["fails", "says nothing"]
)
def test_a_failing_synthesiser_names_the_prompt_and_spares_the_others(
    settings: PromptSettings, text: str, cause: str
) -> None:
    """Every other prompt is made; the error names the one that was not, and why."""
    broken = Catalogue({**SMALL.prompts, "bad": Prompt("bad", text, "试")})
    with pytest.raises(PromptsFailed) as caught:
        prompts.render(broken, settings)
    assert f"bad（{cause}）" in caught.value.message
    assert prompts.missing(broken, settings) == ["bad"]


def test_a_synthesiser_that_is_not_there_is_named(settings: PromptSettings) -> None:
    """The sentence says which program is missing."""
    without = PromptSettings(
        settings.sounds_dir, settings.overrides_dir, settings.music_dir, "no-such-voice {text}"
    )
    with pytest.raises(PromptsFailed, match="找不到程序 no-such-voice"):
        prompts.render(SMALL, without)


def test_a_synthesiser_that_hangs_is_stopped(settings: PromptSettings) -> None:
    """A voice that never ends costs its time limit, not the whole set-up."""
    endless = PromptSettings(
        settings.sounds_dir,
        settings.overrides_dir,
        settings.music_dir,
        shlex.join([sys.executable, "-c", "import time; time.sleep(60)"]),
        timeout_s=0.3,
    )
    with pytest.raises(PromptsFailed, match="语音合成超时"):
        prompts.ensure({"unit-101": "公安局"}, SMALL, endless)


def test_a_broken_recording_is_named(settings: PromptSettings) -> None:
    """A recording that cannot be read is an error, not a silent fall-back."""
    (settings.overrides_dir / "hello.wav").write_bytes(b"RIFF")
    with pytest.raises(PromptsFailed, match="hello（不是可读的 PCM WAV 文件）"):
        prompts.render(SMALL, settings)


def test_dynamic_prompts_are_made_when_they_are_needed(settings: PromptSettings, diary: Path) -> None:
    """Unit names and answers are spoken once, again when they change, and by a recording if there is one."""
    assert prompts.ensure({"unit-101": "公安局", "text-ab12": "请带身份证"}, SMALL, settings) == 2
    assert prompts.ensure({"unit-101": "公安局"}, SMALL, settings) == 0
    assert prompts.ensure({"unit-101": "公安分局"}, SMALL, settings) == 1
    assert asked(diary) == ["公安分局", "公安局", "请带身份证"]
    record(settings.overrides_dir / "unit-101.wav", 2)
    assert prompts.ensure({"unit-101": "公安分局"}, SMALL, settings) == 1
    assert pytest.approx(len(heard(SMALL.sound("unit-101"), settings)) / 8000, abs=0.1) == 2


def test_text_never_reaches_a_shell_or_an_option(
    settings: PromptSettings, diary: Path, tmp_path: Path
) -> None:
    """Quotes, dollars, line breaks and leading dashes in an answer are words to speak."""
    program = PromptSettings(
        settings.sounds_dir,
        settings.overrides_dir,
        settings.music_dir,
        settings.command.replace("{text_file}", "{text}"),
    )
    prompts.ensure({"text-1": "--help\r\n$(touch owned); `id` '你\"好'"}, SMALL, program)
    assert " ".join(diary.read_text("utf-8").split()) == "help $ touch owned ; `id` 你 好"
    assert not (tmp_path / "owned").exists()
    assert not Path("owned").exists()


def test_music_on_hold_is_a_quiet_seamless_loop(settings: PromptSettings) -> None:
    """Some seconds of sound, never loud, that ends as it begins."""
    prompts.render(SMALL, settings)
    music = prompt_audio.read_wav(settings.music_dir / "hotline.wav")
    assert len(music) >= 8 * 8000
    assert 0.1 <= np.abs(music).max() <= 0.3
    assert np.abs(music[0] - music[-1]) < 0.05


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("电话0871-65361234", "电话零八七幺六五三六幺二三四"),
        ("手机13888001234", "手机幺三八八八零零幺二三四"),
        ("请拨12345", "请拨幺二三四五"),
        ("热线800-810-8888", "热线八零零八幺零八八八八"),
        ("2026年6月8日", "二零二六年6月8日"),
        ("2026-06-08", "二零二六年06月08日"),
        ("8:30-12:00", "8点30分到12点"),
        ("5-10个工作日", "5到10个工作日"),
        ("12.5%", "百分之12.5"),
        ("《条例》第12条（修订）", "条例 第12条 修订"),
        ("满1000元", "满1000元"),
    ],
)
def test_numbers_are_read_for_what_they_are(written: str, said: str) -> None:
    """Telephones and years digit by digit, quantities as numbers, hours and dates in words."""
    assert said == speakable(written)


@pytest.mark.parametrize(
    ("written", "sounds"),
    [
        ("重听请按1。", "chong2 ting1 qing3 an4 1"),
        ("重录", "chong2 lu4"),
        ("请重新输入", "qing3 chong2 xin1 shu1 ru4"),
        ("为您服务", "wei4 nin2 fu2 wu4"),
        ("中国银行会计处长", "zhong1 guo2 yin2 hang2 kuai4 ji4 chu4 zhang3"),
        ("您想了解的地方", "nin2 xiang3 liao2 jie3 de5 di4 fang1"),
        ("十一月一日，下午一点", "shi2 yi1 yue4 yi1 ri4, xia4 wu3 yi1 dian3"),
        ("不会", "bu2 hui4"),
    ],
)
def test_characters_with_several_readings_are_read_right(written: str, sounds: str) -> None:
    """重, 为, 行, 会, 长, 了, 地 and 一 sound as the word demands."""
    assert sounds == pinyin(SHIPPED.spoken(Prompt("x", written, "试")))


def test_the_welcome_speaks_the_configured_number() -> None:
    """M-01: another number in the settings is heard in the welcome."""
    assert "欢迎拨打96128政务" in SHIPPED.prompts["welcome"].text
    assert "欢迎拨打12345政务" in prompts.load(Path("dialplan/prompts.toml"), "12345").prompts["welcome"].text
    assert not any("{" in prompt.text for prompt in SHIPPED)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[prompts", "无法读取"),
        ('[prompts]\na = { text = "甲" }', "a 的写法不对"),
        ('[prompts]\na = { used_in = "甲" }', "a 的写法不对"),
        ('[prompts]\na = "甲"', "a 的写法不对"),
        ('[prompts]\na = { text = "", used_in = "甲" }', "不能为空"),
        ('[prompts]\nA_b = { text = "甲", used_in = "甲" }', "A_b 的编号"),
        ('[prompts]\n"../a" = { text = "甲", used_in = "甲" }', "../a 的编号"),
        ('[prompts]\na = { text = "甲", used_in = "甲", colour = 1 }', "a 的写法不对"),
        (
            (
                '[prompts]\na = { text = "甲", used_in = "甲", asterisk_name = "x" }\n'
                'b = { text = "甲", used_in = "甲", asterisk_name = "x" }'
            ),
            "声音文件名 x 用了两次",
        ),
    ],
)
def test_a_catalogue_with_a_fault_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    """The sentence names the prompt."""
    path = tmp_path / "prompts.toml"
    path.write_text(content, "utf-8")
    with pytest.raises(PromptsInvalid) as caught:
        prompts.load(path, "96128")
    assert reason in caught.value.message
    assert isinstance(caught.value, HotlineError)


def test_every_sound_the_dialplan_plays_is_in_the_catalogue() -> None:
    """`hotline/…` in the Asterisk configuration, and what the queue and the phones' keys announce."""
    known = {prompt.sound for prompt in SHIPPED}
    used = set()
    for file in Path("dialplan").glob("*.conf"):
        lines = [line.split(";")[0] for line in file.read_text("utf-8").splitlines()]
        used |= set(re.findall(r"hotline/[a-z0-9-]+", "\n".join(lines)))
        if file.name == "queues.conf":
            named = (re.match(r"\s*(?:queue-\w+|periodic-announce)\s*=>?\s*(\S+)", line) for line in lines)
            used |= {found.group(1) for found in named if found}
    assert set() == used - known
    assert {"queue-youarenext", "queue-thereare", "queue-callswaiting", "beep"} <= known
    # What SayNumber plays when the language is zh.
    say = (*range(10), *range(10, 100, 10), "hundred", "thousand", "wan", "yi", "minus")
    assert set() == {f"digits/{piece}" for piece in say} - known


def test_the_real_voice_speaks_the_whole_catalogue(tmp_path: Path) -> None:
    """With the synthesiser of the set-up every prompt is audible, and the longer text takes longer."""
    settings = PromptSettings(tmp_path / "zh", tmp_path / "recordings", tmp_path / "moh")
    assert len(SHIPPED.prompts) == prompts.render(SHIPPED, settings)
    assert prompts.problems(SHIPPED, settings) == []
    welcome, menu, one = (
        len(heard(f"hotline/{name}", settings)) for name in ("welcome", "main-menu", "press-1")
    )
    assert welcome > menu > one > 8000 * 0.4
    assert 10 <= welcome / 8000 <= 20
