"""What it costs Asterisk to ask registered telephones whether they are there (话机询问), and what the telephones' own renewals cost.

Its CPU time with this many telephones registered, less that with none; every telephone answers each OPTIONS at once.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

from support.sipphone import Phone

from bench.instance import settings, start_floor
from bench.measure import cpu_s
from ivr.asterisk.site import Telephone

PASSWORD = "bench"


async def measure(count: int, seconds: float, base_port: int) -> tuple[float, float]:
    """Percent of a core, and questions a second."""
    asterisk = settings(base_port, 0)
    names = [str(10_000 + number) for number in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        running = await start_floor(
            asterisk, Path(folder) / "asterisk", [Telephone(one, PASSWORD) for one in names]
        )
        assert running.process
        server = ("127.0.0.1", asterisk.sip_port)
        try:
            idle = await _percent(running.process.pid, seconds)
            phones = [await Phone.start(name, server, PASSWORD) for name in names]
            for phone in phones:
                await phone.register(3600)
            asked = sum(phone.options for phone in phones)
            busy = await _percent(running.process.pid, seconds)
            asked = sum(phone.options for phone in phones) - asked
            for phone in phones:
                phone.endpoint.close()
        finally:
            await running.stop()
    return busy - idle, asked / seconds


async def _percent(pid: int, seconds: float) -> float:
    before = cpu_s(pid)
    await asyncio.sleep(seconds)
    return (cpu_s(pid) - before) / seconds * 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--telephones", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--base-port", type=int, default=30000)
    args = parser.parse_args()
    percent, asked = asyncio.run(measure(args.telephones, args.seconds, args.base_port))
    print(
        f"{args.telephones} telephones, {asked:.0f} questions a second: {percent:.1f} % of a core in Asterisk"
    )


if __name__ == "__main__":
    main()
