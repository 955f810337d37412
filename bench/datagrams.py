"""Many datagrams in one system call (`sendmmsg`, `recvmmsg`), laid out in arrays. For Linux on 64 bits; knows nothing of audio."""

import ctypes
import socket
from typing import Final

import numpy as np
from numpy.typing import NDArray

BUFFER_BYTES: Final = 4_194_304
_SO_TIMESTAMPNS: Final = 35
_BATCH: Final = 256
_VECTOR = np.dtype([("base", np.uint64), ("size", np.uint64)])
_HEADER = np.dtype(
    [("name", np.uint64), ("name_size", np.uint32), ("vectors", np.uint64), ("vector_count", np.uint64),
     ("control", np.uint64), ("control_size", np.uint64), ("flags", np.int32)], align=True,
)  # fmt: skip
_MESSAGE = np.dtype([("header", _HEADER), ("size", np.uint32)], align=True)
"""The system's `mmsghdr`: one datagram with its address, its bytes and, where asked for, its time of arrival."""
_ADDRESS = np.dtype([("family", np.uint16), ("port", ">u2"), ("host", np.uint8, 4), ("unused", np.uint64)])
_STAMP = np.dtype([("header", np.uint64, 2), ("seconds", np.int64), ("nanoseconds", np.int64)])
_SYSTEM = ctypes.CDLL(None, use_errno=True)
for _call in (_SYSTEM.sendmmsg, _SYSTEM.recvmmsg):
    _call.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p]
_SYSTEM.sendmmsg.argtypes = _SYSTEM.sendmmsg.argtypes[:4]


def open_socket() -> socket.socket:
    """One on a free port of 127.0.0.1 with room for what comes between two looks, and the kernel's time on each arrival."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    opened.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    opened.bind(("127.0.0.1", 0))
    return opened


class Outgoing:
    """Rows to send: `packets` holds a datagram each, `to` says where it goes."""

    def __init__(self, rows: int, size: int) -> None:
        self.packets: NDArray[np.uint8] = np.zeros((rows, size), np.uint8)
        self._to = np.zeros(rows, _ADDRESS)
        self._vectors, self._messages = _messages(self.packets, self._to)

    def address(self, row: int, target: tuple[str, int]) -> None:
        host, port = target
        self._to[row] = (socket.AF_INET, port, np.frombuffer(socket.inet_aton(host), np.uint8), 0)

    def send(self, sender: socket.socket, rows: NDArray[np.intp]) -> int:
        """Send these rows; how many the system took."""
        messages = self._messages[rows]
        return max(0, _SYSTEM.sendmmsg(sender.fileno(), messages.ctypes.data, len(rows), 0))


class Incoming:
    """What one look has brought: `packets`, the sender's port and the nanoseconds of the real-time clock of each arrival."""

    def __init__(self, size: int) -> None:
        self.packets: NDArray[np.uint8] = np.zeros((_BATCH, size), np.uint8)
        self._from, self._stamps = np.zeros(_BATCH, _ADDRESS), np.zeros(_BATCH, _STAMP)
        self._vectors, self._messages = _messages(self.packets, self._from)
        self._messages["header"]["control"] = _addresses(self._stamps)

    @property
    def ports(self) -> NDArray[np.uint16]:
        return self._from["port"]

    @property
    def at_ns(self) -> NDArray[np.int64]:
        return self._stamps["seconds"] * 10**9 + self._stamps["nanoseconds"]

    def receive(self, receiver: socket.socket) -> int:
        """Take what is there, up to a batch; the first so many rows are new."""
        self._messages["header"]["control_size"] = _STAMP.itemsize
        self._messages["header"]["name_size"] = _ADDRESS.itemsize
        came = _SYSTEM.recvmmsg(
            receiver.fileno(), self._messages.ctypes.data, _BATCH, socket.MSG_DONTWAIT, None
        )
        return max(0, came)


def _messages(
    packets: NDArray[np.uint8], names: NDArray[np.void]
) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """The system's descriptions of these rows; the vectors must live as long as the messages that point to them."""
    vectors, messages = np.zeros(len(packets), _VECTOR), np.zeros(len(packets), _MESSAGE)
    vectors["base"], vectors["size"] = _addresses(packets), packets.shape[1]
    header = messages["header"]
    header["name"], header["name_size"] = _addresses(names), _ADDRESS.itemsize
    header["vectors"], header["vector_count"] = _addresses(vectors), 1
    return vectors, messages


def _addresses(rows: NDArray[np.generic]) -> NDArray[np.uint64]:
    """Where in memory each row lies."""
    return np.uint64(rows.ctypes.data) + np.arange(len(rows), dtype=np.uint64) * np.uint64(rows.strides[0])
