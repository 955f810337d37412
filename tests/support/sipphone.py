"""A small SIP phone for tests, on real sockets (测试话机): registers, calls, takes calls.

Owns the account and the way incoming calls are taken; a call in progress is a `Call`.

    async with await Phone.start("13800138000", server=("127.0.0.1", 5060), tone_hz=440) as caller:
        call = await caller.call("96128")
        await call.answered()
        await call.until_sound(timeout=3)
        key, = await call.dtmf("1")
        prompt = await call.first_packet_after(key.ended_at, new_spurt=True)
        step_ms = (prompt.at - key.ended_at) * 1000
        await call.until_hears(600)
        await call.hangup()
        assert (await call.ended()).by == "local"
"""

import asyncio
import contextlib
import secrets
from collections.abc import Mapping
from types import TracebackType
from typing import Literal, Self

from sipmessage import Request, Response
from support.rtp import MediaStream
from support.sipcall import Call, CallRefused, Ending
from support.sipdialog import ALLOW, Dialog
from support.sipdigest import Account, send_authorized
from support.siptransport import HostPort, SipEndpoint, SipError, SipTimeout, response_to

__all__ = [
    "Call",
    "CallRefused",
    "Ending",
    "Phone",
    "Policy",
    "RegistrationRefused",
    "SipError",
    "SipTimeout",
]

Policy = Literal["answer", "busy", "decline", "ignore"]
"""How incoming calls are taken; "ignore" rings for ever, and leaves `call.answer()` to the test."""

_REGISTRATION_S = 300
_SRTP_KEY_BYTES = 30
"""A key of 16 and a salt of 14."""


class RegistrationRefused(SipError):
    """The server did not accept the REGISTER."""

    def __init__(self, code: int, phrase: str) -> None:
        super().__init__(f"{code} {phrase}")
        self.code = code


class Phone:
    """One telephone with one account, any number of calls."""

    def __init__(self, account: Account, host: str, tone_hz: float) -> None:
        self.account = account
        self.tone_hz = tone_hz
        self.on_invite: Policy = "answer"
        self.by_number: dict[str, Policy] = {}
        """Called numbers that are taken otherwise than `on_invite` says."""
        self.ring_s = 0.0
        self.encrypts = False
        """Its voice is SRTP, with keys in the session description (SDES)."""
        self.calls: list[Call] = []
        self.is_registered = False
        self.options = 0
        """How often it was asked whether it is there."""
        self._host = host
        self._arrivals: asyncio.Queue[Call] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._registration: Dialog | None = None
        self.endpoint: SipEndpoint

    @classmethod
    async def start(
        cls,
        name: str,
        server: HostPort,
        password: str | None = None,
        tone_hz: float = 440,
        listen_port: int = 0,
        host: str = "127.0.0.1",
    ) -> Self:
        """A phone that listens on `host:listen_port` (0: any) and sends everything to `server`."""
        phone = cls(Account(name, password, server), host, tone_hz)
        phone.endpoint = await SipEndpoint.open(host, listen_port, phone._request_received)
        return phone

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up everything, unregister, give the ports back."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(call.close() for call in self.calls), return_exceptions=True)
        if self.is_registered:
            with contextlib.suppress(SipError):
                await self.unregister()
        self.endpoint.close()

    async def register(self, expires_s: int = _REGISTRATION_S) -> None:
        """Register this phone's address. Raises RegistrationRefused or SipTimeout."""
        dialog = self._registration or Dialog.to_server(self.endpoint, self.account, "")
        self._registration = dialog
        response = await send_authorized(
            self.endpoint,
            self.account,
            lambda: dialog.request("REGISTER", headers={"Expires": str(expires_s)}),
            self.account.server,
        )
        if response.code != 200:
            raise RegistrationRefused(response.code, response.phrase)
        self.is_registered = expires_s > 0

    async def unregister(self) -> None:
        """Take the registration back."""
        await self.register(expires_s=0)

    async def call(self, number: str, headers: Mapping[str, str] | None = None) -> Call:
        """Send an INVITE; `answered`, `ringing` and `ended` of the call tell what becomes of it."""
        dialog = Dialog.to_server(self.endpoint, self.account, number)
        call = await self._new_call(dialog)
        call.place(headers or {})
        return call

    async def incoming(self, timeout: float = 10.0) -> Call:
        """The next call that arrives, whatever `on_invite` does with it. Raises SipTimeout."""
        try:
            return await asyncio.wait_for(self._arrivals.get(), timeout)
        except TimeoutError:
            raise SipTimeout(f"no call arrived within {timeout} s") from None

    async def _new_call(self, dialog: Dialog) -> Call:
        key = secrets.token_bytes(_SRTP_KEY_BYTES) if self.encrypts else None
        media = await MediaStream.open(self._host, self.tone_hz, key)
        call = Call(self.endpoint, self.account, dialog, media)
        self.calls.append(call)
        return call

    def _request_received(self, request: Request, sender: HostPort) -> None:
        call = next((c for c in self.calls if c.dialog.call_id == request.call_id), None)
        if call is not None:
            call.request_received(request, sender)
        elif request.method == "INVITE" and "tag" not in request.to_address.parameters:
            task = asyncio.create_task(self._take(request, sender))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif request.method != "ACK":
            self.endpoint.respond(request, self._out_of_dialog(request), sender)

    async def _take(self, invite: Request, sender: HostPort) -> None:
        dialog = Dialog.from_invite(self.endpoint, self.account, invite)
        call = await self._new_call(dialog)
        call.take(invite, sender)
        self._arrivals.put_nowait(call)
        policy = self.by_number.get(call.called_number, self.on_invite)
        if policy == "busy":
            call.reject(486, "Busy Here")
        elif policy == "decline":
            call.reject(603, "Decline")
        else:
            await self._ring(call, policy)

    async def _ring(self, call: Call, policy: Policy) -> None:
        call.ring()
        if policy == "answer":
            await asyncio.sleep(self.ring_s)
            call.answer()

    def _out_of_dialog(self, request: Request) -> Response:
        self.options += request.method == "OPTIONS"
        known = request.method in ("OPTIONS", "NOTIFY")
        code, phrase = (200, "OK") if known else (481, "Call/Transaction Does Not Exist")
        response = response_to(request, code, phrase, "phone")
        response.headers.set("Allow", ALLOW)
        return response
