"""Call control (话务控制): every order that people give to seats and calls, as one object for the pages.

The orders are spread over a chain of classes, each adding one kind to those below it:

    talks.steps.Steps  >  talks.transfers.Transfers  >  queue.queue_orders.QueueOrders
    >  talks.supervision.Supervision  >  practice.Practice  >  CallControl (seat, calls out, the page)

Each order is refused with its own Chinese sentence when it does not fit the moment.
"""

import re
import uuid
from collections.abc import Awaitable, Callable

from core.errors import HotlineError
from ivr.board import CallNotes
from ivr.practice import Practice
from ivr.queue import owed_calls
from ivr.queue.seats import NotSignedIn
from ivr.speech import spoken
from ivr.talks.steps import InACall, NoCall
from recordings import ledger

_NUMBER = re.compile(r"\+?\d{3,15}")
RELOAD_PATIENCE = 60
"""How long a caller waits for a page that is being reloaded, in half seconds, as `[reclaim]` in the dialplan counts."""
LOST_PATIENCE = 12
"""The same for a page that has vanished without a word."""


class NumberInvalid(HotlineError):
    """That is no telephone number."""

    code = "number_invalid"
    status = 422
    text = "电话号码格式不正确，请输入 3 至 15 位数字，固定电话请加区号。"


class CallsOutOff(HotlineError):
    """No trunk is set up for calls out."""

    code = "calls_out_off"
    status = 409
    text = "尚未配置呼出中继，不能回拨；请管理员设置 asterisk.trunk_contact。"


