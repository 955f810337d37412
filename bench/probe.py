"""Callers that measure (测量主叫): walk the two-level menu beside the load and time each step.

A step is the time from the packet that ends a key to the first packet of the next prompt, both as the caller's machine
sees them on the wire.
"""

import asyncio
import random
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from support import g711, tones
from support.sipcall import Call
from support.sipdialog import Dialog
from support.sipphone import Phone
from support.siptransport import HostPort, SipError

from bench.instance import LINE, STEP_HZ
from bench.stream import BenchStream, Pump, frames_of

BEFORE_FIRST_KEY_S, BETWEEN_KEYS_S, AFTER_LAST_KEY_S = 0.6, 0.5, 0.6
"""The same rhythm as the load callers', so that both kinds of call last alike."""
REGISTERED_S = 7200
"""Longer than any run: the bench's telephones do not register again."""


class BenchPhone(Phone):
    """A test phone with the bench's light audio."""

    pump: Pump
    frames: NDArray[np.uint8]
    keep_audio = False

    async def _new_call(self, dialog: Dialog) -> Call:
        stream = BenchStream(self.pump, self.frames, keep_audio=self.keep_audio)
        call = Call(self.endpoint, self.account, dialog, stream)  # type: ignore[arg-type]
        self.calls.append(call)
        return call


async def bench_phone(
    server: HostPort, pump: Pump, hz: float, name: str, password: str | None = None
) -> BenchPhone:
    """One whose calls send a tone by this pump."""
    phone = await BenchPhone.start(name, server, password)
    phone.pump, phone.frames = pump, frames_of(hz)
    return phone


@dataclass
class ProbeResult:
    calls: int = 0
    failed: int = 0
    steps_ms: list[float] = field(default_factory=list)
    silent_steps: int = 0
    """Steps whose next prompt never came."""


async def run_probes(server: HostPort, calls_per_s: float, duration_s: float) -> ProbeResult:
    """Place calls at a steady rate, each at a random moment of its slot so that the frames' phases mix."""
    pump, result, silence = Pump(), ProbeResult(), frames_of(None)
    calls = round(calls_per_s * duration_s)
    await asyncio.gather(
        *(_later((n + random.random()) / calls_per_s, server, pump, silence, result) for n in range(calls))
    )
    await pump.close()
    return result


async def _later(
    delay_s: float, server: HostPort, pump: Pump, frames: NDArray[np.uint8], result: ProbeResult
) -> None:
    await asyncio.sleep(delay_s)
    result.calls += 1
    phone = await BenchPhone.start("13900000000", server)
    phone.pump, phone.frames, phone.keep_audio = pump, frames, True
    try:
        await _walk(await phone.call(LINE), result)
    except SipError:
        result.failed += 1
    finally:
        await phone.close()


async def _walk(call: Call, result: ProbeResult) -> None:
    stream: BenchStream = call.media  # type: ignore[assignment]
    await call.answered()
    await asyncio.sleep(BEFORE_FIRST_KEY_S)
    stream.press(1)
    await asyncio.sleep(BETWEEN_KEYS_S)
    first_up_ns = stream.key_up_ns
    stream.press(1)
    await asyncio.sleep(AFTER_LAST_KEY_S)
    for up_ns, hz in zip((first_up_ns, stream.key_up_ns), STEP_HZ, strict=True):
        step_ms = _step_ms(stream, up_ns, hz) if up_ns else None
        if step_ms is None:
            result.silent_steps += 1
        else:
            result.steps_ms.append(step_ms)
    await call.hangup()


def _step_ms(stream: BenchStream, up_ns: int, hz: float) -> float | None:
    for packet in stream.packets:
        if packet.at_ns >= up_ns and tones.hears(g711.decode(packet.payload, "alaw"), hz):
            return (packet.at_ns - up_ns) / 1e6
    return None
