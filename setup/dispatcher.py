"""The SIP dispatcher (呼叫分配): Kamailio of the machine's own release, below `.tools` where the machine has none.

Only several nodes behind one trunk need it, and the tests. No service is started.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from setup import release
from setup.launchers import link, script
from setup.say import SetupError, step


def provide(tools: Path) -> None:
    """Make `.tools/bin/kamailio` work, with its own modules."""
    own = shutil.which("kamailio", path="/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin")
    if own:
        link(tools / "bin/kamailio", Path(own))
    else:
        wanted = ["kamailio", "kamailio-tls-modules"]
        tree = release.unpack(tools, "dispatcher", wanted, f"软件包 {'、'.join(wanted)}", ", ".join(wanted))
        modules = next(tree.glob("usr/lib/*/kamailio/modules"))
        script(tools / "bin/kamailio", [tree / "usr/sbin/kamailio", "-L", modules], release.libraries(tree))
    done = subprocess.run(
        [tools / "bin/kamailio", "-v"], capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode:
        raise SetupError(
            "kamailio 无法运行, 请用系统的包管理器安装 kamailio 后重试。",
            "kamailio does not run: install it with the system's package manager, try again.",
        )
    step(done.stdout.splitlines()[0])
