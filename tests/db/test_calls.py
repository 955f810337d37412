"""Looking calls up on both engines: scopes, filters, one call whole, the queue's figures, the demo month."""

import random
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from support.callcast import NOW, Cast, FixedClock, add_call, add_recording, assemble, settings_in
from support.ledgers import LIAISON, OPERATOR, UNIT, at

from core.db import Database
from recordings import calls, figures, ledger
from recordings.calls import NO_KEY, CallFilter, Scope
from recordings.demo import month
from recordings.errors import CallUnknown
from recordings.listening import notes, permission
from recordings.models import Call, CallEnd, CallEvent, Recording, RecordingKind

CLOCK = FixedClock()
ALL = Scope(everything=True)


@pytest.fixture
async def cast(db: Database, tmp_path: Path) -> Cast:
    """Three calls: a transferred one in the city, an abandoned one in the county, a complaint in the city."""
    async with db.unit_of_work() as session:
        cast = await assemble(session)
        settings = settings_in(tmp_path)
        await add_recording(session, settings, await add_call(session, cast), length_s=1)
        session.add(
            Call(
                linkedid="n1-2.1", line="087296128", region_id=cast.county.id, caller_number="13900005678",
                started_at=at(3600), queued_at=at(3610), ended_at=at(3640), end=CallEnd.QUEUE, end_node="OP-QUEUE",
            )
        )  # fmt: skip
        complaint = Call(
            linkedid="n1-3.1", line="96128", region_id=cast.city.id, caller_number="13700009999",
            started_at=at(7200), ended_at=at(7290), end=CallEnd.COMPLAINT,
        )  # fmt: skip
        session.add(complaint)
        await session.flush()
        await add_recording(session, settings, complaint, kind=RecordingKind.COMPLAINT, length_s=1)
        return cast


async def ids(db: Database, wanted: CallFilter | None = None, scope: Scope = ALL) -> list[str]:
    async with db.reading() as session:
        found = await calls.listing(session, wanted or CallFilter(), scope)
        assert len(found) == await calls.count(session, wanted or CallFilter(), scope)
        return [one.call.linkedid for one in found]


async def scope_of(db: Database, cast: Cast, name: str) -> Scope:
    async with db.reading() as session:
        who = await permission.listener(session, cast.listener(name))
    return permission.scope_of(who, CLOCK.now(), settings_in(Path("/tmp")))


TALK, ABANDONED, COMPLAINT = "n1-100.1", "n1-2.1", "n1-3.1"


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("sup", [COMPLAINT, ABANDONED, TALK]),
        ("countysup", [ABANDONED]),
        ("mon", [COMPLAINT, TALK]),
        ("countymon", [ABANDONED]),
        ("office", [COMPLAINT, TALK]),
        ("wang", [TALK]),
        ("zhao", []),
        ("li", [TALK]),
        ("head", [TALK]),
        ("taxliaison", []),
        ("sec", []),
        ("adm", []),
    ],
)
async def test_each_role_sees_the_calls_of_its_scope(db: Database, cast: Cast, name: str, seen: list[str]):
    """Region, level, unit or own: nobody's list holds more."""
    assert await ids(db, scope=await scope_of(db, cast, name)) == seen


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (CallFilter(since=at(3600)), [COMPLAINT, ABANDONED]),
        (CallFilter(until=at(3600)), [TALK]),
        (CallFilter(line="087296128"), [ABANDONED]),
        (CallFilter(operator_id=OPERATOR), [TALK]),
        (CallFilter(operator_id=LIAISON + 1), []),
        (CallFilter(unit_id=UNIT), [TALK]),
        (CallFilter(number="13800001234"), [TALK]),
        (CallFilter(number="5678"), [ABANDONED]),
        (CallFilter(number="%"), []),
        (CallFilter(end=CallEnd.QUEUE), [ABANDONED]),
        (CallFilter(score=1), [TALK]),
        (CallFilter(score=NO_KEY), [TALK]),
        (CallFilter(score=3), []),
        (CallFilter(has_recording=True), [COMPLAINT, TALK]),
        (CallFilter(has_recording=False), [ABANDONED]),
        (CallFilter(sort="started"), [TALK, ABANDONED, COMPLAINT]),
        (CallFilter(sort="-talk"), [TALK, COMPLAINT, ABANDONED]),
        (CallFilter(sort="nonsense; drop table calls"), [COMPLAINT, ABANDONED, TALK]),
    ],
)
async def test_filters_narrow_the_list(db: Database, cast: Cast, wanted: CallFilter, found: list[str]):
    """Each filter keeps what it names, on both engines alike."""
    assert await ids(db, wanted) == found


