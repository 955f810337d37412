"""The telephone's account and its line for members of staff who have an extension."""

import hashlib

from aiohttp import web
from sqlalchemy import select

from agent_desktop.keys import SOFTPHONE
from agent_desktop.softphone.proxy import LINES, Lines, carry
from agent_desktop.softphone.settings import SoftphoneSettings
from core.errors import HotlineError, NotAllowed
from core.people import Role, User
from core.web.app import add_room
from core.web.keys import DB, SignedIn, person
from core.web.requests import from_our_pages
from core.web.routes import Routes

routes = Routes()
WITH_TELEPHONE = (Role.OPERATOR, Role.LIAISON, Role.HEAD, Role.OFFICE, Role.SUPERVISOR)


class NoExtension(HotlineError):
    """The person has no extension, so there is no telephone to register."""

    code = "no_extension"
    status = 409
    text = "您的账号还没有分机，无法使用页面电话，请联系管理员配置分机。"


def account_of(user: SignedIn, settings: SoftphoneSettings) -> str:
    """The SIP name of this person's telephone in the browser. Raises NoExtension."""
    if not user.extension:
        raise NoExtension
    return f"{settings.web_prefix}{user.extension}"


def digest_ha1(account: str, realm: str, password: str) -> str:
    """What SIP digest authentication needs in place of the password (RFC 2617 fixes MD5)."""
    return hashlib.md5(f"{account}:{realm}:{password}".encode(), usedforsecurity=False).hexdigest()


def account_json(account: str, password: str, path: str, settings: SoftphoneSettings) -> dict[str, str]:
    """What `softphone.js` takes to open the line; never the password itself."""
    ha1 = digest_ha1(account, settings.realm, password)
    return {"user": account, "ha1": ha1, "realm": settings.realm, "domain": settings.domain, "path": path}


@routes.get("/softphone/account", roles=WITH_TELEPHONE)
async def account(request: web.Request) -> web.StreamResponse:
    user, settings = person(request), request.app[SOFTPHONE]
    name = account_of(user, settings)
    async with request.app[DB].reading() as session:
        password = await session.scalar(select(User.sip_password).where(User.id == user.user_id))
    return web.json_response(account_json(name, password or "", "/sip", settings))


@routes.get("/sip", roles=WITH_TELEPHONE)
async def sip(request: web.Request) -> web.StreamResponse:
    """The telephone's WebSocket; only for a page of ours, only under the person's own name."""
    if not from_our_pages(request):
        raise NotAllowed
    settings = request.app[SOFTPHONE]
    return await carry(request, account_of(person(request), settings), settings)


async def _close_lines(app: web.Application) -> None:
    await app[LINES].close()


def setup(app: web.Application) -> None:
    app[LINES] = Lines()
    app.on_shutdown.append(_close_lines)
    add_room(app, "agent_desktop.softphone", prefix="softphone")
    routes.register(app)
