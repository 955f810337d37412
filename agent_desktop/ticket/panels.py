"""Panels (办理栏): what a ticket's page offers to do, brought by the folders of those who do it.

A folder adds its own while setting up: `add_panel(app, Panel(roles, "office/dispatch.html", build))`. `build` gets the
case and returns the template's variables, or None when there is nothing to do for this person at this moment. The
template finds these as `panel`, besides `ticket`, `case`, `names`, `words`, `seen` and `typed(form, field)`: what a
refused form held.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from core.people import Role, User
from tickets.models import Step, Ticket


@dataclass(frozen=True)
class Case:
    """A ticket on somebody's page."""

    request: web.Request
    session: AsyncSession
    user: User
    ticket: Ticket
    steps: list[Step]
    """In order, each with its unit."""

    @property
    def open_step(self) -> Step | None:
        return next((step for step in self.steps if step.finished_at is None), None)


Build = Callable[[Case], Awaitable[Mapping[str, Any] | None]]


@dataclass(frozen=True)
class Panel:
    roles: frozenset[Role]
    template: str
    build: Build


PANELS: web.AppKey[list[Panel]] = web.AppKey("PANELS")


def add_panel(
    app: web.Application, roles: Iterable[Role], template: str, build: Build, *, on_top: bool = False
) -> None:
    """Panels stand on the page in the order they were added, one `on_top` above all others."""
    panels = app.setdefault(PANELS, [])
    panels.insert(0 if on_top else len(panels), Panel(frozenset(roles), template, build))


async def panels_for(case: Case) -> list[dict[str, Any]]:
    """The panels that have something for this person, each with `template` and its variables."""
    theirs = [panel for panel in case.request.app.get(PANELS, []) if panel.roles & case.user.roles]
    built = [(panel, await panel.build(case)) for panel in theirs]
    return [{"template": panel.template, **found} for panel, found in built if found is not None]
