"""The `hotline` command without a running hotline: Chinese help, one sentence for an error, traces told."""

import argparse
import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.tickets import build_city

from config.cli.command import FAILED, MISUSED, build_parser, main
from core.db import Base, Database, DatabaseSettings

TRACES = Path(__file__).parents[1] / "traces"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "hotline.toml"
    file.touch()
    monkeypatch.setenv("HOTLINE_CONFIG", str(file))
    monkeypatch.setenv("HOTLINE__DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HOTLINE__HTTP__PORT", "29901")
    monkeypatch.setenv("HOTLINE__ASTERISK__AMI_PORT", "29902")


def commands(
    parser: argparse.ArgumentParser, path: str = ""
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    yield path.strip(), parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                yield from commands(sub, f"{path} {name}")


@pytest.mark.parametrize("path", [path for path, _ in commands(build_parser())])
def test_help_is_in_chinese(path: str, capsys: pytest.CaptureFixture[str]):
    """Every command and option is explained in Chinese, argparse's own words too."""
    with pytest.raises(SystemExit) as ended:
        main([*path.split(), "--help"])
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert said.startswith("用法：hotline")
    assert not re.search(r"usage|options:|positional|show this help", said)
    explained = [line for line in said.splitlines() if re.match(r"  (-|[a-z])", line)]
    assert explained
    assert re.search(r"[\u4e00-\u9fff]", said.split("\n\n")[1])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "缺少参数：命令"),
        (["nonsense"], "没有“nonsense”"),
        (["user", "add", "x1"], "缺少参数：--name, --role"),
        (["check", "--fast"], "不认识的参数：--fast"),
        (["calendar", "show", "--year", "now"], "参数 --year 的内容不对"),
    ],
)
def test_misuse_is_told_in_chinese(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    """A wrong call says what is wrong and where help is, and ends with 2."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == MISUSED
    told = capsys.readouterr().err
    assert told.startswith(said)
    assert "--help" in told


def test_faulty_settings_are_one_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """No command runs with settings it cannot trust; no traceback either."""
    monkeypatch.setenv("HOTLINE__HTTP__PORT", "no")
    assert main(["check"]) == FAILED
    told = capsys.readouterr().err
    assert told.startswith("设置有 1 处错误")
    assert "Traceback" not in told


def test_asterisk_that_is_not_there_is_a_sentence(capsys: pytest.CaptureFixture[str]):
    """Nobody listens on the port: the command says so and ends with 1."""
    assert main(["asterisk", "command", "core show version"]) == FAILED
    assert capsys.readouterr().err.startswith("Asterisk 没有应答（127.0.0.1:29902")


def test_an_empty_database_asks_for_the_upgrade(capsys: pytest.CaptureFixture[str]):
    """A command that needs tables names the command that makes them, and works after it."""
    assert main(["user", "token", "nobody"]) == FAILED
    assert "hotline db upgrade" in capsys.readouterr().err
    assert main(["db", "upgrade"]) == 0
    assert main(["user", "token", "nobody"]) == FAILED
    assert capsys.readouterr().err == "没有账号“nobody”，请核对用户名。\n"


def test_an_account_is_made_and_its_password_said_once(capsys: pytest.CaptureFixture[str]):
    """user add, then a second of the same name is refused."""
    main(["db", "upgrade"])
    add = ["user", "add", "root1", "--name", "管理员", "--role", "admin"]
    assert main(add) == 0
    assert re.search(r"密码（只显示这一次）：\S{19}", capsys.readouterr().out)
    assert main(add) == FAILED
    assert "root1" in capsys.readouterr().err


def test_reports_are_drafted_listed_and_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """`hotline report`: drafted once for each region with an office, listed with its state, printed as a PDF by its number."""
    monkeypatch.setenv("HOTLINE__DATABASE__URL", f"sqlite+aiosqlite:///{tmp_path}/reports.db")
    assert main(["db", "upgrade"]) == 0
    asyncio.run(_city(f"sqlite+aiosqlite:///{tmp_path}/reports.db"))
    capsys.readouterr()
    assert main(["report", "draft"]) == 0
    assert "新起草" in capsys.readouterr().out
    assert main(["report", "draft"]) == 0
    assert capsys.readouterr().out == "新起草 0 份报表。\n"
    assert main(["report", "list"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert "　草稿　应报 " in first
    paper = tmp_path / "report.pdf"
    assert main(["report", "pdf", first.split("　")[0], str(paper)]) == 0
    assert paper.read_bytes().startswith(b"%PDF")
    assert main(["report", "pdf", "999999", str(paper)]) == FAILED


async def _city(url: str) -> None:
    db = Database(DatabaseSettings(url=url))
    await build_city(db)
    await db.close()


def test_check_names_every_part(capsys: pytest.CaptureFixture[str]):
    """Nothing is set up: the state of each part as JSON, and 1."""
    assert main(["check", "--json"]) == FAILED
    report = json.loads(capsys.readouterr().out)
    state = {part["name"]: part["is_ok"] for part in report["parts"]}
    assert not report["ok"]
    assert not state["数据库"]
    assert not state["Asterisk"]
    assert not state["语音提示"]
    assert state["语音菜单"]
    assert "hotline db upgrade" in next(p["text"] for p in report["parts"] if p["name"] == "工作日历")
    missing = next(part["details"] for part in report["parts"] if part["name"] == "语音提示")
    assert any("welcome" in one for one in missing)


def test_check_tells_how_far_the_calendar_reaches(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """WD-8: the last published day, and that what lies beyond is 暂定; wrong only once that day is over."""
    assert main(["db", "upgrade"]) == 0
    monkeypatch.setenv("HOTLINE__MODE", "test")
    for now, is_ok, left in (("2026-12-01", True, "还有 30 天到期"), ("2027-01-04", False, "已经到期")):
        monkeypatch.setenv("HOTLINE_TEST_CLOCK", f"{now}T10:00:00+08:00")
        capsys.readouterr()
        assert main(["check", "--json"]) == FAILED
        parts = json.loads(capsys.readouterr().out)["parts"]
        (calendar,) = (part for part in parts if part["name"] == "工作日历")
        assert calendar["is_ok"] is is_ok
        assert "已公布到 2026年12月31日，此后的期限为暂定" in calendar["text"]
        assert left in calendar["text"]


def test_a_trace_is_told(capsys: pytest.CaptureFixture[str]):
    """Replaying recorded events prints the call's story."""
    assert main(["trace", "replay", str(TRACES / "talk_and_hang_up.jsonl")]) == 0
    told = capsys.readouterr().out
    assert re.search(r"answered .*extension=1001", told)
    assert "未结束的通话 0 个" in told


def test_a_file_that_is_not_there_is_told_in_chinese(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """The system's own English reason is put into words."""
    assert main(["trace", "replay", str(tmp_path / "none.jsonl")]) == 1
    assert "none.jsonl（没有这个文件或目录）" in capsys.readouterr().err


def test_a_broken_trace_is_told_by_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Half a line at the end of a file is a sentence, not a traceback."""
    file = tmp_path / "half.jsonl"
    file.write_text('{"Event": "Newchannel", "Timestamp": "1.0"}\n{"Event": "New')
    assert main(["trace", "replay", str(file)]) == FAILED
    assert "第 2 行" in capsys.readouterr().err


def test_the_data_dictionary_names_every_table_and_column(capsys: pytest.CaptureFixture[str]):
    """M-92: told from the models, with what is written beside them."""
    assert main(["db", "dictionary"]) == 0
    said = capsys.readouterr().out
    missing = [name for name in Base.metadata.tables if f"## {name}\n" not in said]
    assert missing == []
    assert "| staff_number | VARCHAR(8) | 是 | 唯一 | 工号, spoken to the caller |" in said
    assert "| unit_id | BIGINT | 是 | → units.id |  |" in said


def test_the_calendar_of_an_unknown_region_is_refused(capsys: pytest.CaptureFixture[str]):
    """A mistyped code is named, instead of showing the nation's days as if they were the region's."""
    assert main(["db", "upgrade"]) == 0
    assert main(["calendar", "show", "--region", "532999"]) == FAILED
    assert "没有地区代码“532999”" in capsys.readouterr().err
