"""The things that indicators count (统计对象): calls, transfers, steps, questions, complaints, replies, ratings.

Each is one FROM clause with the columns that narrow it (region, unit, line, person) and those by which a list links
back to the call or ticket. A call marked 试拨, 暗访 or 练习, and whatever came of it, is nowhere in here (M-135), except that
暗访 calls are graded: quality is what they are made for.
"""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal_column, null, or_, select
from sqlalchemy.orm import aliased, join, outerjoin

from core.sql import elapsed_ms
from core.units import Unit
from kb.models import Entry
from recordings import ledger
from recordings.models import GRADED, Call, CallEvent, CallMark
from reports.quality.grading import STANDS
from reports.quality.models import Grade, Sample
from tickets.mayor.models import MayorReferral
from tickets.models import ClockKind, RatingAbout, SatisfactionRating, Step, StepResult, Ticket, TicketKind
from tickets.oversight.oversight_models import ComplaintReply

Condition = ColumnElement[bool]
NOTHING = null()


@dataclass(frozen=True)
class Source:
    """One kind of thing, one row each."""

    what: str
    """What a row is, for people: `通话`."""
    tables: Any
    """An entity or a join of entities."""
    id: Any
    at: Any
    """The instant by which it falls into a period."""
    where: tuple[Condition, ...] = ()
    region: Any = None
    unit: Any = None
    line: Any = None
    person: Any = None
    """A dimension left out: such a thing has none."""
    linkedid: Any = NOTHING
    ticket_no: Any = NOTHING
    ticket_kind: Any = NOTHING

    def only(self, *where: Condition, at: Any = None) -> "Source":
        """The same with further conditions, and perhaps another instant."""
        return replace(self, where=(*self.where, *where), at=self.at if at is None else at)


_marked = select(Call.id).where(Call.mark != CallMark.NONE)
_is_counted = or_(Ticket.call_id.is_(None), Ticket.call_id.not_in(_marked))

CALLS = Source(
    "通话", Call, Call.id, Call.started_at,
    where=(Call.direction == "in", Call.mark == CallMark.NONE, Call.ended_at.is_not(None)),
    region=Call.region_id, line=Call.line, person=Call.operator_id, linkedid=Call.linkedid,
)  # fmt: skip
WAIT_MS = elapsed_ms(Call.answered_at, Call.queued_at)

# --- transfers: each attempt with the turn it took next ---------------------------------------------------------------

_Start, _Turn, _Later = aliased(CallEvent), aliased(CallEvent), aliased(CallEvent)
_TURNS = (ledger.TRANSFER_STARTED, ledger.TRANSFER_ANSWERED, ledger.TRANSFER_FAILED)


def _turn_of_start(line: Any, *more: Condition) -> Condition:
    return and_(line.call_id == _Start.call_id, line.id > _Start.id, line.kind.in_(_TURNS), *more)


_is_next_turn = _turn_of_start(
    _Turn,
    ~select(_Later.id).where(_turn_of_start(_Later, _Later.id < _Turn.id)).correlate(_Start, _Turn).exists(),
)
_unit_of_start = _Start.data["unit"].as_integer()

TRANSFERS = Source(
    "转接", outerjoin(join(Call, _Start, _Start.call_id == Call.id), _Turn, _is_next_turn),
    _Start.id, Call.started_at,
    where=(
        Call.direction == "in", Call.mark == CallMark.NONE, Call.ended_at.is_not(None),
        _Start.kind == literal_column(f"'{ledger.TRANSFER_STARTED}'"),  # spoken out, so that its partial index serves
    ),
    region=Call.region_id, unit=_unit_of_start, line=Call.line, person=Call.operator_id, linkedid=Call.linkedid,
)  # fmt: skip
TRANSFER_ANSWERED: Condition = func.coalesce(_Turn.kind, "") == ledger.TRANSFER_ANSWERED
TRANSFER_MS = elapsed_ms(_Turn.at, _Start.at)


