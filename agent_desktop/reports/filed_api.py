"""`GET /api/v1/reports` (报表接口, M-71, M-106): signed reports for the platform of the level above, by a staff token."""

from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from agent_desktop.reports.reach import LEVELS, reach_of
from core import audit
from core.clock import beijing
from core.errors import InvalidInput
from core.web import schema
from core.web.api import PAGING_PARAMS, PREFIX, answer, paging
from core.web.keys import CLOCK, DB, person
from core.web.requests import source_of
from core.web.routes import ApiDoc, Param, Routes
from reports.models import PeriodKind, Report
from reports.signed import filing

routes = Routes()
FIGURE = ("numerator", "denominator", "text")
_COUNTS = schema.made_of(
    registered=schema.whole("登记"),
    finished=schema.whole("办结"),
    open=schema.whole("在办"),
    void=schema.whole("无效、并案"),
    out_of_scope=schema.whole("超范围"),
)
_FIGURE = schema.made_of(
    id=schema.text("指标编号"),
    name=schema.text("名称"),
    numerator=schema.whole("分子"),
    denominator=schema.whole("分母"),
    text=schema.text("数值，分母为零时为“—”"),
)
_REPORTS = ApiDoc(
    "已签发的报表，本级和下级，新的在前；只给出现行版本",
    params=(
        Param("kind", "月报、季报、半年报或年报", limits={"enum": [kind.value for kind in PeriodKind]}),
        *PAGING_PARAMS,
    ),
    answer={
        "items": schema.listed(
            "报表",
            schema.made_of(
                region=schema.text("地区"),
                region_code=schema.text("地区代码"),
                kind=schema.text("种类"),
                first_on=schema.day("起始日期"),
                last_on=schema.day("截止日期"),
                state=schema.text("signed 已签发，sent 已上报，received 已签收"),
                signed_at=schema.moment("签发时间"),
                revision=schema.whole("版本，1 为签发时的版本，其后为更正"),
                reason=schema.text("更正理由"),
                rule_version=schema.text("口径版本"),
                counts=_COUNTS,
                figures=schema.listed("指标", _FIGURE),
            ),
        )
    },
)


@routes.get(f"{PREFIX}/reports", roles=LEVELS, doc=_REPORTS)
async def listing(request: web.Request) -> web.StreamResponse:
    """Each reading is written down, like an export (M-91)."""
    page, kind = paging(request, default=12), request.query.get("kind")
    if kind is not None and kind not in set(PeriodKind):
        raise InvalidInput(field="kind", reason=f"可以是 {'、'.join(PeriodKind)}")
    async with request.app[DB].unit_of_work() as session:
        reach = await reach_of(request, session)
        wanted = select(Report).where(Report.region_id.in_(reach.regions), Report.signed_at.is_not(None))
        if kind:
            wanted = wanted.where(Report.kind == kind)
        newest = wanted.order_by(Report.first_on.desc(), Report.id).limit(page.limit).offset(page.offset)
        loaded = newest.options(selectinload(Report.region), selectinload(Report.revisions))
        items = [_json(report) for report in await session.scalars(loaded)]
        await audit.record(
            session, request.app[CLOCK], actor=person(request).username, action="list.export",
            target=f"reports:{len(items)}", source=source_of(request),
        )  # fmt: skip
    return answer({"items": items})


def _json(report: Report) -> dict[str, Any]:
    revision = report.revisions[-1]
    assert report.signed_at is not None
    return {
        "region": report.region.name,
        "region_code": report.region.code,
        "kind": report.kind,
        "first_on": report.first_on,
        "last_on": report.last_on,
        "state": filing.state_of(report),
        "signed_at": beijing(report.signed_at).isoformat(),
        "revision": revision.number,
        "reason": revision.reason,
        "rule_version": revision.rule_version,
        "counts": revision.content["balance"],
        "figures": [
            {"id": one["key"], "name": one["name"]} | {name: one[name] for name in FIGURE}
            for one in revision.content["figures"]
        ],
    }
