"""`/training` (培训): how people stand in what their roles need (M-89); `/training/mine`: one's own."""

from datetime import date
from typing import Any

from aiohttp import web
from sqlalchemy import Subquery, select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.training import imports, new, practice, records
from agent_desktop.training.reach import PEOPLE, READERS, REGION_NAME, TRAINED, reach_of
from core.clock import beijing
from core.db import provided
from core.people import Role, User
from core.units import Unit
from core.web.app import add_room, render
from core.web.keys import CLOCK, DB, person
from core.web.lists import Column, Filter, Table, serve_list
from core.web.routes import Routes
from ivr.practice_samples import samples
from reports.training import standing
from reports.training.models import TrainingRecord
from reports.training.settings import TrainingSettings
from reports.training.standing import FOR_GOOD, LACKING, State
from reports.training.words import KINDS, RESULTS, STATES, TONES, TOPICS

routes = Routes()


@routes.get("/training", roles=READERS, nav="培训")
async def listing(request: web.Request) -> web.StreamResponse:
    today = _today(request)
    async with request.app[DB].reading() as session:
        settings = provided(session, TrainingSettings)
        found = standing.standings(settings, today)
        reach = await reach_of(request, session)
        share = await standing.share(session, settings, today, reach.sees)
    query = (
        select(found, User, Unit.name.label("unit"), REGION_NAME.label("region"))
        .join(User, User.id == found.c.user_id)
        .outerjoin(Unit, Unit.id == User.unit_id)
        .where(reach.sees)
    )
    return await serve_list(
        request, _table(found), query, "training/index.html", share=share,
        may_keep=reach.may_keep, days=settings.warn_days,
    )  # fmt: skip


@routes.get("/training/mine", roles=TRAINED, nav="我的培训")
async def mine(request: web.Request) -> web.StreamResponse:
    """What one's roles need, and one's own lines of the register."""
    user_id = person(request).user_id
    async with request.app[DB].reading() as session:
        needed = await standing.of_person(
            session, provided(session, TrainingSettings), _today(request), user_id
        )
        own = await _records_of(session, user_id)
    return render(
        request, "training/mine.html", needed=needed, records=own, topics=TOPICS, kinds=KINDS, results=RESULTS,
        states=STATES, tones=TONES, until=until_text,
        samples=samples().values() if Role.LIAISON in person(request).roles else (),
    )  # fmt: skip


def until_text(until: date | None) -> str:
    return "" if until is None else "长期有效" if until == FOR_GOOD else str(until)


async def _records_of(session: AsyncSession, user_id: int) -> Any:
    own = select(TrainingRecord).where(TrainingRecord.user_id == user_id, TrainingRecord.revoked_at.is_(None))
    return (await session.scalars(own.order_by(TrainingRecord.held_on.desc(), TrainingRecord.id))).all()


def _table(found: Subquery) -> Table:
    state = found.c.state
    tabs = {"lacking": "未培训、已到期", State.EXPIRING: "即将到期", State.VALID: "有效", "": "全部"}
    return Table(
        "training", "培训资格",
        columns=(
            Column("person", "人员", lambda row: row.User.display_name, sort=User.display_name,
                   href=lambda row: f"/training/records?person={row.User.username}"),
            Column("username", "用户名", lambda row: row.User.username, sort=User.username),
            Column("unit", "单位", lambda row: row.unit or "", sort=Unit.name),
            Column("region", "地区", lambda row: row.region or "", sort=REGION_NAME),
            Column("topic", "内容", lambda row: TOPICS[row.topic], sort=found.c.topic),
            Column("state", "状态", lambda row: STATES[row.state], tone=lambda row: TONES[row.state]),
            Column("until", "有效期至", lambda row: until_text(row.until), sort=found.c.until),
        ),
        filters=(
            Filter("state", "状态", lambda key: state.in_(LACKING) if key == "lacking" else state == key, tabs,
                   kind="tabs", default="lacking"),
            *PEOPLE,
            Filter("topic", "内容", lambda key: found.c.topic == key, TOPICS),
        ),
        sort="until", tie=found.c.key,
    )  # fmt: skip


def _today(request: web.Request) -> date:
    return beijing(request.app[CLOCK].now()).date()


def setup(app: web.Application) -> None:
    add_room(app, "agent_desktop.training", prefix="training")
    for part in (routes, records.routes, new.routes, imports.routes, practice.routes):
        part.register(app)