def _elsewhere(kind: str, *more: Condition) -> Condition:
    """Whether the call's ledger has such a line about the same unit."""
    same_unit = _Later.data["unit"].as_integer() == _unit_of_start
    found = select(_Later.id).where(_Later.call_id == _Start.call_id, _Later.kind == kind, same_unit, *more)
    return found.correlate(_Start).exists()


def _in_call(kind: str, *more: Condition) -> Condition:
    """Whether the call's ledger has such a line, about whatever unit."""
    found = select(_Later.id).where(_Later.call_id == _Start.call_id, _Later.kind == kind, *more)
    return found.correlate(_Start).exists()


FIRST_TRANSFERS = TRANSFERS.only(~_in_call(ledger.TRANSFER_STARTED, _Later.id < _Start.id))
"""Each call that was put through once, however often it was tried and wherever."""
CALL_ANSWERED: Condition = or_(TRANSFER_ANSWERED, _in_call(ledger.TRANSFER_ANSWERED))
"""Mostly the next turn says so already; only else the call's ledger is looked through."""
RINGS = TRANSFERS.only(~_elsewhere(ledger.TRANSFER_STARTED, _Later.id < _Start.id))
"""Each call at each unit once, however often it was tried there."""
UNIT_ANSWERED: Condition = or_(
    and_(TRANSFER_ANSWERED, _Turn.data["unit"].as_integer() == _unit_of_start),
    _elsewhere(ledger.TRANSFER_ANSWERED),
)
MISTAKEN: Condition = or_(
    _elsewhere(ledger.HANDED_BACK),
    select(Step.id)
    .where(
        Step.answered_call_id == _Start.call_id, Step.unit_id == _unit_of_start, Step.result == StepResult.FORWARDED
    )
    .correlate(_Start)
    .exists(),
)  # fmt: skip
"""The unit was the wrong one: it gave the caller back, or forwarded the ticket."""

# --- tickets ----------------------------------------------------------------------------------------------------------

QUESTIONS = Source(
    "提问", Ticket, Ticket.id, Ticket.received_at,
    where=(Ticket.kind.in_([TicketKind.QUESTION, TicketKind.PARALLEL]), _is_counted),
    region=Ticket.region_id, unit=Ticket.unit_id, line=Ticket.line, person=Ticket.operator_id,
    ticket_no=Ticket.ticket_no, ticket_kind=Ticket.kind,
)  # fmt: skip
"""A parallel case is one, its lead's; its parts count as steps of their own units (M-129)."""
QUESTIONED = aliased(Ticket)
"""The question that a complaint is about."""
COMPLAINTS = Source(
    "投诉", outerjoin(Ticket, QUESTIONED, QUESTIONED.id == Ticket.about_id), Ticket.id, Ticket.received_at,
    where=(Ticket.kind == TicketKind.COMPLAINT, _is_counted),
    region=Ticket.region_id, unit=QUESTIONED.unit_id, line=Ticket.line,
    ticket_no=Ticket.ticket_no, ticket_kind=Ticket.kind,
)  # fmt: skip
"""By the unit whose reply is complained about; one without a code names no unit."""
_Inquiry = aliased(Step)
FINISHED_COMPLAINTS = replace(
    COMPLAINTS,
    tables=join(
        join(COMPLAINTS.tables, _Inquiry, _Inquiry.ticket_id == Ticket.id),
        ComplaintReply, ComplaintReply.ticket_id == Ticket.id,
    ),
    at=_Inquiry.finished_at,
    where=(*COMPLAINTS.where, _Inquiry.clock == ClockKind.C15, _Inquiry.result == StepResult.REPLIED),
)  # fmt: skip

STEPS = Source(
    "办理环节", join(Step, Ticket, Ticket.id == Step.ticket_id),
    Step.id, Step.cut_off_at, where=(_is_counted,),
    region=Step.region_id, unit=Step.unit_id, line=Ticket.line,
    person=Step.person_id, ticket_no=Ticket.ticket_no, ticket_kind=Ticket.kind,
)  # fmt: skip
REPLIES = STEPS.only(
    Step.result.in_([StepResult.REPLIED, StepResult.ON_SPOT]),
    Step.clock.in_([ClockKind.Q5, ClockKind.Q10, ClockKind.P20]),
    at=Step.finished_at,
)
"""A unit's answers, written or given on the call; of a parallel case the lead's, which alone is told and rated."""
_Rating, _Next, _NextUnit = aliased(SatisfactionRating), aliased(Step), aliased(Unit)


