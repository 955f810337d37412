"""`hotline recordings`: is the archive whole, its keys, and what has been purged."""

import argparse
import asyncio
from typing import Any

from config.database import opened
from recordings.keeping import chain, purge, rotation, verify

_FAULTS = {"missing": "文件不见了", "size": "大小不对", "checksum": "内容已变（校验和不符）"}


def add_commands(commands: Any) -> None:
    base = commands.add_parser("recordings", help="录音档案", description="录音档案。")
    actions = base.add_subparsers(title="命令", metavar="命令", required=True)
    for name, run, text in (
        ("verify", _verify, "逐个校验录音的大小、校验和与校验链"),
        ("rotate-keys", _rotate, "更换录音密钥：录音文件不变，各文件的密钥改由新密钥保护"),
        ("purge", _purge, "删除已获批准清除的录音文件（申请和批准在“录音保存”页面由两人办理）"),
    ):
        command = actions.add_parser(name, help=text, description=f"{text}。")
        command.set_defaults(run=lambda given, run=run: asyncio.run(run(given)))


async def _verify(given: argparse.Namespace) -> int:
    async with opened(given.settings) as db:
        total, bad, done = await verify.total(db), 0, 0
        async for one in verify.verify(db, given.settings.recordings):
            done += 1
            if one.fault:
                bad += 1
                print(f"\r{one.path}（{one.public_id}）：{_FAULTS[one.fault]}")
            print(f"\r  已校验 {done}/{total}", end="", flush=True)
        async with db.reading() as session:
            broken = await chain.verify(session)
    print(f"\r录音 {total} 个，{f'其中 {bad} 个有问题' if bad else '全部完好'}。".ljust(40))
    if broken:
        print(f"校验链从录音 {broken.public_id} 起断开：该记录或其前面的记录被改动或删除。")
    return 1 if bad or broken else 0


async def _rotate(given: argparse.Namespace) -> None:
    async with opened(given.settings) as db:
        async for left in rotation.rotate(db, given.settings.recordings):
            print(f"\r  待处理 {left} 个".ljust(30), end="", flush=True)
    print(f"\r已更换为新密钥，请立即另行备份密钥文件 {given.settings.recordings.keyring}。")


async def _purge(given: argparse.Namespace) -> None:
    async with opened(given.settings) as db:
        removed = await purge.remove_files(db, given.settings.recordings)
    print(f"已删除 {removed} 个获准清除的录音文件。" if removed else "没有待删除的录音文件。")
