"""The hotline's voice (提示音): the catalogue of everything it says, and the sound files made from it.

A file exists per prompt under `sounds/zh`; a voice actor's recording put into the overrides folder wins over the
synthesiser. Does not know when anything is played: that is for the menus and the dialplan.
"""

import fcntl
import hashlib
import io
import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.errors import HotlineError
from ivr.speech import prompt_audio as audio
from ivr.speech.prompt_catalogue import Catalogue, Prompt, PromptsInvalid, load
from ivr.speech.prompt_reading import pinyin

__all__ = [
    "Catalogue",
    "Prompt",
    "PromptSettings",
    "PromptsFailed",
    "PromptsInvalid",
    "ensure",
    "hear",
    "load",
    "missing",
    "problems",
    "render",
    "sound_file",
]

# The voice `cmn` of espeak-ng 1.51 spells Chinese out as English letters; this one reads pinyin.
ESPEAK = ".tools/bin/espeak-ng -v cmn-latn-pinyin -s 220 -w {wav} -f {pinyin_file}"
_MAKING = "1"  # part of every hash: raise it when clean() changes, and all files are made again

_FAILURES = (audio.BadSound, OSError, subprocess.SubprocessError)
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class PromptSettings:
    """Where the sounds live and which program speaks. `sounds_dir` is where Asterisk looks for language zh.

    `command` is split into words and run without a shell. Filled in: `{wav}` (the file to write) and one of `{text}`,
    `{text_file}` (UTF-8 Chinese) and `{pinyin_file}` (toned pinyin, for a synthesiser that reads Chinese badly).
    """

    sounds_dir: Path
    overrides_dir: Path
    music_dir: Path
    command: str = ESPEAK
    timeout_s: float = 60.0


class PromptsFailed(HotlineError):
    """Some prompts could not be made; `reason` names them and the cause."""

    code = "prompts_failed"
    text = (
        "提示音没有全部生成：{reason}。请检查设置中的语音合成命令和录音目录，然后运行 hotline prompts build。"
    )


def render(catalogue: Catalogue, settings: PromptSettings, progress: Progress | None = None) -> int:
    """Make every prompt that is new, changed or damaged, and the music; give how many were made.

    PromptsFailed names all that could not be made, after the others have been.
    """
    made = _make(catalogue, settings, tuple(catalogue), progress)
    music = settings.music_dir / "hotline.wav"
    if audio.fault(music):
        audio.write_wav(music, audio.music(_CHORDS))
    return made


def ensure(
    texts: Mapping[str, str], catalogue: Catalogue, settings: PromptSettings, progress: Progress | None = None
) -> int:
    """Make dynamic prompts, id to text: unit names, answers (blocking: call it from a thread)."""
    prompts = tuple(Prompt(prompt_id, words, "动态") for prompt_id, words in texts.items())
    return _make(catalogue, settings, prompts, progress)


def hear(prompt: Prompt, catalogue: Catalogue, settings: PromptSettings) -> bytes:
    """A WAV of what callers would hear (blocking), without touching what they do hear; PromptsFailed."""
    try:
        return audio.wav_bytes(_samples(catalogue, settings, prompt))
    except _FAILURES as error:
        raise PromptsFailed(reason=f"{prompt.id}（{_cause(error)}）") from error


def sound_file(prompt: Prompt, settings: PromptSettings) -> Path:
    return settings.sounds_dir / f"{prompt.sound}.wav"


def missing(catalogue: Catalogue, settings: PromptSettings) -> list[str]:
    """Ids of static prompts without a sound file."""
    return [prompt.id for prompt in catalogue if not sound_file(prompt, settings).exists()]


def problems(catalogue: Catalogue, settings: PromptSettings) -> list[str]:
    """For `hotline check`, in Chinese: each prompt that is missing, cut off, empty or out of date."""
    made = _manifest(settings)
    found = []
    for prompt in catalogue:
        if fault := audio.fault(sound_file(prompt, settings)):
            found.append(f"提示音 {prompt.id}：{fault}")
        elif made.get(prompt.id) != _key(catalogue, settings, prompt):
            found.append(f"提示音 {prompt.id}：文字、命令或录音已改，声音还是旧的")
    if fault := audio.fault(settings.music_dir / "hotline.wav"):
        found.append(f"等待音乐：{fault}")
    for recording in sorted(settings.overrides_dir.glob("*")):
        known = recording.stem in catalogue or recording.stem.startswith(("unit-", "text-"))
        if not known or recording.suffix != ".wav":
            found.append(f"录音 {recording.name}：不是任何提示音的编号，或不是 .wav 文件")
    return found


