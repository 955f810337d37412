"""What the telephony rooms need to be told; composed and validated in `config`."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class LineSettings:
    """One line (专线): a number that citizens dial and the region that answers (M-01, M-04)."""

    number: str = "96128"
    region: str = ""
    """Code of the region; empty: the first prefecture."""


@dataclass(frozen=True)
class AsteriskSettings:
    mode: str = "embedded"
    """`embedded`: started and configured by the hotline; `external`: somebody else's, reached over AMI."""
    binary: Path = Path(".tools/bin/asterisk")
    modules_dir: Path = Path(".tools/asterisk/modules")
    data_dir: Path = Path(".tools/asterisk/data")
    host: str = "127.0.0.1"
    """Embedded: where SIP and RTP listen, only loopback unless set otherwise. External: where AMI is reached."""
    sip_port: int = 5060
    ami_port: int = 5038
    ami_user: str = "controller"
    ami_secret: str = ""
    """Empty in embedded mode: generated into data_dir."""
    http_port: int = 8088
    """Asterisk's own WebSocket, for the desk's proxy only."""
    http_host: str = ""
    """The address of that WebSocket when the desk runs on another machine; empty: where AMI is."""
    rtp_start: int = 10000
    rtp_end: int = 10999
    system_name: str = "n1"
    """Prefix of every call id; each node has its own."""
    trunk_match: tuple[str, ...] = ("127.0.0.1",)
    """Addresses whose calls are citizens' calls, no registration needed."""
    trunk_contact: str = ""
    """SIP address that calls to citizens are sent to; empty: no calls out."""
    srtp_phones: bool = False
    """Staff's SIP telephones must encrypt their voice (SDES); those in pages always do (DTLS)."""
    srtp_trunk: bool = False
    """So must the trunk, in and out."""
    spool_dir: Path | None = None
    """External mode: where the recordings appear."""

    @property
    def control_host(self) -> str:
        """Where AMI and the WebSocket are: an embedded Asterisk serves them to this machine alone."""
        return "127.0.0.1" if self.mode == "embedded" else self.host

    @property
    def websocket_url(self) -> str:
        return f"ws://{self.http_host or self.control_host}:{self.http_port}/ws"


@dataclass(frozen=True)
class CallSettings:
    """Times of the call flow, in seconds."""

    ring_s: int = 18
    """A liaison and each backup; three rungs and what is said between them stay within 65 s (M-12)."""
    phone_ring_s: int = 18
    """A unit's service telephone."""
    return_ring_s: int = 20
    """The operator whose transfer failed, before the caller goes to the queue."""
    hold_tell_s: int = 45
    """A caller on hold for a consultation is told so often not to hang up."""
    queue_limit_s: int = 600
    alone_queue_s: int = 60
    """As `queue_limit_s`, of a caller whom the dialplan serves without a controller."""
    same_operator_hours: int = 24
    """A caller who calls again within this time is offered the operator who knows the matter, if free; 0: never."""
    menu_limit_s: int = 600
    """The whole menu part of one call (mission §5.6)."""
    survey_s: float = 6.0
    wrap_up_remind_s: int = 60
    """After so long in wrap-up the desk reminds its operator."""


@dataclass(frozen=True)
class TelephonySettings:
    line: LineSettings = field(default_factory=LineSettings)
    asterisk: AsteriskSettings = field(default_factory=AsteriskSettings)
    calls: CallSettings = field(default_factory=CallSettings)
