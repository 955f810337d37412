"""Whether somebody answers at a SIP address (SIP 探测): one OPTIONS over UDP, as the dispatcher asks, and any answer counts."""

import asyncio
import uuid

ANSWER_LIMIT_S = 1.0
TRIES = 3
_OPTIONS = (
    "OPTIONS sip:{host}:{port} SIP/2.0\r\n"
    "Via: SIP/2.0/UDP {own};rport;branch=z9hG4bK{mark}\r\n"
    "Max-Forwards: 1\r\n"
    "From: <sip:hotline@{own}>;tag={mark}\r\n"
    "To: <sip:{host}:{port}>\r\n"
    "Call-ID: {mark}@hotline\r\n"
    "CSeq: 1 OPTIONS\r\n"
    "Content-Length: 0\r\n\r\n"
)


class _Listener(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard = asyncio.Event()

    def datagram_received(self, *_: object) -> None:
        self.heard.set()


async def answers(host: str, port: int) -> bool:
    """Asked three times, a second apart; a machine that cannot be reached answers not."""
    loop = asyncio.get_running_loop()
    try:
        transport, listener = await loop.create_datagram_endpoint(_Listener, remote_addr=(host, port))
    except OSError:
        return False
    try:
        own = "{}:{}".format(*transport.get_extra_info("sockname")[:2])
        question = _OPTIONS.format(host=host, port=port, own=own, mark=uuid.uuid4().hex).encode()
        for _ in range(TRIES):
            transport.sendto(question)
            try:
                async with asyncio.timeout(ANSWER_LIMIT_S):
                    await listener.heard.wait()
            except TimeoutError:
                continue
            return True
        return False
    finally:
        transport.close()
