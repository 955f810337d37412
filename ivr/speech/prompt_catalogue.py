"""The catalogue of everything the hotline says (提示音目录), read from `dialplan/prompts.toml`.

Knows texts, ids and the names Asterisk plays them by; nothing of how a sound is made.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import HotlineError
from ivr.speech.prompt_reading import speakable


class PromptsInvalid(HotlineError):
    """The catalogue cannot be used; `reason` names the prompt."""

    code = "prompts_invalid"
    text = "提示音目录有误：{reason}。请改正 dialplan/prompts.toml。"


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

    @property
    def sound(self) -> str:
        """The name Asterisk plays it by (for STREAM FILE and Playback)."""
        return self.asterisk_name or f"hotline/{self.id}"


@dataclass(frozen=True)
class Catalogue:
    """Every static prompt by id, and the homophones that correct the synthesiser's reading."""

    prompts: Mapping[str, Prompt]
    readings: Mapping[str, str] = field(default_factory=dict)

    def __contains__(self, prompt_id: object) -> bool:
        return prompt_id in self.prompts

    def __iter__(self) -> Iterator[Prompt]:
        return iter(self.prompts.values())

    def sound(self, prompt_id: str) -> str:
        """The name Asterisk plays it by; an id outside the catalogue is a dynamic prompt."""
        prompt = self.prompts.get(prompt_id)
        return prompt.sound if prompt else f"hotline/{prompt_id}"

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
    return Catalogue(prompts, content.get("readings", {}))


def _prompt(prompt_id: str, entry: Mapping[str, Any], line_number: str) -> Prompt:
    try:
        prompt = Prompt(
            id=prompt_id, **{**entry, "text": entry["text"].replace("{line_number}", line_number)}
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise PromptsInvalid(reason=f"{prompt_id} 的写法不对（{error}）") from error
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", prompt_id) or not prompt.text or not prompt.used_in:
        raise PromptsInvalid(reason=f"{prompt_id} 的编号应为小写英文和短横，text 和 used_in 不能为空")
    return prompt
