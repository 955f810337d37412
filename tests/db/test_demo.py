"""The demo's data: whole, made once, its accounts written down in the promised form."""

import contextlib
import json
import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from config.cli import run
from config.demo import history, seeding
from config.demo.people import read_cast
from config.settings import Settings, load
from core.accounts import By, Details, create_user, find_user
from core.clock import BEIJING, Clock, SystemClock, beijing
from core.db import Database
from core.people import Role, User, hash_token, password_matches
from core.units import Liaison, Region, Unit, UnitDuty, subject_unit_codes
from recordings.models import Call
from tickets.models import State, Ticket

CALLS = 30


@pytest.fixture
def clock() -> Clock:
    return SystemClock()


@pytest.fixture
def settings(tmp_path: Path, db: Database, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The demo's settings with a short month."""

    async def short(*args, **options):
        return await real(*args, **options, calls=CALLS)

    real = history.seed_history
    monkeypatch.setattr(history, "seed_history", short)
    file = tmp_path / "hotline.toml"
    file.touch()
    settings = load({"HOTLINE_CONFIG": str(file), "HOTLINE__DATA_DIR": str(tmp_path / "data")}, mode="demo")
    for provided in settings.of_the_database:
        db.provide(provided)
    return settings


async def test_at_night_the_past_ends_where_the_demo_begins(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """With `--daytime` the demo begins on the last working day at ten, and nothing seeded is later than that."""
    seeded_at = []

    @contextlib.asynccontextmanager
    async def opened(_: Settings) -> AsyncIterator[Database]:
        yield db

    async def seed(_: Database, clock: Clock, __: Settings) -> seeding.DemoAccounts:
        seeded_at.append(beijing(clock.now()))
        accounts = [seeding.DemoAccount(role, role, "", "", "", "") for role in (Role.OPERATOR, Role.LIAISON)]
        return seeding.DemoAccounts(tuple(accounts), ())

    monkeypatch.setattr(run, "opened", opened)
    monkeypatch.setattr(run.seeding, "seed", seed)
    at_night = replace(settings, test_clock=datetime(2026, 6, 1, 21, 0, tzinfo=BEIJING))
    found = await run._seed(at_night, daytime=True)
    assert found.test_clock == datetime(2026, 5, 29, 10, 0, tzinfo=BEIJING)
    assert f"{seeded_at[0]:%Y-%m-%d %H:%M}" == "2026-05-29 10:00"
    assert "演示时钟拨到 05月29日 10:00" in capsys.readouterr().out


async def test_the_demo_is_whole_and_made_once(db: Database, clock: Clock, settings: Settings):
    """Bodies, units, tickets in many states; the second start changes nothing; the file has the promised form, and lost it is made anew."""
    first = await seeding.seed(db, clock, settings)
    await _is_whole(db, first)
    counted = await _count(db)
    assert await seeding.seed(db, clock, settings) == first
    assert await _count(db) == counted
    file = settings.data_dir / "demo.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    data = json.loads(file.read_text(encoding="utf-8"))
    assert set(data) == {"accounts", "channels"}
    fields = {"role", "username", "password", "token", "extension", "sip_password"}
    assert all(set(account) == fields for account in data["accounts"])
    assert all(set(channel) == {"name", "key"} for channel in data["channels"])
    assert {account["role"] for account in data["accounts"]} == {str(role) for role in Role}
    assert [a["extension"] for a in data["accounts"] if a["role"] == "operator"] == ["1001", "1002", "1003"]
    await _brings_new_passwords_when_lost(db, clock, settings, first)


async def test_a_real_database_is_left_alone(db: Database, clock: Clock, settings: Settings):
    """`run --demo` against a hotline in service puts nothing into it."""
    async with db.unit_of_work() as session:
        await create_user(
            session, clock, By("test"), username="realadmin", password="correct horse 9",
            details=Details("在用"), roles=[Role.ADMIN],
        )  # fmt: skip
    with pytest.raises(seeding.DemoRefused):
        await seeding.seed(db, clock, settings)
    assert (await _count(db))[0] == 1


def test_the_cast_is_consistent():
    """Nobody stands in a unit that does not exist; extensions and usernames are unique."""
    cast = read_cast()
    places = {f"{unit['region']}/{unit['code']}" for unit in cast.units}
    assert {person["unit"] for person in cast.people} <= places
    extensions = [person["extension"] for person in cast.people if "extension" in person]
    assert len(set(extensions)) == len(extensions)
    assert len({person["username"] for person in cast.people}) == len(cast.people)


async def _count(db: Database) -> list[int]:
    async with db.reading() as session:
        return [
            await session.scalar(select(func.count()).select_from(table)) or 0
            for table in (User, Unit, Call, Ticket)
        ]


async def _is_whole(db: Database, accounts: seeding.DemoAccounts) -> None:
    """Two regions with their bodies, units to be put through to and one without a liaison, tickets in many states."""
    async with db.reading() as session:
        regions = {r.code: r.id for r in await session.scalars(select(Region))}
        units = (await session.scalars(select(Unit))).all()
        with_liaison = set((await session.scalars(select(Liaison.unit_id))).all())
        states = set((await session.scalars(select(Ticket.state))).all())
        user = await find_user(session, "operator1")
        subjects = await subject_unit_codes(session, regions["5399"])
    assert set(regions) == {"5399", "539901"}
    departments = [unit for unit in units if unit.duty == UnitDuty.DEPARTMENT]
    assert len(departments) >= 12
    assert [unit.code for unit in departments if unit.id not in with_liaison] == ["112"]
    for duty in (UnitDuty.OFFICE, UnitDuty.INSPECTION):
        assert {unit.region_id for unit in units if unit.duty == duty} == set(regions.values())
    assert subjects == {f"s{number}": f"10{number}" for number in range(1, 9)}
    assert {State.CLOSED, State.WORKING, State.DISPATCH} <= states
    assert password_matches(user, accounts.of(Role.OPERATOR).password)
    assert user.sip_password == accounts.of(Role.OPERATOR).sip_password


async def _brings_new_passwords_when_lost(
    db: Database, clock: Clock, settings: Settings, first: seeding.DemoAccounts
) -> None:
    """The accounts stay, the old tokens end, the new file works."""
    (settings.data_dir / "demo.json").unlink()
    second = await seeding.seed(db, clock, settings)
    assert {a.username for a in second.accounts} == {a.username for a in first.accounts}
    assert not {a.token for a in first.accounts} & {a.token for a in second.accounts}
    async with db.reading() as session:
        user = await find_user(session, "liaison1")
        alive = await seeding.is_alive(session, {hash_token(account.token) for account in second.accounts})
        ended = await seeding.is_alive(session, {hash_token(first.accounts[0].token)})
    assert password_matches(user, second.of(Role.LIAISON).password)
    assert alive
    assert not ended
