"""`/training/records` (登记): every line of the register within reach; one line with its papers, and taking it back."""

from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from agent_desktop.training.reach import KEEPERS, PEOPLE, READERS, REGION_NAME, Reach, reach_of
from core.clock import beijing
from core.errors import NotFound
from core.people import User
from core.units import Unit
from core.web.app import render, see_other
from core.web.keys import CLOCK, DB
from core.web.lists import Column, Filter, Query, Table, period, serve_list
from core.web.routes import Routes
from reports.training import register
from reports.training.models import Result, TrainingRecord
from reports.training.words import KINDS, RESULTS, TOPICS

routes = Routes()
_Author, _Revoker = aliased(User), aliased(User)
_TONES = {Result.PASSED: "ok", Result.FAILED: "bad", Result.ABSENT: "bad"}


@routes.get("/training/records", roles=READERS)
async def listing(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
    return await serve_list(request, TABLE, _query(reach), "training/records.html", may_keep=reach.may_keep)


@routes.get("/training/records/{id:[0-9]{1,9}}", roles=READERS)
async def one(request: web.Request) -> web.StreamResponse:
    async with request.app[DB].reading() as session:
        reach = await reach_of(request, session)
        row = await _found(session, request, _query(reach))
        kept = await session.scalar(reach.kept_people().where(User.id == row.User.id))
    return render(
        request, "training/record.html", row=row, record=row.TrainingRecord, may_revoke=kept is not None,
        topics=TOPICS, kinds=KINDS, results=RESULTS,
    )  # fmt: skip


@routes.post("/training/records/{id:[0-9]{1,9}}/revoke", roles=KEEPERS)
async def revoke(request: web.Request) -> web.StreamResponse:
    """`reason`."""
    reason = str((await request.post()).get("reason", ""))
    async with request.app[DB].unit_of_work() as session:
        reach = await reach_of(request, session)
        row = await _found(session, request, _query(reach).where(reach.keeps))
        await register.revoke(session, request.app[CLOCK], reach.user, row.TrainingRecord, reason)
    return see_other(f"/training/records/{row.TrainingRecord.id}", flash="已注销，不再计入培训资格。")


def _query(reach: Reach) -> Query:
    return (
        select(
            TrainingRecord, User, Unit.name.label("unit"), REGION_NAME.label("region"), _Author.display_name.label("author"),
            _Revoker.display_name.label("revoker"),
        )
        .join(User, User.id == TrainingRecord.user_id)
        .outerjoin(Unit, Unit.id == User.unit_id)
        .join(_Author, _Author.id == TrainingRecord.author_id)
        .outerjoin(_Revoker, _Revoker.id == TrainingRecord.revoked_by_id)
        .where(reach.sees)
    )  # fmt: skip


async def _found(session: AsyncSession, request: web.Request, query: Query) -> Any:
    wanted = query.where(TrainingRecord.id == int(request.match_info["id"]))
    if (row := (await session.execute(wanted)).one_or_none()) is None:
        raise NotFound
    return row


def _result(row: Any) -> str:
    return "已注销" if row.TrainingRecord.revoked_at else RESULTS[row.TrainingRecord.result]


def _tone(row: Any) -> str:
    return "" if row.TrainingRecord.revoked_at else _TONES[row.TrainingRecord.result]


TABLE = Table(
    "training-records", "培训登记",
    columns=(
        Column("held", "培训日期", lambda row: str(row.TrainingRecord.held_on), sort=TrainingRecord.held_on,
               href=lambda row: f"/training/records/{row.TrainingRecord.id}"),
        Column("person", "人员", lambda row: row.User.display_name, sort=User.display_name),
        Column("username", "用户名", lambda row: row.User.username, sort=User.username),
        Column("unit", "单位", lambda row: row.unit or "", sort=Unit.name),
        Column("region", "地区", lambda row: row.region or "", sort=REGION_NAME),
        Column("topic", "内容", lambda row: TOPICS[row.TrainingRecord.topic], sort=TrainingRecord.topic),
        Column("kind", "类别", lambda row: KINDS[row.TrainingRecord.kind], sort=TrainingRecord.kind),
        Column("course", "课程", lambda row: row.TrainingRecord.course, sort=TrainingRecord.course),
        Column("trainer", "授课人", lambda row: row.TrainingRecord.trainer),
        Column("score", "成绩", lambda row: "" if row.TrainingRecord.score is None else str(row.TrainingRecord.score),
               sort=TrainingRecord.score, number=True),
        Column("result", "结果", _result, tone=_tone),
        Column("certificate", "证书编号", lambda row: row.TrainingRecord.certificate),
        Column("until", "有效期至", lambda row: str(row.TrainingRecord.valid_until or ""), sort=TrainingRecord.valid_until),
        Column("author", "登记人", lambda row: row.author),
        Column("recorded", "登记时间", lambda row: f"{beijing(row.TrainingRecord.recorded_at):%Y-%m-%d %H:%M}",
               sort=TrainingRecord.recorded_at),
    ),
    filters=(
        *PEOPLE,
        Filter("topic", "内容", lambda key: TrainingRecord.topic == key, TOPICS),
        Filter("kind", "类别", lambda key: TrainingRecord.kind == key, KINDS),
        Filter("result", "结果", lambda key: TrainingRecord.result == key, RESULTS),
        *period("held", "培训日期", TrainingRecord.held_on),
    ),
    sort="-held", tie=TrainingRecord.id,
)  # fmt: skip
