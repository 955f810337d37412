"""The readiness list (就绪检查, M-07): what a unit lacks before its calls can be answered and its tickets decided.

Trainings that its people need and lack (M-89) stand there as well.
"""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from sqlalchemy import ColumnElement, Exists, and_, exists, not_, or_, select
from sqlalchemy.orm import selectinload

from agent_desktop.admin.reach import KEEPERS, reach_of
from agent_desktop.admin.tabs import with_tabs
from core.clock import beijing
from core.db import provided
from core.organisation.tables import STATES
from core.people import Role, RoleGrant, User
from core.units import ConnectionState, Liaison, Region, ServicePhone, Unit, UnitDuty
from core.web.keys import CLOCK, DB
from core.web.lists import Column, Filter, Table, serve_list
from core.web.routes import Routes
from reports.training.settings import TrainingSettings
from reports.training.standing import somebody_lacks

routes = Routes()


def _holder(role: Role) -> Exists:
    """Somebody active of the unit holds this role."""
    return exists().where(
        User.unit_id == Unit.id, User.is_active, User.id == RoleGrant.user_id, RoleGrant.role == role
    )


def _liaisons(*more: ColumnElement[bool]) -> Exists:
    return exists().where(Liaison.unit_id == Unit.id, User.id == Liaison.user_id, User.is_active, *more)


_LACKS: dict[str, ColumnElement[bool]] = {
    "没有服务电话": not_(exists().where(ServicePhone.unit_id == Unit.id)),
    "没有联络员": not_(_liaisons()),
    "没有后备联络员": and_(_liaisons(), not_(_liaisons(Liaison.position > 1))),
    "没有负责人": not_(_holder(Role.HEAD)),
    "没有政府办账号": and_(Unit.duty == UnitDuty.OFFICE, not_(_holder(Role.OFFICE))),
    "没有监察账号": and_(Unit.duty == UnitDuty.INSPECTION, not_(_holder(Role.INSPECTOR))),
}
"""What may be missing, in words, and the condition on `Unit` that says so."""
_TONES = {ConnectionState.NOT_CONNECTED: "bad", ConnectionState.TRIAL: "warn", ConnectionState.LIVE: "ok"}


def _table(lacks: Mapping[str, ColumnElement[bool]]) -> Table:
    lacking = or_(*lacks.values())

    def missing(row: Any) -> str:
        return "、".join(word for word, is_missing in zip(lacks, row[1:], strict=True) if is_missing)

    return Table(
        "readiness", "就绪检查",
        columns=(
            Column("unit", "单位", lambda row: row[0].name, sort=Unit.name,
                   href=lambda row: f"/admin/directory/unit/edit?key={row[0].region.code}/{row[0].code}"),
            Column("region", "地区", lambda row: row[0].region.name, sort=Region.name),
            Column("code", "代码", lambda row: row[0].code, sort=Unit.code),
            Column("state", "接入状态", lambda row: STATES[row[0].state], sort=Unit.state, tone=lambda row: _TONES[row[0].state]),
            Column("missing", "缺少", missing, tone=lambda _: "bad"),
        ),
        filters=(
            Filter("view", "范围", lambda value: lacking if value == "lacking" else not_(lacking), {"lacking": "有缺项", "ready": "已就绪", "": "全部"}, kind="tabs", default="lacking"),
            Filter("q", "单位名称或代码", lambda text: or_(Unit.name.contains(text, autoescape=True), Unit.code == text)),
            Filter("state", "接入状态", lambda value: Unit.state == value, {str(state): name for state, name in STATES.items()}),
        ),
        sort="region", tie=Unit.id,
    )  # fmt: skip


@routes.get("/admin/readiness", roles=KEEPERS)
async def readiness(request: web.Request) -> web.StreamResponse:
    today = beijing(request.app[CLOCK].now()).date()
    async with request.app[DB].reading() as session:
        lacks = _LACKS | {"人员培训缺失或到期": somebody_lacks(provided(session, TrainingSettings), today)}
        reach = await reach_of(request, session)
    query: Any = (
        select(Unit, *lacks.values())
        .join(Region, Region.id == Unit.region_id)
        .options(selectinload(Unit.region))
        .where(Unit.is_active, Unit.duty.not_in([UnitDuty.CALL_CENTRE, UnitDuty.MAYOR]), reach.rows("unit"))
    )
    return await serve_list(request, _table(lacks), query, "admin/readiness.html", **with_tabs(request))
