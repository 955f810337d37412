"""The settings (设置) of one hotline: every room's own settings, read once, checked whole, paths made absolute.

Order of precedence: environment over file over default. Nothing is opened here but the file, and the secrets that
are generated at first use. Reading is `settings_source`'s, the Chinese sentences are `settings_faults`'.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_type_hints

from agent_desktop.phone.settings import CallerPhoneSettings
from config import settings_source as source
from config.secrets import UNSET, kept
from config.settings_faults import SettingsInvalid, structure
from core.calendar.holidays import CalendarSettings
from core.clock import Clock, ShiftedClock, SystemClock
from core.db import DatabaseSettings
from core.web.settings import HttpSettings
from ivr.settings import AsteriskSettings, CallSettings, LineSettings, TelephonySettings
from ivr.speech.prompts import PromptSettings
from portal.settings import PortalSettings
from recordings.settings import RecordingSettings
from reports.settings import ReportSettings
from reports.training.settings import TrainingSettings
from tickets.settings import AttachmentSettings, TicketSettings

__all__ = ["HOME", "LogSettings", "Settings", "SettingsInvalid", "keys", "load", "make_clock"]

HOME = Path(__file__).resolve().parents[1]
"""The project folder: relative programs and a relative data_dir begin here, wherever the command is started."""
Mode = Literal["production", "demo", "test"]
WEBSOCKET_OFFSET = 4271
"""Asterisk's own WebSocket listens this far from http.port: an odd distance, so that neighbours do not meet."""
DERIVED = frozenset(
    {
        "recordings.spool_dir",
        "recordings.keyring",
        "http.hotline_number",
        "caller_phone.numbers",
        "caller_phone.guests",
        "portal.region",
        "portal.secret",
        "calendar._loaded",
    }
)
"""Fields of the rooms' settings that follow from other keys and are no keys themselves."""
_OF_THE_PROJECT = ("asterisk.binary", "asterisk.modules_dir", "asterisk.data_dir", "calendar.table")
_OF_THE_DATA = (
    "asterisk.spool_dir",
    "recordings.archive_dir",
    "attachments.folder",
    "prompts.sounds_dir",
    "prompts.overrides_dir",
    "prompts.music_dir",
)
_DEFAULTS: dict[str, dict[str, Any]] = {
    "asterisk": {"http_port": 0},
    "recordings": {"archive_dir": "recordings"},
    "attachments": {"folder": "attachments"},
    "prompts": {
        "sounds_dir": "asterisk/data/sounds/zh",
        "overrides_dir": "prompts",
        "music_dir": "asterisk/moh",
        "command": "",
    },
    "calendar": {"table": "config/calendar/cn.toml"},
    "tickets": {"code_secret": ""},
}
"""Where the hotline as a whole knows better than the room's own default, or the room has none."""


@dataclass(frozen=True)
class LogSettings:
    level: str = "INFO"
    json: bool = False
    """One JSON object a line, for a log collector."""


