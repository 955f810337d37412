"""The transfer matrix (转接矩阵): every way a transfer can go, each row a real call, several at a time on one hotline.

For each row: the caller is never left in silence nor dropped, the recording holds the whole talk, the ledger tells exactly
what happened, the right people are credited, and the query code and the survey still follow. The indicators of all rows
together are those counted by hand from the table.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic

import numpy as np
import pytest
import pytest_asyncio
from support.calls import CALLER_HZ, LIAISON_HZ, OPERATOR_HZ, Exchange
from support.hotline import City
from support.quick import Quick
from support.sipphone import Call, Phone
from support.tones import Samples, segments_with

from core.people import Role, RoleGrant, User
from core.units import Liaison, Unit
from recordings.keeping import archive
from recordings.models import Call as CallRecord
from recordings.models import CallEnd, RecordingKind
from reports.counting.figures import figure
from reports.counting.indicators import BY_KEY
from reports.counting.slices import Slice

pytestmark = pytest.mark.asyncio(loop_scope="session")
SLOTS = 5
"""Rows under way at the same time; each has an operator and two liaisons of its own."""
SECOND_HZ = 1500
SILENCE_S = 2.5
DEAD_S = 7.5
"""How long a telephone may say nothing before it is taken for dead, and what follows."""
WHOLE_MS = 1000
TOLD = {"transfer_started": "mode", "transfer_completed": "mode", "transfer_failed": "why", "returned": "", "joined": "",
        "handed_back": ""}  # fmt: skip


@dataclass
class Scene:
    """One call that talks to an operator, and two liaisons of two units."""

    on: Exchange
    slot: int
    operator: Phone
    first: Phone
    second: Phone
    call: Call
    answered: Call
    since: float = field(default_factory=monotonic)
    left_at: float | None = None
    """When the caller hung up."""

    def user(self, who: str) -> int:
        return self.on.city.users[f"{who}-{self.slot}"]

    async def desk(self, action: str, unit: str = "first") -> None:
        target = (
            (self.on.city.units[f"{unit}-{self.slot}"],) if action in ("blind_transfer", "consult") else ()
        )
        await getattr(self.on.control, action)(self.user("operator"), *target)

    async def with_liaison(self, phone: Phone | None = None, hz: float = LIAISON_HZ) -> Call:
        """A liaison and the caller hear each other."""
        leg = await (phone or self.first).incoming(15)
        await leg.until_hears(CALLER_HZ, timeout=15)
        await self.call.until_hears(hz, timeout=15)
        return leg

    async def with_caller(self, leg: Call) -> None:
        """The first liaison, consulted before, and the caller hear each other."""
        await leg.until_hears(CALLER_HZ, timeout=15)
        await self.call.until_hears(LIAISON_HZ, timeout=15)

    async def consulting(self) -> Call:
        """The operator talks to the liaison, the caller waits."""
        await self.desk("consult")
        leg = await self.first.incoming(15)
        await leg.until_hears(OPERATOR_HZ, timeout=15)
        await self.answered.until_hears(LIAISON_HZ, timeout=15)
        return leg

    async def with_operator(self, leg: Call | None = None) -> Call:
        """The operator (rung again unless the leg is given) and the caller hear each other."""
        leg = leg or await self.operator.incoming(20)
        await leg.until_hears(CALLER_HZ, timeout=15)
        await self.call.until_hears(OPERATOR_HZ, timeout=15)
        return leg

    async def leaves(self, *legs: Call, limit_s: float = 3) -> None:
        """The caller hangs up; whoever rang or talked is released at once."""
        self.left_at = monotonic()
        await self.call.hangup()
        for leg in legs:
            assert (await leg.ended(limit_s)).by == "remote"

    async def three(self) -> Call:
        leg = await self.consulting()
        await self.desk("three_way")
        await self.on.until(lambda: (live := self.on.live(self.on.number(self.call))) is not None
                            and live.phase == "three_way", 10)  # fmt: skip
        await leg.until_hears(CALLER_HZ, timeout=10)
        return leg


# --- the rows --------------------------------------------------------------------------------------------------


async def blind_answered(s: Scene) -> None:
    await s.desk("blind_transfer")
    await (await s.with_liaison()).hangup()


async def blind_unanswered(s: Scene) -> None:
    s.first.on_invite = "ignore"
    await s.desk("blind_transfer")
    await (await s.with_operator()).hangup()


async def blind_busy(s: Scene) -> None:
    s.first.on_invite = "busy"
    await s.desk("blind_transfer")
    await (await s.with_operator()).hangup()


async def attended(s: Scene) -> None:
    leg = await s.consulting()
    await s.desk("complete_transfer")
    await s.with_caller(leg)
    await leg.hangup()


async def cancelled_in_ring(s: Scene) -> None:
    s.first.on_invite = "ignore"
    await s.desk("consult")
    await s.first.incoming(15)
    await s.desk("cancel_consult")
    await (await s.with_operator(s.answered)).hangup()


async def cancelled_in_talk(s: Scene) -> None:
    leg = await s.consulting()
    await s.desk("cancel_consult")
    await s.with_operator(s.answered)
    assert (await leg.ended(5)).by == "remote"
    await s.answered.hangup()


async def completed_in_ring(s: Scene) -> None:
    s.first.on_invite = "ignore"
    await s.desk("consult")
    await s.first.incoming(15)
    s.first.on_invite = "answer"
    await s.desk("complete_transfer")
    await (await s.with_liaison()).hangup()


async def three_way_operator_leaves(s: Scene) -> None:
    leg = await s.three()
    await s.desk("hang_up")
    await s.call.until_hears(LIAISON_HZ, timeout=10)
    await leg.hangup()


async def three_way_liaison_leaves(s: Scene) -> None:
    leg = await s.three()
    await leg.hangup()
    await s.with_operator(s.answered)
    await s.answered.hangup()


async def handed_back_on_the_page(s: Scene) -> None:
    await s.desk("blind_transfer")
    await s.with_liaison()
    await s.on.control.hand_back(s.user("first"))
    await (await s.with_operator()).hangup()


async def handed_back_by_keys(s: Scene) -> None:
    await s.desk("blind_transfer")
    leg = await s.with_liaison()
    await leg.dtmf("*0")
    await (await s.with_operator()).hangup()


async def liaison_falls_silent(s: Scene) -> None:
    """No power: neither a BYE nor sound; the operator has the caller again."""
    await s.desk("blind_transfer")
    (await s.with_liaison()).media.paused = True
    await (await s.with_operator()).hangup()


async def liaisons_telephone_is_gone(s: Scene) -> None:
    """Neither registered nor heard: noticed sooner than by the silence alone."""
    leg = await s.consulting()
    await s.desk("complete_transfer")
    await s.with_caller(leg)
    leg.media.paused = True
    await s.first.unregister()
    await (await s.with_operator()).hangup()


async def liaisons_exchange_loses_it(s: Scene) -> None:
    """A BYE that says that the network is out of order, after three talked and the operator left."""
    leg = await s.three()
    await s.desk("hang_up")
    await s.call.until_hears(LIAISON_HZ, timeout=10)
    await leg.is_lost(38)
    await (await s.with_operator()).hangup()


async def caller_leaves_on_the_way_back_from_a_dead_telephone(s: Scene) -> None:
    s.operator.on_invite = "ignore"
    await s.desk("blind_transfer")
    leg = await s.with_liaison()
    await leg.is_lost(27)
    await s.leaves(await s.operator.incoming(15))


async def to_a_second_liaison(s: Scene) -> None:
    await s.desk("blind_transfer")
    await s.with_liaison()
    await s.on.control.pass_on(s.user("first"), s.on.city.units[f"second-{s.slot}"])
    await (await s.with_liaison(s.second, SECOND_HZ)).hangup()


async def second_liaison_is_busy(s: Scene) -> None:
    s.second.on_invite = "busy"
    await s.desk("blind_transfer")
    await s.with_liaison()
    await s.on.control.pass_on(s.user("first"), s.on.city.units[f"second-{s.slot}"])
    await (await s.with_operator()).hangup()


async def operator_leaves_the_consultation(s: Scene) -> None:
    await s.consulting()
    await s.answered.hangup()
    await (await s.with_operator()).hangup()


async def liaison_leaves_the_consultation(s: Scene) -> None:
    leg = await s.consulting()
    await leg.hangup()
    await s.on.until(lambda: "left" in str(s.on.control.board.agent(s.user("operator"))), 10)
    await s.desk("cancel_consult")
    await (await s.with_operator(s.answered)).hangup()


async def target_registered_twice(s: Scene) -> None:
    """The newer telephone rings, the older one is silent."""
    again = await s.on.staff_phone(f"first-{s.slot}", LIAISON_HZ)
    await s.desk("blind_transfer")
    await (await s.with_liaison(again)).hangup()
    assert s.first.calls == []


async def page_and_desk_telephone_ring(s: Scene) -> None:
    """Both telephones of the liaison ring; the one in the page is silent once the other has answered."""
    page = await s.on.page_phone(f"first-{s.slot}")
    page.on_invite, s.first.ring_s = "ignore", 0.5
    await s.desk("blind_transfer")
    leg = await s.with_liaison()
    assert (await (await page.incoming(5)).ended(5)).by == "remote"
    await page.close()
    await leg.hangup()


async def telephone_gone_in_mid_ring(s: Scene) -> None:
    """A desk telephone without power; the page that is closed is `tests/browser/test_page_closed.py`'s."""
    s.first.on_invite = "ignore"
    await s.desk("blind_transfer")
    leg = await s.first.incoming(15)
    s.first.endpoint.close()  # not a word to Asterisk: no BYE, no unregistering
    s.first.calls.remove(leg)
    await leg.media.close()
    s.first.is_registered = False
    await (await s.with_operator()).hangup()


