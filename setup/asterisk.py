"""A real Asterisk (软交换) and a real caller (SIPp): the machine's own where new enough, else a private Debian build.

Leaves `.tools/bin/asterisk` and `.tools/bin/sipp`, and two links that a configuration needs: `.tools/asterisk/modules`
(astmoddir) and `.tools/asterisk/data` (astdatadir: the documentation without which modules refuse to load).
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from setup import lock, release
from setup.apt import KEYRING, Apt, debian_mirror, require_apt, unpack
from setup.launchers import link, own_loader, script
from setup.say import SetupError, note, step

LOCK = Path(__file__).with_name("asterisk.lock")
_PROGRAMS = {"asterisk": "usr/sbin/asterisk", "sipp": "usr/bin/sipp"}
_PACKAGES = {"asterisk": "asterisk", "sipp": "sip-tester"}
_BY_HAND = " Asterisk 20 或更新版本以及 SIPp", "Asterisk 20 or newer and SIPp"
OLDEST = {"asterisk": (20,), "sipp": (3, 7)}


def provide(tools: Path) -> None:
    """Make `.tools/bin/asterisk` and `.tools/bin/sipp` work."""
    own = {name: found for name in OLDEST if (found := _system(name))}
    lacking = [name for name in OLDEST if name not in own]
    if lacking:
        _private_tree(tools, lacking)
    for name, program in own.items():
        link(tools / "bin" / name, program)
    if "asterisk" in own:
        _link_system_folders(tools)
    for name in OLDEST:
        _require(tools / "bin" / name)


def refresh_lock(tools: Path) -> None:
    """Pin what the archive offers today."""
    mirror = debian_mirror()
    if mirror is None:
        raise SetupError("锁定版本需要一台 Debian 机器。", "Pinning versions needs a Debian machine.")
    lock.refresh(LOCK, _sid(tools, mirror))
    shutil.rmtree(tools / "apt-sid")


def _private_tree(tools: Path, lacking: list[str]) -> None:
    require_apt(*_BY_HAND)
    mirror = debian_mirror()
    if mirror is None:
        _from_own_release(tools, lacking)
    else:
        _from_sid(tools, mirror)


def _from_own_release(tools: Path, lacking: list[str]) -> None:
    """Ubuntu and its kin carry Asterisk 20 or newer themselves."""
    tree = release.unpack(tools, "asterisk", [_PACKAGES[name] for name in lacking], *_BY_HAND)
    for name in lacking:
        script(tools / "bin" / name, [tree / _PROGRAMS[name]], release.libraries(tree))
    if "asterisk" in lacking:
        _link_folders(tree)


def _from_sid(tools: Path, mirror: str) -> None:
    """Debian's newest needs a newer C library than the machine has: it runs through its own loader."""
    step("fetching the package index (获取软件包索引)")
    apt = _sid(tools, mirror)
    wanted = [f"{name}={version}" for name, version in lock.choose(lock.read(LOCK), apt).items()]
    step(f"fetching {len(wanted)} packages (下载软件包)")
    fresh, tree = tools / "asterisk.new", tools / "asterisk"
    shutil.rmtree(fresh, ignore_errors=True)
    unpack(apt.download(wanted), fresh)
    shutil.rmtree(tree, ignore_errors=True)
    fresh.rename(tree)
    for name, program in _PROGRAMS.items():
        own_loader(tools / "bin" / name, tree, program)
    _link_folders(tree)
    shutil.rmtree(tools / "apt-sid")


def _sid(tools: Path, mirror: str) -> Apt:
    if not KEYRING.is_file():
        raise SetupError(
            "缺少 Debian 归档密钥, 请安装软件包 debian-archive-keyring 后重试。",
            "The Debian archive keys are missing: install the package debian-archive-keyring, then try again.",
        )
    apt = Apt(tools / "apt-sid", f"deb [signed-by={KEYRING}] {mirror} sid main")
    apt.update()
    return apt


def _link_folders(tree: Path) -> None:
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


def _require(program: Path) -> None:
    text = _version_text(program)
    if _version(text) < OLDEST[program.name]:
        raise SetupError(
            f"{text} 版本过旧, 请安装{_BY_HAND[0]}后重试。", f"{text} is too old: install {_BY_HAND[1]}."
        )
    step(f"{program.name}: {text}")


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
