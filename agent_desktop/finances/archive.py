"""The archive package of a notice (专档, M-115): what was published to read and as data, its papers, checksums of all.

Made of what is on record when it is asked for; what comes later are receipts and rectifications alone.
"""

import json
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.finances.page import WORDS, notice_id_of, people_of
from agent_desktop.keys import ATTACHMENTS
from agent_desktop.packing import Paper, pieces_of, send
from agent_desktop.ticket.page import who_asks
from core import audit
from core.clock import beijing
from core.errors import Conflict
from core.web.keys import CLOCK, DB
from core.web.pages import TEMPLATES
from core.web.requests import source_of
from core.web.routes import Routes
from tickets.finances import promises, receipts
from tickets.finances.access import PEOPLE, find
from tickets.finances.dossier import Dossier, dossier_of, marks_of
from tickets.finances.publishing import board_title
from tickets.finances.stages import PURPOSES, Purpose, Stage
from tickets.intake.attachments import path_of

routes = Routes()


class NotFiled(Conflict):
    """There is a package of what has gone through all five stages."""

    code = "finance_not_filed"
    text = "这件财务公开还没有建档，没有档案包。"


@routes.get("/finances/{id:[0-9]{1,9}}/archive.zip", roles=PEOPLE)
async def package(request: web.Request) -> web.StreamResponse:
    """Each taking out is written down."""
    async with request.app[DB].unit_of_work() as session:
        user = await who_asks(session, request)
        notice, _ = await find(session, user, notice_id_of(request))
        if notice.stage != Stage.FILED:
            raise NotFiled
        papers = await _papers(session, request.app, await dossier_of(session, notice))
        await audit.record(
            session, request.app[CLOCK], actor=user.username, action="finance.export",
            target=f"finance:{notice.public_id}", source=source_of(request),
        )  # fmt: skip
    return await send(request, f"finance-{notice.public_id}", papers)


async def _papers(session: AsyncSession, app: web.Application, dossier: Dossier) -> list[Paper]:
    notice = dossier.notice
    marks = await marks_of(session, notice)
    back = await receipts.receipts_of(session, notice.id)
    page = app[TEMPLATES].get_template("finances/archive.html")
    html = page.render(
        notice=notice, dossier=dossier, marks=marks, people=await people_of(session, {one.user_id for one in marks}),
        board=await board_title(session, notice), receipts=back, tally=receipts.tally(back), questions=receipts.QUESTIONS,
        promises=await promises.promises_of(session, notice.id), promise_states=promises.STATES, **WORDS,
    )  # fmt: skip
    text = json.dumps(_json(dossier), ensure_ascii=False, indent=2, default=str)
    attached = [
        Paper(
            f"材料/{number:02} {PURPOSES[Purpose(one.purpose)]} {one.name}",
            pieces_of(path_of(app[ATTACHMENTS], one.public_id)),
        )
        for number, one in enumerate(dossier.papers, start=1)
    ]
    return [Paper("档案.html", (html.encode(),)), Paper("finance.json", (text.encode(),)), *attached]


def _json(dossier: Dossier) -> dict[str, Any]:
    notice = dossier.notice
    plain = ("public_id", "title", "level", "village", "first_on", "last_on", "subjects", "content", "decision",
             "decided_on", "archive_no", "archive_form")  # fmt: skip
    return {name: getattr(notice, name) for name in plain} | {
        "unit": notice.unit.name,
        "signed_at": beijing(notice.signed_at).isoformat() if notice.signed_at else None,
        "filed_at": beijing(notice.filed_at).isoformat() if notice.filed_at else None,
        "signatures": [
            {"category": one.category, "name": one.name, "signed_on": one.signed_on} for one in dossier.signatures
        ],
        "channels": [
            {"channel": one.channel, "on": one.on, "note": one.note} for one in dossier.channels.values()
        ],
        "papers": [
            {"purpose": one.purpose, "name": one.name, "sha256": one.sha256} for one in dossier.papers
        ],
    }  # fmt: skip
