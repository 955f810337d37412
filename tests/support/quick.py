"""Short prompts for call tests (短提示音): every prompt of the menus becomes one very short tone, and is written down."""

import os
import wave
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from support import tones
from support.hotline import SOUNDS, City

from ivr.flow.context import HotAnswer
from ivr.menu import AnyNode, Menus

PROMPT_HZ = 700
_NAME = "quick/tone"


def write_tone(file: Path, hz: float = PROMPT_HZ, duration_s: float = 0.05) -> None:
    """A wav file that Asterisk plays; replaced whole, because another test's Asterisk may be playing it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}")
    with wave.open(str(part), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(tones.RATE_HZ)
        out.writeframes(tones.sine(hz, duration_s).tobytes())
    part.replace(file)


class Quick:
    """While entered, the controller plays tones. `prompts` are the catalogue ids asked for, in order."""

    def __init__(self, city: City) -> None:
        self.prompts: list[str] = []
        self._controller = city.hotline.controller
        self._before = replace(self._controller._deps)

    def __enter__(self) -> Self:
        write_tone(SOUNDS / f"{_NAME}.wav")
        self._controller._deps.sound = self._sound
        self.set_times(wait_s=0.5)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller._deps = self._before

    def set_times(self, **times: float) -> None:
        """The waits of every node that has them."""
        menus = self._before.menus
        nodes = {node.id: _with(node, times) for node in menus}
        self._controller._deps.menus = Menus(menus.start, menus.operator, MappingProxyType(nodes))

    def set_hot_answers(self, *answers: HotAnswer) -> None:
        async def hot(_: str | None) -> Sequence[HotAnswer]:
            return answers

        self._controller._deps.flow = replace(self._controller._deps.flow, hot_answers=hot)

    def _sound(self, prompt: str) -> str:
        self.prompts.append(prompt)
        return _NAME


def _with(node: AnyNode, times: Mapping[str, float]) -> Any:
    given = {name: value for name, value in times.items() if getattr(node, name, 0)}
    return replace(node, **given) if given else node  # type: ignore[arg-type]
