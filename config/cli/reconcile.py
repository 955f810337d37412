"""`hotline reconcile`: the stored ledger against Asterisk's CEL and CDR, now (对账)."""

import argparse
import asyncio
from datetime import timedelta
from typing import Any

from config.database import opened
from config.settings import make_clock
from core.errors import HotlineError
from core.lines import connected_lines
from ivr.asterisk.site import Folders
from ivr.ledger.reconcile import SETTLED, reconcile, source_in


class NoCel(HotlineError):
    """There is nothing to compare with; `file` is where it would be."""

    code = "no_cel"
    text = "没有 Asterisk 的呼叫记录文件 {file}，无法对账（外部 Asterisk 的记录不在本机读取）。"


def add_commands(commands: Any) -> None:
    command = commands.add_parser(
        "reconcile",
        help="对账：通话流水与 Asterisk 的记录",
        description="比较通话流水与 Asterisk 的 CEL、CDR，列出每处不一致；有不一致时返回非零。",
    )
    command.add_argument("--hours", type=int, default=24, help="比较最近多少小时的来电（缺省 24）")
    command.set_defaults(run=lambda given: asyncio.run(_reconcile(given)))


async def _reconcile(given: argparse.Namespace) -> int:
    settings, clock = given.settings, make_clock(given.settings)
    until = clock.now() - SETTLED
    async with opened(settings) as db:
        async with db.reading() as session:
            lines = {line.number for line in await connected_lines(session)} | {settings.line.number}
        source = source_in(Folders(settings.data_dir / "asterisk"), settings.asterisk.system_name, lines)
        if not source.cel_file.exists():
            raise NoCel(file=source.cel_file)
        row = await reconcile(db, clock, source, until - timedelta(hours=given.hours), until)
    for one in row.differences:
        print(f"{one['linkedid']}　{one['text']}")
    print(f"比较了 {row.calls} 通来电，{len(row.differences)} 处不一致。")
    return 1 if row.differences else 0
