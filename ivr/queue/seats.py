"""Seats (座席): operators as members of Asterisk's queue, their pauses and their wrap-up.

Membership lives in Asterisk, so that calls are still offered while the controller is away; this module adds, pauses and
removes members over AMI and learns the present state from there after a restart.
"""

import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from core.clock import Clock
from core.errors import HotlineError
from ivr.asterisk.ami import ActionRefused, Ami, TelephonyDown
from ivr.asterisk.ami_protocol import Fields
from ivr.board import Board, Seat
from ivr.queue.memberships import found
from ivr.queue.regions import BASE, OWN

log = structlog.get_logger()
QUEUE = BASE
REASONS = ("小休", "会议", "培训", "用餐")
SIGNED_IN = "签入"
WRAP_UP = "话后处理"
NO_ANSWER = "未接来电"
LOST = "电话失联"
"""Its telephone cannot be reached; it is ready again by itself when it can."""
UNSTEADY = "电话时断时续"
"""Lost too often to trust: only its operator makes it ready again."""
OFTEN = 3
OFTEN_WITHIN = timedelta(minutes=10)


class NotSignedIn(HotlineError):
    """The person has no seat now."""

    code = "not_signed_in"
    status = 409
    text = "您还没有签入座席，请先点击“签入”。"


class ReasonUnknown(HotlineError):
    """A pause needs one of the known reasons; `reasons` lists them."""

    code = "pause_reason_unknown"
    status = 422
    text = "请选择小休原因：{reasons}。"


@dataclass(frozen=True, slots=True)
class Staff:
    """A person with a telephone."""

    user_id: int
    username: str
    staff_number: str
    display_name: str
    extension: str
    region_id: int | None = None
    is_operator: bool = False
    languages: tuple[str, ...] = ()


async def _nothing() -> None:
    """Until regions are known there is one queue."""


