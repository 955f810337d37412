"""Programs of the machine's own release (同版本程序): the Mandarin voice, and what the tests need on top.

A program that is already on the machine is used as it is. What is missing is unpacked below `.tools`, together with the
libraries the machine lacks: the release is the same, so both fit together. Each program is started from `.tools/bin`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from setup import release
from setup.apt import require_apt
from setup.launchers import link, script
from setup.say import SetupError, note, step

OLDEST_POSTGRESQL = 15
_SHELL = "chromium-headless-shell"
_DATABASE_PROGRAMS = ("postgres", "initdb", "pg_ctl", "psql", "pg_dump", "pg_restore")
_FONT_NAMES = re.compile(r"CJK|wqy|SourceHan|uming|ukai|NotoSansSC|simsun|msyh", re.IGNORECASE)


def provide_voice(tools: Path) -> None:
    """Make `.tools/bin/espeak-ng` speak Mandarin (`-v cmn`)."""
    own = _machine(tools, "espeak-ng")
    if own:
        link(tools / "bin/espeak-ng", own)
    else:
        tree = release.unpack(tools, "voice", ["espeak-ng"], "软件包 espeak-ng", "espeak-ng")
        data = next(tree.glob("usr/lib/*/espeak-ng-data")).parent
        script(
            tools / "bin/espeak-ng",
            [tree / "usr/bin/espeak-ng"],
            release.libraries(tree) | {"ESPEAK_DATA_PATH": data},
        )
    _check([tools / "bin/espeak-ng", "-v", "cmn", "--stdout", "你好"], "espeak-ng")


def provide_browser(tools: Path) -> None:
    """Make `.tools/bin/chromium` and the quicker one without windows and sound work, with Chinese type, and Playwright's runtime."""
    own = _machine(tools, "chromium", "chromium-browser", "google-chrome")
    lacking = [] if own else _browser_packages(tools)
    lacking += [] if _has_chinese_type() else ["fonts-wqy-microhei"]
    lacking += [] if _has_library("libatomic.so.1") else ["libatomic1"]
    if own and not lacking:
        link(tools / "bin/chromium", own)
        link(tools / "bin" / _SHELL, _machine(tools, _SHELL) or own)
    else:
        _private_browser(tools, own, lacking)
    for name in ("chromium", _SHELL):
        _check([tools / "bin" / name, "--version"], name)


def _browser_packages(tools: Path) -> list[str]:
    """The one without windows as well, where the release carries it: it starts in a quarter of the time and draws in half."""
    require_apt("软件包 chromium", "the package chromium")
    return ["chromium", *release.apt(tools).versions([_SHELL])]


def _private_browser(tools: Path, own: Path | None, lacking: list[str]) -> None:
    named = "、".join(lacking), ", ".join(lacking)
    tree = release.unpack(tools, "browser", lacking, f"软件包 {named[0]}", f"the packages {named[1]}")
    program = own or tree / "usr/lib/chromium/chromium"
    if not program.exists():
        raise SetupError(
            "本系统的 chromium 软件包只是 snap 外壳, 请自行安装 chromium 或 google-chrome 后重试。",
            "This system's chromium package is only a snap stub: install chromium or google-chrome, then try again.",
        )
    environment = release.libraries(tree) | {"FONTCONFIG_FILE": _type_settings(tree)}
    shell = tree / "usr/lib/chromium" / _SHELL
    script(tools / "bin/chromium", [program], environment)
    script(tools / "bin" / _SHELL, [shell if shell.exists() else program], environment)
    if "libatomic1" in lacking:
        _launch_playwright_node(tools, tree)


