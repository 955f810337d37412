"""Administration (系统管理): the directory, accounts, calendar and keys; whoever keeps them sees no content (§5.9)."""

from aiohttp import web

from agent_desktop.admin import (
    calendar,
    directory,
    imports,
    machine,
    people_views,
    prompts,
    readiness,
    reconciliation,
    webhooks,
)
from core.calendar.holidays import CalendarChanged
from core.organisation.store import DirectoryChanged
from core.web import changes
from core.web.app import add_room
from ivr.speech.versions import PromptsChanged


def setup(app: web.Application) -> None:
    add_room(app, "agent_desktop.admin", prefix="admin")
    for part in (
        people_views,
        directory,
        readiness,
        imports,
        calendar,
        prompts,
        machine,
        reconciliation,
        webhooks,
    ):
        part.routes.register(app)
    changes.announce(app, DirectoryChanged, "directory")
    changes.announce(app, CalendarChanged, "calendar")
    changes.announce(app, PromptsChanged, "prompts")
