"""Query codes guessed by telephone (查询码试猜, §5.5), on the real Asterisk: what the guesser hears, and the next caller."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import delete, select
from support.calls import Exchange
from support.quick import Quick
from support.sipphone import Call, Phone

from core.audit import AuditRow
from core.units import Region
from tickets.intake.ask import Question, ask
from tickets.models import Channel
from tickets.query_codes.attempts import count_failure
from tickets.query_codes.code_models import CodeAlarm, CodeFailure
from tickets.query_codes.codes import new_code

pytestmark = pytest.mark.asyncio(loop_scope="session")
LINE = "96128"


@pytest_asyncio.fixture(loop_scope="session")
async def asked(exchange: Exchange) -> AsyncIterator[str]:
    """The code of a question that unit 101 works on; afterwards nobody has guessed anything."""
    async with exchange.db.unit_of_work() as session:
        region = (await session.scalars(select(Region).where(Region.code == "5399"))).one()
        question = Question("养老金怎么领", Channel.WEB, LINE, region.id, exchange.city.units["101"])
        issued = await ask(session, exchange.city.clock, question)
    yield issued.query_code
    async with exchange.db.unit_of_work() as session:
        await session.execute(delete(CodeFailure))
        await session.execute(delete(CodeAlarm))


async def failures(exchange: Exchange, sources: list[str]) -> None:
    """One unknown code from each of these numbers, within this minute."""
    for source in sources:
        async with exchange.db.unit_of_work() as session:
            await count_failure(session, exchange.city.clock, source=source, line=LINE)


async def to_the_codes(exchange: Exchange, phone: Phone) -> Call:
    call = await exchange.dial(phone)
    await exchange.walk(call, ("MAIN", "3"))
    await exchange.at_node(call, "S")
    return call


async def key(exchange: Exchange, call: Call, code: str, heard: int, quick: Quick, prompt: str) -> None:
    """Key twelve digits and wait until `prompt` was played `heard` times."""
    await exchange.at_node(call, "S")
    await call.dtmf(code, gap_ms=60, press_ms=60)
    await exchange.until(lambda: quick.prompts.count(prompt) >= heard, 10)


async def test_forged_codes_by_telephone(exchange: Exchange, quick: Quick, asked: str):
    """Three tries a call with the same words each time, one alarm at the thirtieth a minute, ten a day; others are served."""
    guesser, citizen = await exchange.caller(), await exchange.caller()
    await failures(exchange, [f"1370000{number:04}" for number in range(27)])

    call = await to_the_codes(exchange, guesser)
    await key(exchange, call, new_code(), 1, quick, "wrong-query-code")
    await key(exchange, call, new_code(), 2, quick, "wrong-query-code")
    await key(exchange, call, new_code(), 1, quick, "query-code-locked")
    await exchange.been_at(call, "OP-QUEUE")
    await call.hangup()
    async with exchange.db.reading() as session:
        (alarm,) = (await session.scalars(select(CodeAlarm))).all()
        reasons = (
            await session.scalars(select(AuditRow.reason).where(AuditRow.action == "code.alarm"))
        ).all()
    assert (alarm.line, alarm.failures) == (LINE, 30)
    assert list(reasons) == ["一分钟内 30 次输入不存在的查询码"]

    call = await to_the_codes(exchange, citizen)
    await key(exchange, call, asked, 1, quick, "handled-now")
    await exchange.at_node(call, "S-OK")
    await call.hangup()

    await failures(exchange, [guesser.account.name] * 7)
    call = await to_the_codes(exchange, guesser)
    quick.prompts.clear()
    await key(exchange, call, asked, 1, quick, "query-code-locked")
    await call.hangup()
    assert "handled-now" not in quick.prompts
