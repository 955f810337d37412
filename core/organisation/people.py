"""Accounts in the directory's file (人员表, M-90): which rows may stand, how accounts read as rows and are stored from them.

What an account may be is `core.accounts`' to say; here the same rules answer in the words of a cell. A new account's
first password is made before the transaction, since hashing takes a while, and is shown once.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core import accounts
from core.accounts import By, Details, RolesExclude
from core.clock import Clock
from core.errors import Conflict
from core.history import Facts
from core.people import Role, User, hash_password
from core.units import Region, Unit, UnitDuty

Rows = Mapping[str, Mapping[str, Facts]]
Checked = Iterator[tuple[str, str]]
IN_A_UNIT = frozenset({Role.LIAISON, Role.HEAD, Role.OFFICE, Role.INSPECTOR})
TAKERS = frozenset({Role.LIAISON, Role.HEAD, Role.OFFICE})
"""Who may be rung for a unit (§5.9 「take transferred call」)."""
MOST_NEW = 500
_UNIQUE = {"staff_number": "工号", "extension": "分机"}


@dataclass(frozen=True)
class FirstPassword:
    text: str
    hashed: str


def active(rows: Mapping[str, Facts]) -> dict[str, frozenset[Role]]:
    """The roles of every active account by username."""
    return {name: _roles(row) for name, row in rows.items() if row["is_active"]}


def faults(after: Rows, key: str) -> Checked:
    """(column, sentence) of everything that is wrong with one account's row."""
    facts = after["account"][key]
    roles = _roles(facts)
    if facts["unit"] and facts["unit"] not in after["unit"]:
        yield "unit", f"没有单位“{facts['unit']}”"
    if facts["region"] and facts["region"] not in after["region"]:
        yield "region", f"没有代码为“{facts['region']}”的地区"
    if not facts["unit"] and roles & IN_A_UNIT:
        yield "unit", "联络员、单位负责人、政府办和监察须填写单位"
    elif not facts["unit"] and not facts["region"] and roles != {Role.ADMIN}:
        yield "region", "请填写单位或地区"
    try:
        accounts.fitting(roles)
    except RolesExclude as error:
        yield "roles", error.message.rstrip("。")
    served = _units_served(after, key) if Role.INSPECTOR in roles else ()
    if any(after["unit"].get(unit, {}).get("duty") != UnitDuty.INSPECTION for unit in served):
        yield "roles", "监察人员不能兼任被监察单位的联络员或负责人"
    for column, title in _UNIQUE.items():
        same = [name for name, row in after["account"].items() if row[column] == facts[column] != ""]
        if len(same) > 1:
            other = next(name for name in same if name != key)
            yield column, f"{title}“{facts[column]}”已由“{other}”使用"
    if Role.ADMIN in roles and not any(Role.ADMIN in held for held in active(after["account"]).values()):
        yield "is_active", "至少保留一个启用的系统管理员"


def roles_of(after: Rows, username: str) -> frozenset[Role] | None:
    """The roles of an active account; None for nobody."""
    row = after["account"].get(username)
    return _roles(row) if row and row["is_active"] else None


def inspectors_in_conflict(after: Rows, unit: str) -> list[str]:
    """Usernames of inspectors who are liaison or head of this unit although it is one that is inspected (§5.9)."""
    if after["unit"][unit]["duty"] == UnitDuty.INSPECTION:
        return []
    inspectors = [name for name, row in after["account"].items() if str(Role.INSPECTOR) in row["roles"]]
    return sorted(name for name in inspectors if unit in _units_served(after, name))


def _units_served(after: Rows, username: str) -> set[str]:
    """The units whose liaison or head an active account is."""
    roles, own = roles_of(after, username) or frozenset(), after["account"][username]["unit"]
    served = {row["unit"] for row in after["liaison"].values() if row["username"] == username}
    return (served | {own} if roles & {Role.LIAISON, Role.HEAD} else served) if roles else set()


def account_facts(user: User, code: Mapping[int, str], keys: Mapping[int, str]) -> Facts:
    """An account as a row; the region is left out where it is the unit's."""
    unit = keys.get(user.unit_id or 0, "")
    region = code.get(user.region_id or 0, "")
    return {
        "username": user.username,
        "name": user.display_name,
        "roles": [str(role) for role in Role if role in user.roles],
        "unit": unit,
        "region": "" if region == unit.partition("/")[0] else region,
        "staff_number": user.staff_number or "",
        "extension": user.extension or "",
        "languages": list(user.languages),
        "is_active": user.is_active,
    }


async def first_passwords(usernames: Iterable[str]) -> dict[str, FirstPassword]:
    """A fresh password for each; call it outside of any transaction."""
    texts = {name: accounts.fresh_password() for name in usernames}
    return {name: FirstPassword(text, await asyncio.to_thread(hash_password, text)) for name, text in texts.items()}  # fmt: skip


async def write_account(
    session: AsyncSession,
    clock: Clock,
    by: By,
    facts: Facts,
    *,
    is_new: bool,
    password: FirstPassword | None = None,
) -> None:
    """Store one row through `core.accounts`, which keeps the audit rows; raises Conflict for a new one without password."""
    home, languages = await _home(session, facts), tuple(facts["languages"])
    details = Details(facts["name"], facts["staff_number"], facts["extension"], *home, languages)
    if is_new:
        if password is None:
            raise Conflict
        user = await accounts.create_user(
            session, clock, by, username=facts["username"], password=password.text, details=details,
            roles=_roles(facts), hashed=password.hashed,
        )  # fmt: skip
    else:
        user = await accounts.find_user(session, facts["username"])
        await accounts.change_user(session, clock, by, user, details=details, roles=_roles(facts))
    if user.is_active != facts["is_active"]:
        await accounts.set_active(session, clock, by, user, active=facts["is_active"])


async def _home(session: AsyncSession, facts: Facts) -> tuple[int | None, int | None]:
    """(unit, region) of a row; the region of the unit where none is named."""
    region_code, _, code = facts["unit"].partition("/")
    unit = await session.scalar(
        select(Unit).join(Region, Region.id == Unit.region_id).where(Region.code == region_code, Unit.code == code)
    )  # fmt: skip
    region_id = await session.scalar(select(Region.id).where(Region.code == facts["region"]))
    return unit.id if unit else None, region_id or (unit.region_id if unit else None)


def _roles(facts: Facts) -> frozenset[Role]:
    return frozenset(Role(role) for role in facts["roles"])