async def caller_leaves_the_ring(s: Scene) -> None:
    s.first.on_invite = "ignore"
    await s.desk("blind_transfer")
    await s.leaves(await s.first.incoming(15), limit_s=2)


async def caller_leaves_the_consultation(s: Scene) -> None:
    await s.leaves(await s.consulting(), s.answered)


async def operator_leaves_while_it_rings(s: Scene) -> None:
    s.first.on_invite = "ignore"
    await s.desk("consult")
    leg = await s.first.incoming(15)
    await s.answered.hangup()
    assert (await leg.ended(5)).by == "remote"
    await (await s.with_operator()).hangup()


async def consulted_is_busy(s: Scene) -> None:
    s.first.on_invite = "busy"
    await s.desk("consult")
    await s.on.until(lambda: "failed" in str(s.on.control.board.agent(s.user("operator"))), 10)
    await s.desk("cancel_consult")
    await (await s.with_operator(s.answered)).hangup()


async def liaison_gives_three_back(s: Scene) -> None:
    await s.three()
    await s.on.control.hand_back(s.user("first"))
    await s.with_operator(s.answered)
    await s.answered.hangup()


async def caller_leaves_the_consultations_ring(s: Scene) -> None:
    s.first.on_invite = "ignore"
    await s.desk("consult")
    await s.leaves(await s.first.incoming(15), s.answered)


