"""Datagrams that no decent phone would send (脏数据), for tests of bad input. Knows sockets, builds no dialogs."""

import asyncio
import random
from collections.abc import Iterable, Iterator
from typing import Final

from support.siptransport import HostPort

_WRONG_METHODS: Final = (
    "BYE",
    "CANCEL",
    "ACK",
    "PRACK",
    "UPDATE",
    "INFO",
    "REFER",
    "NOTIFY",
    "SUBSCRIBE",
    "PUBLISH",
    "MESSAGE",
    "FROB",
)
"""Methods that nobody may begin with here."""
_INVITE: Final = (
    "INVITE sip:96128@{host}:{port} SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK{branch}\r\n"
    "From: <sip:garbage@127.0.0.1>;tag={branch}\r\nTo: <sip:96128@{host}>\r\n"
    "Call-ID: {branch}\r\nCSeq: 1 INVITE\r\nContact: <sip:garbage@127.0.0.1:9>\r\n"
    "Max-Forwards: 70\r\nContent-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{body}"
)


class _Listener(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.replies: list[bytes] = []

    def datagram_received(self, data: bytes, addr: HostPort) -> None:
        self.replies.append(data)


async def send_raw(server: HostPort, datagrams: Iterable[bytes], listen_s: float = 0.2) -> list[bytes]:
    """Send each datagram as it is, listen for `listen_s` more seconds, return whatever came back."""
    loop = asyncio.get_running_loop()
    transport, listener = await loop.create_datagram_endpoint(_Listener, remote_addr=server)
    try:
        for datagram in datagrams:
            transport.sendto(datagram)
            await asyncio.sleep(0)
        await asyncio.sleep(listen_s)
    finally:
        transport.close()
    return listener.replies


def garbage(server: HostPort, seed: int = 96128, random_count: int = 50) -> Iterator[bytes]:
    """A fixed set of broken SIP messages and `random_count` blobs that a seed decides."""
    yield from _broken(server)
    source = random.Random(seed)
    for _ in range(random_count):
        yield source.randbytes(source.randint(1, 1400))


def _broken(server: HostPort) -> Iterator[bytes]:
    good = invite(server, "v=0\r\n")
    yield b""
    yield b"\r\n\r\n"
    yield b"\0" * 512
    yield good[: len(good) // 2]
    yield good.replace(b"SIP/2.0\r\n", b"SIP/9.9\r\n", 1)
    yield good.replace(b"Content-Length: 5", b"Content-Length: 99999")
    yield good.replace(b"Content-Length: 5", b"Content-Length: -1")
    yield good.replace(b"CSeq: 1 INVITE", b"CSeq: 99999999999999999999 INVITE")
    yield good.replace(b"CSeq: 1 INVITE", b"CSeq: 1 BYE")
    for method in _WRONG_METHODS:
        yield invite(server, "v=0\r\n").replace(b"INVITE", method.encode())
    yield good.replace(b"Max-Forwards: 70", b"Max-Forwards: 70\r\nX-Long: " + b"x" * 40000)
    yield good.replace(b"sip:96128@", b"sip:" + b"9" * 4000 + b"@", 1)
    yield good.replace(b"sip:96128@", "sip:九六一二八\r\nEvil: 1@".encode(), 1)
    yield good.replace(b"Via:", b"Vi\xff\xfea:")
    yield invite(server, "m=audio -1 RTP/AVP 999999\r\nc=IN IP4 999.999.999.999\r\n")
    yield invite(server, "v=0\r\n" + "a=rtpmap:0 X/1\r\n" * 2000)
    yield b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1\r\nCSeq: 1 INVITE\r\n\r\n"
    yield b"REGISTER sip:x SIP/2.0\r\nAuthorization: Digest " + b"a=b," * 5000 + b"\r\n\r\n"


def invite(server: HostPort, body: str) -> bytes:
    """A well-formed INVITE from nobody, with any body."""
    host, port = server
    branch = f"z9{random.getrandbits(48):x}"
    return _INVITE.format(host=host, port=port, branch=branch, length=len(body.encode()), body=body).encode()
