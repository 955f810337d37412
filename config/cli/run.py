"""`hotline run`, `serve` and `db`: the whole hotline in one process, one part of it, the database's structure."""

import argparse
import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, time, timedelta
from functools import partial
from typing import Any, Protocol

from config.database import opened, upgrade
from config.demo import seeding
from config.demo.people import read_cast
from config.settings import Settings, make_clock
from core.calendar.holidays import load_calendar
from core.calendar.workdays import WorkCalendar
from core.clock import BEIJING, Clock, beijing
from core.people import Role


def add_commands(commands: Any) -> None:
    run = commands.add_parser(
        "run", help="启动热线（电话、网页、数据库都在一个进程里）", description="启动热线，按 Ctrl+C 停止。"
    )
    run.add_argument(
        "--demo", action="store_true", help="演示：准备虚构的单位、人员和一个月的通话，并打印账号"
    )
    run.add_argument(
        "--daytime",
        action="store_true",
        help="演示时若不在工作时间，把时钟拨到上一个工作日上午十点，以便体验人工接听",
    )
    run.set_defaults(run=run_hotline)
    serve = commands.add_parser(
        "serve", help="单独启动一个部分", description="在自己的进程里、可在另一台机器上启动一个部分。"
    )
    parts = serve.add_subparsers(title="部分", metavar="部分", required=True)
    for name, run, said, about in (
        ("controller", serve_controller, "呼叫控制和 Asterisk（不含网页）", "只启动呼叫控制：Asterisk、菜单、排队、流水和各项定时任务。"),
        ("desk", serve_desk, "工作人员网页（话务台、联络员、监督、管理）", "只启动工作人员网页，通过数据库指挥同一 asterisk.system_name 的呼叫控制进程。"),
    ):  # fmt: skip
        one = parts.add_parser(name, help=said, description=f"{about}需要 PostgreSQL。")
        one.set_defaults(run=run)
    public = parts.add_parser(
        "portal",
        help="公众门户和渠道接口（不含电话，不需要任何电话密码）",
        description="只启动公众页面和渠道接口：连接 hotline run 所用的数据库，不连接 Asterisk。",
    )
    public.set_defaults(run=serve_portal)
    database = commands.add_parser("db", help="数据库结构", description="数据库结构。")
    actions = database.add_subparsers(title="命令", metavar="命令", required=True)
    actions.add_parser(
        "upgrade", help="升级到当前版本的结构", description="把数据库升级到当前版本的结构；升级前请先备份。"
    ).set_defaults(run=upgrade_database)
    actions.add_parser(
        "dictionary",
        help="打印数据字典（Markdown）",
        description="打印数据字典：每个表和字段的名称、类型和说明，Markdown 格式。",
    ).set_defaults(run=print_dictionary)


def upgrade_database(given: argparse.Namespace) -> None:
    before = asyncio.run(upgrade(given.settings.database.url))
    if before.is_current:
        print(f"数据库结构已是最新（{before.head}）。")
    else:
        print(f"数据库结构已升级：{before.current or '空库'} → {before.head}。")


def print_dictionary(_: argparse.Namespace) -> None:
    from config.dictionary import chapters  # with every room's models: only here

    print("# 数据字典\n")
    for chapter in chapters():
        print(chapter)


def run_hotline(given: argparse.Namespace) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_run(given.settings, daytime=given.daytime))


def serve_portal(given: argparse.Namespace) -> None:
    from config.public import PublicProcess  # with its rooms: only here

    _serve(PublicProcess, given.settings, f"公众门户已启动：{_site(given.settings)}/")


def serve_controller(given: argparse.Namespace) -> None:
    from config.bootstrap import ControllerProcess

    name = given.settings.asterisk.system_name
    _serve(ControllerProcess, given.settings, f"呼叫控制已启动（系统名 {name}）", has_pages=False)


def serve_desk(given: argparse.Namespace) -> None:
    from config.bootstrap import DeskProcess

    _serve(DeskProcess, given.settings, f"工作人员网页已启动：{_site(given.settings)}/")


def _serve(
    kind: Callable[[Settings, Clock], "Process"], settings: Settings, said: str, *, has_pages: bool = True
) -> None:
    """One part: pages, or else the telephone."""
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_serve_part(kind, settings, said, has_pages=has_pages))


