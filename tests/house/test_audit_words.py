"""Every action that the audit log records has a Chinese name for those who read it (M-91)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from agent_desktop.inspect.audit_words import ACTIONS

ROOT = Path(__file__).parents[2]
ROOMS = ("agent_desktop", "core", "ivr", "kb", "portal", "recordings", "reports", "tickets")
FILES = [file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))]
ACTION = re.compile(r"[a-z]+\.[a-z_]+(\.[a-z_]+)?")


def recorded(tree: ast.AST) -> Iterator[str]:
    """The actions spelt out where something is recorded: the keyword, or a text handed to the module's own `_note`."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = ast.unparse(call.func)
        values = [word.value for word in call.keywords if word.arg == "action" and name == "audit.record"]
        values += call.args if name == "_note" else []
        for value in values:
            if isinstance(value, ast.Constant) and ACTION.fullmatch(str(value.value)):
                yield value.value


def test_recorded_actions_have_names():
    """What stands in the log is read in Chinese, the newest deed too."""
    found = {action: file.name for file in FILES for action in recorded(ast.parse(file.read_text()))}
    assert len(found) > 20
    assert {action: name for action, name in found.items() if action not in ACTIONS} == {}
