"""Reading the machine: CPU time of processes, percentiles. Knows nothing of calls."""

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used so far, kernel time and ended children included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) * _TICK_S


def memory_mb(pid: int) -> float:
    """What a process holds in memory now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def machine_busy_s() -> float:
    """CPU seconds that everything on this machine has used so far."""
    user, nice, system, _, _, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) * _TICK_S


def dropped(ports: Collection[int]) -> int:
    """Datagrams that came to these UDP ports and found no room, because their owner had not read those before."""
    rows = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
    return sum(int(row[-1]) for row in rows if int(row[1].rpartition(":")[2], 16) in ports)


@dataclass(frozen=True, slots=True)
class Spread:
    """A distribution in milliseconds."""

    count: int
    p50: float
    p99: float
    most: float


def spread(values_ms: Sequence[float]) -> Spread:
    """NaN where nothing was measured."""
    if not values_ms:
        return Spread(0, float("nan"), float("nan"), float("nan"))
    ordered = sorted(values_ms)
    return Spread(len(ordered), _percentile(ordered, 50), _percentile(ordered, 99), ordered[-1])


def _percentile(ordered: Sequence[float], percent: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
