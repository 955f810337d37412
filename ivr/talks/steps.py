"""The steps that every order to a call is made of (话务步骤): find the person's talk, set variables, redirect, hang up.

An order never connects two channels itself. It moves the caller's own channel to a place in the dialplan (Redirect), and
the dialplan rings or joins the partner; so an order that fails half-way leaves the caller where there is somebody, or
music, or the queue. The chain of classes that begins here is shown in `ivr.control`.
"""

import asyncio
import contextlib

import structlog

from core.clock import Clock
from core.db import Database
from core.errors import HotlineError
from ivr.asterisk.ami import ActionRefused
from ivr.board import Board, Seat
from ivr.controller import Controller
from ivr.settings import TelephonySettings
from ivr.tracking.live_call import Leg, LiveCall

log = structlog.get_logger()


class NoCall(HotlineError):
    """The operator has no call, or not the kind that this needs."""

    code = "no_call"
    status = 409
    text = "当前没有可以进行此操作的通话。"


class NoTelephone(HotlineError):
    """The person's telephone is not reachable."""

    code = "no_telephone"
    status = 409
    text = "您的电话没有就绪，请保持话务台、联络员或实时监督页打开，或使用桌面话机，再试一次。"


class InACall(HotlineError):
    """The person's telephone is in a call already."""

    code = "in_a_call"
    status = 409
    text = "您的电话正在通话中，请结束后再试。"


class Steps:
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

    def _talk(self, user_id: int) -> tuple[LiveCall, Leg, Seat]:
        """The operator's running talk; NoCall without one."""
        seat = self._seats.of(user_id)
        call = self.board.call_of(user_id)
        leg = call.leg_of(seat.extension) if call else None
        if call is None or leg is None or not leg.answered_at:
            raise NoCall
        return call, leg, seat

    def _telephone(self, user_id: int) -> tuple[str, str]:
        """Extension and device (`1001`, `PJSIP/w1001`) of a person's telephone: the seat's, else the browser's, else the desk's.

        Raises NoTelephone when none can be reached.
        """
        if seat := self.board.seats.get(user_id):
            return seat.extension, seat.device
        person = self._seats.staff.get(user_id)
        for name in (f"w{person.extension}", person.extension) if person else ():
            if name in self.board.registered:
                return name.removeprefix("w"), f"PJSIP/{name}"
        raise NoTelephone

    async def _send(self, call: LiveCall, context: str, **variables: object) -> None:
        """Move the caller to a context of the dialplan, with the channel variables that it reads."""
        await self._set(call.channel, **variables)
        await self._redirect(call, context)

    async def _hush(self, call: LiveCall) -> None:
        """End what is whispered to the caller: MixMonitor can be started anew only on a channel that nobody listens to."""
        whisper, call.whisper = call.whisper, ""
        if whisper:
            with contextlib.suppress(ActionRefused):
                await self._ami.action("Hangup", Channel=whisper)

    async def _redirect(self, call: LiveCall, context: str, exten: str = "s") -> None:
        await self._hush(call)
        await self._ami.action("Redirect", Channel=call.channel, Context=context, Exten=exten, Priority=1)

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
