"""Numbers that leave the house: ticket numbers (工单号) and query codes (查询码, §5.5).

A query code has twelve digits, is spoken 4-4-4 and opens its ticket to whoever holds it. Only its keyed hash and
its last four digits are kept.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from datetime import date
from itertools import count

from sqlalchemy import Insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from core.clock import Clock, beijing
from core.db import provided
from core.errors import HotlineError
from tickets.query_codes.code_models import QueryCode, TicketNumber
from tickets.settings import TicketSettings

CODE_LENGTH = 12
_CODE_TEXT = "没有查到该查询码对应的问题，请核对 12 位查询码后重新输入。"
_DAMM = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)


class QueryCodeInvalid(HotlineError):
    """The digits cannot be a query code: wrong length or check digit (says the same as an unknown code)."""

    code = "query_code_wrong"
    status = 404
    text = _CODE_TEXT


class QueryCodeUnknown(HotlineError):
    """A well-formed query code that opens nothing, or no longer."""

    code = "query_code_wrong"
    status = 404
    text = _CODE_TEXT


def check_digit(digits: str) -> str:
    """Damm's check digit: catches every single wrong digit and every swap of neighbours."""
    state = 0
    for digit in digits:
        state = int(_DAMM[state][int(digit)])
    return str(state)


def is_well_formed(code: str) -> bool:
    good = code.isascii() and code.isdigit() and len(code) == CODE_LENGTH and code[0] != "0"
    return good and check_digit(code[:-1]) == code[-1]


def normalised(code: str) -> str:
    """The twelve digits without the spaces and dashes people type; raises QueryCodeInvalid."""
    digits = "".join(c for c in code[:40] if c not in " -\u3000\u2013\u2014\t")
    if not is_well_formed(digits):
        raise QueryCodeInvalid
    return digits


def new_code() -> str:
    body = secrets.choice("123456789") + "".join(secrets.choice("0123456789") for _ in range(CODE_LENGTH - 2))
    return body + check_digit(body)


def _candidates(session: AsyncSession, seed: str) -> Iterator[str]:
    """Codes to try in turn: random ones, or with a seed always the same ones, known to nobody without our secret."""
    for turn in count():
        if not seed:
            yield new_code()
            continue
        number = int(keyed_hash(session, f"code:{turn}:{seed}"), 16)
        body = f"{number % 9 + 1}{number // 9 % 10 ** (CODE_LENGTH - 2):0{CODE_LENGTH - 2}}"
        yield body + check_digit(body)


def keyed_hash(session: AsyncSession | Session, text: str) -> str:
    secret = provided(session, TicketSettings).code_secret
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


async def issue(session: AsyncSession, clock: Clock, ticket_id: int, *, seed: str = "") -> str:
    """A fresh code for the ticket; without `seed` this is the only moment it exists in full."""
    for code in _candidates(session, seed):
        code_hash = keyed_hash(session, code)
        if await session.scalar(select(QueryCode.id).where(QueryCode.code_hash == code_hash)) is None:
            break
    session.add(QueryCode(ticket_id=ticket_id, code_hash=code_hash, last4=code[-4:], issued_at=clock.now()))
    await session.flush()
    return code


async def reckoned(session: AsyncSession, ticket_id: int, seed: str) -> str:
    """The code that `issue` made for this ticket from `seed`."""
    for code in _candidates(session, seed):
        code_hash = keyed_hash(session, code)
        if (
            await session.scalar(select(QueryCode.ticket_id).where(QueryCode.code_hash == code_hash))
            == ticket_id
        ):
            break
    return code


async def retire(session: AsyncSession, clock: Clock, ticket_id: int) -> None:
    """The ticket's codes so far open nothing any more."""
    live = (QueryCode.ticket_id == ticket_id) & QueryCode.died_at.is_(None)
    await session.execute(update(QueryCode).where(live).values(died_at=clock.now()))


def hash_of(session: AsyncSession | Session, code: str) -> str:
    """By which the code's row is found; raises QueryCodeInvalid (check digit)."""
    return keyed_hash(session, normalised(code))


async def next_ticket_no(session: AsyncSession, clock: Clock) -> str:
    """Beijing date, sequence of that day (five digits or more) and check digit: `20260601000017`."""
    day = beijing(clock.now()).date()
    sequence = await session.scalar(_count_up(session, day))
    digits = f"{day:%Y%m%d}{sequence:05d}"
    return digits + check_digit(digits)


def _count_up(session: AsyncSession, day: date) -> Insert:
    kind = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    first = kind.insert(TicketNumber).values(day=day, last=1)
    up = first.on_conflict_do_update(index_elements=["day"], set_={"last": TicketNumber.last + 1})
    return up.returning(TicketNumber.last)  # type: ignore[no-any-return]
