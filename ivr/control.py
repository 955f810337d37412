"""Call control (话务控制): what an operator can do with a call, as steps in Asterisk.

Every step moves the caller's own channel to a place in the dialplan (Redirect) and lets the dialplan fetch the partner,
so a step that fails half-way leaves the caller where somebody, or music, or the queue is.
"""

import asyncio
import contextlib
import re
import uuid
from typing import Any

import structlog

from core.clock import Clock
from core.db import Database
from core.errors import HotlineError
from ivr import directory, spoken
from ivr.ami import ActionRefused
from ivr.board import Board, CallNotes, Seat
from ivr.controller import Controller
from ivr.directory import Target, begin_transfer
from ivr.settings import TelephonySettings
from ivr.tracker import Leg, LiveCall
from recordings import ledger

log = structlog.get_logger()
_NUMBER = re.compile(r"\+?\d{3,15}")
JOIN_LIMIT_S = 5.0
JOIN_LOOK_S = 0.02


class NoCall(HotlineError):
    """The operator has no call, or not the kind that this needs."""

    code = "no_call"
    status = 409
    text = "当前没有可以进行此操作的通话。"


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


class CallControl:
    def __init__(
        self, controller: Controller, db: Database, clock: Clock, settings: TelephonySettings
    ) -> None:
        self._controller = controller
        self._ami = controller.ami
        self._seats = controller.seats
        self._db = db
        self._clock = clock
        self._settings = settings

    @property
    def board(self) -> Board:
        return self._controller.board

    # --- the seat -----------------------------------------------------------------------------------------------

    async def login(self, user_id: int, *, desk_phone: bool = False) -> None:
        await self._seats.sign_in(user_id, desk_phone=desk_phone)

    async def logout(self, user_id: int) -> None:
        await self._seats.sign_out(user_id)

    async def ready(self, user_id: int) -> None:
        await self._seats.ready(user_id)

    async def pause(self, user_id: int, reason: str) -> None:
        await self._seats.pause(user_id, reason)

    async def finish_wrap_up(self, user_id: int) -> None:
        """The ticket has its outcome (the desk has checked): ready for the next caller."""
        await self._seats.ready(user_id)

    # --- the call -----------------------------------------------------------------------------------------------

    async def hang_up(self, user_id: int) -> None:
        """End the operator's part; while consulting, the liaison's leg first."""
        call, leg, _ = self._talk(user_id)
        if call.transfer and call.transfer.mode == "attended":
            await self.cancel_consult(user_id)
            return
        await self._ami.action("Hangup", Channel=leg.name, Cause=16)

    async def blind_transfer(self, user_id: int, unit_id: int, liaison_id: int | None = None) -> None:
        """The caller goes to the department; nobody there: back to this operator (M-24)."""
        call, _, seat = self._talk(user_id)
        target = await self._target(unit_id, liaison_id)
        self._begin(call, target, "blind", seat)
        await self._send(
            call, "to-department", LADDER=self._ladder(target), UNIT_SOUNDS=self._announcement(target),
            DEVICE=seat.device,
        )  # fmt: skip

    async def consult(self, user_id: int, unit_id: int, liaison_id: int | None = None) -> None:
        """The caller hears music, the operator's own channel rings the liaison."""
        call, leg, seat = self._talk(user_id)
        target = await self._target(unit_id, liaison_id)
        self._begin(call, target, "attended", seat)
        await self._set(call.channel, DEVICE=seat.device)
        await self._set(leg.name, LADDER=self._ladder(target))
        await self._hush(call)
        await self._ami.action(
            "Redirect", Channel=call.channel, Context="caller-hold", Exten="s", Priority=1,
            ExtraChannel=leg.name, ExtraContext="consult", ExtraExten="s", ExtraPriority=1,
        )  # fmt: skip

    async def complete_transfer(self, user_id: int) -> None:
        """Caller and liaison are joined, the operator goes to wrap-up; a liaison still ringing is rung on (blind)."""
        call, leg, seat = self._consulting(user_id)
        transfer = call.transfer
        assert transfer is not None
        partner = call.leg_of(transfer.answered_by) if transfer.answered_by else None
        if partner is None:
            await self.cancel_consult(user_id)
            await self.blind_transfer(user_id, transfer.unit_id)
            return
        self._choose_unit(call, transfer.unit_id)
        transfer.completing = True
        await self._set(call.channel, DEVICE=seat.device, PARTNER=partner.name)
        await self._redirect(call, "join")
        await self._until_with_liaison(call)
        await self._hang_up_quietly(leg)

    async def _until_with_liaison(self, call: LiveCall) -> None:
        """The operator's Dial holds the liaison until the caller has taken over: hanging up sooner would lose both."""
        for _ in range(int(JOIN_LIMIT_S / JOIN_LOOK_S)):
            if call.phase == "liaison" or call.ended_at:
                return
            await asyncio.sleep(JOIN_LOOK_S)
        log.warning("join_slow", linkedid=call.linkedid)

    async def cancel_consult(self, user_id: int) -> None:
        """Back to the caller; the liaison's leg ends."""
        call, leg, seat = self._consulting(user_id)
        transfer, call.transfer = call.transfer, None
        if transfer and transfer.phase != "failed":
            self._controller.note(call, ledger.TRANSFER_FAILED, why="cancelled")
        await self._set(call.channel, DEVICE=seat.device, PARTNER=leg.name)
        await self._redirect(call, "join")
        self._controller.changed(user_id)

    async def call_out(self, user_id: int, number: str, ticket_no: str | None) -> None:
        """Ring the operator's telephone (it answers by itself), then the number; the talk is recorded (M-28)."""
        seat = self._seats.of(user_id)
        if self.board.tracker.call_by_extension(seat.extension):
            raise NoCall
        if not _NUMBER.fullmatch(number):
            raise NumberInvalid
        if not self._settings.asterisk.trunk_contact:
            raise CallsOutOff
        channel_id = f"{self._settings.asterisk.system_name}-out-{uuid.uuid4().hex[:12]}"
        line = self._settings.line.number
        for entry in self.board.tracker.expect_out(
            channel_id, seat.extension, number, line, self._clock.now()
        ):
            self._controller.journal.add(entry)
        self.board.notes[channel_id] = CallNotes(ticket_no=ticket_no or "")
        await self._ami.action(
            "Originate", Channel=seat.device, Context="call-out", Exten="s", Priority=1, Async="true", Timeout=20000,
            ChannelId=channel_id, CallerID=f"{line} <{line}>",
            Variable=[f"NUMBER={number}", f"LINE={line}", "PJSIP_HEADER(add,Alert-Info)=<http://auto>;info=auto-answer"],
        )  # fmt: skip

    async def play_code(self, user_id: int) -> None:
        """The caller hears the query code now and is then back with this operator (§5.5)."""
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

    async def _reclaim(self, user_id: int) -> None:
        seat = self.board.seats.get(user_id)
        call = self.board.call_of(user_id)
        leg = call.leg_of(seat.extension) if call and seat else None
        if (
            seat is None
            or call is None
            or leg is None
            or not leg.answered_at
            or not seat.device.startswith("PJSIP/w")
        ):
            return
        call.transfer = None
        self._controller.note(call, ledger.RECLAIMED, extension=seat.extension)
        await self._send(call, "reclaim", DEVICE=seat.device, EXTENSION=seat.device.removeprefix("PJSIP/"))
        await self._hang_up_quietly(leg)

    # --- pieces -------------------------------------------------------------------------------------------------

    def _talk(self, user_id: int) -> tuple[LiveCall, Leg, Seat]:
        """The operator's running talk; NoCall without one."""
        seat = self._seats.of(user_id)
        call = self.board.call_of(user_id)
        leg = call.leg_of(seat.extension) if call else None
        if call is None or leg is None or not leg.answered_at:
            raise NoCall
        return call, leg, seat

    def _consulting(self, user_id: int) -> tuple[LiveCall, Leg, Seat]:
        call, leg, seat = self._talk(user_id)
        if call.transfer is None or call.transfer.mode != "attended":
            raise NoCall
        return call, leg, seat

    async def _target(self, unit_id: int, liaison_id: int | None) -> Target:
        now, registered = self._clock.now(), frozenset(self.board.registered)
        async with self._db.reading() as session:
            return await directory.target(session, unit_id, now, liaison_id=liaison_id, registered=registered)

    def _begin(self, call: LiveCall, target: Target, mode: str, seat: Seat) -> None:
        def note(kind: str, **data: Any) -> None:
            self._controller.note(call, kind, **data)

        begin_transfer(call, target, mode=mode, by=seat.extension, back_to=seat.extension, note=note)
        self._choose_unit(call, target.unit_id)
        self._controller.changed(seat.user_id)

    def _choose_unit(self, call: LiveCall, unit_id: int) -> None:
        """The survey asks about the unit that talked to the caller."""
        if caller := self._controller.callers.get(call.linkedid):
            caller.unit_id = unit_id
        if notes := self.board.notes.get(call.linkedid):
            notes.unit_id = unit_id

    async def _send(self, call: LiveCall, context: str, **variables: object) -> None:
        await self._set(call.channel, **variables)
        await self._redirect(call, context)

    async def _hush(self, call: LiveCall) -> None:
        """End what is whispered to the caller: the recorder can only begin anew on a channel nobody listens to."""
        whisper, call.whisper = call.whisper, ""
        if whisper:
            with contextlib.suppress(ActionRefused):
                await self._ami.action("Hangup", Channel=whisper)

    async def _redirect(self, call: LiveCall, context: str) -> None:
        await self._hush(call)
        await self._ami.action("Redirect", Channel=call.channel, Context=context, Exten="s", Priority=1)

    async def _set(self, channel: str, **variables: object) -> None:
        await asyncio.gather(
            *(
                self._ami.action("Setvar", Channel=channel, Variable=name, Value=value)
                for name, value in variables.items()
            )
        )

    async def _hang_up_quietly(self, leg: Leg) -> None:
        """End a leg that may have ended by itself."""
        try:
            await self._ami.action("Hangup", Channel=leg.name, Cause=16)
        except ActionRefused:
            log.debug("leg_already_gone", channel=leg.uniqueid)

    def _ladder(self, target: Target) -> str:
        return target.ladder(self._settings.calls, self._controller.sound)

    def _announcement(self, target: Target) -> str:
        """正在为您转接…，请稍候: the caller hears who is being tried."""
        sound = self._controller.sound
        return "&".join(sound(prompt) for prompt in ("transferring-to", target.prompt, "please-wait"))

    def _code_sounds(self, code: str) -> list[str]:
        sound = self._controller.sound
        return [sound(prompt) for prompt in ["your-query-code-is", *spoken.digits(code)]]
