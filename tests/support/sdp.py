"""Session descriptions of one G.711 audio stream with RFC 4733 keys (会话描述). Pure text in, values out."""

import base64
from dataclasses import dataclass
from typing import Final

PAYLOAD_TYPES: Final = {"alaw": 8, "ulaw": 0}
LAW_BY_PAYLOAD_TYPE: Final = {8: "alaw", 0: "ulaw"}
EVENT_PAYLOAD_TYPE: Final = 101
_ENCODING_NAMES: Final = {"alaw": "PCMA", "ulaw": "PCMU"}
SRTP_SUITE: Final = "AES_CM_128_HMAC_SHA1_80"
_MIRROR: Final = {
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
    "sendrecv": "sendrecv",
}


@dataclass(frozen=True, slots=True)
class AudioDescription:
    """One audio stream: where to send it, the laws in order of preference, the payload type of keys, the direction."""

    host: str
    port: int
    laws: tuple[str, ...]
    event_payload_type: int | None = EVENT_PAYLOAD_TYPE
    direction: str = "sendrecv"
    srtp_key: bytes | None = None
    """The master key with its salt, of a stream that is encrypted (SDES)."""

    def to_sdp(self, version: int) -> bytes:
        """The description as an `application/sdp` body."""
        types = [PAYLOAD_TYPES[law] for law in self.laws]
        maps = [f"a=rtpmap:{PAYLOAD_TYPES[law]} {_ENCODING_NAMES[law]}/8000" for law in self.laws]
        if self.event_payload_type is not None:
            types.append(self.event_payload_type)
            maps.append(f"a=rtpmap:{self.event_payload_type} telephone-event/8000")
            maps.append(f"a=fmtp:{self.event_payload_type} 0-16")
        lines = [
            "v=0",
            f"o=- 96128 {version} IN IP4 {self.host}",
            "s=-",
            f"c=IN IP4 {self.host}",
            "t=0 0",
            f"m=audio {self.port} {'RTP/SAVP' if self.srtp_key else 'RTP/AVP'} {' '.join(map(str, types))}",
            *self._crypto(),
            *maps,
            "a=ptime:20",
            f"a={self.direction}",
        ]
        return "".join(f"{line}\r\n" for line in lines).encode()

    def _crypto(self) -> list[str]:
        key = self.srtp_key and base64.b64encode(self.srtp_key).decode()
        return [f"a=crypto:1 {SRTP_SUITE} inline:{key}"] if key else []


def mirrored(direction: str) -> str:
    """The direction that answers an offered one."""
    return _MIRROR[direction]


def parse_audio(body: bytes) -> AudioDescription | None:
    """The first audio stream of a body, or None when there is none.

    Raises ValueError for text that is not a session description.
    """
    host, port, direction, event_type, srtp_key = "", None, "sendrecv", None, None
    laws: list[str] = []
    for line in body.decode("utf-8", "replace").splitlines():
        key, _, value = line.partition("=")
        if key == "m":
            if port is not None:
                break
            if value.startswith("audio "):
                port, laws = _media_line(value)
        elif key == "c":
            host = value.split()[-1]
        elif key == "a" and value in _MIRROR:
            direction = value
        elif key == "a" and "telephone-event/8000" in value:
            event_type = int(value.removeprefix("rtpmap:").split()[0])
        elif key == "a" and value.startswith(f"crypto:1 {SRTP_SUITE} inline:"):
            srtp_key = base64.b64decode(value.partition("inline:")[2].partition("|")[0])
    if port is None:
        return None
    return AudioDescription(host, port, tuple(laws), event_type, direction, srtp_key)


def _media_line(value: str) -> tuple[int, list[str]]:
    _, port, _, *types = value.split()
    return int(port), [
        LAW_BY_PAYLOAD_TYPE[int(t)] for t in types if t.isdigit() and int(t) in LAW_BY_PAYLOAD_TYPE
    ]
