"""Programs of the machine's own release (同版本程序): the Mandarin voice, and what the tests need on top.

A program that is already on the machine is used as it is. What is missing is unpacked below `.tools`, together with the
libraries the machine lacks: the release is the same, so both fit together. Each program is started from `.tools/bin`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from setup.apt import Apt, require_apt, unpack
from setup.launchers import library_folders, link, script
from setup.say import SetupError, note, step

OLDEST_POSTGRESQL = 15
_DATABASE_PROGRAMS = ("postgres", "initdb", "pg_ctl", "psql", "pg_dump", "pg_restore")
_FONT_NAMES = re.compile(r"CJK|wqy|SourceHan|uming|ukai|NotoSansSC|simsun|msyh", re.IGNORECASE)
# Files alone are unpacked, so packages that only configure a machine are left out, and with them the compiler that the
# graphics driver and the database could use but do without.
_USEFUL = re.compile(
    r"^(?!libllvm|libz3|libgl1-mesa|lib.*-perl)"
    r"(lib|espeak-ng|chromium|fonts-|fontconfig-config|xkb-data|postgresql-\d|postgresql-client-\d)"
)


def provide_voice(tools: Path) -> None:
    """Make `.tools/bin/espeak-ng` speak Mandarin (`-v cmn`)."""
    own = shutil.which("espeak-ng")
    if own:
        link(tools / "bin/espeak-ng", Path(own))
    else:
        tree = _unpack(tools, "voice", ["espeak-ng"], "软件包 espeak-ng", "espeak-ng")
        data = next(tree.glob("usr/lib/*/espeak-ng-data")).parent
        script(
            tools / "bin/espeak-ng",
            [tree / "usr/bin/espeak-ng"],
            _libraries(tree) | {"ESPEAK_DATA_PATH": data},
        )
    _check([tools / "bin/espeak-ng", "-v", "cmn", "--stdout", "你好"], "espeak-ng")


def provide_browser(tools: Path) -> None:
    """Make `.tools/bin/chromium` work, with Chinese type, and the library that Playwright's own runtime wants."""
    own = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    lacking = [] if own else ["chromium"]
    lacking += [] if _has_chinese_type() else ["fonts-wqy-microhei"]
    lacking += [] if _has_library("libatomic.so.1") else ["libatomic1"]
    if not lacking:
        link(tools / "bin/chromium", Path(str(own)))
        return
    named = "、".join(lacking), ", ".join(lacking)
    tree = _unpack(tools, "browser", lacking, f"软件包 {named[0]}", f"the packages {named[1]}")
    program = own or tree / "usr/lib/chromium/chromium"
    script(tools / "bin/chromium", [program], _libraries(tree) | {"FONTCONFIG_FILE": _type_settings(tree)})
    if "libatomic1" in lacking:
        _launch_playwright_node(tools, tree)
    _check([tools / "bin/chromium", "--version"], "chromium")


def provide_database(tools: Path) -> None:
    """Make `.tools/bin/initdb`, `pg_ctl`, `postgres`, `psql` work: PostgreSQL 15 or newer, with no service started."""
    own = _own_postgresql()
    if own:
        for name in _DATABASE_PROGRAMS:
            link(tools / "bin" / name, own / name)
    else:
        tree = _unpack(
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
            script(tools / "bin" / name, [programs / name], _libraries(tree))
    _check([tools / "bin/postgres", "--version"], "postgres")


def _unpack(tools: Path, name: str, packages: list[str], chinese: str, english: str) -> Path:
    require_apt(chinese, english)
    tree, apt = tools / name, _release(tools)
    try:
        wanted = [each for each in apt.missing(*packages) if _USEFUL.match(each)]
        step(f"fetching {len(wanted)} packages for {', '.join(packages)} (下载软件包)")
        files = apt.download(wanted)
    except SetupError as error:
        raise SetupError(
            f"{error}\n请安装{chinese}后重试。", f"Install {english}, then try again."
        ) from error
    shutil.rmtree(tree, ignore_errors=True)
    unpack(files, tree)
    shutil.rmtree(tools / "apt-release")
    return tree


def _release(tools: Path) -> Apt:
    apt = Apt(tools / "apt-release")
    if not any((tools / "apt-release/lists").glob("*Packages*")):
        step("fetching the package index (获取软件包索引)")
        apt.update()
    return apt


def _libraries(tree: Path) -> dict[str, object]:
    return {"LD_LIBRARY_PATH": ":".join(map(str, library_folders(tree)))}


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
    script(tools / "bin/playwright-node", [node], _libraries(tree))


def _own_postgresql() -> Path | None:
    """The folder of the machine's newest PostgreSQL programs, if new enough."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    found = shutil.which("initdb")
    folders += [Path(found).resolve().parent] if found else []
    aged = sorted((_postgresql_version(folder), folder) for folder in folders)
    return aged[-1][1] if aged and aged[-1][0] >= OLDEST_POSTGRESQL else None


def _postgresql_version(folder: Path) -> int:
    text = subprocess.run([folder / "initdb", "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+)", text)
    return int(found[1]) if found else 0


def _postgresql_package(tools: Path) -> str:
    """`postgresql-15` or whatever newer one the release carries."""
    names = _release(tools).depends(["postgresql"])
    return max((name for name in names if re.fullmatch(r"postgresql-\d+", name)), default="postgresql-15")
