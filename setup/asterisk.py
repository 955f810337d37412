"""A real Asterisk (软交换) and a real caller (SIPp): the machine's own where new enough, else a private Debian build.

Leaves `.tools/bin/asterisk` and `.tools/bin/sipp`, and two links that a configuration needs: `.tools/asterisk/modules`
(astmoddir) and `.tools/asterisk/data` (astdatadir: the documentation without which modules refuse to load).
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from setup import lock
from setup.apt import KEYRING, Apt, mirror, unpack
from setup.launchers import link, own_loader
from setup.say import SetupError, note, step

LOCK = Path(__file__).with_name("asterisk.lock")
OLDEST = {"asterisk": (20,), "sipp": (3, 7)}


def provide(tools: Path) -> None:
    """Make `.tools/bin/asterisk` and `.tools/bin/sipp` work."""
    own = {name: found for name in OLDEST if (found := _system(name))}
    if len(own) < len(OLDEST):
        _private_tree(tools)
    for name in OLDEST:
        if name in own:
            link(tools / "bin" / name, own[name])
    if "asterisk" in own:
        _link_system_folders(tools)
    for name in OLDEST:
        step(f"{name}: {_version_text(tools / 'bin' / name)}")


def refresh_lock(tools: Path) -> None:
    """Pin what the archive offers today."""
    lock.refresh(LOCK, _sid(tools))
    shutil.rmtree(tools / "apt-sid")


def _private_tree(tools: Path) -> None:
    step("fetching the package index (获取软件包索引)")
    apt = _sid(tools)
    wanted = [f"{name}={version}" for name, version in lock.choose(lock.read(LOCK), apt).items()]
    step(f"fetching {len(wanted)} packages (下载软件包)")
    files = apt.download(wanted)
    fresh = tools / "asterisk.new"
    shutil.rmtree(fresh, ignore_errors=True)
    unpack(files, fresh)
    _swap(fresh, tools / "asterisk")
    _launch_from(tools / "asterisk", tools / "bin")
    shutil.rmtree(tools / "apt-sid")


def _sid(tools: Path) -> Apt:
    if not KEYRING.is_file():
        raise SetupError(
            "缺少 Debian 归档密钥, 请安装软件包 debian-archive-keyring 后重试。",
            "The Debian archive keys are missing: install the package debian-archive-keyring, try again.",
        )
    apt = Apt(tools / "apt-sid", f"deb [signed-by={KEYRING}] {mirror()} sid main")
    apt.update()
    return apt


def _swap(fresh: Path, tree: Path) -> None:
    shutil.rmtree(tree, ignore_errors=True)
    fresh.rename(tree)


def _launch_from(tree: Path, programs: Path) -> None:
    own_loader(programs / "asterisk", tree, "usr/sbin/asterisk")
    own_loader(programs / "sipp", tree, "usr/bin/sipp")
    link(tree / "modules", next(tree.glob("usr/lib/*/asterisk/modules")))
    link(tree / "data", tree / "usr/share/asterisk")


def _link_system_folders(tools: Path) -> None:
    (tools / "asterisk").mkdir(parents=True, exist_ok=True)
    for name, patterns in {
        "modules": ("usr/lib/*/asterisk/modules", "usr/lib*/asterisk/modules"),
        "data": ("usr/share/asterisk", "var/lib/asterisk"),
    }.items():
        found = [
            folder
            for pattern in patterns
            for folder in Path("/").glob(pattern)
            if name == "modules" or (folder / "documentation").is_dir()
        ]
        if not found:
            raise SetupError(
                f"找不到系统 Asterisk 的 {name} 目录。", f"The system Asterisk's {name} folder was not found."
            )
        link(tools / "asterisk" / name, found[0])


def _system(name: str) -> Path | None:
    """The machine's own program, when there is one and it is new enough."""
    program = shutil.which(name, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/opt/asterisk/sbin")
    if program is None:
        return None
    version = _version(_version_text(Path(program)))
    if version >= OLDEST[name]:
        return Path(program)
    note(f"系统的 {name} 版本过旧, 改用私有版本", f"the machine's {name} is too old, using a private one")
    return None


def _version_text(program: Path) -> str:
    flag = "-v" if program.name == "sipp" else "-V"
    done = subprocess.run([program, flag], capture_output=True, text=True, check=False, timeout=20)
    text = (done.stdout + done.stderr).strip()
    if not _version(text):
        raise SetupError(f"{program} 无法运行:\n{text}", f"{program} does not run (see above).")
    return text.splitlines()[0].strip()


def _version(text: str) -> tuple[int, ...]:
    found = re.search(r"(?:Asterisk |SIPp v)(\d+(?:\.\d+)*)", text)
    return tuple(int(part) for part in found[1].split(".")) if found else ()
