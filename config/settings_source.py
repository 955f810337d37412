"""Where settings come from: one TOML file and the environment. Values stay as they were written.

Knows nothing of what a key means, only which keys there are, to find the section of a variable.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import why

PREFIX = "HOTLINE__"
FILE_VARIABLE = "HOTLINE_CONFIG"
CLOCK_VARIABLE = "HOTLINE_TEST_CLOCK"


class EnvText(str):
    """Text of an environment variable: numbers, switches and lists are written as text there, not in the file."""

    __slots__ = ()


@dataclass
class Raw:
    """The settings as written, and whose fault is known already."""

    values: dict[str, Any] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)
    """`section.key` -> the variable it came from."""
    faults: list[str] = field(default_factory=list)


def read(environ: Mapping[str, str], standard: Path, known: Iterable[str]) -> Raw:
    """The file (`HOTLINE_CONFIG`, else the standard one where there is one) with the environment over it."""
    raw = Raw()
    given = environ.get(FILE_VARIABLE, "")
    file = Path(given) if given else standard
    if file.exists() or given:
        _read_file(raw, file)
    sections = {key.partition(".")[0] for key in known if "." in key}
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        _set(raw, variable, EnvText(environ[variable]), sections)
    if CLOCK_VARIABLE in environ:
        raw.values["test_clock"] = EnvText(environ[CLOCK_VARIABLE])
        raw.origin["test_clock"] = CLOCK_VARIABLE
    return raw


def _read_file(raw: Raw, file: Path) -> None:
    try:
        raw.values = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raw.faults.append(f"设置文件 {file} 无法读取：{why(error)}")
    except UnicodeDecodeError:
        raw.faults.append(f"设置文件 {file} 不是 UTF-8 编码，请另存为 UTF-8")
    except tomllib.TOMLDecodeError as error:  # its words may quote a value
        place = re.search(r"line (\d+), column (\d+)", str(error))
        where = f"第 {place[1]} 行第 {place[2]} 列" if place else "末尾"
        raw.faults.append(f"设置文件 {file} {where}不符合 TOML 格式，请检查引号、括号和等号")


def _set(raw: Raw, variable: str, value: EnvText, sections: set[str]) -> None:
    parts = variable.removeprefix(PREFIX).lower().split("__")
    raw.origin[".".join(parts)] = variable
    if len(parts) == 1 and parts[0] not in sections:
        raw.values[parts[0]] = value
        return
    section = raw.values.setdefault(parts[0], {})
    if len(parts) == 2 and isinstance(section, dict):
        section[parts[1]] = value
    else:
        raw.faults.append(f"环境变量 {variable} 的写法不对，应为 {PREFIX}节__键")
