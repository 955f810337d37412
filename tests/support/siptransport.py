"""SIP messages over one UDP socket (信令收发): transactions, retransmission, matching of responses.

Owns what RFC 3261 §17 calls transactions, as far as loopback needs it. Knows nothing of dialogs, calls or media.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, cast

from sipmessage import Message, Request, Response

HostPort = tuple[str, int]
T1_S: Final = 0.5
T2_S: Final = 4.0


class SipError(Exception):
    """Something the far end did, or failed to do, that the caller of the phone has to know."""


class SipTimeout(SipError):
    """No final response, or an awaited condition that did not come true in time."""


@dataclass(slots=True)
class _ClientTransaction:
    data: bytes
    to: HostPort
    method: str
    on_provisional: Callable[[Response], None] | None
    final: asyncio.Future[Response] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    timer: asyncio.TimerHandle | None = None
    seen_provisional: bool = False


class SipEndpoint(asyncio.DatagramProtocol):
    """A UDP port that speaks SIP. Requests from outside go to `on_request`, each exactly once."""

    def __init__(self, on_request: Callable[[Request, HostPort], None]) -> None:
        self.address: HostPort = ("", 0)
        self.unparsed_datagrams = 0
        self.timeout_s = 5.0
        self.is_deaf = False
        """Nothing that arrives is heard: a telephone without power, or whose cable is pulled."""
        self._on_request = on_request
        self._transport: asyncio.DatagramTransport | None = None
        self._clients: dict[tuple[str, str], _ClientTransaction] = {}
        self._replies: dict[tuple[str, str], bytes | None] = {}
        self._acks: dict[tuple[str, int], tuple[bytes, HostPort]] = {}
        self._unacknowledged: dict[tuple[str, int], asyncio.TimerHandle] = {}

    @classmethod
    async def open(
        cls, host: str, port: int, on_request: Callable[[Request, HostPort], None]
    ) -> "SipEndpoint":
        """Bind `host:port` (port 0: any free one)."""
        _, endpoint = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: cls(on_request), local_addr=(host, port)
        )
        return endpoint

    def close(self) -> None:
        """Give the port back; requests still waiting for a response fail with SipTimeout."""
        for timer in self._unacknowledged.values():
            timer.cancel()
        for transaction in self._clients.values():
            if transaction.timer is not None:
                transaction.timer.cancel()
            if not transaction.final.done():
                transaction.final.set_exception(SipTimeout("phone closed"))
        if self._transport is not None:
            self._transport.close()

    def via(self) -> str:
        """A Via header with a fresh branch."""
        host, port = self.address
        return f"SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bK{secrets.token_hex(8)}"

    async def request(
        self,
        request: Request,
        to: HostPort,
        on_provisional: Callable[[Response], None] | None = None,
    ) -> Response:
        """Send a request and return its final response; a refused INVITE is acknowledged here.

        After a provisional response an INVITE waits as long as it rings. Raises SipTimeout.
        """
        key = (branch_of(request), request.method)
        transaction = _ClientTransaction(encoded(request), to, request.method, on_provisional)
        self._clients[key] = transaction
        self._transmit(transaction, T1_S)
        try:
            await asyncio.wait({transaction.final}, timeout=self.timeout_s)
            if not transaction.final.done() and not (
                transaction.seen_provisional and request.method == "INVITE"
            ):
                raise SipTimeout(f"no answer to {request.method}")
            response = await transaction.final
        finally:
            del self._clients[key]
            if transaction.timer is not None:
                transaction.timer.cancel()
        if request.method == "INVITE" and response.code >= 300:
            self._send(encoded(_ack_of_refusal(request, response)), to)
        return response

    def is_proceeding(self, request: Request) -> bool:
        """Whether a pending request has had a provisional response (only then may it be cancelled)."""
        transaction = self._clients.get((branch_of(request), request.method))
        return transaction is not None and transaction.seen_provisional

    def acknowledge(self, ack: Request, to: HostPort) -> None:
        """Send the ACK of an accepted INVITE, now and for each repetition of its response."""
        data = encoded(ack)
        self._acks[ack.call_id, ack.cseq.sequence] = (data, to)
        self._send(data, to)

    def respond(self, request: Request, response: Response, to: HostPort) -> None:
        """Answer a request; final answers to INVITE are repeated until the ACK arrives."""
        data = encoded(response)
        self._replies[branch_of(request), request.method] = data
        self._send(data, to)
        if request.method == "INVITE" and response.code >= 200:
            self._repeat_until_ack((request.call_id, request.cseq.sequence), data, to, T1_S)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket (asyncio's call)."""
        self._transport = cast(
            asyncio.DatagramTransport, transport
        )  # asyncio's own class does not derive from it
        self.address = transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, addr: HostPort) -> None:
        """Sort one datagram; what is not SIP is counted and dropped."""
        if self.is_deaf:
            return
        try:
            message = Message.parse(data)
            branch, cseq = branch_of(message), message.cseq
        except (ValueError, KeyError, IndexError):
            self.unparsed_datagrams += 1
            return
        if isinstance(message, Response):
            self._response_received(message, branch, cseq.method)
        else:
            self._request_received(message, branch, addr[:2])

    def _response_received(self, response: Response, branch: str, method: str) -> None:
        transaction = self._clients.get((branch, method))
        if transaction is None:
            repeated = self._acks.get((response.call_id, response.cseq.sequence))
            if repeated is not None and method == "INVITE" and response.code >= 200:
                self._send(*repeated)
            return
        if transaction.timer is not None:
            transaction.timer.cancel()
        if response.code >= 200:
            if not transaction.final.done():
                transaction.final.set_result(response)
            return
        transaction.seen_provisional = True
        if transaction.on_provisional is not None:
            transaction.on_provisional(response)

    def _request_received(self, request: Request, branch: str, addr: HostPort) -> None:
        if request.method == "ACK":
            timer = self._unacknowledged.pop((request.call_id, request.cseq.sequence), None)
            if timer is not None:
                timer.cancel()
                self._on_request(request, addr)
            return
        key = (branch, request.method)
        if key in self._replies:
            reply = self._replies[key]
            if reply is not None:
                self._send(reply, addr)
            return
        self._replies[key] = None
        self._on_request(request, addr)

    def _transmit(self, transaction: _ClientTransaction, interval_s: float) -> None:
        self._send(transaction.data, transaction.to)
        longest_s = 32.0 if transaction.method == "INVITE" else T2_S
        transaction.timer = asyncio.get_running_loop().call_later(
            interval_s, self._transmit, transaction, min(interval_s * 2, longest_s)
        )

    def _repeat_until_ack(self, key: tuple[str, int], data: bytes, to: HostPort, interval_s: float) -> None:
        def again() -> None:
            self._send(data, to)
            self._repeat_until_ack(key, data, to, min(interval_s * 2, T2_S))

        self._unacknowledged[key] = asyncio.get_running_loop().call_later(interval_s, again)

    def _send(self, data: bytes, to: HostPort) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, to)


