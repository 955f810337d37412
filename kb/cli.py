"""The commands `hotline kb import | export | search | reindex` (知识库命令), for the command line to hang in.

`add_commands` declares the commands and their options, `run` carries one out; the settings are read by `config.cli`.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from core.clock import Clock
from core.db import Database
from kb.interchange import exchange, exporting, feed
from kb.searching.hits import Hit
from kb.searching.search import AudienceName, Searcher


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add the four commands to `hotline kb`; the one chosen is in `args.kb_command`."""
    commands = parser.add_subparsers(dest="kb_command", required=True, metavar="命令")
    take_in = commands.add_parser("import", help="导入条目（JSONL、JSON、CSV、XLSX 或网址），可重复执行")
    take_in.add_argument("file", help="要导入的文件，或以 http(s):// 开头的信息源网址")
    take_in.add_argument("--key-file", type=Path, help="写有对方所发渠道密钥的文件，网址需要密钥时使用")
    take_in.add_argument("--source", default="", help="没有“来源”一列时使用的来源名称，默认用文件名")
    take_in.add_argument("--retire", action="store_true", help="文件中已没有的同来源条目予以撤下")
    take_in.add_argument("--dry-run", action="store_true", help="只检查，不改动任何内容")
    give_out = commands.add_parser("export", help="导出已发布的条目（JSONL、JSON、CSV、XLSX，按扩展名）")
    give_out.add_argument("file", type=Path, help="写到哪个文件")
    give_out.add_argument("--source", default="", help="只导出这个来源的条目")
    give_out.add_argument("--public", action="store_true", help="只导出公开的条目")
    look = commands.add_parser("search", help="检索")
    look.add_argument("query", nargs="?", default="", help="要查的内容")
    look.add_argument("--limit", type=int, default=10, help="最多几条（默认 10）")
    look.add_argument("--unit", default="", help="只查名称含此文字的单位")
    look.add_argument("--public", action="store_true", help="只查公众可见的条目")
    look.add_argument("--expired", action="store_true", help="已过有效期的条目也列出，并加以标明")
    look.add_argument("--json", action="store_true", help="输出 JSON")
    look.add_argument("--pipe", action="store_true", help='逐行读入 {"query": …, "k": …}，逐行输出结果')
    commands.add_parser("reindex", help="重建检索索引")


async def run(args: argparse.Namespace, db: Database, clock: Clock, index_path: Path) -> int:
    """Carry out one command; returns the exit status. Raises HotlineError with the sentence for people."""
    if args.kb_command == "export":
        done = await exporting.export_file(
            db, args.file, source=args.source, public_only=args.public, progress=bar("已导出")
        )
        return _say(f"共导出 {done} 条。")
    searcher = Searcher(index_path, db, clock)
    try:
        return await _with_searcher(args, db, clock, searcher)
    finally:
        await searcher.close()


async def _with_searcher(args: argparse.Namespace, db: Database, clock: Clock, searcher: Searcher) -> int:
    if args.kb_command == "import":
        return await _import(args, db, clock, searcher)
    if args.kb_command == "reindex":
        done = await searcher.rebuild(bar("已建立索引"))
        return _say(f"索引已重建，共 {done} 条。")
    await searcher.open()
    if args.pipe:
        return await answer_lines(searcher, sys.stdin, sys.stdout, with_expired=args.expired)
    return await _search(args, searcher)


async def _import(args: argparse.Namespace, db: Database, clock: Clock, searcher: Searcher) -> int:
    async with AsyncExitStack() as stack:
        is_feed = feed.is_address(args.file)
        fetched = feed.fetched(args.file, feed.key_in(args.key_file)) if is_feed else None
        path = await stack.enter_async_context(fetched) if fetched else Path(args.file)
        report = await exchange.import_file(
            db,
            clock,
            path,
            source=args.source,
            retire_missing=args.retire,
            dry_run=args.dry_run,
            progress=bar("已读入"),
        )
    if not args.dry_run:
        await searcher.open()
    for error in report.errors:
        print(error, file=sys.stderr)  # noqa: T201 - a command's own words
    if args.retire and report.wrong:
        _say("有错误的行，本次没有撤下任何条目；请改正后重新导入。")
    _say(("试导入（没有改动）：" if args.dry_run else "") + report.text)
    return 1 if report.wrong else 0


async def _search(args: argparse.Namespace, searcher: Searcher) -> int:
    audience: AudienceName = "public" if args.public else "staff"
    hits = await searcher.search(
        args.query, args.limit, unit=args.unit or None, audience=audience, with_expired=args.expired
    )
    if args.json:
        return _say(json.dumps([asdict(hit) for hit in hits], ensure_ascii=False))
    for place, hit in enumerate(hits, start=1):
        mark = "" if hit.valid else "（已过有效期）"
        _say(f"{place}. {hit.title}{mark}  〔{hit.unit}〕\n   {hit.snippet}")
    return 0 if hits else _say("没有找到。", 1)


async def answer_lines(searcher: Searcher, lines: TextIO, out: TextIO, *, with_expired: bool = False) -> int:
    """For each line {"query", "k", "unit"} one line {"items": [{"id", …}], "took_ms"}; `id` is the source's own."""
    while line := await asyncio.to_thread(lines.readline):
        started = time.perf_counter()
        try:
            row = json.loads(line)
            hits = await searcher.search(
                str(row["query"]), int(row.get("k", 10)), unit=row.get("unit") or None, audience="staff",
                with_expired=with_expired,
            )  # fmt: skip
            answer: dict[str, Any] = {"items": [_item(hit) for hit in hits]}
        except (ValueError, KeyError, TypeError):
            answer = {"error": '每行应是一个 JSON 对象，例如 {"query": "公积金提取", "k": 10}'}
        answer["took_ms"] = round((time.perf_counter() - started) * 1000, 2)
        out.write(json.dumps(answer, ensure_ascii=False) + "\n")
        out.flush()
    return 0


def _item(hit: Hit) -> dict[str, Any]:
    return {"id": hit.source_id or str(hit.id), "title": hit.title, "unit": hit.unit, "score": hit.score}


def bar(what: str) -> Callable[[int, int], None]:
    """Shows on a terminal how much of the whole is done, and nothing in a log."""

    def show(done: int, total: int) -> None:
        if sys.stderr.isatty():
            share = done / max(1, total)
            filled = "█" * round(share * 30)
            line = f"\r{what} {filled:░<30} {share:4.0%}  {done} / {total} 条"
            print(line, end="" if done < total else "\n", file=sys.stderr, flush=True)  # noqa: T201 - a command's own words

    return show


def _say(text: str, status: int = 0) -> int:
    print(text)  # noqa: T201 - a command's own words
    return status
