"""A machine with nothing but 127.0.0.1 (仅有回环接口): there neither Asterisk nor a browser finds an address to talk on.

WebRTC skips 127/8, so a second address on the loopback interface is needed. It touches the machine, therefore it is
done by root alone and told; everyone else is told the command.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

from setup.say import note

ADDRESS = "10.250.0.1/32"
_COMMANDS = (["ip", "link", "set", "lo", "up"], ["ip", "address", "add", ADDRESS, "dev", "lo"])


def provide() -> None:
    """See to it that the machine has an address outside 127/8."""
    if _addresses():
        return
    if os.geteuid() == 0 and shutil.which("ip"):
        for command in _COMMANDS:
            subprocess.run(command, check=False)
        note(
            f"本机只有回环接口, 已为浏览器电话测试在 lo 上添加 {ADDRESS}",
            f"only loopback here: added {ADDRESS} to lo",
        )
        return
    by_hand = " ".join(_COMMANDS[1])
    note(
        f"本机只有回环接口, 浏览器电话无法通话, 请以管理员身份执行: {by_hand}",
        f"only loopback here: as root run {by_hand}",
    )


def _addresses() -> set[str]:
    """The machine's own IPv4 addresses outside 127/8, from the kernel's routing table."""
    lines = Path("/proc/net/fib_trie").read_text(encoding="ascii").splitlines()
    local = {above.split()[-1] for above, below in pairwise(lines) if "/32 host LOCAL" in below}
    return {address for address in local if not address.startswith("127.")}
