"""An invented month for the reports' tests: calls, transfers, questions, complaints, ratings, written row by row.

Rows go straight into the tables, so that odd histories occur too: midnight and month's edges, unmarked ends, calls
tried twice at one unit, units of other regions, tickets without calls.
"""

import random
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession
from support.tickets import City

from kb.models import Entry, EntryKind
from recordings import ledger
from recordings.models import Call, CallEnd, CallEvent, CallMark
from reports.quality.models import About, Grade, GradeKind, Sample, ScoreSheet, ScoreSheetVersion
from tickets.mayor.models import Direction, MayorReferral, Way
from tickets.models import (
    Channel,
    ClockKind,
    Outcome,
    QuestionClass,
    RatingAbout,
    SatisfactionRating,
    State,
    Step,
    StepResult,
    Ticket,
    TicketKind,
)
from tickets.oversight.oversight_models import ComplaintReply

FIRST = datetime.fromisoformat("2026-05-30T20:00:00+08:00").astimezone(UTC)
LENGTH = timedelta(days=34)
LINES = ("96128", "96129")
DAYS = {ClockKind.Q5: 5, ClockKind.Q10: 10, ClockKind.C15: 15, ClockKind.G5: 5, ClockKind.CC1: 1}


class Month:
    """`build` writes it; the same seed gives the same month. A further month into the same tables begins at another `number`."""

    def __init__(self, session: AsyncSession, city: City, seed: int, number: int = 0) -> None:
        self.session, self.city, self.rng = session, city, random.Random(seed)
        self.number = number

    async def build(self, calls: int = 120, tickets: int = 120) -> None:
        made = [await self._call() for _ in range(calls)]
        for call in [None] * (tickets // 3) + self.rng.choices(made, k=tickets - tickets // 3):
            await self._ticket(call)
        for call in made:
            await self._rate(f"call:{call.id}:operator", RatingAbout.OPERATOR, call.started_at, call_id=call.id,
                             user_id=call.operator_id)  # fmt: skip
            if call.liaison_unit_id:
                await self._rate(f"call:{call.id}:unit", RatingAbout.UNIT, call.started_at, call_id=call.id,
                                 unit_id=call.liaison_unit_id, user_id=call.liaison_id)  # fmt: skip

        await self._grades(made)

    async def _grades(self, made: list[Call]) -> None:
        """A third of the operators' and liaisons' talks, some with a second grade or a recheck, marked calls too."""
        region = self.city.regions["city"]
        for about in About:
            sheet = ScoreSheet(region_id=region, about=about, name=f"{about}-{self.number}")
            self.session.add(sheet)
            await self.session.flush()
            questions = [{"text": "态度", "weight": 100, "situation": ""}]
            version = ScoreSheetVersion(sheet_id=sheet.id, number=1, made_at=FIRST, questions=questions)
            self.session.add(version)
            await self.session.flush()
            for call in made:
                whose = (call.operator_id, self.city.units["centre"]) if about == About.OPERATOR else (
                    call.liaison_id, call.liaison_unit_id
                )  # fmt: skip
                if whose[1] and call.ended_at and call.operator_id and self._some(0.3):
                    await self._grade(
                        Sample(
                            call_id=call.id,
                            about=about,
                            sheet_id=sheet.id,
                            user_id=whose[0],
                            unit_id=whose[1],
                        ),
                        version,
                    )

    async def _grade(self, sample: Sample, version: ScoreSheetVersion) -> None:
        self.session.add(sample)
        await self.session.flush()
        graders = {GradeKind.FIRST: "supervisor", GradeKind.SECOND: "office", GradeKind.RECHECK: "inspector"}
        for kind, grader in graders.items():
            if kind == GradeKind.FIRST or self._some(0.3):
                points = self.rng.randint(4000, 10_000)
                self.session.add(
                    Grade(sample_id=sample.id, kind=kind, version_id=version.id, grader_id=self.city.users[grader],
                          graded_at=FIRST + LENGTH, answers=[points // 100], points=points)
                )  # fmt: skip
        await self.session.flush()

    def _some(self, share: float) -> bool:
        return self.rng.random() < share

    def _instant(self) -> datetime:
        return FIRST + timedelta(milliseconds=self.rng.randrange(int(LENGTH / timedelta(milliseconds=1))))

    def _after(self, at: datetime, low_ms: int, high_ms: int) -> datetime:
        return at + timedelta(milliseconds=self.rng.randint(low_ms, high_ms))

    def _unit(self) -> int:
        return self.city.units[self.rng.choice(["a", "b", "above_a", "county_a"])]

    async def _call(self) -> Call:
        self.number += 1
        started = self._instant()
        call = Call(
            linkedid=f"month-{self.number}", line=self.rng.choice(LINES), started_at=started,
            region_id=self.city.regions[self.rng.choice(["city", "city", "county"])],
            caller_number=f"1380000{self.number % 20:04}" if self.number % 5 else "",
            direction="out" if self._some(0.05) else "in",
            mark=self.rng.choice([CallMark.TEST, CallMark.MYSTERY]) if self._some(0.06) else CallMark.NONE,
        )  # fmt: skip
        self.session.add(call)
        await self.session.flush()
        kind = self.rng.choice(
            ["menu", "queue", "operator", "operator", "refused", "self", "unseen", "running"]
        )
        if kind != "running":
            call.ended_at = self._after(started, 60_000, 400_000)
        if kind in {"queue", "operator"}:
            call.queued_at = self._after(started, 1, 20_000)
        match kind:
            case "menu":
                call.end, call.end_node = CallEnd.MENU, self.rng.choice(["MAIN", "Q"])
            case "queue":
                call.end, call.ended_at = CallEnd.QUEUE, self._after(call.queued_at, 0, 12_000)
            case "refused":
                call.end, call.node_path = CallEnd.VOICEMAIL, "WELCOME>MAIN>OP>OP-QUEUE>OP-NONE"
            case "self":
                call.end = CallEnd.SELF_SERVICE
            case "unseen":
                call.end = CallEnd.UNSEEN if self._some(0.5) else None
            case "operator":
                call.end = CallEnd.OPERATOR
                call.answered_at = self._after(call.queued_at, 0, 30_000)
                call.operator_id = self.city.users[self.rng.choice(["operator", "colleague"])]
                await self._transfers(call)
        await self.session.flush()
        return call

    async def _transfers(self, call: Call) -> None:
        at, units = call.answered_at, [self._unit(), self._unit()]
        for _ in range(self.rng.choice([0, 1, 1, 2, 3])):
            unit = self.rng.choice(units)
            at = self._after(at, 100, 5_000)
            self._line(call, at, ledger.TRANSFER_STARTED, mode="blind", unit=unit)
            self._line(call, at, ledger.OFFERED, extension="2001")
            at = self._after(at, 100, 40_000)
            what = self.rng.choice(
                [ledger.TRANSFER_ANSWERED, ledger.TRANSFER_ANSWERED, ledger.TRANSFER_FAILED, None]
            )
            if what:
                self._line(call, at, what, unit=unit)
            if what == ledger.TRANSFER_ANSWERED:
                call.end, call.liaison_unit_id = CallEnd.LIAISON, unit
                call.liaison_id = self.city.users["liaison_a"]
                if self._some(0.2):
                    self._line(call, at, ledger.HANDED_BACK, unit=unit)
            await self.session.flush()

    def _line(self, call: Call, at: datetime, kind: str, **data: object) -> None:
        self.session.add(CallEvent(call_id=call.id, at=at, kind=kind, channel="", data=data))

    async def _ticket(self, call: Call | None) -> None:
        self.number += 1
        received = call.ended_at or call.started_at if call else self._instant()
        complaint = self._some(0.2)
        channel = (
            self.rng.choice([Channel.PHONE, Channel.VOICEMAIL]) if call else self.rng.choice(list(Channel))
        )
        about = await self.session.get(Ticket, self.about) if complaint and self._some(0.7) else None
        states = [State.C_NEW, State.C_WORKING, State.C_REPLIED, State.C_CLOSED, State.C_REJECTED] if complaint else [
            State.NEW, State.DISPATCH, State.WORKING, State.FWD_REVIEW, State.REPLIED, State.IN_COMPLAINT, State.CLOSED,
            State.CLOSED, State.VOID,
        ]  # fmt: skip
        ticket = Ticket(
            ticket_no=f"M{self.number:06}", kind=TicketKind.COMPLAINT if complaint else TicketKind.QUESTION,
            state=self.rng.choice(states), channel=channel, line=self.rng.choice(LINES) if call else "",
            region_id=self.city.regions[self.rng.choice(["city", "county"])], call_id=call.id if call else None,
            received_at=received, subject=self.rng.choice(["社保", "户籍", ""]),
            question_class=self.rng.choice(list(QuestionClass)), about_id=about.id if about else None,
            unit_id=self._unit() if self._some(0.8) else None, operator_id=call.operator_id if call else None,
        )  # fmt: skip
        if ticket.state == State.VOID:
            ticket.outcome = self.rng.choice([Outcome.OUT_OF_SCOPE, Outcome.DUPLICATE, Outcome.INVALID])
        elif not complaint:
            ticket.outcome = self.rng.choice(
                [None, Outcome.ANSWERED, Outcome.OTHER_WAYS, Outcome.TRANSFERRED, Outcome.ASSIGNED]
            )
        self.session.add(ticket)
        await self.session.flush()
        if not complaint:
            self.about = ticket.id
        clocks = [ClockKind.C15] if complaint else self.rng.choice(
            [[], [ClockKind.CC1], [ClockKind.Q5], [ClockKind.G5, ClockKind.Q10], [ClockKind.Q5, ClockKind.G5, ClockKind.Q5]]
        )  # fmt: skip
        at = received
        for place, clock in enumerate(clocks, start=1):
            at = await self._step(ticket, place, clock, at, is_last=place == len(clocks))
        if complaint and ticket.state in {State.C_REPLIED, State.C_CLOSED}:
            self.session.add(
                ComplaintReply(ticket_id=ticket.id, findings="查", opinion="处", result="办", upheld=self._some(0.5),
                               attitude=self._some(0.5))
            )  # fmt: skip
        if not complaint and self._some(0.2):
            self.session.add(
                Entry(kind=EntryKind.FAQ, title="问", answer="答", ticket_no=ticket.ticket_no, unit_id=ticket.unit_id,
                      region_id=ticket.region_id, created_at=received, changed_at=received,
                      published_at=received if self._some(0.5) else None)
            )  # fmt: skip
        if not complaint and self.number % 6 == 0:
            self.session.add(
                MayorReferral(ticket_id=ticket.id, region_id=ticket.region_id, way=Way.HOTLINE, at=received,
                              direction=Direction.IN if self.number % 4 else Direction.OUT, their_no=f"S{self.number}",
                              by_id=self.city.users["operator"], answered_at=received if self.number % 5 else None)
            )  # fmt: skip
        await self.session.flush()

    about = 0

    async def _step(
        self, ticket: Ticket, place: int, clock: ClockKind, at: datetime, *, is_last: bool
    ) -> datetime:
        cut_off = at + timedelta(days=DAYS[clock] + 2)
        done = self._after(at, 0, round((DAYS[clock] + 4) * 86_400_000))
        results = {ClockKind.C15: [StepResult.REPLIED], ClockKind.G5: [StepResult.DISPATCHED],
                   ClockKind.CC1: [StepResult.REGISTERED, StepResult.ON_SPOT, StepResult.VOIDED]}  # fmt: skip
        unit = {ClockKind.C15: "inspection", ClockKind.G5: "office"}.get(clock)
        finished = not is_last or self._some(0.7)
        if clock == ClockKind.C15:
            finished = ticket.state in {State.C_REPLIED, State.C_CLOSED}
        holder = None if clock == ClockKind.CC1 else self.city.units[unit] if unit else self._unit()
        step = Step(
            ticket_id=ticket.id, position=place, clock=clock, started_at=at, days=DAYS[clock], cut_off_at=cut_off,
            unit_id=holder, region_id=self.city.region_of(holder) or ticket.region_id,
            due_on=cut_off.date(), table_version="t", warn_at=at, accountable_at=cut_off,
            finished_at=done if finished else None, used_days=self.rng.randint(0, 8) if finished else None,
            explained_at=at if self._some(0.2) else None, extended_at=at if self._some(0.2) else None,
            ping_pong=self._some(0.1), person_id=self.city.users["liaison_a"] if self._some(0.5) else None,
            answered_call_id=ticket.call_id if self._some(0.4) else None,
        )  # fmt: skip
        if finished:
            step.result = self.rng.choice(
                results.get(clock, [StepResult.FORWARDED, StepResult.ON_SPOT, StepResult.REPLIED])
            )
        self.session.add(step)
        await self.session.flush()
        if finished and clock in {ClockKind.Q5, ClockKind.Q10}:
            await self._rate(f"step:{step.id}:unit", RatingAbout.UNIT, done, ticket_id=ticket.id, step_id=step.id,
                             unit_id=step.unit_id, user_id=step.person_id)  # fmt: skip
        return done

    async def _rate(self, subject: str, about: RatingAbout, at: datetime, **whose: int | None) -> None:
        if self._some(0.6):
            self.session.add(
                SatisfactionRating(subject=subject, about=about, score=self.rng.choice([1, 1, 1, 2, 3, None]),
                                   channel=Channel.PHONE, first_at=at, changed_at=at,
                                   region_id=self.city.region_of(whose.get("unit_id")), **whose)
            )  # fmt: skip
            await self.session.flush()
