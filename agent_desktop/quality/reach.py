"""Who grades and who sees results (§5.9 「QA score」): graders their regions, a head their unit, the others themselves."""

from dataclasses import dataclass

from aiohttp import web
from sqlalchemy import ColumnElement, false, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.reports.reach import Reach, reach_of
from agent_desktop.ticket.page import who_asks
from core.people import Role, User
from core.units import Unit
from recordings.models import Call
from reports.quality.models import Grade, Sample
from tickets.access import own_units, subordinates

GRADERS = frozenset({Role.SUPERVISOR, Role.OFFICE, Role.INSPECTOR})
GRADED = frozenset({Role.OPERATOR, Role.LIAISON, Role.HEAD})
READERS = GRADERS | GRADED


@dataclass(frozen=True)
class Viewer:
    """The person behind a request, as far as quality goes."""

    user: User
    reach: Reach | None
    """Of a grader; None: not one."""
    own_region: int | None = None
    """The region the person works for."""

    @property
    def regions(self) -> frozenset[int]:
        return frozenset(self.reach.regions) if self.reach else frozenset()

    @property
    def grades(self) -> ColumnElement[bool]:
        """The samples this person may grade, `calls` joined."""
        return Call.region_id.in_(self.regions) if self.reach else false()

    @property
    def concerns(self) -> ColumnElement[bool]:
        """The graded samples that are about this person or, for a head, about their unit's people."""
        about = Sample.user_id == self.user.id
        if Role.HEAD in self.user.roles:
            units = or_(Sample.unit_id.in_(own_units(self.user)), Sample.unit_id.in_(subordinates(self.user)))
            about = or_(about, units)
        is_graded = Sample.id.in_(select(Grade.sample_id))
        return about & is_graded & (true() if self.user.roles & GRADED else false())

    @property
    def sees(self) -> ColumnElement[bool]:
        return self.grades | self.concerns


async def viewer_of(request: web.Request, session: AsyncSession) -> Viewer:
    user = await who_asks(session, request)
    if not user.roles & GRADERS:
        return Viewer(user, None)
    own = user.region_id
    if own is None and user.unit_id is not None:
        own = (await session.get_one(Unit, user.unit_id)).region_id
    return Viewer(user, await reach_of(request, session), own)
