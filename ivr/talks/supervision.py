"""Live supervision (实时监督): a supervisor's telephone listens to a running talk, whispers, barges in or takes it over.

The supervisor's own telephone is rung, answers by itself and waits in `[supervise]`; from there it listens or whispers
(ChanSpy on the telephone of whoever talks to the caller, never on the caller's channel, where the recorder is), comes
into the talk as a third (a conference, so that it is recorded), or takes the caller over (Bridge). When the caller is
sent elsewhere nobody may listen to the old talk, so the supervisor waits again and, in the new talk, listens only.

Every order is in the audit log before it is carried out, and so is its end, with its length. Which calls a supervisor may
reach is checked by the pages. A supervisor's orders to seats and queue are `ivr.queue.queue_orders`'.
"""

import asyncio
import contextlib
import uuid

import structlog

from core.clock import Clock
from core.db import Database
from core.errors import HotlineError
from ivr.asterisk.ami import ActionRefused, TelephonyDown
from ivr.asterisk.ami_protocol import Fields
from ivr.controller import Controller
from ivr.queue.queue_orders import QueueOrders
from ivr.settings import TelephonySettings
from ivr.talks.steps import InACall
from ivr.talks.watch import QUIET, Mode, NoTalk, Supervisor, SupervisorBusy, Watch
from ivr.tracking.live_call import Leg, LiveCall
from recordings import ledger

log = structlog.get_logger()
TALKING = frozenset({"talking", "liaison", "three_way"})


