"""One caller's turn with the controller, over AsyncAGI (语音会话).

Sounds are played by Asterisk's Read(), which then waits for a key; the keys themselves come from AMI's DTMF events and
wait in a buffer here, so that a caller who types ahead loses none between two commands.

Theory of operation. A key's end stops the Read that runs, and Asterisk then looks for the next command at once; when
there is none it looks again with the next audio frame, 20 ms later. So a key is taken at its *beginning* while a Read
runs: the next command is in Asterisk's queue before the finger is lifted, and the caller hears the next prompt without
delay, however busy the controller is. Should the Read end by itself while the key is still down, the key's end stops
the next one instead: that one is played again.
"""

import asyncio
import itertools
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from ivr.asterisk.ami import Ami, TelephonyDown, quoted
from ivr.asterisk.ami_protocol import Fields
from ivr.menus.patience import Patience

PLAY_CHARACTERS = 700
"""AMI refuses lines over 1024 characters: longer lists of sounds are played in parts."""
COMMAND_LIMIT_S = 30.0
PLAY_LIMIT_S = 300.0
NO_WAIT_S = 0.01
"""What Read() waits after a sound that is only to be played: with 0 it would wait for its default, several seconds."""
_STAGE = re.compile("agi_arg_1%3A%20([^%]*)%0A")
"""The dialplan's STAGE in the event's URL-encoded environment; decoding the rest would cost too much in every call."""
_RESULT = re.compile(r"^(?P<code>\d{3}) result=(?P<result>-?\d*)(?: \((?P<data>[^)]*)\))?")


class CallerGone(Exception):
    """The caller has hung up, or the channel has left the dialogue."""


@dataclass(frozen=True, slots=True)
class AgiResult:
    result: int
    data: str = ""


_STOPPED = AgiResult(0)
"""The result of a Read that a key stops, given at once instead of waiting for Asterisk's."""


def parse_result(text: str) -> AgiResult:
    """The answer to one AGI command, e.g. `200 result=1 (the value)`."""
    match = _RESULT.match(text.strip())
    if not match or match["code"] != "200":
        return AgiResult(-1, text.strip())
    return AgiResult(int(match["result"] or 0), match["data"] or "")


