"""Keeping accounts (账号管理, M-90): for the administration pages and the command line alike.

Each function works in the caller's unit of work, leaves an audit row, and signs the person out where the change
must be felt at once.
"""

import asyncio
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from core import audit
from core.bus import publish
from core.clock import Clock
from core.errors import Conflict, HotlineError, InvalidInput, NotFound
from core.languages import LANGUAGES
from core.people import Role, RoleGrant, Token, User, hash_password, new_token
from core.units import Liaison, Unit, UnitDuty
from core.web.sessions import end_sessions_of

_USERNAME = re.compile(r"[a-z][a-z0-9_.-]{1,39}")
_STAFF_NUMBER = re.compile(r"[0-9]{1,8}")
_EXTENSION = re.compile(r"[0-9]{3,8}")
_CHANNEL = re.compile(r"[a-z]{2,20}")
SHORTEST_PASSWORD = 8
LONG_PASSWORD = 12
"""From this length on a password needs no mixture."""
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
ALONE = {
    Role.INSPECTOR: {Role.SECRECY, Role.LIAISON, Role.HEAD},
    Role.ADMIN: {Role.OPERATOR, Role.LIAISON, Role.HEAD, Role.OFFICE, Role.SUPERVISOR},
}
"""With these roles only the named others may be held: who watches or runs the machine does not work the cases (§5.9).
An inspector is liaison or head of a supervision body alone, never of a unit that is supervised."""


@dataclass(frozen=True)
class AccountChanged:
    """Somebody's account, roles, password or telephone changed."""

    user_id: int


@dataclass(frozen=True)
class By:
    """Who does it and from where, for the audit log."""

    actor: str
    source: str = ""
    role: str = ""


class UsernameTaken(Conflict):
    """Another account has this `what`."""

    code = "username_taken"
    text = "{what}“{value}”已被其他账号使用，请换一个。"


class RolesExclude(HotlineError):
    """These roles may not be held by one person."""

    code = "roles_exclude"
    status = 422
    text = "“{one}”不能与“{other}”由同一人担任，请分设账号。"


class LastAdministrator(Conflict):
    """Nobody could manage accounts any more."""

    code = "last_administrator"
    text = "这是最后一个可用的系统管理员，不能停用或取消其管理员角色。"


@dataclass(frozen=True)
class Details:
    """What an account says of its person; empty text means none."""

    display_name: str
    staff_number: str = ""
    extension: str = ""
    unit_id: int | None = None
    region_id: int | None = None
    languages: tuple[str, ...] = ()
    """Spoken besides Mandarin."""


ROLE_NAMES = {
    Role.OPERATOR: "话务员",
    Role.LIAISON: "联络员",
    Role.HEAD: "单位负责人",
    Role.OFFICE: "政府办",
    Role.SUPERVISOR: "话务主管",
    Role.INSPECTOR: "监察",
    Role.SECRECY: "保密审查",
    Role.WINDOW: "窗口人员",
    Role.ADMIN: "系统管理员",
}


