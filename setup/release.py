"""Packages of the machine's own release (本机同版本软件包), unpacked into a folder with the libraries the machine lacks.

The release is the same, so the machine's libraries and the unpacked ones fit together. Knows nothing of what the
programs are for.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from setup.apt import Apt, require_apt
from setup.apt import unpack as unpack_files
from setup.launchers import library_folders
from setup.say import SetupError, step

# Files alone are unpacked, so packages that only configure a machine are left out, and with them the compiler that the
# graphics driver and the database could use but do without.
_USEFUL = re.compile(
    r"^(?!libllvm|libz3|libgl1-mesa|lib.*-perl)"
    r"(lib|asterisk=|asterisk-modules|kamailio=|kamailio-tls-modules=|sip-tester|espeak-ng|chromium|fonts-|fontconfig-config|xkb-data|postgresql-\d|postgresql-client-\d)"
)


def unpack(tools: Path, name: str, packages: list[str], chinese: str, english: str) -> Path:
    """Unpack the packages into `tools/name`; when that fails, `chinese` and `english` name what to install by hand."""
    require_apt(chinese, english)
    tree, archive = tools / name, apt(tools)
    try:
        wanted = [each for each in archive.missing(*packages) if _USEFUL.match(each)]
        step(f"fetching {len(wanted)} packages for {', '.join(packages)} (下载软件包)")
        files = archive.download(wanted)
    except SetupError as error:
        raise SetupError(
            f"{error}\n请安装{chinese} 后重试。", f"Install {english}, then try again."
        ) from error
    shutil.rmtree(tree, ignore_errors=True)
    unpack_files(files, tree)
    shutil.rmtree(tools / "apt-release")
    return tree


def apt(tools: Path) -> Apt:
    """The machine's own sources, with the lists fetched once per set-up."""
    archive = Apt(tools / "apt-release")
    if not any((tools / "apt-release/lists").glob("*Packages*")):
        step("fetching the package index (获取软件包索引)")
        archive.update()
    return archive


def libraries(tree: Path) -> dict[str, object]:
    """The variable with which a program finds the tree's libraries before the machine's."""
    return {"LD_LIBRARY_PATH": ":".join(map(str, library_folders(tree)))}
