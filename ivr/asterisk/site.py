"""The site's own values for Asterisk: copies `dialplan/*.conf` and writes the `site/` files that they include.

Passwords are generated once into the data folder; nothing here is ever committed.
"""

import secrets
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.lines import Line
from ivr.queue.regions import BASE
from ivr.settings import AsteriskSettings, CallSettings

EMPTY_CONFIGURATIONS = (
    "acl.conf",
    "ccss.conf",
    "indications.conf",
    "queuerules.conf",
    "stasis.conf",
    "udptl.conf",
)
"""Files that Asterisk asks for and the hotline leaves at their defaults."""
TRUNK = "trunk"
TRUNK_WATCH = "trunk-watch"
"""Under this name Asterisk asks the trunk whether it is there."""
LOCAL = "127.0.0.1"
"""AMI of an embedded Asterisk serves this machine alone, wherever SIP listens, and so does its WebSocket unless set otherwise."""
DIALPLAN = Path(__file__).parents[2] / "dialplan"


@dataclass(frozen=True)
class Telephone:
    """A person's telephone: endpoint `<extension>` on the desk and `w<extension>` in the browser."""

    extension: str
    password: str
    caller_number: str = ""
    """Shown to whom it calls; empty: the extension."""


@dataclass(frozen=True)
class Folders:
    """Where an embedded Asterisk lives under the data folder."""

    root: Path

    @property
    def etc(self) -> Path:
        return self.root / "etc"

    @property
    def spool(self) -> Path:
        """Recordings appear here: `talk/`, `consult/`, `message/`."""
        return self.root / "spool"

    @property
    def sounds(self) -> Path:
        """The prompts, where Asterisk looks for language zh."""
        return self.root / "data" / "sounds" / "zh"

    @property
    def music(self) -> Path:
        return self.root / "moh"

    @property
    def log(self) -> Path:
        return self.root / "log"


@dataclass(frozen=True)
class LineFacts:
    """What Asterisk is told of the lines: the queues of their regions, and the dialplan's global variables."""

    queues: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def secret(folders: Folders, name: str) -> str:
    """A password kept in the data folder, generated at first use."""
    file = folders.root / "secrets" / name
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(16))
    return file.read_text()


def write_all(
    settings: AsteriskSettings,
    folders: Folders,
    *,
    lines: LineFacts,
    phones: Iterable[Telephone],
    calls: CallSettings,
    guests: Iterable[Telephone] = (),
) -> None:
    """Write the whole configuration."""
    site = folders.etc / "site"
    site.mkdir(parents=True, exist_ok=True)
    for kind in ("talk", "consult", "message"):
        (folders.spool / kind).mkdir(parents=True, exist_ok=True)
    for name in EMPTY_CONFIGURATIONS:
        (folders.etc / name).touch()
    for file in DIALPLAN.glob("*.conf"):
        shutil.copy(file, folders.etc / file.name)
    _link_data(settings.data_dir, folders)
    (folders.etc / "asterisk.conf").write_text(_asterisk(settings, folders))
    write_lines(folders, lines, calls)
    (site / "manager.conf").write_text(_manager(settings, settings.ami_secret or secret(folders, "ami")))
    (site / "http.conf").write_text(
        f"[general]\nenabled=yes\nbindaddr={settings.http_host or LOCAL}\nbindport={settings.http_port}\n"
    )
    (site / "rtp.conf").write_text(
        f"[general]\nrtpstart={settings.rtp_start}\nrtpend={settings.rtp_end}\nicesupport=yes\nstrictrtp=yes\n"
    )
    (site / "musiconhold.conf").write_text(f"[default]\nmode=files\ndirectory={folders.music}\nsort=alpha\n")
    write_phones(settings, folders, phones, guests)


def line_variables(line: Line, queues: Mapping[int, str]) -> dict[str, str]:
    """What the dialplan knows of a line, as global variables: region, calls at once (M-13), its region's queue, its language."""
    capacity = "" if line.capacity is None else str(line.capacity)
    return {
        f"LINE_{line.number}": line.region.code,
        f"CAPACITY_{line.number}": capacity,
        f"QUEUE_{line.number}": queues.get(line.region_id, BASE),
        f"SKILL_{line.number}": line.language,
    }


def write_lines(folders: Folders, lines: LineFacts, calls: CallSettings) -> None:
    """Write the numbers that are answered; a running Asterisk is told by `Setvar`, a reload would stop its beat."""
    (folders.etc / "site" / "extensions.conf").write_text(_globals(folders, lines, calls))
    queues = "".join(f"[{queue}](seats)\n" for queue in lines.queues)
    (folders.etc / "site" / "queues.conf").write_text(queues)