def provide_database(tools: Path) -> None:
    """Make `.tools/bin/initdb`, `pg_ctl`, `postgres`, `psql` work: PostgreSQL 15 or newer, with no service started."""
    own = _own_postgresql(tools)
    if own:
        for name in _DATABASE_PROGRAMS:
            link(tools / "bin" / name, own / name)
    else:
        tree = release.unpack(
            tools,
            "database",
            [_postgresql_package(tools)],
            " PostgreSQL 15 或更新版本",
            "PostgreSQL 15 or newer",
        )
        for unused in tree.glob("usr/lib/postgresql/*/lib/llvmjit.so"):
            unused.unlink()
        programs = next(tree.glob("usr/lib/postgresql/*/bin"))
        for name in _DATABASE_PROGRAMS:
            script(tools / "bin" / name, [programs / name], release.libraries(tree))
    _check([tools / "bin/postgres", "--version"], "postgres")


def _machine(tools: Path, *names: str) -> Path | None:
    """The machine's own program of one of these names; our launchers, should they be on the path, do not count."""
    places = [place for place in os.get_exec_path() if Path(place) != tools / "bin"]
    found = (shutil.which(name, path=os.pathsep.join(places)) for name in names)
    return next((Path(program) for program in found if program), None)


def _check(command: list[str | Path], name: str) -> None:
    """Run the program once: a launcher that does not start is found now, not in the middle of a test."""
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    if done.returncode or not done.stdout:
        reason = done.stderr.decode(errors="replace").strip()
        raise SetupError(
            f"{name} 无法运行, 请用系统的包管理器安装 {name} 后重试:\n{reason}",
            f"{name} does not run (see above): install it with the system's package manager, try again.",
        )
    first = done.stdout.split(b"\n", 1)[0]
    step(f"{name}: {first.decode().strip() if first.isascii() else 'ok'}")


def _has_chinese_type() -> bool:
    folders = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".local/share/fonts"]
    return any(_FONT_NAMES.search(file.name) for folder in folders for file in folder.rglob("*.tt*"))


def _has_library(name: str) -> bool:
    return any(
        True for folder in ("lib", "usr/lib", "usr/lib64") for _ in Path("/", folder).glob(f"*/{name}")
    )


def _type_settings(tree: Path) -> Path:
    """A fontconfig file that adds the tree's type to the machine's."""
    settings = tree / "fonts.conf"
    settings.write_text(
        '<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "fonts.dtd">\n<fontconfig>\n'
        f"<dir>/usr/share/fonts</dir><dir>{tree}/usr/share/fonts</dir><cachedir>{tree}/font-cache</cachedir>\n"
        f'<include ignore_missing="yes">{tree}/etc/fonts/conf.d</include>\n'
        '<include ignore_missing="yes">/etc/fonts/fonts.conf</include>\n</fontconfig>\n',
        encoding="utf-8",
    )
    return settings


def _launch_playwright_node(tools: Path, tree: Path) -> None:
    """Playwright brings a node of its own that wants libatomic; PLAYWRIGHT_NODEJS_PATH points it to this launcher."""
    node = next((tools.parent / ".venv/lib").glob("python3*/site-packages/playwright/driver/node"), None)
    if node is None:
        note("先建立虚拟环境再准备浏览器", "make the virtual environment before the browser")
        return
    script(tools / "bin/playwright-node", [node], release.libraries(tree))


def _own_postgresql(tools: Path) -> Path | None:
    """The folder of the machine's newest PostgreSQL programs, if new enough."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    found = _machine(tools, "initdb")
    folders += [found.resolve().parent] if found else []
    aged = sorted((_postgresql_version(folder), folder) for folder in folders)
    return aged[-1][1] if aged and aged[-1][0] >= OLDEST_POSTGRESQL else None


def _postgresql_version(folder: Path) -> int:
    text = subprocess.run([folder / "initdb", "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+)", text)
    return int(found[1]) if found else 0


def _postgresql_package(tools: Path) -> str:
    """`postgresql-15` or whatever newer one the release carries."""
    names = release.apt(tools).depends(["postgresql"])
    return max((name for name in names if re.fullmatch(r"postgresql-\d+", name)), default="postgresql-15")
