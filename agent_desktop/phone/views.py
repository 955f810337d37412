"""The caller's telephone `/phone`: a citizen with keypad in the browser, for demonstrations (演示来电电话).

Public, so it is rate-limited and refused unless switched on; it enters Asterisk like a call from the trunk and can
dial nothing but the hotline.
"""

from aiohttp import web

from agent_desktop.keys import CALLER_PHONE, SOFTPHONE
from agent_desktop.phone.leases import Leases
from agent_desktop.softphone.proxy import carry
from agent_desktop.softphone.sip_text import SipHead
from agent_desktop.softphone.views import account_json
from core.errors import HotlineError, LoginRequired, NotAllowed
from core.web.app import add_room, render
from core.web.keys import CLOCK, SETTINGS
from core.web.limits import RateLimit
from core.web.requests import from_our_pages, source_of
from core.web.routes import PUBLIC, Routes

routes = Routes()
COOKIE = "hotline_phone"
LEASES = web.AppKey("LEASES", Leases)
CALLS = web.AppKey("CALLS", RateLimit)
SESSIONS_A_MINUTE = 20
SESSIONS = web.AppKey("PHONE_SESSIONS", RateLimit)


class PhoneSwitchedOff(HotlineError):
    """The caller's telephone serves demonstrations only and is off here."""

    code = "phone_switched_off"
    status = 404
    text = "演示电话没有开启。它只在演示环境中使用；需要时请管理员在设置中打开。"


@routes.get("/phone", roles=PUBLIC)
async def page(request: web.Request) -> web.StreamResponse:
    _refuse_when_off(request)
    return render(request, "phone/index.html", number=request.app[CALLER_PHONE].numbers[0])


@routes.post("/phone/session", roles=PUBLIC)
async def open_session(request: web.Request) -> web.StreamResponse:
    """Lend a guest telephone to this browser; raises NoGuestFree, TooManyRequests."""
    _refuse_when_off(request)
    source = source_of(request)
    request.app[SESSIONS].take(source)
    lease = request.app[LEASES].lend(request.cookies.get(COOKIE, ""), source)
    settings = request.app[SOFTPHONE]
    answer = account_json(lease.guest.name, lease.guest.password, "/phone/sip", settings)
    response = web.json_response(answer)
    secure = request.app[SETTINGS].secure_cookies
    response.set_cookie(COOKIE, lease.key, path="/phone", httponly=True, secure=secure, samesite="Strict")
    return response


@routes.get("/phone/sip", roles=PUBLIC)
async def sip(request: web.Request) -> web.StreamResponse:
    _refuse_when_off(request)
    if not from_our_pages(request):
        raise NotAllowed
    leases = request.app[LEASES]
    lease = leases.find(request.cookies.get(COOKIE, ""))
    if lease is None:
        raise LoginRequired
    source = source_of(request)
    leases.opened(lease)
    try:
        return await carry(
            request,
            lease.guest.name,
            request.app[SOFTPHONE],
            invited=lambda head: _judge(request, head, source),
        )
    finally:
        leases.closed(lease)


def _judge(request: web.Request, head: SipHead, source: str) -> str:
    """Empty when the call may go out; the hotline's own numbers only, not too often from one address."""
    if head.target_user not in request.app[CALLER_PHONE].numbers:
        return "Number Not Allowed"
    try:
        request.app[CALLS].take(source)
    except HotlineError:
        return "Too Many Calls"
    return ""


def _refuse_when_off(request: web.Request) -> None:
    if not request.app[CALLER_PHONE].enabled:
        raise PhoneSwitchedOff


def setup(app: web.Application) -> None:
    settings, clock = app[CALLER_PHONE], app[CLOCK]
    app[LEASES] = Leases(clock, settings.guests)
    app[CALLS] = RateLimit(clock, limit=settings.calls_a_minute, window_s=60)
    app[SESSIONS] = RateLimit(clock, limit=SESSIONS_A_MINUTE, window_s=60)
    add_room(app, "agent_desktop.phone", prefix="phone")
    routes.register(app)
