"""`/training/practice` (练习, M-89): practice calls with their tickets; a trainer hears and grades them on a score sheet.

Operators practise at the desk, liaisons by their own telephone from here. Both see their own calls with the grades, a
head the unit's. Grades of practice count in no figure (K-21).
"""

from typing import Any

from aiohttp import web
from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from agent_desktop.keys import CONTROL
from agent_desktop.quality.reach import GRADERS, Viewer, viewer_of
from agent_desktop.training.reach import KEEPERS
from core.clock import beijing
from core.errors import NotFound
from core.people import Role, RoleGrant, User
from core.web.app import render, see_other
from core.web.keys import CLOCK, DB, person
from core.web.lists import Column, Filter, Query, Table, period, serve_list
from core.web.numbers import read_key
from core.web.routes import Routes
from ivr.practice_samples import samples
from recordings import ledger
from recordings.call_story.story import seconds_text
from recordings.models import Call, CallEvent, CallMark
from reports.quality import grading, sampling, sheets
from reports.quality.models import About, Grade, Sample
from tickets.access import own_units
from tickets.models import Ticket

routes = Routes()
LIAISON = (Role.LIAISON,)
READERS = GRADERS | {Role.OPERATOR, Role.LIAISON, Role.HEAD}
PLAYED = "主管扮演来电人"
_PATH = "/training/practice/{linkedid}"
_Stands = aliased(Grade, select(Grade).where(grading.STANDS).subquery())


@routes.get("/training/practice", roles=READERS)
async def listing(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        viewer = await viewer_of(request, session)
    return await serve_list(
        request, TABLE, _query(viewer), "training/practice.html", may_keep=bool(viewer.user.roles & KEEPERS)
    )


@routes.post("/training/practice/begin", roles=LIAISON)
async def begin(request: web.Request) -> web.StreamResponse:
    """`sample`: it rings the liaison's own telephone."""
    key = str((await request.post()).get("sample", ""))
    await request.app[CONTROL].practise_by_telephone(person(request).user_id, key)
    return see_other("/training/mine", flash="练习来电即将打到您的电话；说完一句停下来，对方再说下一句。")


@routes.get(_PATH, roles=READERS)
async def one(request: web.Request) -> web.StreamResponse:
    """The call, its ticket and its grade; for a grader the form that begins grading."""
    async with request.app[DB].reading() as session:
        viewer = await viewer_of(request, session)
        row = await _found(session, request, viewer)
        about = About.OPERATOR if row.is_operator else About.UNIT
        offered = [one for one in await sheets.of_regions(session, viewer.regions) if one.about == about]
    return render(
        request, "training/practised.html", row=row, title=_title(row), say=grading.say,
        sheets=offered, is_grader=viewer.reach is not None, seconds=seconds_text,
    )  # fmt: skip


@routes.post(_PATH + "/grade", roles=GRADERS)
async def begin_grading(request: web.Request) -> web.StreamResponse:
    """`sheet`: the call is to be graded by it, on the page of quality."""
    form = {name: str(value) for name, value in (await request.post()).items()}
    async with request.app[DB].unit_of_work() as session:
        viewer = await viewer_of(request, session)
        row = await _found(session, request, viewer)
        sheet = await sheets.find(session, read_key(form.get("sheet", ""), "评分表"), viewer.regions)
        sample = await sampling.single(session, request.app[CLOCK], viewer.user, row.Call, sheet)
    return see_other(f"/quality/samples/{sample.id}")


def _query(viewer: Viewer) -> Query:
    arrival = (CallEvent.call_id == Call.id) & (CallEvent.kind == ledger.ARRIVED)
    may_see = (Call.operator_id == viewer.user.id) | viewer.grades
    if Role.HEAD in viewer.user.roles:
        may_see = may_see | User.unit_id.in_(own_units(viewer.user))
    is_operator = exists().where(RoleGrant.user_id == User.id, RoleGrant.role == Role.OPERATOR)
    return (
        select(
            Call, User.display_name.label("person"), CallEvent.data["sample"].as_string().label("sample"), Ticket,
            Sample.id.label("sample_id"), _Stands.points.label("points"), is_operator.label("is_operator"),
        )
        .join(User, User.id == Call.operator_id)
        .join(CallEvent, arrival)
        .outerjoin(Ticket, Ticket.call_id == Call.id)
        .outerjoin(Sample, Sample.call_id == Call.id)
        .outerjoin(_Stands, _Stands.sample_id == Sample.id)
        .where(Call.mark == CallMark.PRACTICE, Call.ended_at.is_not(None), may_see)
    )  # fmt: skip


async def _found(session: AsyncSession, request: web.Request, viewer: Viewer) -> Any:
    wanted = _query(viewer).where(Call.linkedid == request.match_info["linkedid"])
    if (row := (await session.execute(wanted)).first()) is None:
        raise NotFound
    return row


def _title(row: Any) -> str:
    """The sample's; the key of one that has gone from the file since."""
    sample = samples().get(row.sample or "")
    return sample.title if sample else row.sample or PLAYED


TABLE = Table(
    "practice", "练习",
    columns=(
        Column("at", "时间", lambda row: f"{beijing(row.Call.started_at):%Y-%m-%d %H:%M}", sort=Call.started_at,
               href=lambda row: f"/training/practice/{row.Call.linkedid}"),
        Column("person", "学员", lambda row: row.person, sort=User.display_name),
        Column("sample", "来电", _title),
        Column("talk", "通话时长", lambda row: seconds_text(row.Call.talk_ms), sort=Call.talk_ms, number=True),
        Column("ticket", "工单", lambda row: row.Ticket.ticket_no if row.Ticket else "",
               href=lambda row: f"/tickets/{row.Ticket.ticket_no}" if row.Ticket else ""),
        Column("points", "得分", lambda row: grading.say(row.points), sort=_Stands.points, number=True),
    ),
    filters=(
        Filter("person", "学员", lambda text: User.display_name.contains(text, autoescape=True)),
        *period("call", "练习", Call.started_at),
    ),
    sort="-at", tie=Call.id,
)  # fmt: skip