def write_phones(
    settings: AsteriskSettings, folders: Folders, phones: Iterable[Telephone], guests: Iterable[Telephone]
) -> None:
    """Write the telephones alone; Asterisk takes them up with `module reload res_pjsip.so`."""
    parts = [_transports(settings), _trunk(settings)]
    parts += [_phone(phone, _encryption(settings.srtp_phones)) for phone in phones]
    parts += [_endpoint(guest.extension, guest, "guest", "web-aor") for guest in guests]
    (folders.etc / "site" / "pjsip.conf").write_text("\n".join(parts))


def _link_data(data_dir: Path, folders: Folders) -> None:
    """Asterisk's own data (its documentation) beside our prompts."""
    folders.sounds.mkdir(parents=True, exist_ok=True)
    for entry in data_dir.iterdir():
        link = folders.root / "data" / entry.name
        if entry.name not in ("sounds", "moh") and not link.is_symlink():
            link.symlink_to(entry.absolute())


def _asterisk(settings: AsteriskSettings, folders: Folders) -> str:
    root = folders.root.absolute()
    for name in ("run", "db", "keys/keys", "agi", "log", "lib", "moh"):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "log" / "cdr-csv").mkdir(exist_ok=True)
    (root / "log" / "cel-custom").mkdir(exist_ok=True)
    return f"""[directories]
astetcdir => {root}/etc
astmoddir => {settings.modules_dir.absolute()}
astvarlibdir => {root}/lib
astdbdir => {root}/db
astkeydir => {root}/keys
astdatadir => {root}/data
astagidir => {root}/agi
astspooldir => {root}/spool
astrundir => {root}/run
astlogdir => {root}/log
astsbindir => {root}/run

[options]
systemname = {settings.system_name}
documentation_language = en_US
defaultlanguage = zh
sounds_search_custom_dir = no
live_dangerously = no
maxload = 0
verbose = 0
debug = 0
transmit_silence = no
hideconnect = yes
"""


def _globals(folders: Folders, lines: LineFacts, calls: CallSettings) -> str:
    entries = [f"{name}={value}" for name, value in lines.variables.items()]
    times = [
        f"RETURN_RING_S={calls.return_ring_s}",
        f"HOLD_TELL_S={calls.hold_tell_s}",
        f"ALONE_QUEUE_S={calls.alone_queue_s}",
    ]
    return "\n".join(["[globals]", f"SPOOL={folders.spool.absolute()}", *times, *entries, ""])


def _manager(settings: AsteriskSettings, ami_secret: str) -> str:
    return f"""[general](+)
bindaddr={LOCAL}
port={settings.ami_port}

[{settings.ami_user}](events)
secret={ami_secret}
deny=0.0.0.0/0.0.0.0
permit={LOCAL}/255.255.255.255
"""


def _transports(settings: AsteriskSettings) -> str:
    bind = f"{settings.host}:{settings.sip_port}"
    return f"""[udp]
type=transport
protocol=udp
bind={bind}

[tcp]
type=transport
protocol=tcp
bind={bind}

[ws]
type=transport
protocol=ws
bind={LOCAL}
"""


def _trunk(settings: AsteriskSettings) -> str:
    contact = f"contact={settings.trunk_contact}\n" if settings.trunk_contact else ""
    watch = f"\n[{TRUNK_WATCH}](trunk-watch-endpoint)\naors={TRUNK_WATCH}\n\n[{TRUNK_WATCH}](trunk-watch-aor)\n{contact}"
    matches = "\n".join(f"match={address}" for address in settings.trunk_match)
    return f"""[trunk](trunk-endpoint)
aors=trunk
{_encryption(settings.srtp_trunk)}
[trunk]
type=aor
{contact}
[trunk]
type=identify
endpoint=trunk
{matches}
{watch if contact else ""}"""


def _encryption(is_wanted: bool) -> str:
    return "media_encryption=sdes\n" if is_wanted else ""


def _phone(phone: Telephone, encryption: str) -> str:
    desk = _endpoint(phone.extension, phone, "phone", "phone-aor", encryption)
    return desk + "\n" + _endpoint(f"w{phone.extension}", phone, "web-phone", "web-aor")


def _endpoint(name: str, phone: Telephone, template: str, aor: str, more: str = "") -> str:
    return f"""[{name}]({template})
auth={name}
aors={name}
callerid=<{phone.caller_number or phone.extension}>
{more}
[{name}]({aor})

[{name}](phone-auth)
username={name}
password={phone.password}
"""
