"""The catalogue of everything the hotline says (提示音目录), read from `dialplan/prompts.toml`.

Knows texts, ids and the names Asterisk plays them by; nothing of how a sound is made.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.errors import HotlineError
from ivr.speech.prompt_reading import speakable


class PromptsInvalid(HotlineError):
    """The catalogue cannot be used; `reason` names the prompt."""

    code = "prompts_invalid"
    text = "提示音目录有误：{reason}。请改正 dialplan/prompts.toml。"


LINE_NUMBER = "{line_number}"
"""What a text writes where the number that citizens dial is spoken (M-01)."""
_ASTERISKS = ("拨号计划", "Queue()", "话机转接功能", "SayNumber")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One thing the hotline says; with `ms` it is a tone or (no `tone_hz`) a silence instead of speech."""

    id: str
    text: str
    used_in: str
    say: str | None = None
    asterisk_name: str | None = None
    tone_hz: float | None = None
    ms: int | None = None
    written: str = ""
    """The text as it stands in the file, with `{line_number}`."""
    is_edited: bool = False
    """Its text comes from `/admin`, not from the file: a voice actor's recording of the file's text is not its sound."""
    recording: bytes | None = field(default=None, repr=False)
    """A WAV from `/admin` that is played instead of the synthesiser's."""

    @property
    def is_speech(self) -> bool:
        return self.ms is None

    @property
    def may_differ_by_line(self) -> bool:
        """Whether a menu plays it, which knows the caller's line; what Asterisk plays by itself is one for all."""
        return self.asterisk_name is None and not self.used_in.startswith(_ASTERISKS)

    @property
    def sound(self) -> str:
        """The name Asterisk plays it by (for STREAM FILE and Playback)."""
        return self.asterisk_name or f"hotline/{self.id}"


@dataclass(frozen=True, slots=True)
class Edit:
    """What is said instead of the file's text, on one line or (empty) on all."""

    prompt: str
    line: str
    text: str
    recording: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Catalogue:
    """Every static prompt by id, and the homophones that correct the synthesiser's reading."""

    prompts: Mapping[str, Prompt]
    readings: Mapping[str, str] = field(default_factory=dict)
    line_number: str = ""

    def __contains__(self, prompt_id: object) -> bool:
        return prompt_id in self.prompts

    def __iter__(self) -> Iterator[Prompt]:
        return iter(self.prompts.values())

    def sound(self, prompt_id: str, line: str = "") -> str:
        """The name Asterisk plays it by to a caller of this line; an id outside the catalogue is a dynamic prompt."""
        prompt = self.prompts.get(of_line(prompt_id, line)) or self.prompts.get(prompt_id)
        return prompt.sound if prompt else f"hotline/{prompt_id}"

    def edited(self, edits: Iterable[Edit]) -> "Catalogue":
        """This catalogue with texts from `/admin`; one of a prompt that is there no more is left out."""
        own = {of_line(one.prompt, one.line): self.with_edit(one) for one in edits if one.prompt in self}
        return replace(self, prompts={**self.prompts, **own})

    def with_edit(self, edit: Edit) -> Prompt:
        """One prompt as the edit has it."""
        shipped = self.prompts[edit.prompt]
        return replace(
            shipped, id=of_line(edit.prompt, edit.line), text=edit.text.replace(LINE_NUMBER, self.line_number),
            written=edit.text, say=None, recording=edit.recording, is_edited=True,
        )  # fmt: skip

    def spoken(self, prompt: Prompt) -> str:
        """What the synthesiser is given."""
        words = prompt.say or prompt.text
        for written, said in self.readings.items():
            words = words.replace(written, said)
        return speakable(words)


def load(path: Path, line_number: str) -> Catalogue:
    """The catalogue of a TOML file; `line_number` is spoken where a text says `{line_number}` (M-01)."""
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise PromptsInvalid(reason=f"无法读取 {path.name}（{error}）") from error
    prompts = {
        prompt_id: _prompt(prompt_id, entry, line_number)
        for prompt_id, entry in content.get("prompts", {}).items()
    }
    sounds = [prompt.sound for prompt in prompts.values()]
    if twice := {sound for sound in sounds if sounds.count(sound) > 1}:
        raise PromptsInvalid(reason=f"声音文件名 {'、'.join(sorted(twice))} 用了两次")
    return Catalogue(prompts, content.get("readings", {}), line_number)


def of_line(prompt_id: str, line: str) -> str:
    """The id of a prompt as one line has it; the prompt itself for all lines."""
    return f"line-{line}/{prompt_id}" if line else prompt_id


def _prompt(prompt_id: str, entry: Mapping[str, Any], line_number: str) -> Prompt:
    try:
        prompt = Prompt(
            id=prompt_id,
            **{**entry, "text": entry["text"].replace(LINE_NUMBER, line_number), "written": entry["text"]},
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise PromptsInvalid(reason=f"{prompt_id} 的写法不对（{error}）") from error
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", prompt_id) or not prompt.text or not prompt.used_in:
        raise PromptsInvalid(reason=f"{prompt_id} 的编号应为小写英文和短横，text 和 used_in 不能为空")
    return prompt