async def caller_leaves_on_the_way_back(s: Scene) -> None:
    s.first.on_invite, s.operator.on_invite = "busy", "ignore"
    await s.desk("blind_transfer")
    await s.leaves(await s.operator.incoming(15))


async def caller_leaves_three(s: Scene) -> None:
    await s.leaves(await s.three(), s.answered)


async def caller_leaves_the_liaison(s: Scene) -> None:
    await s.desk("blind_transfer")
    await s.leaves(await s.with_liaison())


async def caller_leaves_the_second_liaisons_ring(s: Scene) -> None:
    s.second.on_invite = "ignore"
    await s.desk("blind_transfer")
    await s.with_liaison()
    await s.on.control.pass_on(s.user("first"), s.on.city.units[f"second-{s.slot}"])
    await s.leaves(await s.second.incoming(15))


@dataclass(frozen=True)
class Row:
    play: Callable[[Scene], Awaitable[None]]
    told: list[str]
    liaison: str = ""
    """Who of the units is credited."""
    voices: tuple[float, ...] = (OPERATOR_HZ,)
    stays: bool = True
    """The caller stays until the hotline says goodbye."""
    consulted: int = 0
    """Consultations that were answered and came to no transfer."""
    silence_s: float = SILENCE_S

    def times(self, kind: str) -> int:
        return sum(one.startswith(kind) for one in self.told)