def _rated(*by: Condition) -> Condition:
    found = select(_Rating.id).where(_Rating.about == RatingAbout.UNIT, _Rating.score.is_not(None), *by)
    return found.correlate(Step).exists()


IS_RATED: Condition = or_(
    _rated(_Rating.step_id == Step.id),
    _rated(_Rating.call_id == Step.answered_call_id, _Rating.unit_id == Step.unit_id),
)
"""By its code, or in the survey after the call in which it was given; asked apart, so that each finds its own index."""
WENT_TO_OFFICE: Condition = (
    select(_Next.id)
    .join(_NextUnit, _NextUnit.id == _Next.unit_id)
    .where(_Next.ticket_id == Step.ticket_id, _Next.position == Step.position + 1, _NextUnit.duty == "office")
    .correlate(Step)
    .exists()
)


def answered_on_call() -> Condition:
    """Whether a unit answered the question in the transferred call itself (T2b)."""
    step = aliased(Step)
    found = select(step.id).where(
        step.ticket_id == Ticket.id, step.result == StepResult.ON_SPOT, step.answered_call_id.is_not(None)
    )
    return found.correlate(Ticket).exists()


REFERRALS = Source(
    "市长热线往来", join(MayorReferral, Ticket, Ticket.id == MayorReferral.ticket_id), MayorReferral.id, MayorReferral.at,
    where=(_is_counted,), region=MayorReferral.region_id, unit=Ticket.unit_id, line=Ticket.line,
    person=MayorReferral.by_id, ticket_no=Ticket.ticket_no, ticket_kind=Ticket.kind,
)  # fmt: skip
"""Hand-overs to the mayor's hotline and letter box, and from there (M-122)."""

# --- ratings and entries ----------------------------------------------------------------------------------------------

RATINGS = Source(
    "评价",
    outerjoin(
        outerjoin(SatisfactionRating, Call, Call.id == SatisfactionRating.call_id),
        Ticket, Ticket.id == SatisfactionRating.ticket_id,
    ),
    SatisfactionRating.id, SatisfactionRating.changed_at,
    where=(
        SatisfactionRating.score.is_not(None),
        func.coalesce(Call.mark, CallMark.NONE) == CallMark.NONE,
        or_(Ticket.id.is_(None), _is_counted),
    ),
    region=func.coalesce(SatisfactionRating.region_id, Call.region_id, Ticket.region_id), unit=SatisfactionRating.unit_id,
    line=func.coalesce(Call.line, Ticket.line), person=SatisfactionRating.user_id,
    linkedid=Call.linkedid, ticket_no=Ticket.ticket_no, ticket_kind=Ticket.kind,
)  # fmt: skip
ENTRIES = Source(
    "入库答复", join(Entry, Ticket, Ticket.ticket_no == Entry.ticket_no), Entry.id, Entry.created_at,
    where=(_is_counted,), region=Entry.region_id, unit=Entry.unit_id, line=Ticket.line,
    ticket_no=Ticket.ticket_no, ticket_kind=Ticket.kind,
)  # fmt: skip
"""Replies ticked 带普遍性 and 可以公开, each with what the knowledge base made of it."""

# --- quality ----------------------------------------------------------------------------------------------------------

GRADES = Source(
    "质检评分", join(join(Grade, Sample, Sample.id == Grade.sample_id), Call, Call.id == Sample.call_id),
    Grade.id, Call.started_at, where=(STANDS, Call.mark.in_(GRADED)),
    region=Call.region_id, unit=Sample.unit_id, line=Call.line, person=Sample.user_id, linkedid=Call.linkedid,
)  # fmt: skip
"""The grade that stands of each talk drawn, by the day of the talk."""
