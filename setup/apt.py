"""A private apt (私有 apt): package lists and downloads of our own, read with the machine's own apt tools.

Signatures and hashes are checked by apt itself (signed index, then the hash in it) and the hash once more here, because
a file may have waited in our cache. Knows nothing of what the packages are for, and never installs.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from setup.say import SetupError

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_UNREAD = (
    "usr/share/man",
    "usr/share/locale",
    "usr/share/gdb",
    "usr/share/gcc",
    "usr/share/lintian",
    "usr/lib/gconv",
)
_PLANNED = re.compile(r"^Inst (\S+) (?:\[[^]]*\] )?\((\S+) ", re.MULTILINE)
_LISTED = re.compile(
    r"^'(?P<uri>[^']+)' (?P<file>\S+) (?P<size>\d+) (?P<kind>SHA256|SHA512):(?P<digest>[0-9a-f]+)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Deb:
    """One package file as the signed index describes it."""

    file: str
    kind: str  # SHA256 or SHA512, whichever the archive signs
    digest: str

    @property
    def pinned(self) -> str:
        """`package=version`, as apt wants to be asked."""
        package, version, _ = self.file.split("_")
        return f"{package}={version.replace('%3a', ':')}"


class Apt:
    """Apt with its own lists and cache in `home`.

    `source` is one sources line of our own, read without regard to what the machine has installed; without it the
    machine's own sources are read, and what is already installed is taken as present.
    """

    def __init__(self, home: Path, source: str | None = None) -> None:
        for folder in ("lists/partial", "cache/archives/partial", "debs"):
            (home / folder).mkdir(parents=True, exist_ok=True)
        self.debs = home / "debs"
        self._options = {
            "Dir::State::lists": home / "lists",
            "Dir::Cache": home / "cache",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "APT::Sandbox::User": "",
            "APT::Update::Post-Invoke-Success::": "",
            "Debug::NoLocking": "1",
        }
        if source is not None:
            (home / "sources.list").write_text(source + "\n", encoding="utf-8")
            (home / "status").touch()
            self._options |= {
                "Dir::Etc::sourcelist": home / "sources.list",
                "Dir::Etc::sourceparts": "/dev/null",
                "Dir::State::status": home / "status",
            }

    def update(self) -> None:
        """Fetch the package lists; apt refuses a list whose archive signature is wrong."""
        self._run("apt-get", "update", "-qq")

    def versions(self, packages: list[str]) -> dict[str, list[str]]:
        """The versions on offer for each package, best first; a package that nobody offers is left out."""
        offered: dict[str, list[str]] = {}
        for line in self._run("apt-cache", "madison", *packages).splitlines():
            name, version, _ = (part.strip() for part in line.split("|", 2))
            offered.setdefault(name, []).append(version)
        return offered

    def depends(self, packages: list[str]) -> list[str]:
        """Every package name that the given packages depend on, alternatives included."""
        listed = self._run(
            "apt-cache",
            "depends",
            "--recurse",
            "--no-recommends",
            "--no-suggests",
            "--no-conflicts",
            "--no-breaks",
            "--no-replaces",
            "--no-enhances",
            *packages,
        )
        return [line for line in listed.splitlines() if line and not line.startswith((" ", "<", "|"))]

    def missing(self, *packages: str) -> list[str]:
        """What these packages and their dependencies still need on this machine, as `package=version`."""
        plan = self._run("apt-get", "install", "--simulate", "-y", "--no-install-recommends", *packages)
        return [f"{name}={version}" for name, version in _PLANNED.findall(plan)]

    def download(self, wanted: list[str]) -> list[Path]:
        """Fetch the files of these `package=version` names and check each against the signed index."""
        debs = _debs(self._run("apt-get", "download", "--print-uris", *wanted))
        unlisted = sorted(set(wanted) - {deb.pinned for deb in debs})[:5]
        if unlisted:
            raise SetupError(
                f"这些软件包不在已签名的索引中: {'、'.join(unlisted)}",
                f"Not in the signed index: {', '.join(unlisted)}",
            )
        stale = [deb.pinned for deb in debs if not _intact(self.debs, deb)]
        if stale:
            self._run("apt-get", "download", "-qq", *stale, cwd=self.debs)
        for deb in debs:
            if not _intact(self.debs, deb):
                raise SetupError(
                    f"软件包 {deb.file} 的校验和不符, 已拒绝使用; 请检查网络后重试。",
                    f"{deb.file} does not match the hash in the signed index and was refused; check the network.",
                )
        return [self.debs / deb.file for deb in debs]

    def _run(self, *command: str, cwd: Path | None = None) -> str:
        options = [part for key, value in self._options.items() for part in ("-o", f"{key}={value}")]
        environment = os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(
            [command[0], *options, *command[1:]],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SetupError(
                f"{' '.join(command[:3])} 失败, 请检查网络和软件源:\n{done.stderr.strip()}",
                f"{' '.join(command[:3])} failed (see above); check the network and the machine's apt sources.",
            )
        return done.stdout


def require_apt(chinese: str, english: str) -> None:
    """Refuse on a machine without apt; `chinese` and `english` name what to install there by hand."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise SetupError(
            f"这台机器没有 apt, 请用系统的包管理器安装{chinese} 后重试。",
            f"This machine has no apt: install {english} with its own package manager, then try again.",
        )


def debian_mirror() -> str | None:
    """The address from which this machine itself takes Debian, e.g. `http://…/debian/`; None on another system."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return next((uri for uri in listed if uri.rstrip("/").endswith("/debian")), None)


def unpack(files: list[Path], tree: Path) -> None:
    """Unpack package files into one folder, less what nobody reads there; no maintainer script runs."""
    tree.mkdir(parents=True, exist_ok=True)
    for file in files:
        subprocess.run(["dpkg-deb", "-x", file, tree], check=True)
    for folder in _UNREAD:
        shutil.rmtree(tree / folder, ignore_errors=True)


def _debs(listing: str) -> list[Deb]:
    return [Deb(found["file"], found["kind"], found["digest"]) for found in _LISTED.finditer(listing)]


def _intact(folder: Path, deb: Deb) -> bool:
    file = folder / deb.file
    return file.is_file() and hashlib.new(deb.kind, file.read_bytes()).hexdigest() == deb.digest