BOTH = (OPERATOR_HZ, LIAISON_HZ)
ROWS = [
    Row(blind_answered, ["transfer_started blind", "transfer_completed blind"], "first", BOTH),
    Row(blind_unanswered, ["transfer_started blind", "transfer_failed no_answer", "returned"]),
    Row(blind_busy, ["transfer_started blind", "transfer_failed busy", "returned"]),
    Row(attended, ["transfer_started attended", "transfer_completed attended"], "first", BOTH),
    Row(cancelled_in_ring, ["transfer_started attended", "transfer_failed cancelled"]),
    Row(cancelled_in_talk, ["transfer_started attended", "transfer_failed cancelled"], consulted=1),
    Row(completed_in_ring, ["transfer_started attended", "transfer_completed blind"], "first", BOTH),
    Row(three_way_operator_leaves, ["transfer_started attended", "transfer_completed three_way", "joined"], "first", BOTH),
    Row(three_way_liaison_leaves, ["transfer_started attended", "transfer_completed three_way", "joined"], "first", BOTH),
    Row(handed_back_on_the_page, ["transfer_started blind", "transfer_completed blind", "handed_back", "returned"],
        "first", BOTH),
    Row(handed_back_by_keys, ["transfer_started blind", "transfer_completed blind", "handed_back", "returned"],
        "first", BOTH),
    Row(liaison_falls_silent, ["transfer_started blind", "transfer_completed blind", "returned"], "first", BOTH,
        silence_s=DEAD_S),
    Row(liaisons_telephone_is_gone, ["transfer_started attended", "transfer_completed attended", "returned"], "first", BOTH),
    Row(liaisons_exchange_loses_it, ["transfer_started attended", "transfer_completed three_way", "joined", "returned"],
        "first", BOTH),
    Row(caller_leaves_on_the_way_back_from_a_dead_telephone, ["transfer_started blind", "transfer_completed blind"],
        "first", BOTH, stays=False),
    Row(to_a_second_liaison, ["transfer_started blind", "transfer_completed blind", "transfer_started onward",
        "transfer_completed onward"], "second", (*BOTH, SECOND_HZ)),
    Row(second_liaison_is_busy, ["transfer_started blind", "transfer_completed blind", "transfer_started onward",
        "transfer_failed busy", "returned"], "first", BOTH),
    Row(operator_leaves_the_consultation, ["transfer_started attended", "transfer_failed left", "returned"], consulted=1),
    Row(liaison_leaves_the_consultation, ["transfer_started attended", "transfer_failed left"], consulted=1),
    Row(target_registered_twice, ["transfer_started blind", "transfer_completed blind"], "first", BOTH),
    Row(page_and_desk_telephone_ring, ["transfer_started blind", "transfer_completed blind"], "first", BOTH),
    Row(telephone_gone_in_mid_ring, ["transfer_started blind", "transfer_failed no_answer", "returned"]),
    Row(caller_leaves_the_ring, ["transfer_started blind", "transfer_failed abandoned"], stays=False),
    Row(caller_leaves_the_consultation, ["transfer_started attended", "transfer_failed abandoned"], stays=False,
        consulted=1),
    Row(operator_leaves_while_it_rings, ["transfer_started attended", "transfer_failed cancelled", "returned"]),
    Row(consulted_is_busy, ["transfer_started attended", "transfer_failed busy"]),
    Row(liaison_gives_three_back, ["transfer_started attended", "transfer_completed three_way", "joined", "handed_back"],
        "first", BOTH),
    Row(caller_leaves_the_consultations_ring, ["transfer_started attended", "transfer_failed abandoned"], stays=False),
    Row(caller_leaves_on_the_way_back, ["transfer_started blind", "transfer_failed busy"], stays=False),
    Row(caller_leaves_three, ["transfer_started attended", "transfer_completed three_way", "joined"], "first", BOTH,
        stays=False),
    Row(caller_leaves_the_liaison, ["transfer_started blind", "transfer_completed blind"], "first", BOTH, stays=False),
    Row(caller_leaves_the_second_liaisons_ring, ["transfer_started blind", "transfer_completed blind",
        "transfer_started onward", "transfer_failed abandoned"], "first", BOTH, stays=False),
]  # fmt: skip


