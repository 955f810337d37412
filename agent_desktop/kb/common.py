"""What the pages of this folder share: who may open them, and who the signed-in person is as an editor."""

from typing import Any

from aiohttp import web
from multidict import MultiMapping
from sqlalchemy.ext.asyncio import AsyncSession

from core.people import Role
from core.web.keys import person
from kb.access import EDITORS, Editor, editor_of

READERS = EDITORS | {Role.OPERATOR}
"""Everybody finds and reads everything (M-67); the desk may remark on it."""
WRITERS = frozenset({Role.LIAISON, Role.OFFICE})
PUBLISHERS = frozenset({Role.OFFICE, Role.SECRECY})
ENTRY = "/kb/entries/{entry_id:[0-9]{1,9}}"


async def editor(request: web.Request, session: AsyncSession) -> Editor:
    who = person(request)
    return await editor_of(session, who.user_id, who.roles)


def entry_id(request: web.Request) -> int:
    return int(request.match_info["entry_id"])


def text(form: MultiMapping[Any], name: str) -> str:
    """A text field of a form, trimmed; a file sent in its place is none."""
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""
