"""`make bench`: calls per second, step latency and CPU of the hotline beside the same menu as pure dialplan (the floor),
then recorded talks at once, beside the same talks of the floor. Everything on loopback, bounded, on private instances.
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

from bench.controller import PASSWORD, extensions
from bench.instance import rtp_ports, settings, start_floor
from bench.menu import Row, System, measure_menu
from bench.report import menu_table, talk_table
from bench.talks import TalkResult, measure_talks, seated
from ivr.asterisk.site import Telephone

RATES = (20, 40, 60, 80, 100)
QUICK_RATES = (20, 80)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="about a minute: two rates, few talks")
    parser.add_argument("--rates", type=_numbers, help="new calls a second, e.g. 20,80; empty: no menu calls")
    parser.add_argument("--seconds", type=float, help="length of each menu measurement")
    parser.add_argument("--talks", type=_numbers, help="recorded talks at once, e.g. 100,250; empty: none")
    parser.add_argument("--talk-seconds", type=float)
    parser.add_argument(
        "--intake-seconds",
        type=float,
        default=240.0,
        help="how long to wait for the recordings in the archive",
    )
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
    args.rates = (QUICK_RATES if quick else RATES) if args.rates is None else args.rates
    args.seconds = args.seconds or (7.0 if quick else 15.0)
    args.talks = ((20,) if quick else (100,)) if args.talks is None else args.talks
    args.talk_seconds = args.talk_seconds or (10.0 if quick else 30.0)
    return args


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",") if part)


@contextlib.asynccontextmanager
async def running_floor(root: Path, base_port: int, operators: int = 0) -> AsyncIterator[System]:
    asterisk = settings(base_port, 0)
    phones = [Telephone(extension, PASSWORD) for extension in extensions(operators)]
    running = await start_floor(asterisk, root / "asterisk", phones)
    assert running.process
    try:
        yield System("floor", root, asterisk.sip_port, running.process.pid, None, rtp_ports(base_port))
    finally:
        await running.stop()


@contextlib.asynccontextmanager
async def running_hotline(
    root: Path, base_port: int, operators: int
) -> AsyncIterator[tuple[System, Process]]:
    with (root / "hotline.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.controller", "--root", root, "--base-port", str(base_port),
            "--operators", str(operators), stdin=PIPE, stdout=PIPE, stderr=log,
            start_new_session=True,  # as a service: the scheduler must not count it as one with the load
        )  # fmt: skip
    assert process.stdout
    assert process.stdin
    try:
        ready, _, asterisk_pid = (await process.stdout.readline()).decode().partition(" ")
        if ready != "ready":
            raise RuntimeError(f"the hotline did not start: {(root / 'hotline.log').read_text()[-2000:]}")
        sip_port, ports = settings(base_port, 1).sip_port, rtp_ports(base_port)
        yield System("hotline", root, sip_port, int(asterisk_pid), process.pid, ports), process
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            process.kill()


async def _measure(args: argparse.Namespace, root: Path) -> tuple[list[Row], list[TalkResult]]:
    rows: list[Row] = []
    talks: list[TalkResult] = []
    operators = max(args.talks, default=0)
    async with contextlib.AsyncExitStack() as stack:
        systems: list[tuple[System, Process | None]] = []
        if args.only != "hotline":
            floor = running_floor(root / "floor", args.base_port, operators)
            systems.append((await stack.enter_async_context(floor), None))
        if args.only != "floor":
            hotline = running_hotline(root / "hotline", args.base_port, operators)
            systems.append(await stack.enter_async_context(hotline))
        for rate in args.rates:
            for system, _ in systems:
                print(f"{rate} calls/s for {args.seconds:.0f} s on the {system.name} …", file=sys.stderr)
                rows.append(await measure_menu(system, rate, args.seconds, args.media_port, root / "sipp"))
                print(menu_table(rows[-1:], heading=False), file=sys.stderr)
        seats = [await stack.enter_async_context(seated(*one, operators)) for one in systems if operators]
        for count in args.talks:
            for one in seats:
                print(
                    f"{count} talks for {args.talk_seconds:.0f} s on the {one.system.name} …", file=sys.stderr
                )
                talks.append(await measure_talks(one, count, args.talk_seconds, args.intake_seconds))
                print(talk_table(talks[-1:], heading=False), file=sys.stderr)
    return rows, talks


def _show(rows: Sequence[Row], talks: Sequence[TalkResult]) -> None:
    if rows:
        print(menu_table(rows))
    if talks:
        print(talk_table(talks))


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
        figures = {"menu": [asdict(row) for row in rows], "talks": [asdict(one) for one in talks]}
        args.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
