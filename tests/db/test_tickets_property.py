"""No sequence of actions by anybody, and no passing of time, reaches a forbidden state or loses a step."""

import itertools
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from support.tickets import CAST, MONDAY, City

from core import audit
from core.clock import beijing
from core.errors import HotlineError
from core.people import User
from tickets import handover, queries, replies, satisfaction, sealing, service
from tickets.access import ticket_for
from tickets.clocks import extensions, supervision, timers
from tickets.errors import TicketNotFound
from tickets.lifecycle import TABLE, UNDER_CLOCK
from tickets.models import Outcome, RequestKind, State, Step, Ticket, TicketKind, TrailRow
from tickets.moves import open_step
from tickets.oversight import accountability, complaints, gists, orders
from tickets.oversight.oversight_models import (
    AccountabilityOutcome,
    AccountabilityRecord,
    ComplaintGist,
    SupervisionOrder,
)

LEGAL = {(row.source, row.rule, str(row.action), row.target) for row in TABLE}
MUST_HAVE_CLOCK = UNDER_CLOCK - {State.NEW}
WORDS = st.sampled_from(["理由足够长了", "六个字的理由", "四个字呀", ""])
UNIT = st.sampled_from(["a", "b", "office", "county_a", "county_office", "inspection"])
PEOPLE = st.sampled_from(sorted(CAST))
Act = Callable[[City, AsyncSession, Ticket, User], Awaitable[object]]


def person(what: Callable[..., Awaitable[object]], **how: object) -> Act:
    """An action of somebody signed in."""

    async def act(city: City, session: AsyncSession, ticket: Ticket, user: User) -> None:
        filled = {name: city.units[value] if name.endswith("_id") else value for name, value in how.items()}
        await what(session, city.clock, ticket_no=ticket.ticket_no, user=user, **filled)

    return act


def desk(outcome: Outcome, fields: dict[str, str], unit: str) -> Act:
    async def act(city: City, session: AsyncSession, ticket: Ticket, user: User) -> None:
        who = {"ticket_no": ticket.ticket_no, "operator_id": user.id}
        typed = {**fields, "unit_id": city.units[unit]}
        await service.save_draft(session, city.clock, fields=typed, version=ticket.draft_version, **who)
        await service.finish(session, city.clock, outcome=outcome, **who)

    return act


async def complain(city: City, session: AsyncSession, ticket: Ticket, user: User) -> None:
    await service.register_complaint(
        session, city.clock, call_id=None, region_id=city.regions["city"], line="96128", caller_number="",
        recording_id=None, about=ticket, text="不满意",
    )  # fmt: skip


def rate(score: int | None) -> Act:
    async def act(city: City, session: AsyncSession, ticket: Ticket, user: User) -> None:
        await satisfaction.rate(
            session, city.clock, ticket_id=ticket.id, about="unit", score=score, channel="phone"
        )  # fmt: skip

    return act


def order(days: int, what: str) -> Act:
    async def act(city: City, session: AsyncSession, ticket: Ticket, user: User) -> None:
        until_on = beijing(city.clock.now()).date() + timedelta(days=days)
        await orders.issue(
            session, city.clock, ticket_no=ticket.ticket_no, user=user, text=what, until_on=until_on
        )

    return act


def answer_order(which: int, said: str) -> Act:
    async def act(city: City, session: AsyncSession, ticket: Ticket, user: User) -> None:
        if found := await orders.of_ticket(session, ticket.id):
            order_id = found[which % len(found)].id
            await orders.answer(session, city.clock, order_id=order_id, user=user, text=said)

    return act


def hold_for_order(which: int, decision: accountability.Decision) -> Act:
    async def act(city: City, session: AsyncSession, ticket: Ticket, user: User) -> None:
        if found := await orders.of_ticket(session, ticket.id):
            order_id = found[which % len(found)].id
            await accountability.hold_for_order(
                session, city.clock, order_id=order_id, user=user, decision=decision
            )

    return act


async def pass_time(city: City, hours: int) -> None:
    """The clock moves, and what runs by itself has run."""
    city.clock.move_to(city.clock.now() + timedelta(hours=hours))
    await supervision.sweep(city.db, city.clock)
    await timers.archive(city.db, city.clock)


VERDICTS = st.builds(complaints.Verdict, st.just("查"), st.just("处"), WORDS, st.booleans(), st.booleans())
TYPED = st.fixed_dictionaries(dict.fromkeys(("question", "answer", "reason", "guidance"), WORDS))
KINDS = st.sampled_from([RequestKind.EXTEND, RequestKind.CHANGE_CLASS, RequestKind.EXPLAIN])
YES = st.booleans()


