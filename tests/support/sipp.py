"""Load callers (压测主叫): runs the SIPp scenarios of `sipp/` on loopback and reads what they counted.

Owns SIPp's command line, its result files and the key recordings it plays. Starts nothing but SIPp.
"""

import asyncio
import csv
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from support import g711, tones
from support.rtp import FRAME_S, FRAME_SAMPLES
from support.siptransport import HostPort

REPOSITORY: Final = Path(__file__).resolve().parents[2]
BINARY: Final = REPOSITORY / ".tools/bin/sipp"
SCENARIOS: Final = Path(__file__).parent / "sipp"
EVENT_PAYLOAD_TYPE: Final = 101
_ETHERNET: Final = b"\0" * 12 + b"\x08\x00"


class LoadFailed(Exception):
    """SIPp itself broke down, as distinct from calls that failed."""


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What one run counted; `setup_ms` holds INVITE to 200 of every answered call."""

    created: int
    successful: int
    failed: int
    most_at_once: int
    setup_ms: tuple[float, ...]


async def run_callers(
    scenario: str,
    server: HostPort,
    folder: Path,
    calls: int,
    calls_per_s: float,
    pause_ms: int,
    number: str = "96128",
    at_once: int = 1000,
    timeout_s: float = 120.0,
    transport: str = "u1",
    certificate: tuple[Path, Path] | None = None,
) -> LoadResult:
    """Place `calls` calls by the scenario ("menu_caller", "talk_caller") at a steady rate, and wait for the last.

    `folder` takes SIPp's files; `transport` is SIPp's name of one, `t1` being TCP, `l1` TLS with a `certificate` and its key. Raises
    LoadFailed when SIPp stops for another reason than failed calls.
    """
    files = {"stf": folder / "counts.csv", "error_file": folder / "errors.log", "rtt": folder / "setup.csv"}
    process = await asyncio.create_subprocess_exec(
        BINARY, f"{server[0]}:{server[1]}", "-sf", SCENARIOS / f"{scenario}.xml",
        "-s", number, "-t", transport, "-i", "127.0.0.1", "-nostdin",
        "-m", str(calls), "-r", str(max(1, round(calls_per_s * 10))), "-rp", "10000", "-l", str(at_once),
        "-d", str(pause_ms), "-timeout", f"{timeout_s}s", "-fd", "1",
        "-trace_stat", "-stf", files["stf"], "-trace_rtt", "-rtt_freq", "1",
        "-trace_err", "-error_file", files["error_file"],
        *(("-tls_cert", certificate[0], "-tls_key", certificate[1]) if certificate else ()),
        cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        _, stderr = await asyncio.wait_for(process.communicate(), timeout_s + 10)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode not in (0, 1) or not files["stf"].exists():
        raise LoadFailed(stderr.decode(errors="replace")[-500:])
    return _read_result(files["stf"], folder)


def write_key_pcap(path: Path, key: str, first_sequence: int, timestamp: int, press_ms: int = 100) -> None:
    """Write one RFC 4733 key as a capture file that SIPp plays.

    Two keys of one call need different sequence numbers and time stamps, or Asterisk takes the second for an echo.
    """
    frames = max(1, round(press_ms / 1000 / FRAME_S))
    packets = [(n * FRAME_S, n + 1, False) for n in range(frames)] + [(frames * FRAME_S, frames, True)] * 3
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for index, (at_s, duration, is_end) in enumerate(packets):
        event = struct.pack(
            "!BBH", "0123456789*#".index(key), 10 | (0x80 if is_end else 0), duration * FRAME_SAMPLES
        )
        kind = EVENT_PAYLOAD_TYPE | (0x80 if index == 0 else 0)
        rtp = struct.pack("!BBHII", 0x80, kind, first_sequence + index, timestamp, 0x96128) + event
        frame = _ETHERNET + _udp_on_loopback(rtp)
        out += struct.pack("<IIII", 0, round(at_s * 1e6), len(frame), len(frame)) + frame
    path.write_bytes(out)


def write_tone(path: Path, hz: int) -> None:
    """Write one second of a tone as bare A-law bytes; a whole number of hertz repeats without a click."""
    path.write_bytes(g711.encode(tones.sine(hz, 1.0), "alaw"))


def _udp_on_loopback(payload: bytes) -> bytes:
    udp = struct.pack("!HHHH", 6000, 6000, 8 + len(payload), 0) + payload
    address = bytes((127, 0, 0, 1))
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + address + address + udp


def _read_result(counts: Path, folder: Path) -> LoadResult:
    last = list(csv.DictReader(counts.read_text().splitlines(), delimiter=";"))[-1]
    times: list[float] = []
    for file in folder.glob("*_rtt.csv"):
        times += [float(row.split(";")[1]) for row in file.read_text().splitlines()[1:]]
        file.unlink()
    return LoadResult(
        int(last["TotalCallCreated"]),
        int(last["SuccessfulCall(C)"]),
        int(last["FailedCall(C)"]),
        int(last["CallPeak"]) if "CallPeak" in last else 0,
        tuple(times),
    )


if __name__ == "__main__":
    write_key_pcap(SCENARIOS / "key_1_first.pcap", "1", 1000, 160_000)
    write_key_pcap(SCENARIOS / "key_1_second.pcap", "1", 2000, 320_000)
    write_tone(SCENARIOS / "tone_440.alaw", 440)