class CallControl(Practice):
    """What an operator orders of the own seat and of calls, and what the desk page says of itself."""

    on_free: Callable[[int], Awaitable[bool]] | None = None
    """Asked when an operator (user) becomes free; True: the operator is to call somebody back instead of being made ready."""

    def names(self) -> dict[str, str]:
        """What people with a telephone are called, by extension."""
        return {one.extension: one.display_name for one in self._seats.staff.values()}

    def line_names(self) -> dict[str, str]:
        """Every line that is answered, by number; the number again where it has no name."""
        return {number: line.name or number for number, line in self._controller.lines.items()}

    # --- the seat -----------------------------------------------------------------------------------------------

    async def login(self, user_id: int, *, desk_phone: bool = False) -> None:
        await self._seats.sign_in(user_id, desk_phone=desk_phone)

    async def logout(self, user_id: int) -> None:
        await self._seats.sign_out(user_id)

    async def _free(self, user_id: int) -> None:
        """For the next caller, who may be one to be called back."""
        is_reached = self.board.reaches(self._seats.of(user_id))
        if not is_reached or self.on_free is None or not await self.on_free(user_id):
            await self._seats.ready(user_id)

    async def pause(self, user_id: int, reason: str) -> None:
        await self._seats.pause(user_id, reason)

    async def finish_wrap_up(self, user_id: int) -> None:
        """The ticket has its outcome (the desk has checked): ready for the next caller."""
        await self.ready(user_id)

    # --- the call -----------------------------------------------------------------------------------------------

    async def hang_up(self, user_id: int) -> None:
        """End the operator's part; while consulting, the liaison's leg first."""
        call, leg, _ = self._talk(user_id)
        if call.transfer and call.transfer.mode == "attended":
            await self.cancel_consult(user_id)
            return
        await self._ami.action("Hangup", Channel=leg.name, Cause=16)

    async def call_out(self, user_id: int, number: str, ticket_no: str | None) -> None:
        """Ring the operator's telephone (it answers by itself), then the number; the talk is recorded (M-28)."""
        seat = self._seats.of(user_id)
        await self._ring_out(seat.extension, seat.device, number, CallNotes(ticket_no=ticket_no or ""))

    async def call_back(self, user_id: int, number: str, ticket_no: str) -> str:
        """As `call_out`, but from the person's own telephone, whether or not they have a seat (M-28); returns the linkedid."""
        extension, device = self._telephone(user_id)
        return await self._ring_out(extension, device, number, CallNotes(ticket_no=ticket_no))

    async def return_call(self, user_id: int, owed_call_id: int) -> None:
        """Take on a call that is owed and ring its number; OwedCallTaken when somebody else was quicker."""
        seat = self._seats.of(user_id)
        if self.board.tracker.call_by_extension(seat.extension):
            raise InACall
        async with self._db.unit_of_work() as session:
            row = await owed_calls.take_on(session, self._clock, owed_call_id, user_id)
        try:
            notes = CallNotes(owed_call_id=row.id)
            await self._ring_out(seat.extension, seat.device, row.number, notes, line=row.line)
        except HotlineError:
            async with self._db.unit_of_work() as session:
                await owed_calls.tried(session, self._clock, owed_call_id, reached=False)
            raise

    async def _ring_out(
        self, extension: str, device: str, number: str, notes: CallNotes, *, line: str = ""
    ) -> str:
        if self.board.tracker.call_by_extension(extension):
            raise InACall
        if not _NUMBER.fullmatch(number):
            raise NumberInvalid
        if not self._settings.asterisk.trunk_contact:
            raise CallsOutOff
        channel_id = f"{self._settings.asterisk.system_name}-out-{uuid.uuid4().hex[:12]}"
        line = line or self._settings.line.number
        for entry in self.board.tracker.expect_out(channel_id, extension, number, line, self._clock.now()):
            self._controller.journal.add(entry)
        self.board.notes[channel_id] = notes
        await self._ami.action(
            "Originate", Channel=device, Context="call-out", Exten="s", Priority=1, Async="true", Timeout=20000,
            ChannelId=channel_id, CallerID=f"{line} <{line}>",
            Variable=[f"NUMBER={number}", f"LINE={line}", "PJSIP_HEADER(add,Alert-Info)=<http://auto>;info=auto-answer"],
        )  # fmt: skip
        return channel_id

    async def play_code(self, user_id: int) -> None:
        """The caller hears the query code now and then talks to this operator again (mission §5.5)."""
        call, _, seat = self._talk(user_id)
        notes = self.board.notes.get(call.linkedid)
        if notes is None or not notes.query_code:
            raise NoCall
        await self._send(
            call, "play-code", DEVICE=seat.device, CODE_SOUNDS="&".join(self._code_sounds(notes.query_code))
        )

    # --- the page -----------------------------------------------------------------------------------------------

    async def page_left(self, user_id: int) -> None:
        """The desk page is being closed or reloaded: its telephone is gone, the caller must not hear silence."""
        await self._reclaim(user_id)

    async def page_loaded(self, user_id: int, *, in_call: bool) -> None:
        """The desk page has a telephone again; a call it does not know of is brought to it."""
        if not in_call:
            await self._reclaim(user_id)

    async def page_lost(self, user_id: int) -> None:
        """The page is gone without a word, and its telephone with it: the caller is told, and soon somebody else takes over."""
        await self._reclaim(user_id, LOST_PATIENCE)

    async def _reclaim(self, user_id: int, patience: int = RELOAD_PATIENCE) -> None:
        """Move the caller to where the dialplan waits for this operator's browser telephone to come back."""
        try:
            call, leg, seat = self._talk(user_id)
        except (NotSignedIn, NoCall):
            return
        if not seat.device.startswith("PJSIP/w"):
            return
        call.transfer, call.is_lost = None, True
        self._controller.note(call, ledger.RECLAIMED, extension=seat.extension)
        extension = seat.device.removeprefix("PJSIP/")
        await self._send(call, "reclaim", DEVICE=seat.device, EXTENSION=extension, PATIENCE=patience)
        await self._hang_up_quietly(leg)

    def _code_sounds(self, code: str) -> list[str]:
        sound = self._controller.sound
        return [sound(prompt) for prompt in ["your-query-code-is", *spoken.digits(code)]]
