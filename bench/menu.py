"""The menu measurement (菜单压测): one rate on one system, load and probes together, as one row of figures."""

import asyncio
import csv
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from bench.controller import database_file
from bench.load import MAX_CALLS, Load, run_load, sink
from bench.measure import Spread, cpu_s, machine_busy_s, spread
from bench.probe import ProbeResult, run_probes

PROBES_PER_S = 8.0
DRAIN_S = 1.5
"""After the last call, until the CPU time of its end and of its ledger has been spent."""


@dataclass(frozen=True, slots=True)
class System:
    """What is measured: `root` holds its folders; the floor has no controller."""

    name: str
    root: Path
    sip_port: int
    asterisk_pid: int
    controller_pid: int | None
    rtp_ports: range

    def walked(self) -> int:
        """Calls so far that reached the third prompt, by the system's own books."""
        return _ledger_count(self.root) if self.controller_pid else _record_count(self.root)


@dataclass(frozen=True, slots=True)
class Row:
    system: str
    rate: int
    calls: int
    failed: int
    """SIP failures, probes that missed a prompt, and calls that the books do not show at the third prompt."""
    calls_per_s: float
    step: Spread
    asterisk_ms: float
    controller_ms: float
    load_ms: float
    """CPU of SIPp and of the bench per call."""
    others_percent: float
    """CPU that everything else on the machine took meanwhile, in percent of one core."""


async def measure_menu(system: System, rate: int, duration_s: float, media_port: int, folder: Path) -> Row:
    load_rate = rate - min(PROBES_PER_S, rate / 2)
    calls = min(MAX_CALLS, round(load_rate * duration_s))
    server = ("127.0.0.1", system.sip_port)
    before, walked_before, start = _cpu(system), system.walked(), time.monotonic()
    with sink(media_port, calls):
        load, probes = await asyncio.gather(
            run_load(server, folder, calls, load_rate, media_port),
            run_probes(server, rate - load_rate, duration_s),
        )
        took_s = time.monotonic() - start
    await asyncio.sleep(DRAIN_S)
    used = [after - first for after, first in zip(_cpu(system), before, strict=True)]
    return _row(
        system, rate, load, probes, system.walked() - walked_before, used, took_s + DRAIN_S, duration_s
    )


def _row(
    system: System, rate: int, load: Load, probes: ProbeResult, walked: int, used: list[float], wall_s: float,
    duration_s: float,
) -> Row:  # fmt: skip
    asterisk, controller, bench, machine = used
    calls = load.created + probes.calls
    others = machine - asterisk - controller - bench - load.cpu_s
    per_call = 1000 / max(1, calls)
    failed = max(load.failed + probes.failed + probes.silent_steps, calls - walked)
    return Row(
        system.name, rate, calls, failed, (calls - failed) / max(duration_s, 0.001), spread(probes.steps_ms),
        asterisk * per_call, controller * per_call, (load.cpu_s + bench) * per_call, max(0.0, others / wall_s * 100),
    )  # fmt: skip


def _cpu(system: System) -> list[float]:
    controller = cpu_s(system.controller_pid) if system.controller_pid else 0.0
    return [cpu_s(system.asterisk_pid), controller, time.process_time(), machine_busy_s()]


def _ledger_count(root: Path) -> int:
    with sqlite3.connect(f"file:{database_file(root)}?mode=ro", uri=True) as books:
        query = "SELECT count(DISTINCT call_id) FROM call_events WHERE kind = 'node' AND json_extract(data, '$.node') = 'QD'"
        return int(books.execute(query).fetchone()[0])


def _record_count(root: Path) -> int:
    file = root / "asterisk/log/cdr-csv/Master.csv"
    if not file.exists():
        return 0
    with file.open() as rows:
        return sum(row[-1] == "third" for row in csv.reader(rows))