# --- the test --------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def slots(city: City) -> AsyncIterator["asyncio.Queue[int]"]:
    """An operator, two units and a liaison for each, so many times; they get their telephones without a restart."""
    async with city.hotline.db.unit_of_work() as session:
        region = (await session.get_one(Unit, city.units["101"])).region_id
        for slot in range(1, SLOTS + 1):
            for who, role, digit in (
                ("operator", Role.OPERATOR, 3),
                ("first", Role.LIAISON, 4),
                ("second", Role.LIAISON, 5),
            ):
                name = f"{who}-{slot}"
                unit = Unit(region_id=region, code=f"{digit}{slot:02}", name=f"单位{digit}{slot:02}")
                user = User(username=name, display_name=name, extension=f"{digit}0{slot:02}", staff_number=f"{digit}0{slot:02}",
                            sip_password=f"sip-{name}", region_id=region, grants=[RoleGrant(role=role)])  # fmt: skip
                session.add_all([unit, user])
                await session.flush()
                if role == Role.LIAISON:
                    session.add(Liaison(unit_id=unit.id, user_id=user.id))
                city.users[name], city.units[name] = user.id, unit.id
                city.extensions[name] = user.extension or ""
    await city.hotline.people_changed()
    free: asyncio.Queue[int] = asyncio.Queue()
    for slot in range(1, SLOTS + 1):
        free.put_nowait(slot)
    yield free


async def scene(on: Exchange, slot: int, one_at_a_time: asyncio.Lock) -> Scene:
    first = await on.staff_phone(f"first-{slot}", LIAISON_HZ)
    second = await on.staff_phone(f"second-{slot}", SECOND_HZ)
    async with one_at_a_time:  # the only operator who is ready gets this caller
        operator = await on.operator(f"operator-{slot}")
        call, answered = await on.talking(operator)
    return Scene(on, slot, operator, first, second, call, answered)


async def run(row: Row, on: Exchange, slots: "asyncio.Queue[int]", lock: asyncio.Lock) -> None:
    slot = await slots.get()
    try:
        s = await scene(on, slot, lock)
        await row.play(s)
        if row.stays:
            await on.at_node(s.call, "CODE", 20)
            s.left_at = monotonic() - 0.5
            await on.walk(s.call, ("SURVEY", "1"))
            if row.liaison:
                await on.walk(s.call, ("SURVEY-UNIT", "2"))
            assert (await s.call.ended(30)).by == "remote"
        await checked(row, s, await on.record(s.call))
        for phone in (s.operator, s.first, s.second):
            await phone.close()
        await on.control.logout(s.user("operator"))
    finally:
        slots.put_nowait(slot)


