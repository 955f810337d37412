"""`hotline report`: draft what is due, say how far each report has come, print one (统计报表)."""

import argparse
import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from config.database import opened
from config.settings import make_clock
from core.errors import NotFound
from reports.models import Report
from reports.signed import filing, pdf
from reports.signed.content import period_of


def add_commands(commands: Any) -> None:
    base = commands.add_parser(
        "report", help="统计报表", description="统计报表：起草、查看进度、输出打印件。"
    )
    actions = base.add_subparsers(title="命令", metavar="命令", required=True)
    actions.add_parser(
        "draft", help="起草上一报告期的报表", description="为各地区起草上一报告期的报表；已有的不重复起草。"
    ).set_defaults(run=lambda given: asyncio.run(_draft(given)))
    actions.add_parser("list", help="列出报表和进度", description="列出报表、状态和逾期。").set_defaults(
        run=lambda given: asyncio.run(_list(given))
    )
    printing = actions.add_parser(
        "pdf", help="输出一份报表的打印件", description="输出一份报表的 A4 打印件。"
    )
    printing.add_argument("number", type=int, help="报表编号，见 hotline report list")
    printing.add_argument("file", type=Path, help="输出文件，如 report.pdf")
    printing.set_defaults(run=lambda given: asyncio.run(_print(given)))


async def _draft(given: argparse.Namespace) -> int:
    async with opened(given.settings) as db:
        made = await filing.draft_due(db, make_clock(given.settings))
    print(f"新起草 {made} 份报表。")
    return 0


async def _list(given: argparse.Namespace) -> int:
    now = make_clock(given.settings).now()
    async with opened(given.settings) as db, db.reading() as session:
        wanted = select(Report).options(selectinload(Report.region)).order_by(Report.first_on, Report.id)
        for one in await session.scalars(wanted):
            late = "　逾期" if filing.is_late(one, now) else ""
            state = filing.STATES[filing.state_of(one)]
            print(f"{one.id}　{one.region.name}　{period_of(one).name}　{state}　应报 {one.due_on}{late}")
    return 0


async def _print(given: argparse.Namespace) -> int:
    async with opened(given.settings) as db, db.reading() as session:
        wanted = select(Report).where(Report.id == given.number)
        report = await session.scalar(
            wanted.options(selectinload(Report.region), selectinload(Report.revisions))
        )
        if report is None:
            raise NotFound
        revision = report.revisions[-1]
        body = await asyncio.to_thread(
            pdf.draw, revision.content, await filing.facts_of(session, report, revision)
        )
    given.file.write_bytes(body)
    print(f"已写入 {given.file}。")
    return 0
