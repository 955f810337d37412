"""Every indicator worked out a second time, by hand: all raw rows in memory, plain loops, nothing of `reports`."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.units import Unit
from kb.models import Entry
from recordings.models import Call, CallEvent
from reports.quality.models import Grade, Sample
from tickets.mayor.models import MayorReferral
from tickets.models import SatisfactionRating, Step, Ticket
from tickets.oversight.oversight_models import ComplaintReply

REPLIED = {"REPLIED", "CLOSED", "IN_COMPLAINT"}
ALLOWED = {"Q5": 5, "Q10": 10, "C15": 15, "G5": 5}
COUNTED = {"K-16.unexplained", "K-16.unanswered", "K-17.ping_pong", "K-18.attitude", "K-22", "K-22.received"}
"""Their value is the number itself."""
Pair = tuple[float, float]


@dataclass
class Rows:
    calls: dict[int, Call]
    events: dict[int, list[CallEvent]]
    tickets: dict[int, Ticket]
    steps: list[Step]
    ratings: list[SatisfactionRating]
    verdicts: dict[int, ComplaintReply]
    entries: list[Entry]
    units: dict[int, Unit]
    samples: dict[int, Sample]
    grades: list[Grade]
    referrals: list[MayorReferral]


async def load(session: AsyncSession) -> Rows:
    async def all_of(kind: Any) -> list[Any]:
        return list(await session.scalars(select(kind).order_by(next(iter(kind.__table__.primary_key)))))

    calls = {call.id: call for call in await all_of(Call)}
    events: dict[int, list[CallEvent]] = {key: [] for key in calls}
    for event in await all_of(CallEvent):
        events[event.call_id].append(event)
    return Rows(
        calls, events, {t.id: t for t in await all_of(Ticket)}, await all_of(Step), await all_of(SatisfactionRating),
        {v.ticket_id: v for v in await all_of(ComplaintReply)}, await all_of(Entry),
        {u.id: u for u in await all_of(Unit)}, {s.id: s for s in await all_of(Sample)}, await all_of(Grade),
        await all_of(MayorReferral),
    )  # fmt: skip


@dataclass
class ByHand:
    """The figures of one slice: `pair` gives numerator and denominator, `value` what comes of them."""

    rows: Rows
    since: datetime
    until: datetime
    now: datetime
    region: int | None = None
    unit: int | None = None
    line: str | None = None
    person: int | None = None

    def _in(self, at: datetime | None, **of: Any) -> bool:
        if at is None or not self.since <= at < self.until:
            return False
        wanted = {"region": self.region, "unit": self.unit, "line": self.line, "person": self.person}
        return all(of.get(name) == value for name, value in wanted.items() if value is not None)

    # --- calls --------------------------------------------------------------------------------------------------------

    def calls(self) -> Iterator[Call]:
        for call in self.rows.calls.values():
            where = {"region": call.region_id, "line": call.line, "person": call.operator_id}
            is_counted = call.direction == "in" and call.mark == "" and call.ended_at
            if is_counted and self._in(call.started_at, **where):
                yield call

    def asked(self) -> list[Call]:
        return [call for call in self.calls() if call.queued_at or "OP-QUEUE" in call.node_path]

    def serious(self) -> list[Call]:
        return [call for call in self.asked() if not self._is_quick(call)]

    def _is_quick(self, call: Call) -> bool:
        waited = _ms(call.ended_at, call.queued_at or call.started_at)
        return call.answered_at is None and call.end == "queue" and waited < 5000

    def callers(self) -> list[list[Call]]:
        """The serious calls of each number on each line; a hidden number is nobody else's."""
        found: dict[Any, list[Call]] = {}
        for call in self.serious():
            found.setdefault((call.region_id, call.line, call.caller_number or call.id), []).append(call)
        return list(found.values())

    def transfers(self) -> list[tuple[Call, CallEvent, CallEvent | None, list[CallEvent]]]:
        """Each attempt, what became of it, and the attempts at the same unit before."""
        found = []
        for call in self.rows.calls.values():
            if call.direction != "in" or call.mark != "" or not call.ended_at:
                continue
            turns = [
                e
                for e in self.rows.events[call.id]
                if e.kind.startswith("transfer_") and e.kind != "transfer_completed"
            ]
            for place, turn in enumerate(turns):
                unit = turn.data.get("unit")
                where = {
                    "region": call.region_id,
                    "unit": unit,
                    "line": call.line,
                    "person": call.operator_id,
                }
                if turn.kind == "transfer_started" and self._in(call.started_at, **where):
                    after = turns[place + 1] if place + 1 < len(turns) else None
                    before = [
                        e for e in turns[:place] if e.kind == "transfer_started" and e.data["unit"] == unit
                    ]
                    found.append((call, turn, after, before))
        return found

    def _is_first(self, call: Call, start: CallEvent) -> bool:
        started = [e.id for e in self.rows.events[call.id] if e.kind == "transfer_started"]
        return start.id == min(started)

    def answered(self) -> list[tuple[Call, CallEvent, CallEvent]]:
        return [(c, s, a) for c, s, a, _ in self.transfers() if a and a.kind == "transfer_answered"]

    def rings(self) -> list[tuple[Call, CallEvent, CallEvent | None]]:
        return [(c, s, a) for c, s, a, before in self.transfers() if not before]

    def _same_unit(self, call: Call, start: CallEvent, kind: str) -> bool:
        return any(
            e.kind == kind and e.data.get("unit") == start.data["unit"] for e in self.rows.events[call.id]
        )

    def _mistaken(self, call: Call, start: CallEvent) -> bool:
        forwarded = any(
            step.answered_call_id == call.id
            and step.unit_id == start.data["unit"]
            and step.result == "forwarded"
            for step in self.rows.steps
        )
        return forwarded or self._same_unit(call, start, "handed_back")

    # --- tickets ------------------------------------------------------------------------------------------------------

    def _is_counted(self, ticket: Ticket) -> bool:
        return not (ticket.call_id and self.rows.calls[ticket.call_id].mark != "")

    def questions(self) -> list[Ticket]:
        return [
            t for t in self.rows.tickets.values()
            if t.kind == "question" and self._is_counted(t)
            and self._in(t.received_at, region=t.region_id, unit=t.unit_id, line=t.line, person=t.operator_id)
        ]  # fmt: skip

    def taken(self) -> list[Ticket]:
        return [ticket for ticket in self.questions() if ticket.state != "VOID"]

    def _on_spot(self, ticket: Ticket) -> bool:
        if ticket.state not in REPLIED or ticket.channel in {"voicemail", "web", "letter", "mayor"}:
            return False
        if ticket.outcome == "transferred":
            return any(
                s.ticket_id == ticket.id and s.result == "on_spot" and s.answered_call_id
                for s in self.rows.steps
            )
        return ticket.outcome in {"answered", "other_ways"}

    def complaints(self, at: Callable[[Ticket], datetime | None]) -> list[Ticket]:
        found = []
        for ticket in self.rows.tickets.values():
            about = self.rows.tickets.get(ticket.about_id or 0)
            where = {
                "region": ticket.region_id,
                "unit": about.unit_id if about else None,
                "line": ticket.line,
            }
            if ticket.kind == "complaint" and self._is_counted(ticket) and self._in(at(ticket), **where):
                found.append(ticket)
        return found

    def finished_complaints(self) -> list[Ticket]:
        ended = {
            s.ticket_id: s.finished_at for s in self.rows.steps if s.clock == "C15" and s.result == "replied"
        }
        return [t for t in self.complaints(lambda t: ended.get(t.id)) if t.id in self.rows.verdicts]

    def steps(self, at: Callable[[Step], datetime | None]) -> list[Step]:
        found = []
        for step in self.rows.steps:
            ticket = self.rows.tickets[step.ticket_id]
            where = {
                "region": step.region_id,
                "unit": step.unit_id,
                "line": ticket.line,
                "person": step.person_id,
            }
            if self._is_counted(ticket) and self._in(at(step), **where):
                found.append(step)
        return found

    def decided(self) -> list[Step]:
        return [s for s in self.steps(lambda s: s.cut_off_at) if s.finished_at or s.cut_off_at < self.now]

    def _late(self, step: Step) -> bool:
        return (step.finished_at or self.now) > step.cut_off_at

    def replies(self) -> list[Step]:
        return [
            s for s in self.steps(lambda s: s.finished_at)
            if s.result in {"replied", "on_spot"} and s.clock in {"Q5", "Q10"}
        ]  # fmt: skip

    def arrived(self) -> list[Step]:
        return [s for s in self.steps(lambda s: s.started_at) if s.clock in {"Q5", "Q10"}]

    def _went_to_office(self, step: Step) -> bool:
        after = [
            s for s in self.rows.steps if s.ticket_id == step.ticket_id and s.position == step.position + 1
        ]
        return bool(after and after[0].unit_id and self.rows.units[after[0].unit_id].duty == "office")

    def _rated(self, step: Step) -> bool:
        return any(
            r.about == "unit" and r.score is not None
            and (r.step_id == step.id
                 or (step.answered_call_id and r.call_id == step.answered_call_id and r.unit_id == step.unit_id))
            for r in self.rows.ratings
        )  # fmt: skip

    def ratings(self, about: str) -> list[int]:
        found = []
        for rating in self.rows.ratings:
            call = self.rows.calls.get(rating.call_id or 0)
            ticket = self.rows.tickets.get(rating.ticket_id or 0)
            if rating.about != about or rating.score is None:
                continue
            if (call and call.mark != "") or (ticket and not self._is_counted(ticket)):
                continue
            source = call or ticket
            region = rating.region_id or (source.region_id if source else None)
            where = {
                "unit": rating.unit_id,
                "line": source.line if source else None,
                "person": rating.user_id,
            }
            if self._in(rating.changed_at, region=region, **where):
                found.append(rating.score)
        return found

    def entries(self) -> list[Entry]:
        found = []
        for entry in self.rows.entries:
            ticket = next(t for t in self.rows.tickets.values() if t.ticket_no == entry.ticket_no)
            where = {"region": entry.region_id, "unit": entry.unit_id, "line": ticket.line}
            if self._is_counted(ticket) and self._in(entry.created_at, **where):
                found.append(entry)
        return found

    def grades(self, *about: str) -> list[int]:
        """The points that stand: a talk's recheck, else its first grade."""
        standing = {g.sample_id: g for g in self.rows.grades if g.kind == "first"}
        standing |= {g.sample_id: g for g in self.rows.grades if g.kind == "recheck"}
        found = []
        for grade in standing.values():
            sample = self.rows.samples[grade.sample_id]
            call = self.rows.calls[sample.call_id]
            where = {
                "region": call.region_id,
                "unit": sample.unit_id,
                "line": call.line,
                "person": sample.user_id,
            }
            if sample.about in about and call.mark != "test" and self._in(call.started_at, **where):
                found.append(grade.points)
        return found

    def referrals(self) -> list[MayorReferral]:
        found = []
        for row in self.rows.referrals:
            ticket = self.rows.tickets[row.ticket_id]
            where = {
                "region": row.region_id,
                "unit": ticket.unit_id,
                "line": ticket.line,
                "person": row.by_id,
            }
            if self._is_counted(ticket) and self._in(row.at, **where):
                found.append(row)
        return found

    # --- the figures --------------------------------------------------------------------------------------------------

    def pair(self, key: str) -> Pair:
        """Numerator and denominator."""
        rows, hit = self._counted(key)
        return sum(map(hit, rows)), len(rows)

    def _counted(self, key: str) -> tuple[list[Any], Callable[[Any], Any]]:
        waits = [c for c in self.asked() if c.answered_at and c.queued_at]
        messages = [
            s for s in self.decided()
            if s.clock == "CC1" and self.rows.tickets[s.ticket_id].channel == "voicemail"
        ]  # fmt: skip

        def prompt(call: Call) -> bool:
            return bool(call.answered_at) and _ms(call.answered_at, call.queued_at) <= 15_000

        def is_upheld(ticket: Ticket) -> bool:
            return self.rows.verdicts[ticket.id].upheld

        return {
            "K-01": lambda: (self.serious(), lambda c: bool(c.answered_at)),
            "K-01.raw": lambda: (self.asked(), lambda c: bool(c.answered_at)),
            "K-01.caller": lambda: (self.callers(), lambda calls: any(c.answered_at for c in calls)),
            "K-02": lambda: (waits, lambda c: _ms(c.answered_at, c.queued_at)),
            "K-02.offered": lambda: (self.serious(), prompt),
            "K-02.answered": lambda: (waits, prompt),
            "K-03": lambda: (list(self.calls()), lambda c: c.end in {"menu", "queue"}),
            "K-03.queue": lambda: (self.serious(), lambda c: not c.answered_at and c.end == "queue"),
            "K-04": lambda: (self.transfers(), lambda t: bool(t[2]) and t[2].kind == "transfer_answered"),
            "K-04.caller": lambda: (
                [t for t in self.transfers() if self._is_first(t[0], t[1])],
                lambda t: any(e.kind == "transfer_answered" for e in self.rows.events[t[0].id]),
            ),
            "K-05": lambda: (self.answered(), lambda t: not self._mistaken(t[0], t[1])),
            "K-06": lambda: (self.answered(), lambda t: _ms(t[2].at, t[1].at)),
            "K-06.p90": lambda: (self.answered(), lambda t: _ms(t[2].at, t[1].at)),
            "K-07": lambda: (self.rings(), lambda t: self._same_unit(t[0], t[1], "transfer_answered")),
            "K-08": lambda: (
                self.rings(),
                lambda t: bool(t[2]) and t[2].kind == "transfer_answered" and _ms(t[2].at, t[1].at) <= 20_000,
            ),
            "K-09": lambda: (self.ratings("unit"), lambda score: score <= 2),
            "K-09.strict": lambda: (self.ratings("unit"), lambda score: score == 1),
            "K-10": lambda: (self.ratings("operator"), lambda score: score <= 2),
            "K-11": lambda: (self.replies(), self._rated),
            "K-12": lambda: (self.taken(), lambda t: t.state in REPLIED),
            "K-13": lambda: (self.decided(), lambda s: not self._late(s)),
            "K-14": lambda: (self.taken(), self._on_spot),
            "K-16": lambda: (self.decided(), self._late),
            "K-16.unexplained": lambda: (self.decided(), lambda s: self._late(s) and not s.explained_at),
            "K-16.unanswered": lambda: (self.decided(), lambda s: not s.finished_at),
            "K-16.extended": lambda: (self.decided(), lambda s: bool(s.extended_at)),
            "K-17": lambda: (self.arrived(), lambda s: s.result == "forwarded"),
            "K-17.returned": lambda: (self.arrived(), lambda s: s.result == "forwarded" and self._went_to_office(s)),
            "K-17.ping_pong": lambda: (self.arrived(), lambda s: s.ping_pong),
            "K-18.upheld": lambda: (self.finished_complaints(), is_upheld),
            "K-18.attitude": lambda: (
                self.finished_complaints(), lambda t: is_upheld(t) and self.rows.verdicts[t.id].attitude
            ),
            "K-19": lambda: (messages, lambda s: not self._late(s)),
            "K-20": lambda: (self.entries(), lambda e: bool(e.published_at)),
            "K-21": lambda: (self.grades("operator", "unit"), int),
            "K-21.operator": lambda: (self.grades("operator"), int),
            "K-21.unit": lambda: (self.grades("unit"), int),
            "K-22": lambda: (self.referrals(), lambda r: r.direction == "out"),
            "K-22.received": lambda: (self.referrals(), lambda r: r.direction == "in"),
            "K-22.answered": lambda: (
                [r for r in self.referrals() if r.direction == "in"], lambda r: bool(r.answered_at)
            ),
        }[key]()  # fmt: skip

    def result(self, key: str) -> tuple[float, float, float | None]:
        """Numerator, denominator, value."""
        if key == "K-15":
            steps = [
                s
                for s in self.steps(lambda s: s.finished_at)
                if s.clock in ALLOWED and s.used_days is not None
            ]
            used, allowed = sum(s.used_days for s in steps), sum(ALLOWED[s.clock] for s in steps)
            return used, allowed, 1 - used / allowed if allowed else None
        if key == "K-18":
            above, below = len(self.complaints(lambda t: t.received_at)), len(self.replies())
            return above, below, above / below if below else None
        above, below = self.pair(key)
        if key in COUNTED:
            return above, below, above
        if key == "K-06.p90" and below:
            rows, ms = self._counted(key)
            return above, below, sorted(map(ms, rows))[math.ceil(below * 0.9) - 1]
        return above, below, above / below if below else None


def _ms(later: datetime, earlier: datetime) -> int:
    return round((later - earlier).total_seconds() * 1000)
