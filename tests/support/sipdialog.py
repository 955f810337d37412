"""The identity of one SIP dialog (对话): tags, route set, sequence numbers, and the requests made from them."""

import ipaddress
import secrets
from collections.abc import Mapping

from sipmessage import URI, Address, Request, Response
from support.sipdigest import Account
from support.siptransport import HostPort, SipEndpoint

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, NOTIFY"


class Dialog:
    """Who speaks with whom. The remote tag, target and route are learnt from messages."""

    def __init__(self, endpoint: SipEndpoint, account: Account, local: str, remote: str, target: URI) -> None:
        self.call_id = f"{secrets.token_hex(10)}@{endpoint.address[0]}"
        self.tag = secrets.token_hex(5)
        self.sequence = 0
        self._endpoint = endpoint
        self._account = account
        self._local, self._remote, self._target = local, remote, target
        self._routes: list[str] = []

    @classmethod
    def to_server(cls, endpoint: SipEndpoint, account: Account, number: str) -> "Dialog":
        """A dialog that this phone opens; `number` "" is the server itself (REGISTER)."""
        host, port = account.server
        me = f"<{URI('sip', host, user=account.name)}>"
        target = URI("sip", host, user=number or None, port=port)
        return cls(endpoint, account, me, me if not number else f"<{target}>", target)

    @classmethod
    def from_invite(cls, endpoint: SipEndpoint, account: Account, invite: Request) -> "Dialog":
        """The dialog that an incoming INVITE opens."""
        dialog = cls(endpoint, account, invite.headers["To"], invite.headers["From"], invite.contact[0].uri)
        dialog.call_id = invite.call_id
        dialog._routes = [str(route) for route in invite.record_route]
        return dialog

    @property
    def contact(self) -> str:
        """This phone's own Contact."""
        host, port = self._endpoint.address
        return f"<{URI('sip', host, user=self._account.name, port=port)}>"

    @property
    def next_hop(self) -> HostPort:
        """Where requests of this dialog go: the first route, else the remote target, else the server."""
        uri = Address.parse(self._routes[0]).uri if self._routes else self._target
        try:
            ipaddress.ip_address(uri.host)
        except ValueError:
            return self._account.server
        return uri.host, uri.port or 5060

    def learn(self, response: Response) -> None:
        """Take the remote tag, target and route from a response of the far end."""
        self._remote = response.headers["To"]
        if response.contact:
            self._target = response.contact[0].uri
        self._routes = [str(route) for route in reversed(response.record_route)]

    def retarget(self, request: Request) -> None:
        """Take a new Contact from a request of the far end."""
        if request.contact:
            self._target = request.contact[0].uri

    def request(
        self,
        method: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        sequence: int | None = None,
    ) -> Request:
        """The next request; `sequence` repeats an earlier number (ACK)."""
        if sequence is None:
            self.sequence += 1
        request = Request(method, self._target, body)
        fields = {
            "Via": self._endpoint.via(),
            "Max-Forwards": "70",
            "From": f"{self._local};tag={self.tag}" if ";tag=" not in self._local else self._local,
            "To": self._remote,
            "Call-ID": self.call_id,
            "CSeq": f"{sequence or self.sequence} {method}",
            "Contact": self.contact,
            "Allow": ALLOW,
            "User-Agent": "test phone",
        }
        if body:
            fields["Content-Type"] = "application/sdp"
        for name, value in (fields | dict(headers or {})).items():
            request.headers.set(name, value)
        for route in self._routes:
            request.headers.add("Route", route)
        return request


def cancel_of(invite: Request) -> Request:
    """The CANCEL of a pending INVITE: same branch, same sequence number (RFC 3261 §9.1)."""
    cancel = Request("CANCEL", invite.uri)
    for name in ("Via", "Max-Forwards", "From", "To", "Call-ID"):
        cancel.headers.set(name, invite.headers[name])
    cancel.headers.set("CSeq", f"{invite.cseq.sequence} CANCEL")
    for route in invite.headers.getlist("Route"):
        cancel.headers.add("Route", route)
    return cancel
