"""`hotline asterisk` and `hotline trace`: asking Asterisk directly, and keeping what it says for a test or a riddle.

A trace is JSON lines, one AMI event each with its `Timestamp`, oldest first. It holds callers' numbers: record in the
laboratory, or guard it like a recording.
"""

import argparse
import contextlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from config.cli.ami_client import connected
from core.clock import beijing
from core.errors import HotlineError
from core.log import mask_text
from ivr.tracking.live_call import LedgerLine
from ivr.tracking.tracker import Tracker


class TraceUnreadable(HotlineError):
    """A line of a trace is not an event."""

    code = "trace_unreadable"
    text = "跟踪文件第 {line} 行无法识别，应为一行一个 JSON 事件。"


def add_commands(commands: Any) -> None:
    asterisk = commands.add_parser("asterisk", help="直接询问 Asterisk", description="直接询问 Asterisk。")
    actions = asterisk.add_subparsers(title="命令", metavar="命令", required=True)
    command = actions.add_parser(
        "command", help="执行一条 Asterisk 控制台命令", description="执行一条 Asterisk 控制台命令并打印结果。"
    )
    command.add_argument("text", metavar="命令", help="例如 core show channels")
    command.set_defaults(run=run_command)
    trace = commands.add_parser("trace", help="记录和重放电话事件", description="记录和重放电话事件（AMI）。")
    actions = trace.add_subparsers(title="命令", metavar="命令", required=True)
    record = actions.add_parser(
        "record", help="把事件记录到文件，按 Ctrl+C 结束", description="把电话事件记录到文件，每行一个 JSON。"
    )
    record.set_defaults(run=record_trace)
    replay = actions.add_parser(
        "replay", help="由记录的事件还原每个通话的经过", description="由记录的事件还原每个通话的经过。"
    )
    replay.set_defaults(run=replay_trace)
    for parser in (record, replay):
        parser.add_argument("file", type=Path, metavar="文件")


def run_command(given: argparse.Namespace) -> None:
    with connected(given.settings.asterisk) as client:
        print(client.command(given.text))


def record_trace(given: argparse.Namespace) -> None:
    """Until Ctrl+C; every event is on disk before the next is read."""
    count = 0
    with connected(given.settings.asterisk) as client, _private(given.file) as file:
        print(f"正在记录到 {given.file}，按 Ctrl+C 结束。内容含来电号码，请妥善保管。", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            for event in client.events():
                event.setdefault("Timestamp", str(datetime.now(UTC).timestamp()))
                file.write(json.dumps(event, ensure_ascii=False) + "\n")
                file.flush()
                count += 1
    print(f"\n已记录 {count} 个事件。")


def replay_trace(given: argparse.Namespace) -> None:
    tracker, count = Tracker(), 0
    for at, event in read_trace(given.file):
        for line in tracker.handle(event, at):
            print(as_text(line))
            count += 1
    print(f"共 {count} 条经过，未结束的通话 {len(tracker.calls)} 个。")


def read_trace(file: Path) -> Iterator[tuple[datetime, dict[str, str]]]:
    """The events of a trace with their instants; raises TraceUnreadable."""
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                event = dict(json.loads(line))
                at = datetime.fromtimestamp(float(event["Timestamp"]), UTC)
            except (ValueError, KeyError, TypeError):
                raise TraceUnreadable(line=number) from None
            yield at, event


def as_text(line: LedgerLine) -> str:
    """One ledger line as a line of text, numbers masked."""
    fields = "  ".join(f"{name}={value}" for name, value in line.data.items())
    return mask_text(
        f"{beijing(line.at):%H:%M:%S.%f}"[:12] + f"  {line.linkedid}  {line.kind:<20} {fields}"
    ).rstrip()


@contextlib.contextmanager
def _private(file: Path) -> Iterator[Any]:
    with os.fdopen(
        os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as handle:
        yield handle
