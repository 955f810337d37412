"""Reconciliation (每日对账): compares the stored ledger with what Asterisk itself wrote, CEL and CDR, and names each difference.

Nothing is repaired here (that is `ivr.outages.repair`'s): a difference is evidence that something went unseen, and stays on
record. Calls that still run, and those of other controllers, are not looked at.
"""

import asyncio
import csv
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock, beijing
from core.db import Database
from ivr.asterisk.site import Folders
from ivr.ledger import cel
from ivr.models import Reconciliation
from ivr.tracking.live_call import LiveCall
from ivr.tracking.tracker import ENTRY_CONTEXTS
from recordings.models import Call, CallEnd, CallMark, Recording, RecordingKind

log = structlog.get_logger()
LOOK_S = 60.0
AT_HOUR = 3
"""Beijing hour from which the day before is compared."""
TOLERANCE_S = 2.0
"""By how much the two may differ about an instant, which each notes when it gets to it."""
SETTLED = timedelta(minutes=5)
"""A call younger than this may not be in the database yet."""
CDR_UNIQUEID = 16
_TALK_LEAST_MS = 1000
"""A shorter talk may leave no audio."""


@dataclass(frozen=True)
class Difference:
    linkedid: str
    text: str
    """What does not agree, in Chinese."""


@dataclass(frozen=True)
class Witness:
    """What Asterisk wrote: CEL `rows` by call (linkedid), and the channels (uniqueid) that have a `cdr`."""

    rows: Mapping[str, Sequence[cel.Row]]
    cdr: frozenset[str]


@dataclass(frozen=True)
class Source:
    """Where Asterisk writes, under which system name, and the numbers that are lines."""

    cel_file: Path
    cdr_file: Path
    system_name: str
    lines: Collection[str]


def source_in(folders: Folders, system_name: str, lines: Collection[str]) -> Source:
    """The files of an embedded Asterisk."""
    cel_file, cdr_file = (folders.log / kind / "Master.csv" for kind in ("cel-custom", "cdr-csv"))
    return Source(cel_file, cdr_file, system_name, lines)


async def reconcile(
    db: Database, clock: Clock, source: Source, since: datetime, until: datetime
) -> Reconciliation:
    """Compare the calls that began in [since, until); what was found is stored and returned."""
    shift = clock.now() - datetime.now(UTC)  # a test clock is moved against Asterisk's
    witness = await asyncio.to_thread(read, source, since - shift, until - shift, shift)
    async with db.unit_of_work() as session:
        stored = await _stored(session, source.system_name, since, until)
        found = list(differences(witness, stored))
        found += await _audio_faults(session, list(stored.values()))
        row = Reconciliation(
            ran_at=clock.now(), since_at=since, until_at=until, calls=len(witness.rows.keys() | stored.keys()),
            differences=[{"linkedid": one.linkedid, "text": one.text} for one in found],
        )  # fmt: skip
        session.add(row)
    for one in found:
        log.warning("ledger_differs", linkedid=one.linkedid, difference=one.text)
    return row


async def nightly(db: Database, clock: Clock, source: Source, beat: Callable[[], None]) -> None:
    """Loop for `core.tasks`: compare the day before, once a night."""
    while True:
        beat()
        now = beijing(clock.now())
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        if now.hour >= AT_HOUR and source.cel_file.exists() and not await _has_run_since(db, midnight):
            await reconcile(db, clock, source, midnight - timedelta(days=1), midnight)
        await asyncio.sleep(LOOK_S)


async def last(session: AsyncSession, limit: int = 1) -> Sequence[Reconciliation]:
    """The latest comparisons, newest first."""
    query = select(Reconciliation).order_by(Reconciliation.ran_at.desc(), Reconciliation.id.desc())
    return (await session.scalars(query.limit(limit))).all()


async def last_in_words(db: Database) -> str:
    async with db.reading() as session:
        rows = await last(session)
    if not rows:
        return "尚未对账"
    found = len(rows[0].differences)
    result = f"{found} 处不一致，见系统管理“每日对账”" if found else "全部一致"
    return f"{beijing(rows[0].ran_at):%Y-%m-%d %H:%M} 对账 {rows[0].calls} 通，{result}"


def differences(witness: Witness, stored: Mapping[str, Call]) -> Iterable[Difference]:
    """Every difference between what Asterisk wrote and the records; a pure comparison."""
    for linkedid, rows in sorted(witness.rows.items()):
        witnessed = cel.story(rows).call
        call = stored.get(linkedid)
        if witnessed is None:
            continue
        if call is None:
            yield Difference(
                linkedid, f"Asterisk 有 {beijing(witnessed.started_at):%H:%M:%S} 的来电，通话记录中没有"
            )
        else:
            yield from (Difference(linkedid, text) for text in _disagreements(witnessed, call))
        if linkedid not in witness.cdr:
            yield Difference(linkedid, "CEL 中有这通来电，CDR 中没有")
    for linkedid in sorted(stored.keys() - witness.rows.keys()):
        yield Difference(linkedid, "通话记录中有这通来电，Asterisk 的 CEL 中没有它或它的结束")