def built(what: Callable[..., Awaitable[object]], **how: st.SearchStrategy[object]) -> st.SearchStrategy[Act]:
    return st.builds(lambda **chosen: person(what, **chosen), **how)


def asked_for_joint(unit: st.SearchStrategy[str]) -> st.SearchStrategy[Act]:
    part, subject = st.just("本单位部分"), st.just("社保")
    return built(
        handover.ask_forward, reason=WORDS, target_unit_id=unit, joint=YES, part=part, subject=subject
    )


DESK = st.builds(desk, st.sampled_from(Outcome), TYPED, UNIT)
FORWARD = st.one_of(built(handover.ask_forward, reason=WORDS, joint=YES, part=WORDS), asked_for_joint(UNIT))
DECIDE_FORWARD = built(handover.decide_forward, approve=YES, refusal=WORDS)
DISPATCH = built(handover.dispatch, unit_id=UNIT, designate=YES)
ASK_LEVEL = built(handover.ask_level, office_id=UNIT, reason=WORDS)
DECIDE_LEVEL = built(handover.decide_level, approve=YES)
ASK = built(extensions.ask_for, kind=KINDS, reason=WORDS)
DECIDE = built(extensions.decide_on, kind=KINDS, approve=YES)
ANSWER = built(replies.answer, answer=WORDS, guidance=WORDS)
ACCEPT = st.just(person(complaints.accept))
REJECT = built(complaints.reject, reason=WORDS)
REPLY = built(complaints.reply, verdict=VERDICTS)
ASK_COURT = built(complaints.ask_judiciary, reason=WORDS, recipient=WORDS, papers=WORDS)
DECIDE_COURT = built(complaints.decide_judiciary, approve=YES)
COMPLAIN = st.just(complain)
RATE = st.builds(rate, st.sampled_from([1, 2, 3, None]))
HOURS = st.one_of(st.integers(1, 30), st.integers(100, 400))
FEW = st.integers(0, 2)
DECISIONS = st.builds(accountability.Decision, st.sampled_from(AccountabilityOutcome), WORDS, WORDS, WORDS)
ORDER = st.builds(order, st.integers(-1, 9), WORDS)
ANSWER_ORDER = st.builds(answer_order, FEW, WORDS)
HOLD = built(accountability.hold, decision=DECISIONS)
HOLD_FOR_ORDER = st.builds(hold_for_order, FEW, DECISIONS)
SEAL = built(sealing.set_sealed, sealed=YES, reason=WORDS)
GIST = built(gists.write, text=WORDS)
ANYTHING = st.one_of(
    DESK, FORWARD, DECIDE_FORWARD, DISPATCH, ASK_LEVEL, DECIDE_LEVEL, ASK, DECIDE, ANSWER, ACCEPT, REJECT, REPLY,
    ASK_COURT, DECIDE_COURT, COMPLAIN, RATE, ORDER, ANSWER_ORDER, HOLD, HOLD_FOR_ORDER, SEAL, GIST,
)  # fmt: skip
OVERSIGHT = st.one_of(
    st.tuples(ORDER, st.sampled_from(["office", "inspector"])),
    st.tuples(ANSWER_ORDER, st.just("asker")),
    st.tuples(st.one_of(HOLD, HOLD_FOR_ORDER), st.just("inspector")),
    st.tuples(SEAL, st.sampled_from(["inspector", "secrecy"])),
)
FITTING: dict[State, st.SearchStrategy[tuple[Act, str]]] = {
    State.NEW: st.tuples(DESK, st.just("operator")),
    State.DISPATCH: st.one_of(
        st.tuples(st.one_of(DISPATCH, ASK_LEVEL), st.just("asker")),
        st.tuples(DECIDE_LEVEL, st.just("decider")),
    ),
    State.WORKING: st.one_of(
        st.tuples(st.one_of(FORWARD, FORWARD, ASK, ANSWER), st.just("asker")),
        st.tuples(DECIDE, st.just("decider")),
        OVERSIGHT,
    ),
    State.FWD_REVIEW: st.tuples(DECIDE_FORWARD, st.just("decider")),
    State.REPLIED: st.tuples(st.one_of(COMPLAIN, RATE), st.just("operator")),
    State.CLOSED: st.tuples(COMPLAIN, st.just("operator")),
    State.C_NEW: st.tuples(st.one_of(ACCEPT, ACCEPT, REJECT), st.just("asker")),
    State.C_WORKING: st.one_of(
        st.tuples(st.one_of(REPLY, REPLY, GIST, ASK_COURT, ASK), st.just("asker")),
        st.tuples(st.one_of(DECIDE, DECIDE_COURT), st.just("decider")),
    ),
}
HOLDERS = {
    # unit: (who works on it, who decides)
    "a": ("liaison_a", "head_a"),
    "b": ("liaison_b", "head_b"),
    "office": ("office", "office_deputy"),
    "county_a": ("liaison_county", "county_office"),
    "county_office": ("county_office", "county_deputy"),
    "inspection": ("inspector", "head_inspection"),
}


