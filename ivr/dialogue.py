"""One caller's turn with the controller, over AsyncAGI (语音会话).

Sounds are played by Asterisk's Read(), which stops at a key; the keys themselves come from AMI's DTMFEnd events and
wait in a buffer here, so that a caller who types ahead loses none between two commands. Asterisk takes a command when
the next audio frame arrives, so a step costs one frame (20 ms) and never a round trip more.
"""

import asyncio
import itertools
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from ivr.ami import Ami, Fields, TelephonyDown, quoted

PLAY_CHARACTERS = 700
"""AMI refuses lines over 1024 characters: longer lists of sounds are played in parts."""
COMMAND_LIMIT_S = 30.0
_STAGE = re.compile("agi_arg_1%3A%20([^%]*)%0A")
"""The STAGE in the event's URL-encoded environment; the rest of it is not worth decoding for every call."""
_RESULT = re.compile(
    r"^(?P<code>\d{3}) result=(?P<result>-?\d*)(?: \((?P<data>[^)]*)\))?(?: endpos=(?P<endpos>\d+))?"
)


class CallerGone(Exception):
    """The caller has hung up, or the channel has left the dialogue."""


@dataclass(frozen=True, slots=True)
class AgiResult:
    result: int
    data: str = ""
    end_ms: int = 0
    """For RECORD FILE: length of what was recorded."""


def parse_result(text: str) -> AgiResult:
    """The answer to one AGI command, e.g. `200 result=35 (dtmf) endpos=24000` (8 samples a millisecond)."""
    match = _RESULT.match(text.strip())
    if not match or match["code"] != "200":
        return AgiResult(-1, text.strip())
    return AgiResult(int(match["result"] or 0), match["data"] or "", int(match["endpos"] or 0) // 8)


class Dialogue:
    _numbers = itertools.count(1)

    def __init__(self, ami: Ami, start: Fields) -> None:
        """`start` is the AsyncAGIStart event."""
        self._ami = ami
        self.channel = start["Channel"]
        self.uniqueid = start["Uniqueid"]
        self.linkedid = start["Linkedid"]
        stage = _STAGE.search(start.get("Env", ""))
        self.stage = stage[1] if stage else "welcome"
        """Why the dialplan hands the caller over."""
        self.gone = False
        self._keys: deque[str] = deque()
        self._key_came = asyncio.Event()
        self._results: dict[str, asyncio.Future[AgiResult]] = {}

    # --- fed by the controller --------------------------------------------------------------------------------

    def press(self, key: str) -> None:
        self._keys.append(key)
        self._key_came.set()

    def answer(self, command_id: str, result: str) -> None:
        future = self._results.pop(command_id, None)
        if future and not future.done():
            future.set_result(parse_result(unquote(result)))

    def leave(self) -> None:
        """The channel has ended or left AsyncAGI: whoever waits here gets CallerGone."""
        self.gone = True
        self._key_came.set()
        for future in self._results.values():
            if not future.done():
                future.set_exception(CallerGone())
        self._results.clear()

    # --- used by the flow -------------------------------------------------------------------------------------

    async def command(self, text: str, limit_s: float = COMMAND_LIMIT_S) -> AgiResult:
        """Run one AGI command to its end; CallerGone when the channel is no longer there."""
        if self.gone:
            raise CallerGone
        number = f"{self.uniqueid}/{next(self._numbers)}"
        future = self._results[number] = asyncio.get_running_loop().create_future()
        self._ami.post(
            "AGI", lambda: self._refused(number), Channel=self.channel, Command=text, CommandID=number
        )
        try:
            return await asyncio.wait_for(future, limit_s)
        except TimeoutError:
            raise TelephonyDown from None
        finally:
            self._results.pop(number, None)

    async def play(self, sounds: Sequence[str], limit_s: float = 300.0) -> None:
        """Play sounds one after the other; a key, or one already pressed, ends it."""
        for part in _parts(sounds):
            if self._keys:
                return
            await self.command(f"EXEC Read {quoted(f'KEY,{part},1,,1,0.01')}", limit_s)
            if self.gone:  # Read ends in the same way for a hang-up as for a prompt played to its end
                raise CallerGone

    async def key(self, timeout_s: float) -> str | None:
        """The next key, from the buffer or within `timeout_s`; None for silence."""
        if not self._keys and not self.gone:
            self._key_came.clear()
            try:
                await asyncio.wait_for(self._key_came.wait(), timeout_s)
            except TimeoutError:
                return None
        if self._keys:
            return self._keys.popleft()
        raise CallerGone

    @property
    def next_key(self) -> str | None:
        """The key that waits in the buffer; it stays there."""
        return self._keys[0] if self._keys else None

    def forget_keys(self) -> None:
        self._keys.clear()

    async def record(self, file: str, max_s: float) -> int:
        """Record what the caller says into `<file>.wav` until # or `max_s`; returns milliseconds recorded."""
        self.forget_keys()
        command = f'RECORD FILE {quoted(file)} wav "#" {int(max_s * 1000)} BEEP'
        result = await self.command(command, max_s + 10)
        self.forget_keys()
        return result.end_ms

    async def set_variable(self, name: str, value: object) -> None:
        await self.command(f"SET VARIABLE {name} {quoted(value)}")

    async def leave_to(self, context: str, **variables: object) -> None:
        """Hand the caller back to the dialplan, which goes on in `context`."""
        for name, value in {**variables, "NEXT": context}.items():
            await self.set_variable(name, value)
        self._ami.post(
            "AGI", Channel=self.channel, Command="ASYNCAGI BREAK", CommandID=f"{self.uniqueid}/break"
        )

    def _refused(self, number: str) -> None:
        """Asterisk refuses an AGI command when the channel is gone."""
        future = self._results.pop(number, None)
        if future and not future.done():
            future.set_exception(CallerGone())


def _parts(sounds: Sequence[str]) -> Iterator[str]:
    part = ""
    for sound in sounds:
        if part and len(part) + len(sound) + 1 > PLAY_CHARACTERS:
            yield part
            part = ""
        part = f"{part}&{sound}" if part else sound
    if part:
        yield part