async def test_a_complainant_is_not_found_by_number(db: Database, cast: Cast):
    """Only the inspector of that level may look for, or see, a complainant's number (M-88)."""
    wanted = CallFilter(number="9999")
    assert await ids(db, wanted) == []
    assert await ids(db, wanted, await scope_of(db, cast, "mon")) == [COMPLAINT]
    async with db.reading() as session:
        hidden = {s.call.linkedid: s.shows_number for s in await calls.listing(session, CallFilter(), ALL)}
        assert hidden == {TALK: True, ABANDONED: True, COMPLAINT: False}


async def test_pages_follow_each_other(db: Database, cast: Cast):
    """Page two goes on where page one ends."""
    async with db.reading() as session:
        pages = [await calls.listing(session, CallFilter(), ALL, page=n, size=2) for n in (1, 2, 3)]
    assert [[s.call.linkedid for s in page] for page in pages] == [[COMPLAINT, ABANDONED], [TALK], []]


async def test_the_list_adds_what_the_ledger_knows(db: Database, cast: Cast):
    """Rings, scores, names and wait stand beside the call."""
    async with db.reading() as session:
        summary = (await calls.listing(session, CallFilter(unit_id=UNIT), ALL))[0]
    assert (summary.operator, summary.unit, summary.offered) == ("101号 wang", "市公安局", 1)
    assert summary.scores == {"operator": 1, "unit": None}
    assert summary.wait_ms == 6000
    assert [r.kind for r in summary.recordings] == ["talk"]


async def test_counts_by_end(db: Database, cast: Cast):
    """Each way to end is counted within the filter."""
    async with db.reading() as session:
        assert await calls.counts_by_end(session, CallFilter(line="96128"), ALL) == {
            CallEnd.LIAISON: 1,
            CallEnd.COMPLAINT: 1,
        }


async def test_one_call_whole(db: Database, cast: Cast):
    """Ledger, legs, spans, names and recordings come together; outside the scope there is no such call."""
    async with db.reading() as session:
        found = await calls.one(session, TALK, ALL)
        assert (len(found.lines), len(found.legs), len(found.recordings)) == (25, 2, 1)
        assert found.names.users[OPERATOR] == "101号 wang"
        assert found.names.units[UNIT] == "市公安局"
        assert sum(span.ms for span in found.spans) == found.call.talk_ms
        for scope in (await scope_of(db, cast, "zhao"), await scope_of(db, cast, "countysup")):
            with pytest.raises(CallUnknown):
                await calls.one(session, TALK, scope)


async def test_queue_figures_name_their_parts(db: Database):
    """Offered is answered, abandoned, given up at once, gone to voicemail and waiting, and nothing else."""
    async with db.unit_of_work() as session:
        cast = await assemble(session)
        for number, (answer_s, end_s, end) in enumerate(
            [(3, 60, "operator"), (15, 60, "operator"), (16, 60, "liaison"), (None, 4, "queue"), (None, 5, "queue"),
             (None, 70, "voicemail"), (None, None, None)]
        ):  # fmt: skip
            begun = at(number * 10)
            session.add(
                Call(
                    linkedid=f"f{number}", line="96128", region_id=cast.city.id, started_at=begun, queued_at=begun,
                    answered_at=begun + timedelta(seconds=answer_s) if answer_s is not None else None,
                    ended_at=begun + timedelta(seconds=end_s) if end_s is not None else None,
                    end=end,
                )
            )  # fmt: skip
    async with db.reading() as session:
        found = await figures.queue_figures(session, at(0), NOW)
        assert (found.offered, found.answered, found.answered_promptly) == (7, 3, 2)
        assert (found.abandoned, found.abandoned_quickly, found.left_message, found.waiting) == (1, 1, 1, 1)
        assert (found.decided, found.mean_wait_ms) == (5, 11_333)
        assert (sum(one for _, one, _ in found.by_hour), sum(one for *_, one in found.by_hour)) == (7, 3)
        assert await figures.queue_figures(session, at(0), NOW, [cast.county.id]) == figures.QueueFigures()
        assert figures.QueueFigures().mean_wait_ms is None


