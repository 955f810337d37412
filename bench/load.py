"""The load (压力): SIPp callers that send audio and keys like people, at a steady rate.

Measures nothing but what SIPp counts and the CPU it takes; the steps are timed by `bench.probe`.
"""

import asyncio
import csv
import shutil
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.rtp import FRAME_S, FRAME_SAMPLES
from support.siptransport import HostPort

from bench import ROOT
from bench.instance import LINE
from bench.measure import cpu_s
from bench.stream import KEY_FRAMES, frames_of

BINARY = ROOT / ".tools/bin/sipp"
CALL_MS = 1700
KEYS_AT_FRAMES = (30, 55)
MAX_CALLS = 2499
"""SIPp gives out media ports in steps of 4 below 10000: more calls in one run would share them."""
_EVENT = 101


@dataclass(frozen=True, slots=True)
class Load:
    created: int
    failed: int
    cpu_s: float


async def run_load(server: HostPort, folder: Path, calls: int, calls_per_s: float, media_port: int) -> Load:
    """Place `calls` menu calls and wait for the last; `folder` takes SIPp's files."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "bench/menu_caller.xml", folder)
    _write_call(folder / "call.pcap")
    process = await asyncio.create_subprocess_exec(
        BINARY.absolute(), f"{server[0]}:{server[1]}", "-sf", "menu_caller.xml", "-s", LINE, "-i", "127.0.0.1",
        "-p", str(media_port - 2), "-mp", str(media_port), "-nostdin", "-m", str(calls),
        "-r", str(round(calls_per_s * 10)), "-rp", "10000", "-l", "2000", "-d", str(CALL_MS), "-timeout", "120s",
        "-trace_stat", "-stf", "counts.csv", "-fd", "1", "-trace_err", "-error_file", "errors.log",
        cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    used_s = 0.0
    waiting = asyncio.create_task(process.communicate())
    while not waiting.done():
        try:
            used_s = cpu_s(process.pid)
        except (FileNotFoundError, ProcessLookupError):
            break
        await asyncio.wait({waiting}, timeout=0.5)
    _, stderr = await waiting
    if not (folder / "counts.csv").exists():
        raise RuntimeError(f"SIPp did not run: {stderr.decode(errors='replace')[-500:]}")
    last = list(csv.DictReader((folder / "counts.csv").read_text().splitlines(), delimiter=";"))[-1]
    return Load(int(last["TotalCallCreated"]), int(last["FailedCall(C)"]), used_s)


@contextmanager
def sink(media_port: int, calls: int) -> Iterator[None]:
    """Open the callers' audio ports and let what arrives be dropped: a closed port would answer each packet by ICMP,
    and Asterisk's CPU time would pay for that."""
    sockets = []
    for number in range(calls):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        try:
            one.bind(("127.0.0.1", media_port + 4 * number))
        except OSError:  # SIPp's own, or somebody else's: one caller without a sink does no harm
            one.close()
            continue
        sockets.append(one)
    try:
        yield
    finally:
        for one in sockets:
            one.close()


def _write_call(path: Path) -> None:
    """One caller's audio from the answer to the end as a capture file: silence with two keys in it."""
    silence = frames_of(None)[0].tobytes()
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    sequence = 1000
    for frame in range(CALL_MS // 20 - 1):
        stamp = 160_000 + frame * FRAME_SAMPLES
        key_at = next((at for at in KEYS_AT_FRAMES if at <= frame < at + KEY_FRAMES), None)
        if key_at is None:
            packets = [struct.pack("!BBHII", 0x80, 8, sequence, stamp, 0x96128) + silence]
        else:
            packets = _key_packets(frame - key_at, sequence, 160_000 + key_at * FRAME_SAMPLES)
        for packet in packets:
            out += _record(frame * FRAME_S, packet)
        sequence += len(packets)
    path.write_bytes(out)


def _key_packets(frame: int, sequence: int, stamp: int) -> list[bytes]:
    ends = frame == KEY_FRAMES - 1
    event = struct.pack("!BBH", 1, 0x8A if ends else 0x0A, (frame + 1) * FRAME_SAMPLES)
    kind = _EVENT | (0x80 if frame == 0 else 0)
    return [
        struct.pack("!BBHII", 0x80, kind, sequence + repeat, stamp, 0x96128) + event
        for repeat in range(3 if ends else 1)
    ]


def _record(at_s: float, rtp: bytes) -> bytes:
    udp = struct.pack("!HHHH", 6000, 6000, 8 + len(rtp), 0) + rtp
    address = bytes((127, 0, 0, 1))
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + address + address + udp
    frame = b"\0" * 12 + b"\x08\x00" + ip
    return struct.pack("<IIII", int(at_s), round(at_s % 1 * 1e6), len(frame), len(frame)) + frame