async def _serve_part(
    kind: Callable[[Settings, Clock], "Process"], settings: Settings, said: str, *, has_pages: bool
) -> None:
    _end_by_signal()
    look = partial(
        _look, settings
    )  # `hotline run` or `hotline db upgrade` upgrade the structure, never a part
    await _database_there(settings, look, pages=has_pages, calls=not has_pages)
    await _until_ended(kind(settings, make_clock(settings)), said)


async def _look(settings: Settings) -> None:
    async with opened(settings):
        pass


async def _database_there(
    settings: Settings, look: Callable[[], Awaitable[object]], *, pages: bool, calls: bool
) -> None:
    """Wait for a database that is away; `pages` and `calls`: what is served meanwhile as well as can be."""
    from config.without_database import CALLS_TEXT, PAGES_TEXT, database_there, one_page

    meanwhile = [one_page(settings.http, CALLS_TEXT if calls else PAGES_TEXT)] if pages else []
    if calls:
        from config.makeshift import asterisk_alone  # with telephony: only here

        meanwhile.append(asterisk_alone(settings))
    await database_there(settings, look, partial(print, flush=True), meanwhile)


def _site(settings: Settings) -> str:
    return f"http://{settings.http.host}:{settings.http.port}"


class Process(Protocol):
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


def _end_by_signal() -> None:
    """SIGINT and SIGTERM end what runs; a signal during the start ends the start."""
    main, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert main is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, main.cancel)


async def _until_ended(process: Process, said: str) -> None:
    try:
        await process.start()
        print(f"{said}  按 Ctrl+C 停止。", flush=True)
        await asyncio.Event().wait()
    finally:
        print("正在停止……", flush=True)
        await process.stop()


async def _run(settings: Settings, *, daytime: bool) -> None:
    _end_by_signal()
    await _database_there(settings, partial(upgrade, settings.database.url), pages=True, calls=True)
    if settings.mode == "demo":
        settings = await _seed(settings, daytime=daytime)
    from config import bootstrap  # with every room and its libraries: only here

    await _until_ended(bootstrap.Hotline(settings, make_clock(settings)), f"热线已启动：{_site(settings)}/")


async def _seed(settings: Settings, *, daytime: bool) -> Settings:
    """The demo's data, then how to begin; the settings with the clock the demo runs by.

    The clock is settled first: what is seeded lies behind the calls that are made in the demo.
    """
    region, clock = read_cast().regions[0]["code"], make_clock(settings)
    async with opened(settings) as db:
        async with db.reading() as session:
            calendar = await load_calendar(session)
        is_open = calendar.is_open(clock.now(), region)
        if daytime and not is_open:
            settings = replace(settings, test_clock=_last_morning(calendar, clock.now(), region))
            clock, is_open = make_clock(settings), True
            print(f"现在是非工作时间，演示时钟拨到 {beijing(clock.now()):%m月%d日 %H:%M}。")
        print("正在准备演示数据（首次约需半分钟）……", flush=True)
        accounts = await seeding.seed(db, clock, settings)
    for line in _welcome(settings, accounts, make_clock(settings), is_open=is_open):
        print(line)
    return settings


def _last_morning(calendar: WorkCalendar, now: datetime, region: str) -> datetime:
    """Ten o'clock of the last working day before today."""
    day = beijing(now).date() - timedelta(days=1)
    while not calendar.is_workday(day, region):
        day -= timedelta(days=1)
    return datetime.combine(day, time(10), BEIJING)


def _welcome(settings: Settings, accounts: seeding.DemoAccounts, clock: Clock, *, is_open: bool) -> list[str]:
    operator, liaison = accounts.of(Role.OPERATOR), accounts.of(Role.LIAISON)
    site = _site(settings)
    lines = [
        f"全部演示账号见 {settings.data_dir / 'demo.json'}，例如：",
        f"  话务员  {operator.username}  密码 {operator.password}  {site}/desk",
        f"  联络员  {liaison.username}   密码 {liaison.password}  {site}/liaison",
        f"  打电话  {site}/phone（拨 {settings.line.number}，无需登录）",
    ]
    if not is_open:
        lines.append(
            f"现在是非工作时间（{beijing(clock.now()):%m月%d日 %H:%M}），来电会转到语音信箱；要体验人工接听，请这样启动："
            "HOTLINE_TEST_CLOCK=2026-06-01T10:00:00+08:00 hotline run --demo"
        )
    return lines