async def checked(row: Row, s: Scene, record: CallRecord) -> None:
    told = [
        f"{kind} {data.get(TOLD[kind], '')}".strip()
        for kind, data in await s.on.ledger(s.call)
        if kind in TOLD
    ]
    if "joined" in told:  # which of the two enters the conference first is chance
        assert sorted(told) == sorted(row.told)
    else:
        assert told == row.told
    assert record.operator_id == s.user("operator")
    assert record.liaison_id == (s.user(row.liaison) if row.liaison else None)
    assert record.end == (CallEnd.LIAISON if row.liaison else CallEnd.OPERATOR)
    rated = [("operator", 1), *([("unit", 2)] if row.liaison else [])] if row.stays else []
    assert await s.on.ratings(record) == rated
    assert len(await s.on.tickets(s.call)) == 1
    agent = s.on.control.board.agent(s.user("operator"))
    assert agent is not None
    assert agent.state == "wrapup"
    assert s.call.longest_silence_s(s.since, s.left_at) < row.silence_s, "silence"
    await is_recorded(row, s, record)


async def is_recorded(row: Row, s: Scene, record: CallRecord) -> None:
    """The caller on the left from the first word to the last (M-56: within a second), on the right who talked to them."""
    (talk,) = [one for one in await s.on.recordings(record) if one.kind == RecordingKind.TALK]
    assert not talk.damaged
    assert abs(talk.duration_ms - record.talk_ms) < WHOLE_MS, f"{talk.duration_ms} of {record.talk_ms} ms"
    samples = await asyncio.to_thread(archive.samples, talk, s.on.city.hotline.settings.recordings)
    caller_ms, voices = await asyncio.to_thread(heard_in, samples)  # telephones are answered meanwhile
    assert caller_ms > record.talk_ms - WHOLE_MS
    assert voices == set(row.voices)


def heard_in(samples: Samples) -> tuple[float, set[float]]:
    """How long the caller is heard on the left, and whose voices are on the right."""
    left, right = (np.ascontiguousarray(samples[:, side]) for side in (0, 1))
    caller_ms = sum(end - start for start, end in segments_with(left, CALLER_HZ)) * 1000
    everybody = (*BOTH, SECOND_HZ)
    return caller_ms, {hz for hz in everybody if any(b - a > 0.1 for a, b in segments_with(right, hz))}


async def test_every_transfer_leaves_the_caller_served(
    exchange: Exchange, quick: Quick, slots: "asyncio.Queue[int]"
):
    """All rows, a few at a time; every row that failed is named."""
    lock = asyncio.Lock()
    results = await asyncio.gather(*(run(row, exchange, slots, lock) for row in ROWS), return_exceptions=True)
    failures = {
        row.play.__name__: repr(result)
        for row, result in zip(ROWS, results, strict=True)
        if result is not None
    }
    assert not failures, "\n".join(f"{name}: {why}" for name, why in failures.items())
    await figures_are_as_counted(exchange)


async def figures_are_as_counted(on: Exchange) -> None:
    """K-04 and K-05 of these units: each attempt once, answered by whom it rang, and the callers whom a unit gave back."""
    tried = sum(row.times("transfer_started") for row in ROWS)
    answered = sum(row.times("transfer_completed") + row.consulted for row in ROWS)
    given_back = sum(row.times("handed_back") for row in ROWS)
    units = frozenset(unit for name, unit in on.city.units.items() if name.startswith(("first-", "second-")))
    now = on.city.clock.now()
    about = Slice(now - timedelta(days=1), now + timedelta(days=1), now, unit_ids=units)
    async with on.db.reading() as session:
        found = [await figure(session, BY_KEY[key], about) for key in ("K-04", "K-05")]
    assert [(one.numerator, one.denominator) for one in found] == [
        (answered, tried),
        (answered - given_back, answered),
    ]
