"""`make bench`: calls per second, step latency and CPU of the hotline beside the same menu as pure dialplan (the floor),
then simultaneous recorded talks. Everything on loopback, bounded, on private instances.
"""

import argparse
import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from pathlib import Path

from bench.instance import settings, start_floor
from bench.menu import Row, System, measure_menu
from bench.report import menu_table, talk_lines
from bench.talks import TalkResult, measure_talks

RATES = (20, 40, 60, 80, 100)
QUICK_RATES = (20, 80)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about a minute: two rates, few talks")
    parser.add_argument(
        "--rates", type=lambda text: tuple(map(int, text.split(","))), help="new calls a second, e.g. 20,80"
    )
    parser.add_argument("--seconds", type=float, help="length of each menu measurement")
    parser.add_argument("--talks", type=int, help="simultaneous recorded talks; 0: none")
    parser.add_argument("--talk-seconds", type=float)
    parser.add_argument(
        "--base-port", type=int, default=30000, help="the bench uses this port and the 1999 after it"
    )
    parser.add_argument(
        "--media-port", type=int, default=11000, help="first of 10000 ports for the load's audio"
    )
    parser.add_argument("--only", choices=("floor", "hotline"), help="measure one system")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--folder", type=Path, help="keep the instances' folders here")
    args = parser.parse_args()
    quick = args.quick
    args.rates = args.rates or (QUICK_RATES if quick else RATES)
    args.seconds = args.seconds or (7.0 if quick else 15.0)
    args.talks = (20 if quick else 100) if args.talks is None else args.talks
    args.talk_seconds = args.talk_seconds or (10.0 if quick else 30.0)
    return args


@contextlib.asynccontextmanager
async def running_floor(root: Path, base_port: int) -> AsyncIterator[System]:
    asterisk = settings(base_port, 0)
    running = await start_floor(asterisk, root / "asterisk")
    assert running.process
    try:
        yield System("floor", root, asterisk.sip_port, running.process.pid, None)
    finally:
        await running.stop()


@contextlib.asynccontextmanager
async def running_hotline(root: Path, base_port: int, talks: int) -> AsyncIterator[tuple[System, Process]]:
    with (root / "hotline.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.controller", "--root", root, "--base-port", str(base_port),
            "--operators", str(talks), stdin=PIPE, stdout=PIPE, stderr=log,
            start_new_session=True,  # as a service: the scheduler must not count it as one with the load
        )  # fmt: skip
    assert process.stdout
    assert process.stdin
    try:
        ready, _, asterisk_pid = (await process.stdout.readline()).decode().partition(" ")
        if ready != "ready":
            raise RuntimeError(f"the hotline did not start: {(root / 'hotline.log').read_text()[-2000:]}")
        yield (
            System("hotline", root, settings(base_port, 1).sip_port, int(asterisk_pid), process.pid),
            process,
        )
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            process.kill()


async def _measure(args: argparse.Namespace, root: Path) -> tuple[list[Row], TalkResult | None]:
    rows: list[Row] = []
    async with contextlib.AsyncExitStack() as stack:
        systems: list[System] = []
        if args.only != "hotline":
            systems.append(await stack.enter_async_context(running_floor(root / "floor", args.base_port)))
        if args.only != "floor":
            hotline, controller = await stack.enter_async_context(
                running_hotline(root / "hotline", args.base_port, args.talks)
            )
            systems.append(hotline)
        for rate in args.rates:
            for system in systems:
                print(f"{rate} calls/s for {args.seconds:.0f} s on the {system.name} …", file=sys.stderr)
                rows.append(await measure_menu(system, rate, args.seconds, args.media_port, root / "sipp"))
                print(menu_table(rows[-1:], heading=False), file=sys.stderr)
        talks = None
        if args.talks and args.only != "floor":
            print(f"{args.talks} recorded talks for {args.talk_seconds:.0f} s …", file=sys.stderr)
            talks = await measure_talks(hotline, controller, args.talks, args.talk_seconds)
    return rows, talks


def _show(rows: Sequence[Row], talks: TalkResult | None) -> None:
    print(menu_table(rows))
    if talks:
        print()
        print(talk_lines(talks))


def main() -> None:
    args = _arguments()
    with contextlib.ExitStack() as stack:
        root = args.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hotline-bench-")))
        shutil.rmtree(root / "hotline", ignore_errors=True)
        shutil.rmtree(root / "floor", ignore_errors=True)
        for name in ("hotline", "floor"):
            (root / name).mkdir(parents=True)
        rows, talks = asyncio.run(_measure(args, root))
    _show(rows, talks)
    if args.json:
        figures = {"menu": [asdict(row) for row in rows], "talks": asdict(talks) if talks else None}
        args.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