@dataclass(slots=True, eq=False)
class _Sent:
    """A command that Asterisk has received and not yet ended."""

    answer: "asyncio.Future[AgiResult]"
    is_read: bool
    is_cut: bool = False
    """Stopped by a key that was meant for the command before it, so that it must be played again."""


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
        """Why the dialplan hands the caller over; `ivr.flow.session.STAGES` lists the words."""
        self.gone = False
        self._gone_as: type[Exception] = CallerGone
        self._back: asyncio.Future[None] | None = None
        """While the dialplan records a message: done when the caller comes back here."""
        self.leaving = False
        """The channel goes back to the dialplan, which sets its own limits from there on."""
        self._keys: deque[str] = deque()
        self._down = ""
        """The key that was taken and is still held."""
        self._down_too_long = False
        """The Read that the held key was to stop has ended by itself: the key's end will stop the next one."""
        self._end_due = False
        """All digits have come: an # that follows ends the entry and means nothing to what comes after it."""
        self._sent: dict[str, _Sent] = {}
        """Oldest first: the first one runs."""
        self._patience = Patience(self._execute)

    # --- fed by the controller --------------------------------------------------------------------------------

    def key_down(self, key: str) -> None:
        """A key is pressed: it counts from now if its end will stop the Read that runs (see the theory of operation)."""
        if self._is_late_end(key):
            return
        if (runs := self._running) and runs.is_read and not self._down:
            self._down = key
            self._take(key)

    def key_up(self, key: str) -> None:
        """A key is released: it counts from now, unless it did from its beginning."""
        if self._is_late_end(key):
            self._end_due = False
            if runs := self._running:
                runs.is_cut = True
            return
        if self._down != key:
            self._take(key)
        elif self._down_too_long and (runs := self._running):
            runs.is_cut = True
        self._down, self._down_too_long = "", False

    def answer(self, command_id: str, result: str) -> None:
        """Asterisk has ended a command."""
        sent = self._sent.pop(command_id, None)
        if sent is None:
            return
        self._down_too_long = self._down_too_long or bool(self._down)
        if not sent.answer.done():
            sent.answer.set_result(parse_result(unquote(result)))
        if not self._sent:
            self.rest()

    def rest(self) -> None:
        """Nothing is said at the moment: there will be music unless something is soon."""
        if not (self.gone or self.leaving):
            self._patience.begin()

    def leave(self) -> None:
        """The caller has hung up or left AsyncAGI: whoever waits for a command gets CallerGone."""
        self.gone = True
        for sent in self._sent.values():
            if not sent.answer.done():
                sent.answer.set_exception(self._gone_as())
        self._sent.clear()
        self._patience.give_up()
        self.come_back()

    def cut(self) -> None:
        """The connection to Asterisk is lost, the caller perhaps not: whoever waits for a command gets TelephonyDown."""
        self._gone_as = TelephonyDown
        self.leave()

    @property
    def is_away(self) -> bool:
        """The dialplan is recording the caller's message; they come back here."""
        return self._back is not None

    def come_back(self) -> None:
        """The message is recorded, or the caller has hung up while speaking it."""
        if self._back and not self._back.done():
            self._back.set_result(None)

    # --- used by the flow -------------------------------------------------------------------------------------

    async def command(self, text: str, limit_s: float = COMMAND_LIMIT_S) -> AgiResult:
        """Run one AGI command to its end; CallerGone when the channel is no longer there."""
        return await self._answered(self._send(text), limit_s)

    async def play(self, sounds: Sequence[str]) -> None:
        """Play sounds one after the other; a key, even one pressed before, ends that and stays in the buffer."""
        for part in _parts(sounds):
            await self._read(part, NO_WAIT_S)

    async def listen(self, sounds: Sequence[str], timeout_s: float) -> str | None:
        """Play sounds, then wait `timeout_s` for a key; None for silence. A key pressed before is taken at once."""
        *before, last = list(_parts(sounds)) or [""]
        for part in before:
            await self._read(part, NO_WAIT_S)
        await self._read(last, timeout_s)
        return self.take_key()

    def take_key(self) -> str | None:
        """The key that has waited longest in the buffer."""
        return self._keys.popleft() if self._keys else None

    @property
    def next_key(self) -> str | None:
        """The key that waits in the buffer; it stays there."""
        return self._keys[0] if self._keys else None

    def end_may_follow(self) -> None:
        """All the digits have come: callers who type the # that they were told to end with are not to have it count elsewhere."""
        if self.next_key == "#":
            self.take_key()
        else:
            self._end_due = self.next_key is None

    def forget_keys(self) -> None:
        self._keys.clear()

    async def record(self, max_s: float, told: str) -> None:
        """Have the dialplan record a message until # or `max_s`, with a note of what it is; it outlives this process.

        Returns when the caller is back, or `gone`. Raises TelephonyDown.
        """
        self._back = asyncio.get_running_loop().create_future()
        try:
            await self.leave_to("message", MESSAGE_S=int(max_s), PAUSE_S="", MESSAGE_TOLD=told)
            await self._back
        finally:
            self._back, self.leaving = None, False
            self.rest()
        if self._gone_as is TelephonyDown:
            raise TelephonyDown
        self.forget_keys()

    async def keep(self, **variables: object) -> None:
        """Set variables of the channel, which outlive this process."""
        await asyncio.gather(
            *(self.command(f"SET VARIABLE {name} {quoted(value)}") for name, value in variables.items())
        )

    async def leave_to(self, context: str, **variables: object) -> None:
        """Hand the caller back to the dialplan, which goes on in `context`."""
        self.leaving = True
        await self.keep(**variables, NEXT=context)
        self._post("ASYNCAGI BREAK", f"{self.uniqueid}/break")

    # --- pieces -----------------------------------------------------------------------------------------------

    @property
    def _running(self) -> _Sent | None:
        return next(iter(self._sent.values()), None)

    def _is_late_end(self, key: str) -> bool:
        """Whether this is the # after an entry that its last digit has ended already."""
        return key == "#" and self._end_due

    def _take(self, key: str) -> None:
        """Buffer the key; whoever plays or listens goes on at once, though Asterisk ends the Read only with the key's end."""
        self._end_due = False
        self._keys.append(key)
        for sent in self._sent.values():
            if sent.is_read and not sent.answer.done():
                sent.answer.set_result(_STOPPED)

    async def _read(self, sounds: str, wait_s: float) -> None:
        """Play `sounds` (joined by &) and wait for a key; does nothing when one is in the buffer already."""
        again = True
        while again and not self._keys:
            sent = self._send(f"EXEC Read {quoted(f'KEY,{sounds},1,,1,{wait_s}')}", is_read=True)
            await self._answered(sent, PLAY_LIMIT_S)
            if self.gone and not self._keys:  # Read ends in the same way for a hang-up as for silence
                raise self._gone_as
            again = sent.is_cut

    def _send(self, text: str, *, is_read: bool = False) -> _Sent:
        if self.gone:
            raise self._gone_as
        self._patience.end()
        number = f"{self.uniqueid}/{next(self._numbers)}"
        self._post(text, number, lambda: self._refused(number))
        sent = self._sent[number] = _Sent(asyncio.get_running_loop().create_future(), is_read)
        return sent

    def _post(self, text: str, number: str, on_refused: Callable[[], None] | None = None) -> None:
        self._ami.post("AGI", on_refused, Channel=self.channel, Command=text, CommandID=number)

    def _execute(self, text: str) -> None:
        """A command whose end nobody waits for."""
        self._post(text, f"{self.uniqueid}/music")

    async def _answered(self, sent: _Sent, limit_s: float) -> AgiResult:
        """With a bare timer, at a tenth of what `asyncio.timeout` costs: there are dozens of commands in a call."""
        limit = asyncio.get_running_loop().call_later(limit_s, _give_up, sent.answer)
        try:
            return await sent.answer
        finally:
            limit.cancel()

    def _refused(self, number: str) -> None:
        """Asterisk refuses an AGI command only when the channel is gone."""
        sent = self._sent.pop(number, None)
        if sent and not sent.answer.done():
            sent.answer.set_exception(CallerGone())


def _give_up(answer: "asyncio.Future[AgiResult]") -> None:
    if not answer.done():
        answer.set_exception(TelephonyDown())


def _parts(sounds: Sequence[str]) -> Iterator[str]:
    """The sounds joined by &, in strings that AMI takes."""
    part = ""
    for sound in sounds:
        if part and len(part) + len(sound) + 1 > PLAY_CHARACTERS:
            yield part
            part = ""
        part = f"{part}&{sound}" if part else sound
    if part:
        yield part
