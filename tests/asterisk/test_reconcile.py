"""The ledger against Asterisk's own records (每日对账): nothing to tell of calls that were seen, every difference otherwise."""

import asyncio
import re
from argparse import Namespace
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete
from support.calls import Exchange
from support.quick import Quick

from config.cli import reconcile as command_line
from ivr.ledger.reconcile import reconcile
from recordings.models import Call, CallEvent

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def told(on: Exchange, *linkedids: str) -> dict[str, list[str]]:
    """The differences of these calls; others belong to other tests."""
    hotline, now = on.city.hotline, on.city.clock.now()
    row = await reconcile(
        on.db, on.city.clock, hotline.cel_source(), now - timedelta(minutes=2), now + timedelta(minutes=1)
    )
    return {key: [one["text"] for one in row.differences if one["linkedid"] == key] for key in linkedids}


async def command(on: Exchange, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """`hotline reconcile` over the last hour, on the running hotline's clock: exit code and what it prints."""
    given = Namespace(settings=on.city.hotline.settings, hours=1)
    capsys.readouterr()
    return await command_line._reconcile(given), capsys.readouterr().out


async def test_a_planted_difference_is_found(
    exchange: Exchange, quick: Quick, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    """A talk and a short call agree; a talk time that Asterisk's and the audio's are not, and a call removed, are named, by the command too."""
    monkeypatch.setattr(command_line, "make_clock", lambda _: exchange.city.clock)
    monkeypatch.setattr(command_line, "opened", lambda _: nullcontext(exchange.db))
    monkeypatch.setattr(command_line, "SETTLED", timedelta(0))
    call, answered = await exchange.talking(await exchange.operator())
    await answered.hangup()
    await exchange.at_node(call, "CODE", 20)
    await call.hangup()
    talk = await exchange.record(call)
    short = await exchange.dial()
    await exchange.at_node(short, "MAIN")
    await short.hangup()
    menu = await exchange.record(short)
    async with asyncio.timeout(10):  # Asterisk writes the end of a call a moment after it has told of it
        while any((await told(exchange, talk.linkedid, menu.linkedid)).values()):
            await asyncio.sleep(0.1)
    async with exchange.db.unit_of_work() as session:
        (await session.get_one(Call, talk.id)).talk_ms += 60_000
        await session.execute(delete(CallEvent).where(CallEvent.call_id == menu.id))
        await session.execute(delete(Call).where(Call.id == menu.id))
    found = await told(exchange, talk.linkedid, menu.linkedid)
    length, audio = found[talk.linkedid]
    assert length.startswith("通话时长：")
    assert re.fullmatch(r"通话 \d+ 秒，录音 \d 秒", audio)
    assert ["通话记录中没有" in text for text in found[menu.linkedid]] == [True]
    code, printed = await command(exchange, capsys)
    assert code == 1
    assert f"{talk.linkedid}　通话时长" in printed
    assert re.search(rf"{re.escape(menu.linkedid)}　Asterisk 有 [\d:]+ 的来电，通话记录中没有", printed)
    assert re.search(r"比较了 \d+ 通来电，\d+ 处不一致。", printed)


async def test_without_asterisks_records_there_is_nothing_to_compare(
    exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Of an Asterisk elsewhere the command says that its records are not read, instead of finding no difference."""
    monkeypatch.setattr(command_line, "opened", lambda _: nullcontext(exchange.db))
    settings = replace(exchange.city.hotline.settings, data_dir=tmp_path)
    with pytest.raises(command_line.NoCel, match="没有 Asterisk 的呼叫记录文件"):
        await command_line._reconcile(Namespace(settings=settings, hours=1))
