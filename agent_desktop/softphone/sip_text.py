"""Reading one SIP message just far enough to judge it (pure): who calls, which dialog, refusing it politely.

Knows no sockets. Asterisk does the real parsing; what is unclear here is refused, not guessed.
"""

import re
from dataclasses import dataclass

_COMPACT = {"f": "from", "t": "to", "i": "call-id", "v": "via"}
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
CHALLENGES = frozenset({401, 407})
_ADDRESS = re.compile(r"sips?:([^@;>:\s]+)@", re.IGNORECASE)
FROM_BROWSER = frozenset({"REGISTER", "INVITE", "ACK", "BYE", "CANCEL", "UPDATE", "OPTIONS", "INFO", "PRACK"})
"""Methods a page needs; transfers are the controller's work, so REFER is not among them."""


@dataclass(frozen=True)
class SipHead:
    method: str
    """Of a request; empty for a response."""
    status: int
    """Of a response; 0 for a request."""
    target_user: str
    """User part of the request's address."""
    headers: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def one(self, name: str) -> str:
        """The only value of a header, or empty: none and several are both unclear."""
        values = self.all(name)
        return values[0] if len(values) == 1 else ""

    @property
    def from_user(self) -> str:
        return _user(self.one("from"))

    @property
    def is_initial(self) -> bool:
        """A request outside any dialog: its To has no tag yet."""
        return ";tag=" not in self.one("to").lower().replace(" ", "")

    @property
    def cseq_method(self) -> str:
        return self.one("cseq").upper().rpartition(" ")[2]


def parse(text: str) -> SipHead | None:
    """The head of a message, or None when this is no SIP message (a keep-alive, rubbish)."""
    head = re.sub(r"\r?\n[ \t]+", " ", re.split(r"\r?\n\r?\n", text, maxsplit=1)[0])
    first, *lines = head.splitlines() or [""]
    request = re.fullmatch(r"([A-Z]+) (\S+) SIP/2\.0", first)
    response = re.match(r"SIP/2\.0 (\d{3})(?: |$)", first)
    if not request and not response:
        return None
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            key = name.strip().lower()
            headers.append((_COMPACT.get(key, key), value.strip()))
    return SipHead(
        method=request[1] if request else "",
        status=int(response[1]) if response else 0,
        target_user=_user(request[2]) if request else "",
        headers=tuple(headers),
    )


def refusal(request: SipHead, status: int, reason: str) -> str:
    """A complete answer that refuses a request; the browser's telephone takes it for the server's own."""
    lines = [f"SIP/2.0 {status} {reason}"]
    for name in ("via", "from", "to", "call-id", "cseq"):
        tag = ";tag=refused" if name == "to" and request.is_initial else ""
        lines += [f"{name.title()}: {value}{tag}" for value in request.all(name)]
    return "\r\n".join([*lines, "Content-Length: 0", "", ""])


def _user(address: str) -> str:
    bare = _QUOTED.sub("", address)
    if "<" in bare:
        bare = bare.partition("<")[2]
    found = _ADDRESS.match(bare.strip())
    return found[1] if found else ""


class Dialogs:
    """Which calls of one telephone are up, learned from the messages that pass (either way)."""

    def __init__(self) -> None:
        self._calls: dict[str, bool] = {}
        """Call-ID → established."""

    @property
    def busy(self) -> bool:
        return bool(self._calls)

    def knows(self, call_id: str) -> bool:
        return call_id in self._calls

    def see(self, head: SipHead) -> None:
        call_id = head.one("call-id")
        if head.method == "INVITE" and head.is_initial:
            self._calls.setdefault(call_id, False)
        elif head.method == "BYE":
            self._calls.pop(call_id, None)
        elif head.status and head.cseq_method == "INVITE" and call_id in self._calls:
            self._answered(call_id, head.status)

    def _answered(self, call_id: str, status: int) -> None:
        if 200 <= status < 300:
            self._calls[call_id] = True
        elif status >= 300 and status not in CHALLENGES and not self._calls[call_id]:
            del self._calls[call_id]  # a refused re-INVITE ends nothing