class Supervision(QueueOrders):
    def __init__(
        self, controller: Controller, db: Database, clock: Clock, settings: TelephonySettings
    ) -> None:
        super().__init__(controller, db, clock, settings)
        self.watches: dict[int, Watch] = {}
        """By supervisor (user)."""
        controller.supervision = self

    # --- orders -------------------------------------------------------------------------------------------------

    async def supervise(self, by: Supervisor, linkedid: str, mode: Mode) -> None:
        """Ring the supervisor's telephone and begin, or change the mode of what has begun.

        Raises NoTalk, SupervisorBusy, InACall, NoTelephone.
        """
        call = self._talking(linkedid)
        watch = self.watches.get(by.user_id)
        if by.user_id in self.board.seats or (watch and watch.linkedid != linkedid):
            raise SupervisorBusy
        if mode in (Mode.BARGE, Mode.TAKE_OVER) and call.direction == "out":
            raise NoTalk
        extension, device = self._telephone(by.user_id)
        if self.board.tracker.call_by_extension(extension) or (watch and not watch.channel):
            raise InACall
        await self._audited(by, f"supervise.{mode}", f"call:{linkedid}")
        if watch is None:
            await self._ring_supervisor(by, extension, device, linkedid, mode)
        else:
            self._mode_over(watch, call)
            watch.mode = mode
            await self._carry_out(watch)

    async def stop_supervising(self, user_id: int) -> None:
        """The supervisor's telephone is released; after a barge the others go on talking."""
        if watch := self.watches.get(user_id):
            await self._let_go(watch)

    # --- what the telephone says --------------------------------------------------------------------------------

    def happened(self, event: Fields) -> None:
        """Take an event of a channel that may be a supervisor's telephone."""
        uniqueid, kind = event.get("Uniqueid", ""), event.get("Event")
        for watch in list(self.watches.values()):
            if kind == "OriginateResponse" and not watch.channel:
                if event.get("Response") == "Failure" and event.get("Channel", "").startswith(watch.device):
                    self._forget(watch)
            elif watch.uniqueid == uniqueid:
                self._happened_to(watch, event)

    def _happened_to(self, watch: Watch, event: Fields) -> None:
        if event.get("Event") == "Hangup":
            self._mode_over(watch, self.board.tracker.calls.get(watch.linkedid))
            self._forget(watch)
        elif event.get("UserEvent") == "SupervisorWaits" and not watch.channel:
            watch.channel = event.get("Channel", "")
            self._controller.job(self._carry_out(watch), "supervise")

    def _forget(self, watch: Watch) -> None:
        self.watches.pop(watch.by.user_id, None)
        self._controller.changed()

    async def look_for_lost(self, rows: list[Fields]) -> None:
        """After an interruption (`CoreShowChannels`): supervisors who left unseen, and those of an earlier controller."""
        alive = {row.get("Uniqueid", "") for row in rows}
        for watch in [one for one in self.watches.values() if one.uniqueid not in alive]:
            self._mode_over(watch, self.board.tracker.calls.get(watch.linkedid))
            self._forget(watch)
        known = {one.uniqueid for one in self.watches.values()}
        for row in rows:
            if row.get("Context") == "supervise" and row.get("Uniqueid") not in known:
                with contextlib.suppress(ActionRefused):
                    await self._ami.action("Hangup", Channel=row.get("Channel", ""), Cause=16)

    def talk_changed(self, call: LiveCall, partner: str) -> None:
        """The caller talks to somebody else now (uniqueid of their channel), or to nobody any more (empty)."""
        for watch in [one for one in self.watches.values() if one.linkedid == call.linkedid and one.channel]:
            if not partner:
                self._mode_over(watch, call)
                self._controller.job(self._let_go(watch), "supervision-over")
            elif watch.mode in QUIET and partner != watch.on:
                self._mode_over(watch, call)
                watch.mode = Mode.LISTEN
                self._controller.job(self._carry_out(watch), "supervise-again")

    # --- carrying out -------------------------------------------------------------------------------------------

    async def _ring_supervisor(
        self, by: Supervisor, extension: str, device: str, linkedid: str, mode: Mode
    ) -> None:
        channel_id = f"{self._settings.asterisk.system_name}-sup-{uuid.uuid4().hex[:12]}"
        self.watches[by.user_id] = Watch(by, device, extension, linkedid, channel_id, mode)
        self._controller.changed()
        try:
            await self._ami.action(
                "Originate", Channel=device, Context="supervise", Exten="wait", Priority=1, Async="true",
                Timeout=20000, ChannelId=channel_id, CallerID="96128 <96128>",
                Variable=["PJSIP_HEADER(add,Alert-Info)=<http://auto>;info=auto-answer"],
            )  # fmt: skip
        except HotlineError:
            self.watches.pop(by.user_id, None)
            raise

    async def _carry_out(self, watch: Watch) -> None:
        try:
            call = self._talking(watch.linkedid)
            match watch.mode:
                case Mode.BARGE:
                    await self._barge(watch, call)
                case Mode.TAKE_OVER:
                    await self._take_over(watch, call)
                case _:
                    await self._listen(watch, call)
        except (NoTalk, ActionRefused, TelephonyDown):
            log.info("supervision_not_begun", linkedid=watch.linkedid, mode=str(watch.mode))
            await self._let_go(watch)
            return
        self._begun(watch, call)

    async def _listen(self, watch: Watch, call: LiveCall) -> None:
        leg = self._heard_at(call)
        watch.on = leg.uniqueid
        await self._set(watch.channel, SPIED=leg.name)
        await self._to(watch, str(watch.mode))

    async def _barge(self, watch: Watch, call: LiveCall) -> None:
        partners = self._partners(call)
        was_three = call.phase == "three_way"
        self._join(watch, call)
        await self._set(watch.channel, CONFERENCE=call.linkedid)
        await self._to(watch, "barge")
        if was_three:
            return
        await self._hush(call)
        await self._set(partners[0].name, CALL_ID=call.linkedid)
        await self._ami.action(
            "Redirect", Channel=call.channel, Context="three-way", Exten="caller", Priority=1,
            ExtraChannel=partners[0].name, ExtraContext="three-way", ExtraExten="partner", ExtraPriority=1,
        )  # fmt: skip

    async def _take_over(self, watch: Watch, call: LiveCall) -> None:
        """The supervisor is the operator from here on; the first operator is hung up and goes to wrap-up."""
        before = self._partners(call)
        self._join(watch, call)
        if call.direction == "in":
            call.operator = watch.extension
        told = {"extension": watch.extension, "user": watch.by.user_id}
        self._controller.note(call, ledger.ANSWERED, channel=watch.uniqueid, role="operator", **told)
        await self._to(watch, "ready")
        await self._send(call, "join", DEVICE=watch.device, PARTNER=watch.channel)
        await self._release(before)

    def _join(self, watch: Watch, call: LiveCall) -> None:
        self.board.tracker.take_in(call, watch.uniqueid, watch.channel, watch.extension, self._clock.now())

    async def _to(self, watch: Watch, place: str) -> None:
        await self._ami.action(
            "Redirect", Channel=watch.channel, Context="supervise", Exten=place, Priority=1
        )

    async def _let_go(self, watch: Watch) -> None:
        try:
            await self._ami.action("Hangup", Channel=watch.channel or watch.uniqueid, Cause=16)
        except (ActionRefused, TelephonyDown):
            self._forget(watch)

    async def _hush(self, call: LiveCall) -> None:
        """Besides ending the whisper: supervisors stop listening to a telephone whose call is being moved."""
        await super()._hush(call)
        listening = [
            one
            for one in self.watches.values()
            if one.linkedid == call.linkedid and one.on and one.mode in QUIET
        ]
        for watch in listening:
            self._mode_over(watch, call)
            watch.mode, watch.on = Mode.LISTEN, ""
        await asyncio.gather(*(self._to(watch, "wait") for watch in listening), return_exceptions=True)

    # --- pieces -------------------------------------------------------------------------------------------------

    def _talking(self, linkedid: str) -> LiveCall:
        call = self.board.tracker.calls.get(linkedid)
        if call is None or call.phase not in TALKING or call.transfer or not self._partners(call):
            raise NoTalk
        return call

    def _partners(self, call: LiveCall) -> list[Leg]:
        """The telephones that talk to the caller."""
        return [
            leg for leg in call.legs.values() if leg.answered_at and call.bridge and leg.bridge == call.bridge
        ]

    def _heard_at(self, call: LiveCall) -> Leg:
        """Whose telephone is listened at: the operator's before others', never the citizen's."""
        own = call.legs.get(call.linkedid)  # a call made from here is the operator's own channel
        return own or min(self._partners(call), key=lambda leg: leg.extension != call.operator)

    def _begun(self, watch: Watch, call: LiveCall) -> None:
        if watch.since_at is None:
            watch.since_at = self._clock.now()
            self._note(watch, call, None)
        self._controller.changed()

    def _mode_over(self, watch: Watch, call: LiveCall | None) -> None:
        """Write the end of a mode, with its length, into the call's ledger and the audit log; once."""
        since, watch.since_at = watch.since_at, None
        if since is None:
            return
        ms = round((self._clock.now() - since).total_seconds() * 1000)
        if call is not None:
            self._note(watch, call, ms)
        ended = self._audited(
            watch.by, f"supervise.{watch.mode}.end", f"call:{watch.linkedid}", f"{ms / 1000:.0f} 秒"
        )
        self._controller.job(ended, "supervision-audited")

    def _note(self, watch: Watch, call: LiveCall, ms: int | None) -> None:
        self._controller.note(
            call, ledger.SUPERVISED, channel=watch.uniqueid, mode=str(watch.mode), extension=watch.extension,
            user=watch.by.user_id, ms=ms,
        )  # fmt: skip
