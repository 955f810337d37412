"""`hotline check`: every part and its state, for the person who installs or repairs; non-zero when something is wrong."""

import argparse
import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import kb.searching.index
from config.cli.ami_client import AsteriskSilent, connected
from config.database import opened, schema_state
from config.parts import calendar_state
from config.prompts import in_force
from config.settings import Settings, make_clock
from core.calendar.holidays import load_calendar
from core.clock import beijing
from core.errors import HotlineError
from core.web.keys import PartState
from ivr.asterisk.site import DIALPLAN
from ivr.menus.menu import read as read_menus
from ivr.menus.menu_check import faults as menu_faults
from ivr.speech.prompts import problems
from recordings.keeping.depot import DepotAway, depot_of
from recordings.keeping.space import space


@dataclass(frozen=True)
class Part:
    """One part's state; `details` name every single fault."""

    name: str
    is_ok: bool
    text: str
    details: tuple[str, ...] = ()


def add_commands(commands: Any) -> None:
    check = commands.add_parser(
        "check", help="检查每个部分的状态", description="检查每个部分的状态；有问题时返回非零。"
    )
    check.add_argument("--json", action="store_true", help="以 JSON 输出")
    check.set_defaults(run=run_check)


def run_check(given: argparse.Namespace) -> int:
    parts = list(examine(given.settings))
    is_ok = all(part.is_ok for part in parts)
    if given.json:
        print(
            json.dumps({"ok": is_ok, "parts": [asdict(part) for part in parts]}, ensure_ascii=False, indent=2)
        )
    else:
        for part in parts:
            print(f"{'正常' if part.is_ok else '异常'}  {part.name}：{part.text}")
            for detail in part.details:
                print(f"        · {detail}")
        print("全部正常。" if is_ok else f"有 {sum(not part.is_ok for part in parts)} 个部分需要处理。")
    return 0 if is_ok else 1


def examine(settings: Settings) -> Iterator[Part]:
    """Every part in the order in which a hotline needs them."""
    checks: tuple[tuple[str, Callable[[Settings], Part]], ...] = (
        ("设置", _settings), ("数据库", _database), ("工作日历", _calendar), ("语音提示", _prompts), ("语音菜单", _menus),
        ("录音目录", _recordings), ("录音存储", _depot), ("知识库", _kb), ("Asterisk", _asterisk), ("网页", _web),
    )  # fmt: skip
    for name, check in checks:
        try:
            yield check(settings)
        except (HotlineError, OSError) as error:
            yield Part(
                name, is_ok=False, text=error.message if isinstance(error, HotlineError) else str(error)
            )


def _settings(settings: Settings) -> Part:
    missing = [
        f"找不到 {path}"
        for path in (settings.asterisk.binary, settings.asterisk.modules_dir, settings.asterisk.data_dir)
        if settings.asterisk.mode == "embedded" and not path.exists()
    ]
    text = f"模式 {settings.mode}，数据目录 {settings.data_dir}，专线 {settings.line.number}"
    return Part("设置", not missing, text, tuple(missing))


def _database(settings: Settings) -> Part:
    state = asyncio.run(schema_state(settings.database.url))
    kind = "SQLite" if settings.database.url.startswith("sqlite") else "PostgreSQL"
    if state.is_current:
        return Part("数据库", is_ok=True, text=f"{kind}，结构 {state.head}")
    text = f"{kind}，结构 {state.current or '为空'}，应为 {state.head}，请运行 hotline db upgrade"
    return Part("数据库", is_ok=False, text=text)


def _calendar(settings: Settings) -> Part:
    """Wrong only once the last published day is over: until then what reaches beyond it is 暂定 (WD-8)."""
    clock = make_clock(settings)

    async def asked() -> tuple[PartState, date]:
        async with opened(settings) as db:
            state = await calendar_state(db, clock)
            async with db.reading() as session:
                return state, (await load_calendar(session)).covered_until

    state, covered_until = asyncio.run(asked())
    return Part("工作日历", beijing(clock.now()).date() <= covered_until, state.text)


def _prompts(settings: Settings) -> Part:
    catalogue = asyncio.run(in_force(settings))
    found = tuple(problems(catalogue, settings.prompts))
    text = f"{len(found)} 处问题，请运行 hotline prompts build" if found else f"{len(list(catalogue))} 条齐备"
    return Part("语音提示", not found, text, found)


def _menus(settings: Settings) -> Part:
    menus = read_menus(DIALPLAN / "menus.toml")
    found = tuple(menu_faults(menus, asyncio.run(in_force(settings))))
    return Part(
        "语音菜单", not found, f"{len(found)} 处问题" if found else f"{len(menus.nodes)} 个节点", found
    )


def _recordings(settings: Settings) -> Part:
    folder = settings.recordings.archive_dir
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / ".writable"
    probe.touch()
    probe.unlink()
    room = space(settings.recordings.least_free_mb, folder)
    return Part("录音目录", not room.is_low, f"{folder} 可写，{room.text}")


def _depot(settings: Settings) -> Part:
    try:
        depot = depot_of(settings.recordings)
        if depot is None:
            return Part("录音存储", is_ok=True, text="未设置，录音一直保存在录音目录")
        depot.try_out()
    except DepotAway as away:
        text = f"{settings.recordings.depot} 无法读写（{away}），录音留在录音目录，请检查地址、密钥和网络"
        return Part("录音存储", is_ok=False, text=text)
    return Part("录音存储", is_ok=True, text=f"{depot.address} 可读写")


def _kb(settings: Settings) -> Part:
    if kb.searching.index.current(settings.kb_index):
        return Part("知识库", is_ok=True, text=f"检索索引 {settings.kb_index}")
    return Part("知识库", is_ok=False, text="检索索引还没有建立，请运行 hotline kb reindex")


def _asterisk(settings: Settings) -> Part:
    try:
        with connected(settings.asterisk) as client:
            state = client.ask("CoreSettings")
            calls = client.ask("CoreStatus").get("CoreCurrentCalls", "0")
    except AsteriskSilent as error:
        return Part("Asterisk", is_ok=False, text=error.message)
    return Part("Asterisk", is_ok=True, text=f"版本 {state.get('AsteriskVersion', '？')}，当前通话 {calls}")


def _web(settings: Settings) -> Part:
    host = "127.0.0.1" if settings.http.host == "0.0.0.0" else settings.http.host  # noqa: S104 - asked, not bound
    address = f"http://{host}:{settings.http.port}"
    try:
        with urlopen(f"{address}/readyz", timeout=5) as answer:  # noqa: S310 - our own address
            answer.read()
    except URLError as error:
        code = getattr(error, "code", None)
        text = (
            f"{address} 有部件未就绪（/readyz 返回 {code}）"
            if code
            else f"{address} 没有应答，热线没有在运行"
        )
        return Part("网页", is_ok=False, text=text)
    return Part("网页", is_ok=True, text=address)
