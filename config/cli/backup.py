"""`hotline backup` and `hotline restore`: the whole hotline in one file, and back into an empty one (M-60, M-85)."""

import asyncio
from pathlib import Path
from typing import Any

from config.backup.layout import fingerprint
from config.backup.making import make
from config.backup.restoring import Restored, restore
from config.database import opened
from config.settings import Settings, make_clock, provide_secrets

_KEEP_SAFE = (
    "备份里有全部密钥：拿到它的人能听所有录音、看所有工单。请离线加密保管，不要放在热线服务器上。\n"
    "设置文件 hotline.toml（以及直接写在里面的密钥、数据库口令）不在备份里，请另行保存。"
)


def add_commands(commands: Any) -> None:
    backup = commands.add_parser(
        "backup",
        help="把数据库、录音、附件和密钥备份到一个文件",
        description="把数据库、录音、附件、语音提示替换件和密钥备份到一个文件；热线可以照常运行。",
    )
    backup.add_argument("file", metavar="FILE.tar", type=Path, help="新文件，已存在则不覆盖")
    backup.set_defaults(run=lambda given: asyncio.run(_backup(given.settings, given.file)))
    back = commands.add_parser(
        "restore",
        help="把备份恢复到一套空的热线",
        description="把备份恢复到空的数据库和空的 data_dir；SQLite 的备份可以恢复到 PostgreSQL，反之亦然。绝不覆盖已有内容。",
    )
    back.add_argument("file", metavar="FILE.tar", type=Path, help="hotline backup 做的文件")
    back.set_defaults(run=lambda given: asyncio.run(_restore(given.settings, given.file)), make_secrets=False)


async def _backup(settings: Settings, file: Path) -> None:
    async with opened(settings) as db:
        manifest = await make(db, make_clock(settings), settings, file, _progress)
    _progress("")
    members = len(manifest.sha256) - len(manifest.rows)
    print(f"\r已备份到 {file}：{sum(manifest.rows.values())} 行数据，{members} 个文件。\n{_KEEP_SAFE}")


async def _restore(settings: Settings, file: Path) -> int:
    restored = await restore(settings, file, _progress)
    _progress("")
    rows = sum(restored.manifest.rows.values())
    print(f"\r已恢复 {restored.manifest.made_at} 的备份：{rows} 行数据，{restored.files} 个文件。")
    for fault in (faults := _faults(restored, provide_secrets(settings))):
        print(fault)
    print("接着运行 hotline kb reindex、hotline prompts build 和 hotline recordings verify，再启动热线。")
    return 1 if faults else 0


def _faults(restored: Restored, settings: Settings) -> list[str]:
    faults = []
    if restored.broken_audit is not None:
        faults.append(f"审计日志的校验链从第 {restored.broken_audit} 行起断开：做备份时已经如此。")
    if restored.broken_recording is not None:
        faults.append(f"录音的校验链从录音 {restored.broken_recording} 起断开：做备份时已经如此。")
    if fingerprint(settings.tickets.code_secret) != restored.manifest.query_code_key:
        faults.append(
            "查询码密钥与做备份时不同，已发出的查询码打不开：请把设置 tickets.code_secret 改回原值。"
        )
    return faults


def _progress(text: str) -> None:
    print(f"\r  {text}".ljust(60), end="", flush=True)
