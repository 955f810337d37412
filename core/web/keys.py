"""Typed names of what a handler finds in `request.app` and in `request`."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from core.bus import Bus
from core.clock import Clock
from core.db import Database
from core.people import Role
from core.tasks import Tasks
from core.web.settings import HttpSettings

if TYPE_CHECKING:
    from core.web.push import Hub


@dataclass(frozen=True)
class SignedIn:
    """The person behind a request, as known when the request came in."""

    user_id: int
    username: str
    display_name: str
    roles: frozenset[Role]
    unit_id: int | None = None
    region_id: int | None = None
    extension: str | None = None
    staff_number: str | None = None


@dataclass(frozen=True)
class Channel:
    """Another query channel's machine account (M-101): what it sends is stamped with `channel`."""

    token_id: int
    channel: str
    name: str


@dataclass(frozen=True)
class PartState:
    """One part as /readyz shows it; `ok` false makes the whole not ready."""

    ok: bool
    text: str = ""


Probe = Callable[[], Awaitable[PartState]]


@dataclass(frozen=True)
class WebDeps:
    """What the web side is given by the composition root."""

    db: Database
    clock: Clock
    bus: Bus
    tasks: Tasks
    settings: HttpSettings
    probes: Mapping[str, Probe] = field(default_factory=dict)
    """Further parts for /readyz by name, e.g. `asterisk`."""


DB = web.AppKey("DB", Database)
CLOCK: web.AppKey[Clock] = web.AppKey("CLOCK")
BUS = web.AppKey("BUS", Bus)
TASKS = web.AppKey("TASKS", Tasks)
SETTINGS = web.AppKey("SETTINGS", HttpSettings)
HUB: "web.AppKey[Hub]" = web.AppKey("HUB")
PROBES: web.AppKey[dict[str, Probe]] = web.AppKey("PROBES")

USER: web.RequestKey[SignedIn | None] = web.RequestKey("USER")
"""The signed-in person, or None on a public page."""
CHANNEL: web.RequestKey[Channel | None] = web.RequestKey("CHANNEL")
SESSION_ID: web.RequestKey[int | None] = web.RequestKey("SESSION_ID")
CSRF: web.RequestKey[str] = web.RequestKey("CSRF")
REQUEST_ID: web.RequestKey[str] = web.RequestKey("REQUEST_ID")


def person(request: web.Request) -> SignedIn:
    """The signed-in person of a route that only people may use."""
    user = request[USER]
    if user is None:
        raise web.HTTPInternalServerError(reason="route without a person")
    return user
