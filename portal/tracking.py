"""Following a question by its code (查办理进度): state, answer, rating and complaint (M-20, M-48, M-62, M-63).

The code comes in the body, so that it stays out of addresses and logs (§5.5: it is a bearer key).
"""

from collections.abc import Awaitable, Callable

from aiohttp import web

from core.errors import HotlineError, InvalidInput
from core.web.api import answer
from core.web.app import render
from core.web.keys import CLOCK, DB, SETTINGS
from core.web.requests import source_of, wants_json
from core.web.routes import PUBLIC, Routes
from portal.api.inquiries import status_json
from portal.keys import PORTAL
from portal.limits import LIMITS
from portal.submitting import forms
from portal.submitting.sending import slip
from tickets.intake.once import Sent, once
from tickets.models import Channel, RatingAbout
from tickets.moves import open_step
from tickets.oversight.causes import CAUSES, cause_of
from tickets.queries import CodeStatus
from tickets.query_codes.attempts import status_for_stranger
from tickets.satisfaction import NOT_SATISFIED, rate
from tickets.service import register_complaint

routes = Routes()
Then = Callable[[web.Request, CodeStatus, str, dict[str, str]], Awaitable[web.Response]]
SCORES = {1: "满意", 2: "基本满意", NOT_SATISFIED: "不满意"}


@routes.get("/track", roles=PUBLIC, nav="查办理进度")
async def track_form(request: web.Request) -> web.StreamResponse:
    return _form(request)


@routes.post("/track", roles=PUBLIC)
async def track(request: web.Request) -> web.StreamResponse:
    return await _with_code(request)


@routes.post("/track/rate", roles=PUBLIC)
async def rate_reply(request: web.Request) -> web.StreamResponse:
    return await _with_code(request, _rate)


@routes.post("/track/complain", roles=PUBLIC)
async def complain(request: web.Request) -> web.StreamResponse:
    return await _with_code(request, _complain)


async def _with_code(request: web.Request, then: Then | None = None) -> web.StreamResponse:
    """Open what the code opens, do `then` with it, show how it stands; a refusal stands beside its form."""
    sent = {name: str(value) for name, value in (await request.post()).items()}
    code = sent.get("code", "")[:40]
    try:
        status = await _opened(request, code)
    except HotlineError as error:
        if error.status >= 500 or wants_json(request):
            raise
        return _form(request, error, code)
    if wants_json(request):
        return answer(status_json(status))
    if then is None:
        return _shown(request, status, code)
    try:
        return await then(request, status, code, sent)
    except HotlineError as error:
        if error.status >= 500:
            raise
        return _shown(request, status, code, error=error, sent=sent)


async def _opened(request: web.Request, code: str) -> CodeStatus:
    limits = request.app[LIMITS]
    limits.visit(request)
    limits.look_up(code)
    return await status_for_stranger(
        request.app[DB], request.app[CLOCK], code, source=source_of(request), line="web"
    )


async def _rate(request: web.Request, status: CodeStatus, code: str, sent: dict[str, str]) -> web.Response:
    score = next((score for score in SCORES if sent.get("score") == str(score)), None)
    if score is None:
        raise InvalidInput(field="评价", reason="请选择满意、基本满意或不满意")
    async with request.app[DB].unit_of_work() as session:
        await rate(
            session, request.app[CLOCK], ticket_id=status.ticket.id, about=RatingAbout.UNIT, score=score,
            channel=Channel.WEB,
        )  # fmt: skip
    return _shown(request, status, code, rated=score)


async def _complain(
    request: web.Request, status: CodeStatus, _code: str, sent: dict[str, str]
) -> web.Response:
    """M-48: about the reply, to the supervision body; the complaint has a code of its own."""
    text, clock, settings = sent.get("text", ""), request.app[CLOCK], request.app[PORTAL]
    if not text.strip():
        raise InvalidInput(field="投诉内容", reason="请写明不满意的地方")
    number, cause = forms.checked(settings, clock, sent.get("form", "")), cause_of(sent.get("cause", ""))
    async with request.app[DB].unit_of_work() as session:
        issued = await once(
            session,
            clock,
            Sent(key=f"form:{number}", content=f"{status.ticket.ticket_no} {cause} {text}"),
            lambda seed: register_complaint(
                session, clock, call_id=None, region_id=status.ticket.region_id, caller_number="",
                recording_id=None, line=request.app[SETTINGS].hotline_number, about=status.ticket, text=text,
                channel=Channel.WEB, cause=cause, code_seed=seed,
            ),
        )  # fmt: skip
        due = await open_step(session, issued.ticket)
    return slip(request, issued, due)


def _form(request: web.Request, error: HotlineError | None = None, code: str = "") -> web.Response:
    status = error.status if error else 200
    return render(request, "portal/track.html", status=status, error=error, code=code)


def _shown(
    request: web.Request,
    found: CodeStatus,
    code: str,
    *,
    error: HotlineError | None = None,
    sent: dict[str, str] | None = None,
    rated: int | None = None,
) -> web.Response:
    return render(
        request, "portal/progress.html", status=error.status if error else 200, found=found, code=code, error=error,
        typed=(sent or {}).get("text", ""), cause=(sent or {}).get("cause", ""), causes=CAUSES, rated=rated, scores=SCORES, may_complain_now=rated == NOT_SATISFIED and found.may_complain,
        form_number=forms.fresh(request.app[PORTAL], request.app[CLOCK]),
    )  # fmt: skip
