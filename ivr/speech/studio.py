"""Where a new sentence is tried before callers hear it (试听): its text is checked, its recording taken in, its sound made.

Works on copies alone: what callers hear is `voice`'s.
"""

import asyncio
import io
from dataclasses import dataclass

from core.errors import InvalidInput
from ivr.menus.menu import Menus
from ivr.speech import prompt_audio, prompts, wording
from ivr.speech.prompt_catalogue import Catalogue, Edit, Prompt

LONGEST_S = 120
SHORTEST_S = 0.3


@dataclass(frozen=True)
class Studio:
    catalogue: Catalogue
    """As the file has it."""
    menus: Menus
    settings: prompts.PromptSettings

    def checked(self, text: str, prompt: str, line: str) -> str:
        """The sentence as it is kept; raises InvalidInput."""
        return wording.checked(text, prompt, line, self.catalogue, self.menus)

    def faults(self, edit: Edit) -> str:
        """What is wrong today with a sentence that was right when it was edited: the menus may have changed since."""
        try:
            self.checked(edit.text, edit.prompt, edit.line)
        except InvalidInput as error:
            return error.message
        return ""

    async def hear(self, prompt: Prompt) -> bytes:
        """A WAV of it; raises PromptsFailed."""
        return await asyncio.to_thread(prompts.hear, prompt, self.catalogue, self.settings)

    async def taken_in(self, data: bytes) -> bytes:
        """A recording as the telephone plays it: 8 kHz mono, silence cut off, at the loudness of the others.

        Raises InvalidInput for what is no PCM WAV, is silent, too short or too long.
        """
        return await asyncio.to_thread(_taken_in, data)


def _taken_in(data: bytes) -> bytes:
    try:
        samples = prompt_audio.clean(prompt_audio.read_wav(io.BytesIO(data)))
    except prompt_audio.BadSound as error:
        raise InvalidInput(
            field="录音", reason=f"{error}。请另存为 WAV（PCM，16 位，8000 Hz 以上）后再上传"
        ) from None
    seconds = len(samples) / prompt_audio.RATE
    if seconds < SHORTEST_S:
        raise InvalidInput(field="录音", reason="里面没有声音，请重新录制")
    if seconds > LONGEST_S:
        raise InvalidInput(field="录音", reason=f"长 {seconds:.0f} 秒，最长 {LONGEST_S} 秒，请缩短")
    return prompt_audio.wav_bytes(samples)
