"""The cast of the call tests (人物表): two regions, two units, one person of every role, and calls to hear.

A prefecture with a county below it; unit `police` takes part in the call, unit `tax` must see nothing of it.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession
from support.ledgers import LIAISON, OPERATOR, UNIT, attended_transfer
from support.tones import sine

from core.people import Role, RoleGrant, User
from core.units import Liaison, Region, RegionLevel, Unit
from recordings.audio import clip_of
from recordings.intake import row_of
from recordings.keeping import archive, chain
from recordings.listening.permission import Listener
from recordings.models import Call, CallEnd, CallEvent, Recording, RecordingKind
from recordings.settings import RecordingSettings

NOW = datetime(2026, 6, 2, 2, 0, tzinfo=UTC)


class FixedClock:
    def __init__(self, instant: datetime = NOW) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant


@dataclass
class Cast:
    city: Region
    county: Region
    police: Unit
    tax: Unit
    people: dict[str, User] = field(default_factory=dict)

    def listener(self, name: str) -> Listener:
        user = self.people[name]
        return Listener(user.id, user.username, user.roles, user.unit_id, user.region_id)


async def assemble(session: AsyncSession) -> Cast:
    """Regions, units and people; `wang` is the operator and `li` the liaison of `attended_transfer`."""
    city = Region(code="5329", name="某市", level=RegionLevel.PREFECTURE)
    session.add(city)
    await session.flush()
    county = Region(code="532901", name="某县", level=RegionLevel.COUNTY, parent_id=city.id)
    session.add(county)
    police = Unit(id=UNIT, region_id=city.id, code="101", name="某市公安局", short_name="市公安局")
    session.add(police)
    await session.flush()
    tax = Unit(region_id=city.id, code="102", name="某市税务局", short_name="市税务局")
    session.add(tax)
    await session.flush()
    cast = Cast(city, county, police, tax)
    for name, role, unit, region, key in (
        ("wang", Role.OPERATOR, None, city, OPERATOR),
        ("zhao", Role.OPERATOR, None, city, None),
        ("li", Role.LIAISON, police, city, LIAISON),
        ("head", Role.HEAD, police, city, None),
        ("taxliaison", Role.LIAISON, tax, city, None),
        ("office", Role.OFFICE, None, city, None),
        ("countyoffice", Role.OFFICE, None, county, None),
        ("sup", Role.SUPERVISOR, None, city, None),
        ("countysup", Role.SUPERVISOR, None, county, None),
        ("mon", Role.INSPECTOR, None, city, None),
        ("countymon", Role.INSPECTOR, None, county, None),
        ("sec", Role.SECRECY, None, city, None),
        ("adm", Role.ADMIN, None, city, None),
    ):
        cast.people[name] = _person(name, role, unit, region, key)
    session.add_all(cast.people.values())
    await session.flush()
    session.add(Liaison(unit_id=police.id, user_id=cast.people["li"].id))
    return cast


def _person(name: str, role: Role, unit: Unit | None, region: Region, key: int | None) -> User:
    extensions = {"wang": "1001", "li": "2001"}
    return User(
        id=key or 100 + len(name) * 31 + sum(map(ord, name)) % 997,
        username=name,
        display_name=name,
        staff_number="101" if name == "wang" else None,
        extension=extensions.get(name),
        unit_id=unit.id if unit else None,
        region_id=region.id,
        grants=[RoleGrant(role=role)],
    )


async def add_call(
    session: AsyncSession, cast: Cast, *, linkedid: str = "n1-100.1", **changes: object
) -> Call:
    """The call of `attended_transfer` in the city, with its ledger."""
    told = attended_transfer()
    fields: dict[str, object] = {
        "line": "96128",
        "region_id": cast.city.id,
        "caller_number": "13800001234",
        "started_at": told[0].at,
        "queued_at": told[5].at,
        "answered_at": told[7].at,
        "ended_at": told[-1].at,
        "end": CallEnd.LIAISON,
        "end_node": "BYE",
        "node_path": "WELCOME>MAIN>OP-QUEUE",
        "operator_id": OPERATOR,
        "liaison_id": LIAISON,
        "liaison_unit_id": UNIT,
        "talk_ms": 50_000,
    }
    call = Call(linkedid=linkedid, **(fields | changes))
    session.add(call)
    await session.flush()
    session.add_all(
        CallEvent(call_id=call.id, at=line.at, kind=line.kind, channel=line.channel, data=dict(line.data))
        for line in told
    )
    await session.flush()
    return call


async def add_recording(
    session: AsyncSession,
    settings: RecordingSettings,
    call: Call | None,
    *,
    kind: RecordingKind = RecordingKind.TALK,
    length_s: float = 50.0,
    sealed: bool = False,
) -> Recording:
    """Real audio in the archive: 440 Hz from the caller; 880 Hz from the operator, then 1500 Hz from the liaison."""
    caller = sine(440, length_s)
    other = np.concatenate([sine(880, length_s * 0.4), sine(1500, length_s * 0.6)])[: len(caller)]
    is_stereo = kind in {RecordingKind.TALK, RecordingKind.CONSULT}
    samples = np.stack([caller, other], axis=1) if is_stereo else caller
    path = f"2026/06/01/{kind}-{call.linkedid if call else 'stray'}-{length_s}-{sealed}.opus.enc"
    stored = archive.store(clip_of(2 if is_stereo else 1, samples.tobytes()), path, settings)
    started_at = call.started_at if call else NOW
    recording = row_of(stored, path, kind, call.id if call else None, started_at, sealed=sealed)
    await chain.append(session, recording)
    return recording


def settings_in(folder: Path) -> RecordingSettings:
    """An archive and a spool below `folder`; no waiting for files to settle."""
    for name in ("talk", "consult", "message"):
        (folder / "spool" / name).mkdir(parents=True, exist_ok=True)
    return RecordingSettings(
        archive_dir=folder / "archive",
        keyring=folder / "keys.json",
        spool_dir=folder / "spool",
        settle_ms=0,
        leftover_s=0,
    )
