"""The `hotline` command (命令行): what can be done to a hotline from a terminal.

Each module beside this one adds its commands to the parser and says what runs for them; this one reads the arguments, loads
the settings and turns every expected refusal into one Chinese sentence and exit code 1.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from config.cli import asterisk, backup, check, content, people, reconcile, recordings, reports, run
from config.settings import load
from core import log
from core.errors import HotlineError, why

FAILED, MISUSED, INTERRUPTED = 1, 2, 130
_MISUSES = (
    (r"the following arguments are required: (.+)", "缺少参数：{0}"),
    (r"(?:argument \S+: )?invalid choice: '(.*)' \(choose from (.+)\)", "没有“{0}”，可用的有：{1}"),
    (r"unrecognized arguments: (.+)", "不认识的参数：{0}"),
    (r"argument (\S+): expected .+", "参数 {0} 后面缺少内容"),
    (r"argument (\S+): invalid .+", "参数 {0} 的内容不对"),
    (r"one of the arguments (.+) is required", "必须给出其中之一：{0}"),
)


class Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, "用法：" if prefix is None else prefix)


class Parser(argparse.ArgumentParser):
    """argparse in Chinese."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **{"formatter_class": Formatter, **options, "add_help": False, "allow_abbrev": False}
        )
        self._positionals.title, self._optionals.title = "参数", "选项"
        self.add_argument("-h", "--help", action="help", help="显示本说明")

    def error(self, message: str) -> NoReturn:
        said = next(
            (text.format(*m.groups()) for form, text in _MISUSES if (m := re.fullmatch(form, message))),
            message,
        )
        self.exit(MISUSED, f"{said}。运行 {self.prog} --help 查看用法。\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when all is well, 1 when not, 2 when it was called wrongly."""
    given = build_parser().parse_args(arguments)
    try:
        return int(given.do(given))
    except KeyboardInterrupt:
        return INTERRUPTED
    except (HotlineError, OSError) as error:
        if given.debug:
            raise
        print(_sentence(error), file=sys.stderr)
        return FAILED


def build_parser() -> Parser:
    parser = Parser(
        prog="hotline",
        description="96128 政务信息查询热线：运行和管理。",
        epilog="设置见 config/hotline.example.toml；HOTLINE_CONFIG 指定另一个设置文件，HOTLINE__节__键 改写单项设置。",
    )
    parser.add_argument("--debug", action="store_true", help="出错时显示完整的技术信息")
    commands = parser.add_subparsers(title="命令", metavar="命令", required=True, parser_class=Parser)
    for module in (
        run,
        check,
        people,
        content,
        recordings,
        backup,
        asterisk,
        reconcile,
        reports,
    ):
        module.add_commands(commands)
    _load_first(parser)
    return parser


def _load_first(parser: Parser) -> None:
    """Every command gets `given.settings`, read only when it runs."""
    for action in parser._actions:  # noqa: SLF001 - argparse offers no other way to its sub-commands
        if not isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            continue
        for sub in action.choices.values():
            _load_first(sub)
            if command := sub.get_default("run"):
                sub.set_defaults(do=_prepared(command))


def _prepared(command: Any) -> Any:
    def do(given: argparse.Namespace) -> int:
        given.settings = load(
            os.environ,
            mode="demo" if getattr(given, "demo", False) else None,
            make_secrets=getattr(given, "make_secrets", True),
        )
        log.configure(given.settings.log.level, json=given.settings.log.json)
        return command(given) or 0

    return do


def _sentence(error: Exception) -> str:
    if isinstance(error, HotlineError):
        return error.message
    assert isinstance(error, OSError)
    return f"无法访问 {error.filename or '系统资源'}（{why(error)}），请检查路径和权限。"
