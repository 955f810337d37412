"""What the telephones in the pages need to be told; composed and validated in `config`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SoftphoneSettings:
    asterisk_ws_url: str = "ws://127.0.0.1:8088/ws"
    """Asterisk's own WebSocket; only the proxy speaks to it."""
    domain: str = "96128.invalid"
    """The host part of SIP addresses: a name, never looked up."""
    realm: str = "asterisk"
    web_prefix: str = "w"
    """A person's telephone in the browser is this and the extension: `w1001`."""
    max_frame_bytes: int = 65_536
    send_timeout_s: float = 10.0
    """A browser or an Asterisk that does not take a message for so long is cut off."""
