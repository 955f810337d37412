"""Routes that say who may use them (M-90): one without an audience cannot be written, and none is served."""

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from core.people import Role
from core.web.keys import Channel, SignedIn


class Audience(Enum):
    PUBLIC = "public"
    """Anybody, without a name."""
    SIGNED_IN = "signed_in"
    """Any member of staff."""
    CLIENTS = "clients"
    """Any channel key, any member of staff: the open part of the JSON API."""


PUBLIC = Audience.PUBLIC
SIGNED_IN = Audience.SIGNED_IN
CLIENTS = Audience.CLIENTS
_EXPRESSION = re.compile(r"\{(\w+):(?:[^{}]|\{[^{}]*\})*\}")
Roles = Audience | frozenset[Role]


@dataclass(frozen=True)
class Param:
    """One input of an API route, for openapi.json."""

    name: str
    text: str
    place: str = "query"
    """query, path, header, or body: a field of the JSON object"""
    kind: str = "string"
    required: bool = False
    limits: dict[str, Any] = field(default_factory=dict)
    """Further words of JSON schema, such as `maxLength` or `enum`."""


@dataclass(frozen=True)
class ApiDoc:
    """What openapi.json says of a route.

    `answer` maps each field of the success body to its schema (`core.web.schema`), or to its Chinese meaning alone.
    """

    title: str
    params: tuple[Param, ...] = ()
    answer: dict[str, str | dict[str, Any]] = field(default_factory=dict)
    status: int = 200
    media_type: str = "application/json"
    """Of the success body; anything but JSON has no `answer`."""
    rules: dict[str, Any] = field(default_factory=dict)
    """What holds between the fields of the body, in words of JSON schema: `anyOf`."""


@dataclass(frozen=True)
class Declared:
    method: str
    path: str
    handler: Handler
    roles: Roles
    nav: str = ""
    """Its entry in the navigation, shown to exactly those who may open it."""
    doc: ApiDoc | None = None
    body_kb: int | None = None
    """The largest body it takes, where that is not `HttpSettings.max_body_kb`."""

    @property
    def pattern(self) -> str:
        """The path for people and for openapi.json: `/desk/kb/{entry_id}` without the expression that follows."""
        return _EXPRESSION.sub(r"{\1}", self.path)


DECLARED: web.AppKey[dict[web.AbstractRoute, Declared]] = web.AppKey("DECLARED")
Decorator = Callable[[Handler], Handler]


class Routes:
    """A folder's routes, collected by decorators and registered once."""

    def __init__(self) -> None:
        self.items: list[Declared] = []

    def get(
        self, path: str, *, roles: Audience | Iterable[Role], nav: str = "", doc: ApiDoc | None = None
    ) -> Decorator:
        return self._add("GET", path, roles, nav, doc)

    def post(
        self,
        path: str,
        *,
        roles: Audience | Iterable[Role],
        doc: ApiDoc | None = None,
        body_kb: int | None = None,
    ) -> Decorator:
        return self._add("POST", path, roles, "", doc, body_kb)

    def delete(self, path: str, *, roles: Audience | Iterable[Role], doc: ApiDoc | None = None) -> Decorator:
        return self._add("DELETE", path, roles, "", doc)

    def register(self, app: web.Application) -> None:
        for item in self.items:
            route = app.router.add_route(item.method, item.path, item.handler)
            app[DECLARED][route] = item
            if item.method == "GET":  # HEAD may do what GET may
                app[DECLARED][app.router.add_route("HEAD", item.path, item.handler)] = item

    def _add(
        self,
        method: str,
        path: str,
        roles: Audience | Iterable[Role],
        nav: str,
        doc: ApiDoc | None,
        body_kb: int | None = None,
    ) -> Decorator:
        who: Roles = roles if isinstance(roles, Audience) else frozenset(roles)
        if not isinstance(who, Audience) and not who:
            raise ValueError(f"{method} {path}: a page for nobody")

        def keep(handler: Callable[[web.Request], Awaitable[Any]]) -> Handler:
            self.items.append(Declared(method, path, handler, who, nav, doc, body_kb))
            return handler

        return keep


def may(roles: Roles, user: SignedIn | None, channel: Channel | None = None) -> bool:
    """Whether this person or channel may use a route declared for `roles`."""
    if roles is PUBLIC:
        return True
    if roles is CLIENTS:
        return user is not None or channel is not None
    if user is None:
        return False
    return isinstance(roles, Audience) or bool(user.roles & roles)


def declared(app: web.Application) -> list[Declared]:
    """Every declaration once, in the order of registration."""
    return list({id(item): item for item in app[DECLARED].values()}.values())
