"""Short prompts for call tests (短提示音): every prompt of the menus becomes one very short tone, and is written down."""

import os
import re
import shutil
import wave
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from support import tones
from support.hotline import SOUNDS, City

from ivr.asterisk.site import DIALPLAN, Folders
from ivr.flow.context import HotAnswer
from ivr.menus.menu import AnyNode, Menus

PROMPT_HZ = 700
FOLDER = f"quick-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
"""Of this process alone: a tone that a test has set must not be another's short one before it is heard."""
_NAME = f"{FOLDER}/tone"


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


def tone_prompts(folders: Folders, tones_hz: Mapping[str, float], duration_s: float = 1.0) -> None:
    """A hotline's own prompts, for one that was started and so has them all: these are tones, the others as good as silent."""
    folders.sounds.unlink()
    shutil.copytree(SOUNDS, folders.sounds, copy_function=os.symlink)
    for file in folders.sounds.rglob("*.wav"):
        write_tone(file)
    for name, hz in tones_hz.items():
        write_tone(folders.sounds / "hotline" / f"{name}.wav", hz, duration_s)


class Quick:
    """While entered, the controller plays tones. `prompts` are the catalogue ids asked for, in order."""

    def __init__(self, city: City) -> None:
        self.prompts: list[str] = []
        self._own: dict[str, str] = {}
        self._controller = city.hotline.controller
        self._before = replace(self._controller._deps)

    async def __aenter__(self) -> Self:
        for name in [_NAME, *(f"{FOLDER}/{name}" for name in _played_by_dialplan())]:
            write_tone(SOUNDS / f"{name}.wav")
        await self._prompts_from(FOLDER)
        self._controller._deps.sound = self._sound
        self.set_times(wait_s=0.5)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, value in vars(self._before).items():  # in place: the dialogues hold the same object
            setattr(self._controller._deps, name, value)
        await self._prompts_from("hotline")

    async def _prompts_from(self, folder: str) -> None:
        await self._controller.ami.action("Setvar", Variable="PROMPTS", Value=folder)

    def set_times(self, **times: float) -> None:
        """The waits of every node that has them."""
        menus = self._before.menus
        nodes = {node.id: _with(node, times) for node in menus}
        self._controller._deps.menus = Menus(menus.start, menus.operator, MappingProxyType(nodes))

    def set_time(self, node_id: str, **times: float) -> None:
        """The waits of one node."""
        menus = self._controller._deps.menus
        nodes = {**menus.nodes, node_id: _with(menus[node_id], times)}
        self._controller._deps.menus = Menus(menus.start, menus.operator, MappingProxyType(nodes))

    def set_tone(self, prompt: str, hz: float, duration_s: float = 0.5) -> None:
        """A prompt that is to be told from the others, whether menus or dialplan play it."""
        self._own[prompt] = f"{FOLDER}/own-{prompt}"
        for name in (self._own[prompt], f"{FOLDER}/{prompt}"):
            write_tone(SOUNDS / f"{name}.wav", hz, duration_s)

    def set_hot_answers(self, *answers: HotAnswer) -> None:
        async def hot(_: str | None) -> Sequence[HotAnswer]:
            return answers

        async def read_out(answer: HotAnswer, _: str) -> HotAnswer:
            return answer

        flow = self._controller._deps.flow
        self._controller._deps.flow = replace(flow, hot_answers=hot, read_out=read_out)

    def _sound(self, prompt: str, line: str = "") -> str:
        self.prompts.append(prompt)
        return self._own.get(prompt, _NAME)


def _played_by_dialplan() -> set[str]:
    return set(re.findall(r"\$\{PROMPTS\}/([\w-]+)", (DIALPLAN / "extensions.conf").read_text()))


def _with(node: AnyNode, times: Mapping[str, float]) -> Any:
    given = {name: value for name, value in times.items() if getattr(node, name, 0)}
    return replace(node, **given) if given else node  # type: ignore[arg-type]