_CHORDS = (
    (261.6, 329.6, 392.0, 523.3),
    (220.0, 261.6, 329.6, 440.0),
    (174.6, 261.6, 349.2, 440.0),
    (196.0, 246.9, 293.7, 392.0),
)


def _make(
    catalogue: Catalogue, settings: PromptSettings, prompts: tuple[Prompt, ...], progress: Progress | None
) -> int:
    made = _manifest(settings)
    keys = {prompt: _key(catalogue, settings, prompt) for prompt in prompts}
    due = [p for p in prompts if made.get(p.id) != keys[p] or audio.fault(sound_file(p, settings))]
    done: dict[str, str] = {}
    failed: list[str] = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = {pool.submit(_make_one, catalogue, settings, prompt): prompt for prompt in due}
        for job in as_completed(running):
            prompt = running[job]
            try:
                job.result()
                done[prompt.id] = keys[prompt]
            except _FAILURES as error:
                failed.append(f"{prompt.id}（{_cause(error)}）")
            if progress:
                progress(len(done) + len(failed), len(due), prompt.id)
    _remember(settings, done)
    if failed:
        raise PromptsFailed(reason="、".join(sorted(failed)))
    return len(done)


def _make_one(catalogue: Catalogue, settings: PromptSettings, prompt: Prompt) -> None:
    audio.write_wav(sound_file(prompt, settings), _samples(catalogue, settings, prompt))


def _samples(catalogue: Catalogue, settings: PromptSettings, prompt: Prompt) -> audio.Samples:
    if prompt.recording is not None:
        samples = audio.read_wav(io.BytesIO(prompt.recording))
    elif recording := _override(settings, prompt):
        samples = audio.clean(audio.read_wav(recording))
    elif prompt.ms is not None:
        samples = audio.tone(prompt.tone_hz, prompt.ms) if prompt.tone_hz else audio.silence(prompt.ms)
    else:
        samples = audio.clean(_synthesise(catalogue.spoken(prompt), settings))
    if not len(samples):
        raise audio.BadSound("没有声音")
    return samples


def _synthesise(words: str, settings: PromptSettings) -> audio.Samples:
    with tempfile.TemporaryDirectory(prefix="prompt-") as folder:
        wav, chinese, latin = Path(folder, "out.wav"), Path(folder, "zh.txt"), Path(folder, "pinyin.txt")
        chinese.write_text(words, "utf-8")
        latin.write_text(pinyin(words), "utf-8")
        values = {
            "{wav}": str(wav),
            "{text}": words,
            "{text_file}": str(chinese),
            "{pinyin_file}": str(latin),
        }
        command = [values.get(word, word) for word in shlex.split(settings.command)]
        subprocess.run(command, check=True, capture_output=True, timeout=settings.timeout_s)
        return audio.read_wav(wav)


def _cause(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"找不到程序 {error.filename}"
    if isinstance(error, subprocess.TimeoutExpired):
        return "语音合成超时"
    if isinstance(error, subprocess.CalledProcessError):
        return f"语音合成命令出错，返回 {error.returncode}"
    return str(error)


def _override(settings: PromptSettings, prompt: Prompt) -> Path | None:
    """A voice actor's recording of the file's text."""
    recording = settings.overrides_dir / f"{prompt.id}.wav"
    return recording if not prompt.is_edited and recording.exists() else None


def _key(catalogue: Catalogue, settings: PromptSettings, prompt: Prompt) -> str:
    """A hash of everything the sound file is made from."""
    source: Iterable[object]
    recording = _override(settings, prompt)
    if content := prompt.recording or (recording.read_bytes() if recording else b""):
        source = ("recording", hashlib.sha256(content).hexdigest())
    else:
        source = (settings.command, catalogue.spoken(prompt), prompt.tone_hz, prompt.ms)
    return hashlib.sha256(repr((_MAKING, *source)).encode()).hexdigest()


def _manifest(settings: PromptSettings) -> dict[str, str]:
    try:
        content: dict[str, str] = json.loads(_manifest_file(settings).read_text())
    except (OSError, ValueError):
        return {}
    return content


def _manifest_file(settings: PromptSettings) -> Path:
    return settings.sounds_dir / "hotline" / "manifest.json"


def _remember(settings: PromptSettings, done: Mapping[str, str]) -> None:
    """Add to the manifest: set-up and a running controller may both be making prompts."""
    file = _manifest_file(settings)
    file.parent.mkdir(parents=True, exist_ok=True)
    with _lock(file.with_suffix(".lock")):
        part = file.with_suffix(".part")
        part.write_text(json.dumps({**_manifest(settings), **done}, indent=0, sort_keys=True))
        part.replace(file)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