def draw_act(data: st.DataObject, city: City, ticket: Ticket, holder_id: int | None) -> tuple[Act, str]:
    """Three times in four what fits the ticket's state by the holder's people, else anything by anybody."""
    if ticket.state not in FITTING or data.draw(st.integers(0, 3)) == 0:
        return data.draw(ANYTHING), data.draw(PEOPLE)
    act, who = data.draw(FITTING[ticket.state])
    names = [name for name, key in city.units.items() if key == holder_id]
    working, deciding = HOLDERS.get(names[0] if names else "", ("operator", "operator"))
    return act, {"asker": working, "decider": deciding}.get(who, who)


async def start(city: City, outcome: Outcome | None) -> int:
    async with city.db.unit_of_work() as session:
        call = await city.call(session, ended_at=city.clock.now())
        who = {"operator_id": city.users["operator"]}
        issued = await service.open_for_call(
            session,
            city.clock,
            call_id=call.id,
            line="96128",
            region_id=city.regions["city"],
            caller_number="",
            **who,
        )
        if outcome:
            number = issued.ticket.ticket_no
            typed = {"question": "问", "reason": "无法明确", "unit_id": city.units["a"]}
            await service.save_draft(session, city.clock, ticket_no=number, fields=typed, version=1, **who)
            await service.finish(session, city.clock, ticket_no=number, outcome=outcome, **who)
        return issued.ticket.id


def frozen(step: Step) -> dict[str, object]:
    flags = {"review_wanted_at"}  # a rating marks a finished reply; it does not change it
    return {
        column.name: getattr(step, column.name)
        for column in Step.__table__.columns
        if column.name not in flags
    }


def columns_of(row: Any) -> dict[str, object]:
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}


