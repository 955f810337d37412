"""Sheets of a notice for the printer: the paper that is signed (签字用), and the board's (政务栏) under the title of L115."""

from aiohttp import web

from agent_desktop.finances.page import WORDS, notice_id_of
from agent_desktop.ticket.page import who_asks
from core.clock import beijing
from core.errors import Conflict, InvalidInput
from core.web.app import render
from core.web.keys import CLOCK, DB
from core.web.routes import Routes
from tickets.finances.access import PEOPLE, find
from tickets.finances.dossier import dossier_of
from tickets.finances.publishing import board_title
from tickets.finances.stages import Stage

routes = Routes()
SIZES = ("a4", "a3")
REVIEWED = frozenset({Stage.PUBLICATION, Stage.ARCHIVE, Stage.FILED})


class NotReviewed(Conflict):
    """The board shows what went through 审核 alone."""

    code = "finance_not_reviewed"
    text = "还没有完成审核，不能打印政务栏版；签字用的纸质材料在“审核”阶段打印。"


class NotPrepared(Conflict):
    """What is still being written is not given to be signed."""

    code = "finance_not_prepared"
    text = "内容和依据还没有完成，不能打印签字用的材料。"


@routes.get("/finances/{id:[0-9]{1,9}}/board", roles=PEOPLE)
async def board(request: web.Request) -> web.StreamResponse:
    """`size`: a4 or a3."""
    return await _print(request, "finances/notice_board.html", NotReviewed, REVIEWED)


@routes.get("/finances/{id:[0-9]{1,9}}/sheet", roles=PEOPLE)
async def sheet(request: web.Request) -> web.StreamResponse:
    """With as many lines for each category as have to sign."""
    return await _print(request, "finances/sheet.html", NotPrepared, REVIEWED | {Stage.REVIEW})


async def _print(
    request: web.Request, template: str, refusal: type[Conflict], stages: frozenset[Stage]
) -> web.StreamResponse:
    """Of a notice in one of these `stages`, else the `refusal`."""
    size = request.query.get("size", "a4")
    if size not in SIZES:
        raise InvalidInput(field="纸张", reason="请选择 A4 或 A3")
    async with request.app[DB].reading() as session:
        notice, _ = await find(session, await who_asks(session, request), notice_id_of(request))
        dossier = await dossier_of(session, notice)
        title = await board_title(session, notice)
    if notice.stage not in stages:
        raise refusal
    today = beijing(request.app[CLOCK].now()).date()
    return render(
        request, template, notice=notice, dossier=dossier, board=title, size=size, sizes=SIZES, today=today, **WORDS
    )  # fmt: skip