async def test_notes_stand_in_the_order_of_the_audio(db: Database, cast: Cast):
    """A note keeps its moment and author; one past the end moves to the end."""
    async with db.unit_of_work() as session:
        recording = await session.scalar(select(Recording).where(Recording.kind == RecordingKind.TALK))
        author = cast.people["sup"].id
        for offset_ms, text in ((99_000, "结尾"), (500, " 态度好 ")):
            await notes.add(
                session, CLOCK, recording=recording, offset_ms=offset_ms, text=text, author_id=author
            )
        with pytest.raises(Exception, match="批注"):
            await notes.add(session, CLOCK, recording=recording, offset_ms=0, text="  ", author_id=author)
    async with db.reading() as session:
        shown = await notes.of(session, recording.id)
    assert [(s.note.offset_ms, s.note.text, s.author) for s in shown] == [
        (500, "态度好", "sup"),
        (1000, "结尾", "sup"),
    ]


async def test_the_same_seed_gives_the_same_month(db: Database, tmp_path: Path):
    """Two months from one seed tell the same stories, down to the millisecond; another seed tells others."""
    async with db.unit_of_work() as session:
        cast = await assemble(session)
        months = []
        for seed in (7, 7, 8):
            operators = [cast.people["wang"], cast.people["zhao"]]
            made = await month.seed_history(
                session, CLOCK, [cast.city], operators, [cast.police], random.Random(seed), calls=20,
                line=f"month{len(months)}",
            )  # fmt: skip
            months.append([(one.started_at, one.end, one.caller_number, one.operator_score) for one in made])
            for one in made:  # ids of calls are unique: make room for the same month again
                call = await session.get_one(Call, one.call_id)
                call.linkedid = f"{len(months)}-{call.linkedid}"
            await session.flush()
    assert months[0] == months[1]
    assert months[0] != months[2]


async def test_demo_month_is_whole(db: Database, tmp_path: Path):
    """1,500 calls, each ledger closed, every recording as long as its talk."""
    async with db.unit_of_work() as session:
        cast = await assemble(session)
        operators = [cast.people["wang"], cast.people["zhao"]]
        made = await month.seed_history(
            session, CLOCK, [cast.city], operators, [cast.police, cast.tax], random.Random(7),
            settings=settings_in(tmp_path),
        )  # fmt: skip
    assert len(made) == month.CALLS
    assert (
        sum(one.recording_id is not None for one in made)
        == month.TALKS_WITH_AUDIO + month.MESSAGES_WITH_AUDIO
    )
    async with db.reading() as session:
        assert await session.scalar(select(func.count(Call.id))) == month.CALLS
        closed = select(func.count(CallEvent.id)).where(CallEvent.kind == ledger.ENDED)
        assert await session.scalar(closed) == month.CALLS
        assert set(await session.scalars(select(CallEvent.kind).distinct())) <= ledger.KINDS
        audio = select(Call.talk_ms, Recording.duration_ms).join(Recording, Recording.call_id == Call.id)
        heard = (await session.execute(audio.where(Recording.kind == RecordingKind.TALK))).all()
        assert heard
        assert all(abs(talked - recorded) <= 300 for talked, recorded in heard)
        first = await calls.one(session, made[0].linkedid, ALL)
    assert made == sorted(made, key=lambda one: one.started_at)
    assert first.call.started_at > NOW - timedelta(days=31)
