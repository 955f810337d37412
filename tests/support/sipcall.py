"""One call of a test phone (一通电话): its signalling state, its keys, and waiting for what is heard.

Owns the life of a call from INVITE to the end. Registration and the choice how to take incoming calls are the phone's.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sipmessage import Request, Response
from support.heard import Heard
from support.listening import TICK_S, Listening
from support.rtp import KeyPress, MediaStream
from support.sdp import AudioDescription, mirrored, parse_audio
from support.sipdialog import ALLOW, Dialog, cancel_of
from support.sipdigest import Account, send_authorized
from support.siptransport import T1_S, HostPort, SipEndpoint, SipError, SipTimeout, response_to

LAWS = ("alaw", "ulaw")
ACK_LIMIT_S = 64 * T1_S
"""The called side sends no BYE before the ACK of its answer has come or this has passed (RFC 3261 §15)."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended: whose doing ("local" or "remote"), SIP code (200: a BYE), Q.850 cause when the far end told it."""

    by: str
    code: int
    reason: str
    q850: int | None = None


class CallRefused(SipError):
    """The call ended before it was answered."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(f"{ending.code} {ending.reason} ({ending.by})")
        self.ending = ending


class Call(Listening):
    """A call in or out. Instants are seconds of `time.monotonic()`; all waits raise SipTimeout when time is up."""

    def __init__(self, endpoint: SipEndpoint, account: Account, dialog: Dialog, media: MediaStream) -> None:
        self.dialog = dialog
        self.media = media
        self.heard: Heard = media.heard
        self.invite: Request | None = None
        self.ending: Ending | None = None
        self.answered_at: float | None = None
        self.ringing_at: float | None = None
        self.ended_at: float | None = None
        self.remote_direction = "sendrecv"
        self._endpoint = endpoint
        self._account = account
        self._incoming_from: HostPort | None = None
        self._on_hold = False
        self._cancelled = False
        self._is_acknowledged = False
        self._progress = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # --- placing and taking -------------------------------------------------------------------------------

    def place(self, headers: Mapping[str, str]) -> None:
        """Send the INVITE and follow it in the background."""
        self._task = asyncio.create_task(self._place(dict(headers)), name=f"call {self.dialog.call_id}")

    def take(self, invite: Request, sender: HostPort) -> None:
        """Become the called side of an INVITE; nothing is answered yet."""
        self.invite, self._incoming_from = invite, sender

    @property
    def remote_number(self) -> str:
        """The calling number of an incoming call."""
        assert self.invite is not None
        return self.invite.from_address.uri.user or ""

    @property
    def called_number(self) -> str:
        """The number an incoming call was sent to."""
        assert self.invite is not None
        return str(self.invite.uri.user or "")

    def ring(self) -> None:
        """Say 180 Ringing."""
        self._respond(180, "Ringing")
        self._note_ringing()

    def answer(self) -> None:
        """Take an incoming call."""
        assert self.invite is not None
        if self.ending is not None or self.answered_at is not None:
            return
        offer = parse_audio(self.invite.body)
        self._respond(200, "OK", self._description(offer).to_sdp(1))
        if offer is not None:
            self._follow(offer)
        self._note_answered()

    def reject(self, code: int = 603, phrase: str = "Decline") -> None:
        """Refuse an incoming call."""
        self._respond(code, phrase)
        self._finish(Ending("local", code, phrase))

    async def is_lost(self, cause: int) -> None:
        """End an answered call as an exchange does that has lost its telephone: with a Q.850 cause."""
        await self._request("BYE", headers={"Reason": f"Q.850;cause={cause}"})
        self._finish(Ending("local", 200, "BYE", cause))

    async def hangup(self) -> None:
        """End the call: BYE when answered and acknowledged, CANCEL or 603 before. Does nothing when it has ended."""
        if self.ending is None and self.answered_at is None:
            await self._give_up()
            return
        with contextlib.suppress(SipTimeout):
            await self._progressed(
                lambda: self._is_acknowledged or self.ending is not None, ACK_LIMIT_S, "ACK"
            )
        if self.ending is not None:
            return
        ending = Ending("local", 200, "BYE")
        with contextlib.suppress(SipTimeout):
            await self._request("BYE")
        self._finish(ending)

    # --- waiting for signalling ----------------------------------------------------------------------------

    async def ringing(self, timeout: float = 10.0) -> None:
        """Wait for 180 or 183. Raises CallRefused when the call ends first."""
        await self._reach(
            lambda: self.ringing_at is not None or self.answered_at is not None, timeout, "ringing"
        )

    async def answered(self, timeout: float = 10.0) -> None:
        """Wait for the answer. Raises CallRefused when the call ends first."""
        await self._reach(lambda: self.answered_at is not None, timeout, "answer")

    async def ended(self, timeout: float = 10.0) -> Ending:
        """Wait for the end, whoever brings it, and tell how it came."""
        await self._progressed(lambda: self.ending is not None, timeout, "end")
        assert self.ending is not None
        return self.ending

    # --- during the call -----------------------------------------------------------------------------------

    async def dtmf(self, keys: str, gap_ms: int = 80, press_ms: int = 100) -> list[KeyPress]:
        """Press keys (RFC 4733); returns when the last one is up, with the instants of each."""
        if self.media.event_payload_type is None:
            raise SipError("the far end does not take telephone events")
        return await self.media.press(keys, press_ms, gap_ms)

    async def dtmf_by_info(self, key: str) -> Response:
        """Press a key as a gateway without telephone events does: in a SIP INFO."""
        body, kind = f"Signal={key}\r\nDuration=100\r\n".encode(), {"Content-Type": "application/dtmf-relay"}
        return await send_authorized(
            self._endpoint,
            self._account,
            lambda: self.dialog.request("INFO", body, kind),
            self.dialog.next_hop,
        )

    def mute(self, on: bool = True) -> None:
        """Send silence instead of the tone, or the tone again."""
        self.media.muted = on

    def set_tone(self, hz: float) -> None:
        """Change the tone this side sends."""
        self.media.set_tone(hz)

    async def hold(self) -> None:
        """Put the far end on hold by re-INVITE (sendonly)."""
        await self._renegotiate(on_hold=True)

    async def unhold(self) -> None:
        """Take the far end back (sendrecv)."""
        await self._renegotiate(on_hold=False)

    # --- requests of the far end (called by the phone) -----------------------------------------------------

    def request_received(self, request: Request, sender: HostPort) -> None:
        """Handle a request inside this dialog."""
        handler = {
            "ACK": self._on_ack,
            "BYE": self._on_bye,
            "CANCEL": self._on_cancel,
            "INVITE": self._on_reinvite,
        }.get(request.method)
        if handler is not None:
            handler(request, sender)
            return
        known = request.method in ALLOW
        reply = response_to(
            request, 200 if known else 405, "OK" if known else "Method Not Allowed", self.dialog.tag
        )
        reply.headers.set("Allow", ALLOW)
        self._endpoint.respond(request, reply, sender)

    async def close(self) -> None:
        """End the call if it has not ended, and wait until its background work is gone."""
        if self.ending is None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.hangup(), 2.0)
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=2.0)
            self._task.cancel()
        self._finish(Ending("local", 0, "phone closed"))
        await self.media.close()

    # --- inside --------------------------------------------------------------------------------------------

    async def _place(self, headers: dict[str, str]) -> None:
        def build() -> Request:
            self.invite = self.dialog.request("INVITE", self._description().to_sdp(1), headers)
            return self.invite

        try:
            response = await send_authorized(
                self._endpoint, self._account, build, self.dialog.next_hop, self._on_provisional
            )
        except SipTimeout as error:
            self._finish(Ending("local", 408, str(error)))
            return
        if response.code >= 300:
            by = "local" if self._cancelled else "remote"
            self._finish(Ending(by, response.code, response.phrase, _q850(response)))
            return
        self._accepted(response)
        if self._cancelled:
            await self.hangup()

    def _accepted(self, response: Response) -> None:
        self.dialog.learn(response)
        ack = self.dialog.request("ACK", sequence=response.cseq.sequence)
        self._endpoint.acknowledge(ack, self.dialog.next_hop)
        self._is_acknowledged = True
        answer = parse_audio(response.body)
        if answer is not None:
            self._follow(answer)
        if self.answered_at is None:
            self._note_answered()

    def _on_provisional(self, response: Response) -> None:
        if response.code > 100 and self.answered_at is None:
            self.dialog.learn(response)
            self._note_ringing()
            early = parse_audio(response.body) if response.body else None
            if early is not None:
                self._follow(early)
        self._progress.set()

    async def _give_up(self) -> None:
        if self._incoming_from is not None:
            self.reject()
            return
        self._cancelled = True
        assert self._task is not None
        while not self._task.done():
            if self.invite is not None and self._endpoint.is_proceeding(self.invite):
                await self._endpoint.request(cancel_of(self.invite), self.dialog.next_hop)
                break
            await asyncio.sleep(TICK_S)
        await asyncio.wait({self._task}, timeout=5.0)

    async def _request(
        self, method: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Response:
        return await send_authorized(
            self._endpoint,
            self._account,
            lambda: self.dialog.request(method, body, headers),
            self.dialog.next_hop,
        )

    async def _renegotiate(self, on_hold: bool) -> None:
        self._on_hold = on_hold
        offer = replace(self._description(), direction="sendonly" if on_hold else "sendrecv")
        response = await self._request("INVITE", offer.to_sdp(self.dialog.sequence + 2))
        if response.code >= 300:
            raise SipError(f"re-INVITE refused: {response.code} {response.phrase}")
        self._accepted(response)

    def _description(self, offer: AudioDescription | None = None) -> AudioDescription:
        """What this side offers, or answers to an offer."""
        key = self.media.srtp_key
        mine = AudioDescription(self._endpoint.address[0], self.media.port, LAWS, srtp_key=key)
        if offer is None:
            return mine
        laws = tuple(law for law in offer.laws if law in LAWS)
        direction = mirrored(offer.direction)
        if self._on_hold and direction in ("sendrecv", "sendonly"):
            direction = "sendonly"
        return replace(mine, laws=laws, event_payload_type=offer.event_payload_type, direction=direction)

    def _follow(self, remote: AudioDescription) -> None:
        """Send where and how the far end wants it."""
        self.remote_direction = remote.direction
        if remote.srtp_key:
            self.media.agree(remote.srtp_key)
        self.media.paused = self._on_hold or remote.direction in ("sendonly", "inactive")
        if remote.laws and remote.port:
            self.media.start((remote.host, remote.port), remote.laws[0], remote.event_payload_type)

    def _on_ack(self, request: Request, sender: HostPort) -> None:
        answer = parse_audio(request.body) if request.body else None
        if answer is not None:
            self._follow(answer)
        self._is_acknowledged = True
        self._progress.set()

    def _on_bye(self, request: Request, sender: HostPort) -> None:
        self._endpoint.respond(request, response_to(request, 200, "OK", self.dialog.tag), sender)
        self._finish(Ending("remote", 200, "BYE", _q850(request)))

    def _on_cancel(self, request: Request, sender: HostPort) -> None:
        self._endpoint.respond(request, response_to(request, 200, "OK", self.dialog.tag), sender)
        if self.answered_at is None and self.ending is None:
            self._respond(487, "Request Terminated")
            self._finish(Ending("remote", 487, "CANCEL", _q850(request)))

    def _on_reinvite(self, request: Request, sender: HostPort) -> None:
        offer = parse_audio(request.body) if request.body else None
        self.dialog.retarget(request)
        body = self._description(offer).to_sdp(request.cseq.sequence)
        self._endpoint.respond(
            request, self._with_contact(response_to(request, 200, "OK", self.dialog.tag, body)), sender
        )
        if offer is not None:
            self._follow(offer)
        self._progress.set()

    def _respond(self, code: int, phrase: str, body: bytes = b"") -> None:
        assert self.invite is not None
        assert self._incoming_from is not None
        response = self._with_contact(response_to(self.invite, code, phrase, self.dialog.tag, body))
        self._endpoint.respond(self.invite, response, self._incoming_from)

    def _with_contact(self, response: Response) -> Response:
        response.headers.set("Contact", self.dialog.contact)
        response.headers.set("Allow", ALLOW)
        if response.body:
            response.headers.set("Content-Type", "application/sdp")
        return response

    def _note_ringing(self) -> None:
        self.ringing_at = self.ringing_at or time.monotonic()
        self._progress.set()

    def _note_answered(self) -> None:
        self.answered_at = time.monotonic()
        self._progress.set()

    def _finish(self, ending: Ending) -> None:
        if self.ending is None:
            self.ending, self.ended_at = ending, time.monotonic()
            self.media.stop()
        self._progress.set()

    async def _reach(self, is_reached: Callable[[], bool], timeout: float, what: str) -> None:
        await self._progressed(lambda: is_reached() or self.ending is not None, timeout, what)
        if not is_reached():
            assert self.ending is not None
            raise CallRefused(self.ending)

    async def _progressed(self, is_reached: Callable[[], bool], timeout: float, what: str) -> None:
        try:
            async with asyncio.timeout(timeout):
                while not is_reached():
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            raise SipTimeout(f"no {what} within {timeout} s") from None


def _q850(message: Request | Response) -> int | None:
    found = re.search(r"Q\.850\s*;\s*cause\s*=\s*(\d+)", message.headers.get("Reason") or "")
    return int(found[1]) if found else None