def _disagreements(witnessed: LiveCall, call: Call) -> Iterable[str]:
    if witnessed.caller != call.caller_number:
        yield "来电号码不一致"
    for name, theirs, ours in (
        ("来电时间", witnessed.started_at, call.started_at),
        ("接听时间", witnessed.answered_at, call.answered_at),
        ("结束时间", witnessed.ended_at, call.ended_at),
    ):
        if (theirs is None) != (ours is None):
            yield f"{name}：{'Asterisk' if theirs else '通话记录'}有，另一方没有"
        elif theirs and ours and abs((theirs - ours).total_seconds()) > TOLERANCE_S:
            yield f"{name}相差 {abs((theirs - ours).total_seconds()):.0f} 秒"
    if abs(witnessed.talk_ms - call.talk_ms) > TOLERANCE_S * 1000:
        yield f"通话时长：Asterisk {witnessed.talk_ms / 1000:.0f} 秒，通话记录 {call.talk_ms / 1000:.0f} 秒"
    if call.end == CallEnd.UNSEEN:
        yield "通话在无人值守时结束，经过不全"


def read(source: Source, since: datetime, until: datetime, shift: timedelta) -> Witness:
    """What Asterisk wrote of calls that began in [since, until) and have ended; instants moved by `shift`."""
    cells: dict[str, list[cel.Cells]] = {}
    ended: set[str] = set()
    with source.cel_file.open(encoding="utf-8", errors="replace", newline="") as file:
        for one in cel.read(file):
            linkedid = one[cel.LINKEDID]
            if _begins(one, source, since, until):
                cells[linkedid] = []
            if linkedid in cells:
                cells[linkedid].append(one)
                ended |= {linkedid} if one[cel.EVENT] == "LINKEDID_END" else set()
    rows = {
        linkedid: [replace(row, at=row.at + shift) for row in cel.rows(cells[linkedid])] for linkedid in ended
    }
    return Witness(rows, _cdr_channels(source.cdr_file))


def _begins(one: cel.Cells, source: Source, since: datetime, until: datetime) -> bool:
    """Whether this row begins a citizen's call in [since, until)."""
    if one[cel.EVENT] != "CHAN_START" or one[cel.UNIQUEID] != one[cel.LINKEDID]:
        return False
    row = next(iter(cel.rows([one])), None)
    if row is None or row.context not in ENTRY_CONTEXTS or row.exten not in source.lines:
        return False
    return since <= row.at < until


def _cdr_channels(file: Path) -> frozenset[str]:
    if not file.exists():
        return frozenset()
    with file.open(encoding="utf-8", errors="replace", newline="") as text:
        return frozenset(row[CDR_UNIQUEID] for row in csv.reader(text) if len(row) > CDR_UNIQUEID)


async def _stored(
    session: AsyncSession, system_name: str, since: datetime, until: datetime
) -> dict[str, Call]:
    own = Call.linkedid.startswith(f"{system_name}-", autoescape=True)
    citizens = (own, Call.direction == "in", Call.mark != CallMark.PRACTICE)
    query = select(Call).where(*citizens, Call.started_at >= since, Call.started_at < until)
    rows = await session.scalars(query.where(Call.ended_at.is_not(None)))
    return {call.linkedid: call for call in rows}


async def _audio_faults(session: AsyncSession, calls: Sequence[Call]) -> list[Difference]:
    """Talks of which no recording was taken in, or not as much audio as was talked."""
    talked = {call.id: call for call in calls if call.talk_ms >= _TALK_LEAST_MS}
    recorded = await _recorded_ms(session, sorted(talked))
    found: list[Difference] = []
    for key, call in sorted(talked.items()):
        if key not in recorded:
            found.append(Difference(call.linkedid, "有通话，没有录音"))
        elif abs(recorded[key] - call.talk_ms) > TOLERANCE_S * 1000:
            text = f"通话 {call.talk_ms / 1000:.0f} 秒，录音 {recorded[key] / 1000:.0f} 秒"
            found.append(Difference(call.linkedid, text))
    return found


async def _recorded_ms(session: AsyncSession, ids: Sequence[int]) -> dict[int, int]:
    """Length of each call's talk recordings, of calls that have any."""
    total = func.sum(Recording.duration_ms)
    found: dict[int, int] = {}
    for start in range(0, len(ids), 500):
        query = select(Recording.call_id, total).where(
            Recording.call_id.in_(ids[start : start + 500]), Recording.kind == RecordingKind.TALK
        )
        rows = await session.execute(query.group_by(Recording.call_id))
        found |= {key: int(length) for key, length in rows if key is not None}
    return found


async def _has_run_since(db: Database, instant: datetime) -> bool:
    async with db.reading() as session:
        rows = await last(session)
    return bool(rows) and rows[0].ran_at >= instant