@dataclass(frozen=True)
class Settings:
    tickets: TicketSettings
    prompts: PromptSettings
    calendar: CalendarSettings
    mode: Mode = "production"
    data_dir: Path = Path("var")
    test_clock: datetime | None = None
    """Where the clock starts (M-98); only in the modes test and demo."""
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    line: LineSettings = field(default_factory=LineSettings)
    asterisk: AsteriskSettings = field(default_factory=AsteriskSettings)
    calls: CallSettings = field(default_factory=CallSettings)
    recordings: RecordingSettings = field(default_factory=RecordingSettings)
    caller_phone: CallerPhoneSettings = field(default_factory=CallerPhoneSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    reports: ReportSettings = field(default_factory=ReportSettings)
    attachments: AttachmentSettings = field(default_factory=AttachmentSettings)
    portal: PortalSettings = field(default_factory=PortalSettings)
    log: LogSettings = field(default_factory=LogSettings)

    @property
    def of_the_database(self) -> tuple[object, ...]:
        """What `Database.provide` is given: rooms read these wherever they have a session."""
        return self.tickets, self.calendar, self.training, self.reports

    @property
    def telephony(self) -> TelephonySettings:
        return TelephonySettings(self.line, self.asterisk, self.calls)

    @property
    def caller_phone_enabled(self) -> bool:
        """The page `/phone`: always in the demo, elsewhere when switched on."""
        return self.caller_phone.enabled

    @property
    def kb_index(self) -> Path:
        """The search index of the knowledge base, made from the database and rebuilt when it is lost."""
        return self.data_dir / "kb" / "index"

    @property
    def kb_files(self) -> Path:
        """The attachments of entries."""
        return self.data_dir / "kb" / "files"

    @property
    def secrets_dir(self) -> Path:
        return self.data_dir / "secrets"


def load(environ: Mapping[str, str], *, mode: Mode | None = None, make_secrets: bool = True) -> Settings:
    """The settings of this machine; SettingsInvalid names everything that is wrong at once.

    `mode` is what the command line asks for (`run --demo`) and wins over file and environment. Without `make_secrets`
    the data folder stays untouched, for a restore that brings the secrets along.
    """
    raw = source.read(environ, HOME / "config" / "hotline.toml", keys())
    if mode:
        raw.values["mode"] = mode
    for section, defaults in _DEFAULTS.items():
        if isinstance(given := raw.values.setdefault(section, {}), dict):
            raw.values[section] = defaults | given
    settings = structure(raw, Settings, DERIVED)
    return provide_secrets(_resolved(settings)) if make_secrets else _resolved(settings)


def provide_secrets(settings: Settings) -> Settings:
    """The settings with every secret in place."""
    code, ami = settings.tickets.code_secret, settings.asterisk.ami_secret
    if code == UNSET:
        code = kept(settings.secrets_dir / "query_code").encode()
    if settings.asterisk.mode == "embedded":
        ami = ami or kept(settings.secrets_dir / "ami")
    return replace(
        settings,
        tickets=replace(settings.tickets, code_secret=code),
        portal=replace(settings.portal, secret=hmac.digest(code, b"portal forms", "sha256")),
        asterisk=replace(settings.asterisk, ami_secret=ami),
    )


def make_clock(settings: Settings) -> Clock:
    """The machine's clock, or the test clock when one is set."""
    return ShiftedClock(settings.test_clock) if settings.test_clock else SystemClock()


def keys(kind: type = Settings, prefix: str = "") -> dict[str, Any]:
    """Every key that may be set, `section.key`, with its type."""
    found: dict[str, Any] = {}
    hints = get_type_hints(kind)
    for one in fields(kind):
        path = f"{prefix}{one.name}"
        if is_dataclass(hints[one.name]):
            found |= keys(hints[one.name], f"{path}.")
        elif path not in DERIVED:
            found[path] = hints[one.name]
    return found


def _resolved(settings: Settings) -> Settings:
    """Every path absolute, every default that follows from another key filled in."""
    data_dir = HOME / settings.data_dir
    settings = replace(settings, data_dir=data_dir)
    settings = _based(_based(settings, _OF_THE_PROJECT, HOME), _OF_THE_DATA, data_dir)
    asterisk, database = settings.asterisk, settings.database
    return replace(
        settings,
        database=replace(database, url=database.url or f"sqlite+aiosqlite:///{data_dir / 'hotline.db'}"),
        asterisk=replace(asterisk, http_port=asterisk.http_port or _websocket_port(settings)),
        recordings=replace(
            settings.recordings,
            spool_dir=asterisk.spool_dir or data_dir / "asterisk" / "spool",
            keyring=settings.secrets_dir / "recording_keys.json",
        ),
        prompts=replace(settings.prompts, command=settings.prompts.command or _speech_command()),
        http=replace(settings.http, hotline_number=settings.line.number),
        portal=replace(settings.portal, region=settings.line.region),
        caller_phone=replace(
            settings.caller_phone,
            enabled=settings.caller_phone.enabled or settings.mode == "demo",
            numbers=(settings.line.number,),
        ),
    )


def _based(settings: Settings, paths: tuple[str, ...], folder: Path) -> Settings:
    for path in paths:
        section, key = path.split(".")
        room = getattr(settings, section)
        if value := getattr(room, key):
            settings = replace(settings, **{section: replace(room, **{key: folder / value})})
    return settings


def _websocket_port(settings: Settings) -> int:
    taken = {settings.http.port, settings.asterisk.sip_port, settings.asterisk.ami_port}
    port = settings.http.port + WEBSOCKET_OFFSET
    port = port if port <= 65535 else settings.http.port - WEBSOCKET_OFFSET
    return next(candidate for candidate in range(port, port + 4) if candidate not in taken)


def _speech_command() -> str:
    """The rooms' own synthesiser, found wherever the command is started."""
    hints = {one.name: one.default for one in fields(PromptSettings)}
    command = str(hints["command"])
    return command.replace(".tools/", f"{HOME}/.tools/", 1) if " " not in str(HOME) else command
