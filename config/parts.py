"""The parts of a running hotline as /readyz shows them (各部分状态): Asterisk, the ledger's way to the database, the disk, the calendar."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from core.calendar.holidays import load_calendar
from core.clock import Clock, beijing
from core.db import Database
from core.web.keys import PartState
from recordings.keeping.space import space

if TYPE_CHECKING:  # the public process has parts too, and no telephony
    from ivr.asterisk.ami import Ami
    from ivr.ledger.journal import Journal
    from recordings.keeping.moving import Mover


async def asterisk_state(ami: "Ami") -> PartState:
    return PartState(ok=ami.up, text="已连接" if ami.up else "未连接，正在重试")


async def ledger_state(journal: "Journal") -> PartState:
    """Whether every ledger line is stored, and where those that are not wait (M-14)."""
    if journal.disk_fault:
        text = f"数据库和本机磁盘都无法写入（{journal.disk_fault}），通话流水只在内存中：请立即清理磁盘，不要重启热线"
        return PartState(ok=False, text=text)
    if journal.database_fault:
        text = (
            f"数据库无法写入（{journal.database_fault}），通话流水暂存在 {journal.spool.folder}"
            f"（{journal.spool.count} 批），数据库恢复后自动补入"
        )
        return PartState(ok=False, text=text)
    return PartState(ok=True, text="已全部入库")


async def disk_state(least_mb: int, *folders: Path) -> PartState:
    """Room left where recordings and state are written; calls go on without it, what is recorded would be lost (M-60)."""
    found = await asyncio.to_thread(space, least_mb, *folders)
    return PartState(ok=not found.is_low, text=found.text)


async def depot_state(mover: "Mover") -> PartState:
    """Where recordings are kept for good. One that is away keeps nobody from working: what was recorded waits here."""
    count = await asyncio.to_thread(mover.waiting)
    if mover.fault:
        return PartState(ok=True, text=f"无法访问（{mover.fault}），{count} 段录音留在本机，恢复后自动转存")
    return PartState(ok=True, text=f"可读写，{count} 段录音待转存")


async def calendar_state(db: Database, clock: Clock) -> PartState:
    """How far the published calendar reaches. Calls and clocks go on past it, so it never makes the whole not ready (WD-8)."""
    async with db.reading() as session:
        calendar = await load_calendar(session)
    left = calendar.days_left(beijing(clock.now()).date())
    text = f"节假日安排已公布到 {calendar.covered_until:%Y年%m月%d日}，此后的期限为暂定"
    if left is not None:
        end = f"还有 {left} 天到期" if left else "已经到期"
        text += f"（{end}，请在下一年安排公布后导入：hotline calendar import 或 /admin/calendar）"
    return PartState(ok=True, text=text)