def branch_of(message: Message) -> str:
    """The branch of the topmost Via: the key of the transaction. Raises KeyError or IndexError when there is none."""
    return str(message.via[0].parameters["branch"])


def encoded(message: Request | Response) -> bytes:
    """The message as bytes, its Content-Length set."""
    message.content_length = len(message.body)
    return bytes(message)


def response_to(request: Request, code: int, phrase: str, to_tag: str, body: bytes = b"") -> Response:
    """A response with the headers that RFC 3261 §8.2.6 copies from the request."""
    response = Response(code, phrase, body)
    for name in ("Via", "From", "To", "Call-ID", "CSeq", "Record-Route"):
        for value in request.headers.getlist(name):
            response.headers.add(name, value)
    if code > 100 and "tag" not in request.to_address.parameters:
        response.headers.set("To", f"{request.headers['To']};tag={to_tag}")
    return response


def _ack_of_refusal(invite: Request, response: Response) -> Request:
    ack = Request("ACK", invite.uri)
    ack.headers.add("Via", invite.headers["Via"])
    ack.headers.add("Max-Forwards", "70")
    ack.headers.add("From", invite.headers["From"])
    ack.headers.add("To", response.headers["To"])
    ack.headers.add("Call-ID", invite.call_id)
    ack.headers.add("CSeq", f"{invite.cseq.sequence} ACK")
    for route in invite.headers.getlist("Route"):
        ack.headers.add("Route", route)
    return ack
