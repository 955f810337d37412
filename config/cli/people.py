"""`hotline user`: the accounts that must exist before anybody can sign in to manage the others."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from config.database import opened
from config.settings import make_clock
from core.accounts import (
    ROLE_NAMES,
    By,
    Details,
    create_user,
    find_user,
    fresh_password,
    issue_token,
    set_password,
)
from core.errors import NotFound
from core.organisation.files import read_file
from core.organisation.people import first_passwords
from core.organisation.plan import make_plan
from core.organisation.store import carry_out, snapshot
from core.people import Role, User
from core.units import Liaison, Region, Unit

TERMINAL = By("system", "hotline user")
_ROLES = "、 ".join(f"{role}（{name}）" for role, name in ROLE_NAMES.items())


class AccountUnknown(NotFound):
    """No account has this name."""

    code = "account_unknown"
    text = "没有账号“{username}”，请核对用户名。"


class PlaceUnknown(NotFound):
    """No unit has this region and code."""

    code = "place_unknown"
    text = "没有单位“{place}”。请写成 地区代码/部门代码，例如 5399/101。"


def add_commands(commands: Any) -> None:
    user = commands.add_parser("user", help="账号：新增、改密码、发令牌", description="账号管理。")
    actions = user.add_subparsers(title="命令", metavar="命令", required=True)
    add = actions.add_parser("add", help="新增账号", description="新增账号；不给密码时自动生成并显示一次。")
    add.add_argument("username", metavar="用户名")
    add.add_argument("--name", required=True, metavar="姓名", help="真实姓名，显示给同事")
    add.add_argument(
        "--role", required=True, action="append", choices=list(Role), metavar="角色", help=f"可重复：{_ROLES}"
    )
    add.add_argument("--unit", default="", metavar="地区/代码", help="所属单位，如 5399/101；联络员必填")
    add.add_argument("--extension", default="", metavar="分机", help="电话分机号")
    add.add_argument("--staff-number", default="", metavar="工号", help="报给来电人的工号")
    add.set_defaults(run=lambda given: asyncio.run(_add(given)))
    organisation = commands.add_parser("org", help="机构：导入地区和单位", description="机构管理。")
    imports = organisation.add_subparsers(title="命令", metavar="命令", required=True).add_parser(
        "import",
        help="导入地区、单位、人员、联络员、专线和办事场所",
        description="从 XLSX、CSV 或 TOML 文件导入机构，可反复导入；任何一处有误则全部不导入。模板在 /admin/import 下载。",
    )
    imports.add_argument("file", metavar="文件", type=Path)
    imports.add_argument("--dry-run", action="store_true", help="只预览，不导入")
    imports.set_defaults(run=lambda given: asyncio.run(_import(given)))
    password = actions.add_parser("password", help="重设密码", description="重设密码，同时解除登录锁定。")
    password.set_defaults(run=lambda given: asyncio.run(_password(given)))
    password.add_argument("username", metavar="用户名")
    for parser in (add, password):
        parser.add_argument("--stdin", action="store_true", help="从标准输入读取密码（一行），不自动生成")
    token = actions.add_parser("token", help="发接口令牌", description="发一个接口令牌，只显示一次。")
    token.add_argument("username", metavar="用户名")
    token.add_argument("--name", default="命令行", metavar="用途", help="给谁、做什么用")
    token.set_defaults(run=lambda given: asyncio.run(_token(given)))


async def _import(given: argparse.Namespace) -> None:
    content = await asyncio.to_thread(read_file, given.file.name, given.file.read_bytes())
    async with opened(given.settings) as db, db.unit_of_work() as session:
        plan = make_plan(await snapshot(session), content.rows, content.faults)
        plan.refuse_faulty()
        for step in plan.steps:
            print(f"{step.table.title} {step.key} {step.label}：{'修改' if step.before else '新增'}")
        if not given.dry_run:
            passwords = await first_passwords(plan.new_accounts)
            by = By("system", "hotline org import")
            await carry_out(session, make_clock(given.settings), by, plan, passwords)
            for username, password in passwords.items():
                print(f"初始密码（只显示这一次） {username} {password.text}")
    done = "（预览，没有导入）" if given.dry_run else "热线正在运行的，请重新启动以生成名称的语音。"
    print(f"新增或修改 {len(plan.steps)} 项，未变 {plan.unchanged} 项。{done}")


async def _add(given: argparse.Namespace) -> None:
    password = _chosen_password(given)
    async with opened(given.settings) as db, db.unit_of_work() as session:
        unit = await _unit(session, given.unit) if given.unit else None
        details = Details(
            given.name,
            given.staff_number,
            given.extension,
            unit.id if unit else None,
            unit.region_id if unit else None,
        )
        user = await create_user(
            session, make_clock(given.settings), TERMINAL,
            username=given.username, password=password, details=details, roles=[Role(one) for one in given.role],
        )  # fmt: skip
        if Role.LIAISON in given.role and unit:
            session.add(Liaison(unit_id=unit.id, user_id=user.id))
    print(f"已新增账号 {given.username}。")
    _show(given, password)


async def _password(given: argparse.Namespace) -> None:
    password = _chosen_password(given)
    async with opened(given.settings) as db, db.unit_of_work() as session:
        user = await _user(session, given.username)
        await set_password(session, make_clock(given.settings), TERMINAL, user, password)
    print(f"已重设 {given.username} 的密码。")
    _show(given, password)


async def _token(given: argparse.Namespace) -> None:
    async with opened(given.settings) as db, db.unit_of_work() as session:
        user = await _user(session, given.username)
        token = await issue_token(session, make_clock(given.settings), TERMINAL, name=given.name, user=user)
    print(token)


def _chosen_password(given: argparse.Namespace) -> str:
    return sys.stdin.readline().rstrip("\n") if given.stdin else fresh_password()


def _show(given: argparse.Namespace, password: str) -> None:
    if not given.stdin:
        print(f"密码（只显示这一次）：{password}")


async def _user(session: AsyncSession, username: str) -> User:
    try:
        return await find_user(session, username)
    except NotFound:
        raise AccountUnknown(username=username) from None


async def _unit(session: AsyncSession, place: str) -> Unit:
    region, _, code = place.partition("/")
    query = select(Unit).join(Region).where(Region.code == region, Unit.code == code)
    if (unit := await session.scalar(query)) is None:
        raise PlaceUnknown(place=place)
    return unit