def fresh_password() -> str:
    """A password that can be read out and typed: four groups of four, without look-alikes."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


async def create_user(
    session: AsyncSession,
    clock: Clock,
    by: By,
    *,
    username: str,
    password: str,
    details: Details,
    roles: Iterable[Role],
    hashed: str = "",
) -> User:
    """A new account; raises InvalidInput, UsernameTaken or RolesExclude.

    `hashed`: the password's hash, by whoever makes many accounts in one transaction.
    """
    if not _USERNAME.fullmatch(username):
        raise InvalidInput(field="用户名", reason="请用小写字母开头，2～40 位小写字母、数字或 . _ -")
    wanted = fitting(roles)
    _check_password(username, password)
    await _refuse_taken(session, "用户名", User.username == username, username, None)
    user = User(username=username, password_hash=hashed or await _hashed(password))
    user.grants = [RoleGrant(role=role) for role in sorted(wanted)]
    await _apply_details(session, user, details)
    await _refuse_watched(session, user, wanted)
    session.add(user)
    await session.flush()
    await _note(session, clock, by, "account.create", user, "、".join(sorted(wanted)))
    return user


async def change_user(
    session: AsyncSession, clock: Clock, by: By, user: User, *, details: Details, roles: Iterable[Role]
) -> None:
    """New details and roles; a lost role signs the person out everywhere. `user` has its grants loaded."""
    wanted = fitting(roles)
    await _apply_details(session, user, details)
    await _refuse_watched(session, user, wanted)
    lost = user.roles - wanted
    if Role.ADMIN in lost:
        await _refuse_last_admin(session, user)
    if lost:
        await end_sessions_of(session, user.id)
    kept = [grant for grant in user.grants if grant.role in wanted]
    user.grants = kept + [RoleGrant(role=role) for role in sorted(wanted - user.roles)]
    await session.flush()
    await _note(session, clock, by, "account.change", user, "、".join(sorted(wanted)))


async def set_password(
    session: AsyncSession,
    clock: Clock,
    by: By,
    user: User,
    password: str,
    *,
    kept_session_id: int | None = None,
) -> None:
    """A new password; lifts a lock and signs the person out everywhere else."""
    _check_password(user.username, password)
    user.password_hash = await _hashed(password)
    user.failed_logins, user.locked_until_at = 0, None
    await end_sessions_of(session, user.id, kept_id=kept_session_id)
    await _note(session, clock, by, "account.password", user)


async def set_active(session: AsyncSession, clock: Clock, by: By, user: User, *, active: bool) -> None:
    """Disable or enable an account; disabling signs out everywhere and revokes its tokens."""
    if not active:
        if Role.ADMIN in user.roles:
            await _refuse_last_admin(session, user)
        await end_sessions_of(session, user.id)
        mine = (Token.user_id == user.id, Token.revoked_at.is_(None))
        await session.execute(update(Token).where(*mine).values(revoked_at=clock.now()))
    user.is_active = active
    await _note(session, clock, by, "account.enable" if active else "account.disable", user)


async def unlock(session: AsyncSession, clock: Clock, by: By, user: User) -> None:
    """Lift the lock after failed logins."""
    user.failed_logins, user.locked_until_at = 0, None
    await _note(session, clock, by, "account.unlock", user)


async def issue_token(
    session: AsyncSession,
    clock: Clock,
    by: By,
    *,
    name: str,
    user: User | None = None,
    channel: str | None = None,
) -> str:
    """A bearer token for a person, or a key for a channel; it can be seen only now."""
    if (user is None) == (channel is None):
        raise InvalidInput(field="密钥", reason="请指定一位人员或一个渠道")
    if channel is not None and not _CHANNEL.fullmatch(channel):
        raise InvalidInput(field="渠道", reason="请用 2～20 位小写字母")
    if not 0 < len(name.strip()) <= 60:
        raise InvalidInput(field="名称", reason="请填写 1～60 个字，说明密钥给谁使用")
    token, token_hash = new_token()
    row = Token(
        token_hash=token_hash, user_id=user.id if user else None, channel=channel, name=name.strip(),
        created_at=clock.now(),
    )  # fmt: skip
    session.add(row)
    await session.flush()
    whose = user.username if user else f"channel:{channel}"
    await _audited(session, clock, by, "token.issue", f"token:{row.id}", whose)
    return token


async def revoke_token(session: AsyncSession, clock: Clock, by: By, token_id: int) -> Token:
    """End a token or key at once; raises NotFound when it is unknown or already ended."""
    row = await session.get(Token, token_id)
    if row is None or row.revoked_at is not None:
        raise NotFound
    row.revoked_at = clock.now()
    await _audited(session, clock, by, "token.revoke", f"token:{row.id}")
    return row


async def find_user(session: AsyncSession, username: str) -> User:
    """The account with its roles and unit; raises NotFound."""
    user = await session.scalar(
        select(User)
        .where(User.username == username)
        .options(selectinload(User.grants), selectinload(User.unit), selectinload(User.region))
    )
    if user is None:
        raise NotFound
    return user


def fitting(roles: Iterable[Role]) -> frozenset[Role]:
    """The roles, as far as one person may hold them together (§5.9); raises InvalidInput for none, RolesExclude."""
    wanted = frozenset(roles)
    if not wanted:
        raise InvalidInput(field="角色", reason="请至少选择一个角色")
    for alone, fitting in ALONE.items():
        for other in sorted(wanted - {alone} - fitting):
            if alone in wanted:
                raise RolesExclude(one=ROLE_NAMES[alone], other=ROLE_NAMES[other])
    return wanted


async def _refuse_watched(session: AsyncSession, user: User, wanted: frozenset[Role]) -> None:
    """Nobody inspects the unit they work for, be it as its liaison beside their own."""
    if Role.INSPECTOR not in wanted:
        return
    with session.no_autoflush:
        unit = await session.get(Unit, user.unit_id) if user.unit_id else None
        duties = select(Liaison.id).join(Unit, Unit.id == Liaison.unit_id).where(Liaison.user_id == user.id)
        watched = await session.scalar(duties.where(Unit.duty != UnitDuty.INSPECTION).limit(1))
    unit_roles = sorted(wanted & {Role.LIAISON, Role.HEAD})
    if watched or (unit_roles and (unit is None or unit.duty != UnitDuty.INSPECTION)):
        other = ROLE_NAMES[unit_roles[0] if unit_roles else Role.LIAISON]
        raise RolesExclude(one=ROLE_NAMES[Role.INSPECTOR], other=f"被监察单位的{other}")


def _check_password(username: str, password: str) -> None:
    if not SHORTEST_PASSWORD <= len(password) <= 200:
        raise InvalidInput(field="密码", reason=f"请设 {SHORTEST_PASSWORD} 位以上")
    mixed = any(c.isalpha() for c in password) and any(not c.isalpha() for c in password)
    if len(password) < LONG_PASSWORD and not mixed:
        raise InvalidInput(field="密码", reason=f"不足 {LONG_PASSWORD} 位时，请同时使用字母和数字或符号")
    if username.lower() in password.lower():
        raise InvalidInput(field="密码", reason="不能包含用户名")


async def _hashed(password: str) -> str:
    """Argon2 takes a core for a moment: never on the event loop that serves the calls."""
    return await asyncio.to_thread(hash_password, password)


async def _apply_details(session: AsyncSession, user: User, details: Details) -> None:
    name = details.display_name.strip()
    if not 0 < len(name) <= 40:
        raise InvalidInput(field="姓名", reason="请填写 1～40 个字")
    if details.staff_number and not _STAFF_NUMBER.fullmatch(details.staff_number):
        raise InvalidInput(field="工号", reason="请用 1～8 位数字，报号时念给来电人")
    if details.extension and not _EXTENSION.fullmatch(details.extension):
        raise InvalidInput(field="分机", reason="请用 3～8 位数字")
    if not set(details.languages) <= LANGUAGES.keys():
        raise InvalidInput(field="语言", reason="请从列表中选择")
    number, extension = details.staff_number or None, details.extension or None
    with session.no_autoflush:
        await _refuse_taken(session, "工号", User.staff_number == number, number, user.id)
        await _refuse_taken(session, "分机", User.extension == extension, extension, user.id)
    if extension and not user.sip_password:
        user.sip_password = secrets.token_urlsafe(18)
    user.display_name, user.staff_number, user.extension = name, number, extension
    user.unit_id, user.region_id = details.unit_id, details.region_id
    user.languages = list(details.languages)


async def _refuse_taken(
    session: AsyncSession, what: str, same: ColumnElement[bool], value: str | None, own_id: int | None
) -> None:
    if value and (other := await session.scalar(select(User.id).where(same))) and other != own_id:
        raise UsernameTaken(what=what, value=value)


async def _refuse_last_admin(session: AsyncSession, user: User) -> None:
    others = await session.scalar(
        select(func.count())
        .select_from(RoleGrant)
        .join(User)
        .where(RoleGrant.role == Role.ADMIN, User.is_active, User.id != user.id)
    )
    if not others:
        raise LastAdministrator


async def _note(
    session: AsyncSession, clock: Clock, by: By, action: str, user: User, reason: str = ""
) -> None:
    """A change of an account: into the audit log, and onto the bus."""
    await _audited(session, clock, by, action, f"user:{user.username}", reason)
    publish(session, AccountChanged(user.id))


async def _audited(
    session: AsyncSession, clock: Clock, by: By, action: str, target: str, reason: str = ""
) -> None:
    await audit.record(
        session, clock, actor=by.actor, role=by.role, source=by.source, action=action, target=target,
        reason=reason,
    )  # fmt: skip