class Seats:
    def __init__(self, ami: Ami, board: Board, clock: Clock, changed: Callable[[int | None], None]) -> None:
        self._ami = ami
        self._board = board
        self._clock = clock
        self._changed = changed
        self.staff: dict[int, Staff] = {}
        """Everybody with an extension, by user; set by the composition root and after every change."""
        self.regroup: Callable[[], Awaitable[None]] = _nothing
        """Brings the seats into the queues of their regions; set by the composition root."""
        self._taken_out: Counter[str] = Counter()
        """Telephones that we have taken out of the queue and of which Asterisk has not told yet."""

    def user_ids(self) -> dict[str, int]:
        return {person.extension: person.user_id for person in self.staff.values()}

    def of(self, user_id: int) -> Seat:
        seat = self._board.seats.get(user_id)
        if seat is None:
            raise NotSignedIn
        return seat

    async def sign_in(self, user_id: int, *, desk_phone: bool = False) -> None:
        """Take a seat, paused until the operator is ready; again on a second page changes nothing."""
        person = self.staff.get(user_id)
        if person is None:
            raise NotSignedIn
        device = f"PJSIP/{'' if desk_phone else 'w'}{person.extension}"
        if seat := self._board.seats.get(user_id):
            if seat.device == device:
                return
            await self.sign_out(user_id)
        seat = Seat(
            user_id, person.staff_number, person.display_name, person.extension, device, paused=True,
            reason=SIGNED_IN, since_at=self._clock.now(), region_id=person.region_id,
            languages=person.languages,
        )  # fmt: skip
        self._board.seats[user_id] = seat
        try:
            await self._ami.action(
                "QueueAdd",
                Queue=QUEUE,
                Interface=device,
                MemberName=person.extension,
                Paused="true",
                Reason=SIGNED_IN,
            )
        except ActionRefused as refused:
            if "Already there" not in str(refused.fields.get("reason")):
                del self._board.seats[user_id]
                raise
            await self._pause(seat, paused=True, reason=SIGNED_IN)
        seat.queues[QUEUE] = OWN
        await self.regroup()
        self._changed(user_id)

    async def sign_out(self, user_id: int) -> None:
        seat = self.of(user_id)
        self._board.seats.pop(user_id, None)
        await self.regroup()  # who helps in its place comes before it goes
        for queue in list(seat.queues):
            if queue == QUEUE:
                self._taken_out[seat.device] += 1
            await self._ami.action("QueueRemove", Queue=queue, Interface=seat.device)
        self._changed(user_id)

    async def ready(self, user_id: int) -> None:
        """For the next caller; one whose telephone cannot be reached is as soon as it can."""
        seat = self.of(user_id)
        seat.wrap_up_call = ""
        seat.lost_at.clear()
        is_reached = self._board.reaches(seat)
        await self._pause(seat, paused=not is_reached, reason="" if is_reached else LOST)

    async def pause(self, user_id: int, reason: str) -> None:
        if reason not in REASONS:
            raise ReasonUnknown(reasons="、".join(REASONS))
        seat = self.of(user_id)
        seat.wrap_up_call = ""
        await self._pause(seat, paused=True, reason=reason)

    async def wrap_up(self, seat: Seat, linkedid: str) -> None:
        """The talk is over: nothing new is offered until the ticket is finished."""
        seat.wrap_up_call = linkedid
        await self._pause(seat, paused=True, reason=WRAP_UP)

    async def hold_back(self, seat: Seat, reason: str) -> None:
        await self._pause(seat, paused=True, reason=reason)

    async def _pause(self, seat: Seat, *, paused: bool, reason: str) -> None:
        seat.paused, seat.reason, seat.since_at = paused, reason, self._clock.now()
        self._changed(seat.user_id)
        await self._ami.action("QueuePause", Interface=seat.device, Paused=str(paused).lower(), Reason=reason)

    # --- its telephone ------------------------------------------------------------------------------------------

    async def telephone_lost(self, device: str) -> None:
        """Nothing is offered to a telephone (`w1001`) that cannot be reached."""
        seat = self._at(device)
        if seat is None or seat.paused:
            return
        now = self._clock.now()
        seat.lost_at = [*(at for at in seat.lost_at if now - at < OFTEN_WITHIN), now]
        reason = UNSTEADY if len(seat.lost_at) >= OFTEN else LOST
        log.warning("seat_paused_unreachable", extension=seat.extension, times=len(seat.lost_at))
        await self._follow(seat, paused=True, reason=reason)

    async def telephone_back(self, device: str) -> None:
        seat = self._at(device)
        if seat and seat.paused and seat.reason == LOST:
            await self._follow(seat, paused=False, reason="")

    async def _follow(self, seat: Seat, *, paused: bool, reason: str) -> None:
        """The seat may be given up at this moment, and where Asterisk is away it is asked for anew afterwards."""
        with contextlib.suppress(ActionRefused, TelephonyDown):
            await self._pause(seat, paused=paused, reason=reason)

    def _at(self, device: str) -> Seat | None:
        seats = self._board.seats.values()
        return next((seat for seat in seats if seat.device == f"PJSIP/{device}"), None)

    # --- what Asterisk says -------------------------------------------------------------------------------------

    def member(self, event: Fields) -> None:
        """Asterisk paused a seat by itself: it rang and nobody answered."""
        seat = self._board.seat_of(event.get("MemberName", ""))
        if seat and event.get("Paused") == "1" and not seat.paused:
            seat.paused, seat.reason, seat.since_at = True, NO_ANSWER, self._clock.now()
            log.info("seat_paused_unanswered", extension=seat.extension)
            self._changed(seat.user_id)

    def removed(self, event: Fields) -> None:
        """Somebody else took a seat out of the queue; word of what we did may come when its operator sits there again."""
        device = event.get("Interface", "")
        if event.get("Queue") != QUEUE:
            return
        if self._taken_out[device]:
            self._taken_out[device] -= 1
            return
        seat = self._board.seat_of(event.get("MemberName", ""))
        if seat and seat.device == device:
            self._board.seats.pop(seat.user_id, None)
            self._changed(seat.user_id)

    async def resync(self) -> None:
        """Seats as Asterisk has them now; which telephones can be reached is known before."""
        self._taken_out.clear()
        rows = await self._ami.listing("QueueStatus")
        people = {person.extension: person for person in self.staff.values()}
        for row in rows:
            person = people.get(row.get("Name", ""))
            if row.get("Event") != "QueueMember" or person is None or row.get("Queue") != QUEUE:
                continue
            seat = self._board.seats.setdefault(
                person.user_id,
                Seat(person.user_id, person.staff_number, person.display_name, person.extension,
                     row.get("Location", ""), paused=True, reason="", since_at=self._clock.now(),
                     region_id=person.region_id, languages=person.languages),
            )  # fmt: skip
            seat.paused, seat.reason = row.get("Paused") == "1", row.get("PausedReason", "")
            seat.queues = found(rows, seat.device)
        for seat in list(self._board.seats.values()):
            device = seat.device.removeprefix("PJSIP/")
            await (self.telephone_back if self._board.reaches(seat) else self.telephone_lost)(device)
