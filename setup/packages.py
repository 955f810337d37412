"""The virtual environment (虚拟环境): exact versions from `requirements.lock`, then the project itself, editable.

Everything goes through the ordinary pip of the environment, so the machine's own pip settings hold.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

from setup.say import SetupError, step

PROJECT = Path(__file__).resolve().parent.parent
LOCK = PROJECT / "requirements.lock"
_BUILD = ["setuptools", "wheel"]
_HEADER = """\
# Every Python package of the hotline and its tests, exactly. Made from pyproject.toml by `make lock`; never edited by hand.
"""


def provide(environment: Path) -> None:
    """Make the environment and install what the lock names; asks the network only for what is not there yet."""
    python = _python(environment)
    step(f"installing {len(pins())} packages (安装 Python 软件包)")
    _pip(python, "install", "-qq", "--no-deps", "--requirement", str(LOCK))
    _pip(python, "install", "-qq", "--no-deps", "--no-build-isolation", "--editable", str(PROJECT))


def pins(lock: Path = LOCK) -> dict[str, str]:
    """Normalised package name to exact version."""
    lines = [
        line for line in lock.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")
    ]
    return {normal(name): version for name, _, version in (line.partition("==") for line in lines)}


def declared() -> list[str]:
    """The requirements that pyproject.toml declares, the test extra included."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["test"]]


def normal(requirement: str) -> str:
    """The package's name in one spelling: `SQLAlchemy[asyncio]>=2` is `sqlalchemy`."""
    name = re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def refresh_lock() -> None:
    """Resolve pyproject.toml anew and write the lock; versions already locked are kept where they still fit."""
    with tempfile.TemporaryDirectory() as scratch:
        report, wanted, kept = (Path(scratch, name) for name in ("report.json", "wanted.txt", "kept.txt"))
        wanted.write_text("\n".join([*declared(), *_BUILD]), encoding="utf-8")
        kept.write_text(LOCK.read_text(encoding="utf-8") if LOCK.is_file() else "", encoding="utf-8")
        _pip(Path(sys.executable), "install", "-qq", "--dry-run", "--ignore-installed",
             "--requirement", str(wanted), "--constraint", str(kept), "--report", str(report))  # fmt: skip
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
    lines = sorted(f"{normal(each['metadata']['name'])}=={each['metadata']['version']}" for each in found)
    LOCK.write_text(_HEADER + "\n".join(lines) + "\n", encoding="utf-8")


def _python(environment: Path) -> Path:
    python = environment / "bin/python"
    if not _works(python):
        step(f"making {environment.name} with Python {sys.version.split()[0]} (建立虚拟环境)")
        try:
            venv.create(environment, with_pip=True, symlinks=True, clear=environment.exists())
        except subprocess.CalledProcessError as error:
            raise SetupError(
                "无法建立虚拟环境, 请安装软件包 python3-venv 后重试。",
                "The virtual environment cannot be made: install the package python3-venv, then try again.",
            ) from error
    return python


def _works(python: Path) -> bool:
    return (
        python.exists()
        and not subprocess.run(
            [python, "-m", "pip", "--version"], capture_output=True, check=False
        ).returncode
    )


def _pip(python: Path, *arguments: str) -> None:
    if subprocess.run([python, "-m", "pip", *arguments], check=False).returncode:
        raise SetupError(
            "pip 安装失败 (见上), 请检查网络和 pip 设置后重试。",
            "pip failed (see above); check the network and the machine's pip settings, then try again.",
        )
