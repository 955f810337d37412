"""`/notices` (通知, M-46): what is due soon, overdue, waiting or returned, for the people concerned.

Entries of the knowledge base that are to be reviewed (M-68) stand there until somebody has confirmed or changed them,
trainings that are missing or end soon (M-89) until a new one is in the register, reports and quality results until they
have gone their way or were looked at, approval items of other systems until they are decided, figures until they are within
their bounds again (M-120, M-133).
"""

from collections.abc import Sequence
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.kb.common import editor
from agent_desktop.quality.reach import GRADED, GRADERS, viewer_of
from agent_desktop.ticket.page import who_asks
from core.clock import beijing
from core.db import provided
from core.people import Role, User
from core.web import changes
from core.web.app import add_room, render, see_other
from core.web.keys import CLOCK, DB, person
from core.web.routes import Routes
from kb import entries
from kb.models import Entry
from reports import waiting
from reports.outside.events import OutsideReported
from reports.training import standing
from reports.training.settings import TrainingSettings
from reports.training.words import STATES, TONES, TOPICS
from reports.waiting import Kind, Waiting
from tickets import notices
from tickets.access import own_units
from tickets.events import NoticesPosted
from tickets.finances.access import PEOPLE

routes = Routes()
TOLD = frozenset(Role) - {Role.ADMIN}
REVIEWERS = frozenset({Role.LIAISON, Role.HEAD})
MOST_REVIEWS = 100
PATHS = {
    Kind.REPORT: "/reports/filed/{}",
    Kind.SAMPLE: "/quality/samples/{}",
    Kind.TASK: "/orders/tasks/{}",
    Kind.PURGE: "/supervise/retention/{}",
    Kind.APPROVAL: "/inspect/approvals/{}",
    Kind.SERIES: "/inspect/series",
    Kind.MAYOR: "/tickets/{}",
    Kind.FINANCE: "/finances/{}",
    Kind.RECTIFICATION: "/finances/{}/feedback",
    Kind.MEETING: "/finances/units/{}",
}
PURGERS = frozenset({Role.SUPERVISOR, Role.INSPECTOR})


@routes.get("/notices", roles=TOLD)
async def page(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        user = await who_asks(session, request)
        shown = await notices.of_person(session, request.app[CLOCK], user)
        reviews = await _reviews(session, request)
        trainings = await _trainings(session, request, user)
        lines = await _waiting(session, request)
    tones = dict.fromkeys(notices.GRAVE, "bad")
    return render(
        request, "notices/notices.html", shown=shown, tones=tones, reviews=reviews, trainings=trainings, topics=TOPICS,
        training_states=STATES, training_tones=TONES, me=user.id, waiting=lines, paths=PATHS,
    )  # fmt: skip


@routes.get("/notices/count", roles=TOLD)
async def count(request: web.Request) -> web.StreamResponse:
    """{"unread"}: what the bell shows: notices not read, entries to review, trainings, reports and grades that wait."""
    async with request.app[DB].reading() as session:
        user = await who_asks(session, request)
        unread = await notices.unread(session, request.app[CLOCK], user)
        standing_ones = [
            *await _reviews(session, request),
            *await _trainings(session, request, user),
            *await _waiting(session, request),
        ]
        return web.json_response({"unread": unread + len(standing_ones)})


@routes.post("/notices/read", roles=TOLD)
async def read(request: web.Request) -> web.StreamResponse:
    """`id`, as often as there are notices on the page: these are read."""
    form = await request.post()
    ids = [int(str(one)) for one in form.getall("id", []) if str(one).isdecimal() and len(str(one)) < 16]
    async with request.app[DB].unit_of_work() as session:
        user = await who_asks(session, request)
        await notices.mark_read(session, request.app[CLOCK], user, ids)
    return see_other("/notices")


async def _reviews(session: AsyncSession, request: web.Request) -> Sequence[Entry]:
    """Entries of the person's units whose review-by date has come (M-68), the oldest first."""
    if not person(request).roles & REVIEWERS:
        return ()
    who, today = await editor(request, session), beijing(request.app[CLOCK].now()).date()
    return await entries.due_for_review(session, today, who.unit_ids, MOST_REVIEWS)


async def _trainings(session: AsyncSession, request: web.Request, user: User) -> Sequence[Any]:
    """One's own trainings that are missing or end soon; a head's people's too."""
    units = own_units(user) if Role.HEAD in user.roles else ()
    today = beijing(request.app[CLOCK].now()).date()
    return await standing.told_to(session, provided(session, TrainingSettings), today, user, units)


async def _waiting(session: AsyncSession, request: web.Request) -> list[Waiting]:
    """Tasks, published finances, reports, quality results, removals and alarms of other systems that wait for this person."""
    viewer, now = await viewer_of(request, session), request.app[CLOCK].now()
    found = await waiting.of_tasks(session, viewer.user, now)
    if viewer.user.roles & PEOPLE:
        found += await waiting.of_finances(session, viewer.user, now)
    if viewer.user.roles & PURGERS and viewer.own_region is not None:
        found += await waiting.of_purges(session, viewer.user, viewer.own_region)
    if Role.INSPECTOR in viewer.user.roles and viewer.own_region is not None:
        found += await waiting.of_inspectors(session, viewer.own_region, now)
    if Role.OFFICE in viewer.user.roles and viewer.own_region is not None:
        found += await waiting.of_office(session, viewer.own_region, now)
        found += await waiting.of_mayor(session, viewer.own_region, now)
    if viewer.user.roles & GRADED:
        found += await waiting.of_graded(session, viewer.user, viewer.concerns, now)
    if viewer.user.roles & GRADERS:
        found += await waiting.of_grader(session, viewer.user, viewer.grades)
    return found


def setup(app: web.Application) -> None:
    add_room(app, "agent_desktop.notices", prefix="notices")
    routes.register(app)
    changes.announce(app, NoticesPosted, "notices")
    changes.announce(app, OutsideReported, "notices")
