"""The G.711 companding laws (A 律, μ 律) as look-up tables. Knows bytes and samples only."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from support.tones import Samples


def _alaw_table() -> Samples:
    table = np.zeros(256, np.int16)
    for code in range(256):
        bits = code ^ 0x55
        exponent, mantissa = (bits >> 4) & 7, bits & 15
        magnitude = (mantissa << 4) + 8 if exponent == 0 else ((mantissa << 4) + 0x108) << (exponent - 1)
        table[code] = magnitude if bits & 0x80 else -magnitude
    return table


def _ulaw_table() -> Samples:
    table = np.zeros(256, np.int16)
    for code in range(256):
        bits = ~code & 0xFF
        magnitude = ((((bits & 15) << 3) + 0x84) << ((bits >> 4) & 7)) - 0x84
        table[code] = -magnitude if bits & 0x80 else magnitude
    return table


def _inverse(decode: Samples) -> NDArray[np.uint8]:
    """For each 16-bit sample (index = sample + 32768) the code whose value lies nearest."""
    order = np.argsort(decode, kind="stable").astype(np.uint8)
    values = decode[order].astype(np.int32)
    middles = (values[:-1] + values[1:]) // 2
    return order[np.searchsorted(middles, np.arange(-32768, 32768))].astype(np.uint8)


_DECODE: Final = {"alaw": _alaw_table(), "ulaw": _ulaw_table()}
_ENCODE: Final = {law: _inverse(table) for law, table in _DECODE.items()}


def decode(payload: bytes, law: str) -> Samples:
    """Linear samples of a G.711 payload; `law` is "alaw" or "ulaw"."""
    return _DECODE[law][np.frombuffer(payload, np.uint8)]


def encode(samples: Samples, law: str) -> bytes:
    """One byte per sample; `law` is "alaw" or "ulaw"."""
    return _ENCODE[law][samples.astype(np.int32) + 32768].tobytes()
