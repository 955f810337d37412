"""The settings file is its own manual: every key is in the example, explained, and the example is right."""

import re
import tomllib
from pathlib import Path

from config.settings import HOME, keys, load

EXAMPLE = HOME / "config" / "hotline.example.toml"


def _written() -> set[str]:
    data = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    return {
        path
        for name, value in data.items()
        for path in ([f"{name}.{key}" for key in value] if isinstance(value, dict) else [name])
    }


def test_the_example_holds_every_key_and_no_other():
    """A key added to a room's settings must be explained; a key removed must go from the example."""
    assert _written() == set(keys())


def test_every_key_is_explained_in_chinese():
    """Above each key, or above the group it stands in, there is a Chinese comment."""
    for block in re.split(r"\n(?=#|\[)", EXAMPLE.read_text(encoding="utf-8")):
        assigned = [line for line in block.splitlines() if re.match(r"[a-z_]+ = ", line)]
        if assigned:
            assert re.match(r"#.*[\u4e00-\u9fff]", block), assigned


def test_the_example_says_the_defaults(tmp_path: Path):
    """Copying the example changes nothing."""
    common = {"HOTLINE__DATA_DIR": str(tmp_path)}
    nowhere = tmp_path / "empty.toml"
    nowhere.touch()
    plain = load(common | {"HOTLINE_CONFIG": str(nowhere)})
    assert load(common | {"HOTLINE_CONFIG": str(EXAMPLE)}) == plain
