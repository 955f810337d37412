"""`hotline kb|calendar|prompts|audit`: what the hotline says, keeps and reckons with."""

import argparse
import asyncio
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

import kb.cli
from config.database import opened
from config.prompts import in_force
from config.settings import make_clock
from core import audit
from core.calendar.files import read_years
from core.calendar.holidays import import_year, load_calendar
from core.calendar.workdays import WorkCalendar
from core.clock import beijing
from core.errors import InvalidInput
from core.units import Region
from ivr.speech.prompts import render

_WEEKDAYS = "一二三四五六日"


def add_commands(commands: Any) -> None:
    base = commands.add_parser("kb", help="知识库", description="知识库：导入、导出、检索。")
    kb.cli.add_commands(base)
    base.set_defaults(run=lambda given: asyncio.run(_kb(given)))
    _add_calendar(commands)
    prompts = commands.add_parser("prompts", help="语音提示", description="语音提示。")
    build = _sub(prompts).add_parser(
        "build", help="生成缺少或已改的提示音", description="生成缺少或已改的提示音。"
    )
    build.set_defaults(run=build_prompts)
    log = commands.add_parser("audit", help="审计日志", description="审计日志。")
    chain = _sub(log).add_parser(
        "verify", help="校验审计日志是否被改动", description="校验审计日志的哈希链。"
    )
    chain.set_defaults(run=lambda given: asyncio.run(_verify_audit(given)))


def _sub(parser: Any) -> Any:
    return parser.add_subparsers(title="命令", metavar="命令", required=True)


def _add_calendar(commands: Any) -> None:
    calendar = commands.add_parser("calendar", help="工作日历", description="工作日历：放假和调休。")
    actions = _sub(calendar)
    show = actions.add_parser(
        "show", help="显示一年的放假和调休", description="显示一年中与周末规律不同的日子。"
    )
    show.add_argument("--year", type=int, metavar="年份", help="缺省为今年")
    show.add_argument("--region", metavar="地区代码", help="缺省为全国")
    show.set_defaults(run=lambda given: asyncio.run(_show_calendar(given)))
    take = actions.add_parser(
        "import", help="导入已公布的年度安排", description="导入已公布的年度放假安排（TOML、XLSX 或 CSV）。"
    )
    take.add_argument(
        "file",
        type=Path,
        metavar="文件",
        help="TOML 同 config/calendar/cn.toml；表格各列为类型、首日、末日、名称",
    )
    take.set_defaults(run=lambda given: asyncio.run(_import_calendar(given)))


async def _kb(given: argparse.Namespace) -> int:
    async with opened(given.settings) as db:
        return await kb.cli.run(given, db, make_clock(given.settings), given.settings.kb_index)


def build_prompts(given: argparse.Namespace) -> None:
    settings = given.settings
    catalogue = asyncio.run(in_force(settings))
    made = render(catalogue, settings.prompts, _progress)
    print(f"\r提示音齐备：共 {len(list(catalogue))} 条，本次生成 {made} 条。".ljust(60))


def _progress(done: int, total: int, prompt_id: str) -> None:
    print(f"\r  生成提示音 {done}/{total}  {prompt_id[:30]:<30}", end="", flush=True)


async def _verify_audit(given: argparse.Namespace) -> int:
    async with opened(given.settings) as db, db.reading() as session:
        broken = await audit.verify(session)
    print("审计日志完整，没有被改动。" if broken is None else f"审计日志从第 {broken} 条起被改动或缺失。")
    return 0 if broken is None else 1


async def _show_calendar(given: argparse.Namespace) -> None:
    async with opened(given.settings) as db, db.reading() as session:
        await _check_region(session, given.region)
        calendar = await load_calendar(session)
    year = given.year or beijing(make_clock(given.settings).now()).year
    for line in _unusual(calendar, year, given.region):
        print(line)
    print(f"已公布的安排到 {calendar.covered_until:%Y年%m月%d日}，此后的期限为暂定。")


async def _check_region(session: AsyncSession, code: str | None) -> None:
    """Raises InvalidInput: the days of a region that is not there would be the nation's, and look like its own."""
    if code and await session.scalar(select(Region.id).where(Region.code == code)) is None:
        raise InvalidInput(field="--region", reason=f"没有地区代码“{code}”，请核对")


def _unusual(calendar: WorkCalendar, year: int, region: str | None) -> Iterable[str]:
    day = date(year, 1, 1)
    while day.year == year:
        status = calendar.day(day, region)
        if status.is_workday != (day.weekday() < 5):
            note = "（暂定）" if status.provisional else ""
            kind = "上班" if status.is_workday else "放假"
            yield f"{day}  周{_WEEKDAYS[day.weekday()]}  {kind}  {status.why}{note}"
        day += timedelta(days=1)


async def _import_calendar(given: argparse.Namespace) -> None:
    years = await asyncio.to_thread(read_years, given.file.name, given.file.read_bytes())
    async with opened(given.settings) as db, db.unit_of_work() as session:
        for one in years:
            await import_year(
                session, make_clock(given.settings), year=one.year, off=one.off, make_up=one.make_up,
                source=given.file.name, actor="system",
            )  # fmt: skip
    print("已导入：" + "、".join(f"{one.year} 年" for one in years) + "。")
