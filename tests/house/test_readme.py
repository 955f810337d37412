"""What the pages for newcomers name exists."""

import re
from pathlib import Path

import pytest

from config.cli.command import build_parser

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / name for name in ("README.md", "README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def _known(words: list[str]) -> bool:
    """The leading words are sub-commands as deep as the parser goes."""
    parser = build_parser()
    for word in words:
        choices = next(
            (action.choices for action in parser._actions if hasattr(action, "_name_parser_map")), None
        )
        if choices is None or word.startswith("-"):
            return True
        if word not in choices:
            return False
        parser = choices[word]
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist(page: Path):
    """Every `make` target and every `hotline` command in backquotes or code blocks is there."""
    text = page.read_text(encoding="utf-8")
    code = re.findall(r"`([^`\n]+)`", text) + [
        line.partition("#")[0]
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        for line in block.splitlines()
    ]
    targets = {found for line in code for found in re.findall(r"\bmake ([a-z][a-z-]*)", line)}
    assert [name for name in sorted(targets) if not re.search(rf"^{name}:", MAKEFILE, re.MULTILINE)] == []
    commands = {found for line in code for found in re.findall(r"\bhotline ((?:-{0,2}[a-z]+ ?)+)", line)}
    assert [command for command in sorted(commands) if not _known(command.split())] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_resolve(page: Path):
    """Every link and picture that is not on the web is a file of the repository."""
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in local if not (page.parent / link).exists()] == []
