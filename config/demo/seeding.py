"""The demo (演示): an invented prefecture with its people, two months behind it, and accounts for a newcomer to sign in.

Who exists is data (`demo.toml`). Seeding is done once; passwords and tokens are random and kept in
`<data_dir>/demo.json`, the only place where they can be read. A database that real people use is refused.
"""

import json
import os
import secrets
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from pathlib import Path

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from config.demo.finances import seed_finances
from config.demo.history import seed_month
from config.demo.people import Cast, read_cast, seed_people
from config.demo.quality import seed_quality
from config.demo.together import seed_together
from config.demo.training import seed_training
from config.settings import HOME, Settings
from core.accounts import By, find_user, fresh_password, issue_token, set_password
from core.clock import Clock
from core.db import Database
from core.errors import HotlineError
from core.people import Role, Token, User, hash_token
from core.units import Region
from kb.interchange.exchange import import_file

log = structlog.get_logger()
ENTRIES = HOME / "kb" / "demo_entries.jsonl"
SEEDER = By("system", "hotline run --demo")


class DemoRefused(HotlineError):
    """The database holds accounts that the demo did not make."""

    code = "demo_refused"
    status = 409
    text = "数据库里已有正式账号，不能混入演示数据。请为演示另设 data_dir 和数据库，例如 HOTLINE__DATA_DIR=var/demo。"


@dataclass(frozen=True)
class DemoAccount:
    """One line of `demo.json`; `extension` and `sip_password` are empty for a person without a telephone."""

    role: str
    username: str
    password: str
    token: str
    extension: str
    sip_password: str


@dataclass(frozen=True)
class DemoChannel:
    name: str
    key: str


@dataclass(frozen=True)
class DemoAccounts:
    """What a newcomer needs to sign in; `demo.json` has exactly this form."""

    accounts: tuple[DemoAccount, ...]
    channels: tuple[DemoChannel, ...]

    def of(self, role: Role) -> DemoAccount:
        """The first account of a role."""
        return next(account for account in self.accounts if account.role == role)


async def seed(db: Database, clock: Clock, settings: Settings) -> DemoAccounts:
    """Fill an empty database with the demo, or find it there; give the accounts. Raises DemoRefused."""
    cast, file = read_cast(), settings.data_dir / "demo.json"
    async with db.reading() as session:
        is_new = await _is_empty(session, cast)
    if not is_new and (known := await _kept(db, file)):
        return known
    async with db.unit_of_work() as session:
        seeding = (
            seed_people(session, clock, SEEDER, cast) if is_new else _new_passwords(session, clock, cast)
        )
        accounts = await _credentials(session, clock, cast, await seeding)
    _write(file, accounts)
    if is_new:
        await seed_month(db, clock, settings, cast)
        async with db.unit_of_work() as session:
            await seed_quality(session, clock)
            await seed_training(session, clock)
            await seed_together(session, clock, settings.line.number)
        await seed_finances(db, clock, settings)
        if ENTRIES.exists():
            await import_file(db, clock, ENTRIES)
        log.info("demo_seeded", accounts=len(accounts.accounts))
    return accounts


async def _is_empty(session: AsyncSession, cast: Cast) -> bool:
    """True: nobody is there yet. False: the demo is. Anybody else: DemoRefused."""
    usernames = set((await session.scalars(select(User.username))).all())
    seeded = await session.scalar(select(Region.id).where(Region.code == cast.regions[0]["code"]))
    if seeded is None and not usernames:
        return True
    if seeded is None or not {person["username"] for person in cast.people} <= usernames:
        raise DemoRefused
    return False


async def _kept(db: Database, file: Path) -> DemoAccounts | None:
    """What `demo.json` says, when it belongs to this database."""
    if (known := _read(file)) is None:
        return None
    tokens = {hash_token(one.token) for one in known.accounts} | {
        hash_token(one.key) for one in known.channels
    }
    async with db.reading() as session:
        return known if await is_alive(session, tokens) else None


async def is_alive(session: AsyncSession, hashes: AbstractSet[str]) -> bool:
    """True when every one of these tokens is on record and not ended."""
    query = select(Token.token_hash).where(Token.token_hash.in_(hashes), Token.revoked_at.is_(None))
    return set((await session.scalars(query)).all()) == hashes


def _read(file: Path) -> DemoAccounts | None:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        accounts = tuple(DemoAccount(**one) for one in data["accounts"])
        return DemoAccounts(accounts, tuple(DemoChannel(**one) for one in data["channels"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


async def _new_passwords(session: AsyncSession, clock: Clock, cast: Cast) -> dict[str, str]:
    """The file is lost: everybody gets a new password, the earlier tokens and keys end."""
    await session.execute(update(Token).where(Token.revoked_at.is_(None)).values(revoked_at=clock.now()))
    passwords = {}
    for person in cast.people:
        user = await find_user(session, person["username"])
        passwords[user.username] = fresh_password()
        await set_password(session, clock, SEEDER, user, passwords[user.username])
    return passwords


async def _credentials(
    session: AsyncSession, clock: Clock, cast: Cast, passwords: Mapping[str, str]
) -> DemoAccounts:
    """A token for everybody, a key for every channel."""
    accounts = []
    for person in cast.people:
        user = await find_user(session, person["username"])
        token = await issue_token(session, clock, SEEDER, name="演示", user=user)
        phone = (user.extension or "", user.sip_password if user.extension else "")
        accounts.append(DemoAccount(person["role"], user.username, passwords[user.username], token, *phone))
    channels = [
        DemoChannel(
            one["name"],
            await issue_token(session, clock, SEEDER, name=one["name"], channel=one["channel"]),
        )
        for one in cast.channels
    ]
    return DemoAccounts(tuple(accounts), tuple(channels))


def _write(file: Path, accounts: DemoAccounts) -> None:
    """Whole or not at all, readable by this user alone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"demo.{secrets.token_hex(4)}.part")
    with os.fdopen(
        os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as handle:
        json.dump(asdict(accounts), handle, ensure_ascii=False, indent=2)
    part.replace(file)