class Watch:
    """What was seen of the tickets so far, and the rules that must hold after every action."""

    def __init__(self, city: City) -> None:
        self.city = city
        self.finished: dict[int, dict[str, object]] = {}
        self.first_units: dict[int, int] = {}
        self.kept: dict[tuple[str, int], dict[str, object]] = {}

    async def check(self, session: AsyncSession, first_id: int) -> list[Ticket]:
        family = (
            select(Ticket).where((Ticket.id == first_id) | (Ticket.about_id == first_id)).order_by(Ticket.id)
        )
        tickets = list((await session.scalars(family)).all())
        for ticket in tickets:
            await self._one(session, ticket)
        question, *about = tickets
        await self._oversight(session, [ticket.id for ticket in tickets])
        open_ones = [c for c in about if c.state in {State.C_NEW, State.C_WORKING}]
        assert len(open_ones) == (1 if question.state == State.IN_COMPLAINT else 0)
        return tickets

    async def _one(self, session: AsyncSession, ticket: Ticket) -> None:
        steps = await queries.steps_of(session, ticket.id)
        assert [step.position for step in steps] == list(range(1, len(steps) + 1))
        running = [step for step in steps if step.finished_at is None]
        assert len(running) == (1 if ticket.state in MUST_HAVE_CLOCK else 0)
        for step in steps:
            assert (step.result is None) == (step.finished_at is None)
            if step.id in self.finished:
                assert frozen(step) == self.finished[step.id]
            if step.finished_at is not None:
                self.finished[step.id] = frozen(step)
        known = {step_id for step_id, was in self.finished.items() if was["ticket_id"] == ticket.id}
        assert known <= {step.id for step in steps}
        if ticket.first_unit_id is not None:
            assert self.first_units.setdefault(ticket.id, ticket.first_unit_id) == ticket.first_unit_id
        trail = await queries.trail_of(session, ticket.id)
        self._keep(TrailRow, trail, [ticket.id])
        seals = [row.action for row in trail if row.action in {"seal", "unseal"}]
        assert seals == (["seal", "unseal"] * len(seals))[: len(seals)]
        assert ticket.sealed == (seals[-1:] == ["seal"])
        await self._secrets(session, ticket)
        self._trail(ticket, [row for row in trail if row.rule])

    async def _oversight(self, session: AsyncSession, ticket_ids: list[int]) -> None:
        """What was ordered, answered and decided stays as it is; nobody is held accountable early or twice."""
        found = select(SupervisionOrder).where(SupervisionOrder.ticket_id.in_(ticket_ids))
        ordered = {order.id: order for order in await session.scalars(found)}
        self._keep(SupervisionOrder, [one for one in ordered.values() if one.answered_at], ticket_ids)
        decided = (
            await session.scalars(
                select(AccountabilityRecord).where(AccountabilityRecord.ticket_id.in_(ticket_ids))
            )
        ).all()
        self._keep(AccountabilityRecord, decided, ticket_ids)
        for record in decided:
            about = (
                ordered[record.order_id] if record.order_id else await session.get_one(Step, record.step_id)
            )
            assert record.decided_at > about.cut_off_at
        assert len({(one.step_id, one.order_id) for one in decided}) == len(decided)
        told = select(ComplaintGist).where(ComplaintGist.about_id.in_(ticket_ids))
        for gist in await session.scalars(told):
            assert gist.text
            assert gist.ticket_id in ticket_ids

    def _keep(self, table: type, rows: Sequence[Any], ticket_ids: Sequence[int]) -> None:
        """These tickets' rows are there for good: each that was seen before is here still and as it was."""
        seen = {key: was for (name, key), was in self.kept.items() if name == table.__name__}
        assert {key for key, was in seen.items() if was["ticket_id"] in ticket_ids} <= {
            row.id for row in rows
        }
        for row in rows:
            values = columns_of(row)
            assert self.kept.setdefault((table.__name__, row.id), values) == values

    async def _secrets(self, session: AsyncSession, ticket: Ticket) -> None:
        """What is sealed, and a complaint in any case, does not exist for the unit and the operator (M-86, M-88)."""
        if not ticket.sealed and ticket.kind == TicketKind.QUESTION:
            return
        for name in ("liaison_a", "operator", "supervisor"):
            with pytest.raises(TicketNotFound):
                await ticket_for(session, await self.city.user(session, name), ticket.ticket_no)

    def _trail(self, ticket: Ticket, rows: list[TrailRow]) -> None:
        for row in rows:
            assert (row.from_state, row.rule, row.action, row.to_state) in LEGAL
        for before, after in itertools.pairwise(rows):
            assert before.to_state == after.from_state
        assert rows[-1].to_state == ticket.state


async def nothing_is_overlooked(city: City, first_id: int) -> None:
    """After the loops ran, nothing waits to be looked at."""
    now = city.clock.now()
    async with city.db.reading() as session:
        family = (Ticket.id == first_id) | (Ticket.about_id == first_id)
        waiting = [
            *await session.scalars(select(Step.id).join(Ticket, Ticket.id == Step.ticket_id).where(family, Step.watch_at < now)),
            *await session.scalars(select(Ticket.id).where(family, Ticket.timer_at <= now)),
            *await session.scalars(select(SupervisionOrder.id).where(SupervisionOrder.watch_at < now)),
        ]  # fmt: skip
    assert waiting == []


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(outcome=st.sampled_from([None, Outcome.ASSIGNED, Outcome.UNCLEAR]), data=st.data())
async def test_no_sequence_of_actions_breaks_the_rules(
    city: City, outcome: Outcome | None, data: st.DataObject
):
    """Whoever does whatever in whatever order while time passes: legal moves only, one clock, what is done stays, none lost."""
    city.clock.move_to(MONDAY)
    first_id = await start(city, outcome)
    watch = Watch(city)
    for _ in range(data.draw(st.integers(4, 18))):
        if data.draw(st.integers(0, 3)) == 0:
            await pass_time(city, data.draw(HOURS))
            await nothing_is_overlooked(city, first_id)
        async with city.db.reading() as session:
            tickets = await watch.check(session, first_id)
            target = tickets[-1 if data.draw(st.booleans()) else 0]
            holder = await open_step(session, target)
        act, who = draw_act(data, city, target, holder.unit_id if holder else None)
        try:
            async with city.db.unit_of_work() as session:
                ticket = await session.get_one(Ticket, target.id)
                await act(city, session, ticket, await city.user(session, who))
        except HotlineError as refused:
            assert "{" not in refused.message
    async with city.db.reading() as session:
        await watch.check(session, first_id)
        assert await audit.verify(session) is None
