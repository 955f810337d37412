"""The tables of this room: tickets (工单), their steps (办理环节), trail, query codes and ratings.

Holds the shape only: what may change when is `tickets.lifecycle`'s, how long it may take `tickets.clocks.deadlines`'.
"""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, Date, ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db import Base, PrimaryKey, UtcDateTime, only_where
from core.units import Unit
from tickets.oversight.causes import Cause


class TicketKind(StrEnum):
    QUESTION = "question"
    COMPLAINT = "complaint"
    DISCLOSURE = "disclosure"
    """依申请公开 (M-110): goes a question's way, under the clock of its own regulation"""
    PARALLEL = "parallel"
    """并联件 (M-129): the whole of a case on which several units work at once, held by the unit that leads"""
    PART = "part"
    """one unit's part of it, with a clock of its own"""


class Channel(StrEnum):
    """How the question came in (M-35); every channel has the same rules and codes."""

    PHONE = "phone"
    VOICEMAIL = "voicemail"
    WEB = "web"
    WINDOW = "window"
    ARCHIVE = "archive"
    LIBRARY = "library"
    KIOSK = "kiosk"
    LETTER = "letter"
    """信函"""
    VISIT = "visit"
    """来访"""
    MAYOR = "mayor"
    """市长热线、市长信箱转来 (M-122)"""


class QuestionClass(StrEnum):
    """M-41 「一般性问题…重要复杂问题」"""

    GENERAL = "general"
    IMPORTANT = "important"


class Feedback(StrEnum):
    """How the asker wants to hear the reply, chosen when the question is recorded (M-28)."""

    BY_CODE = "by_code"
    CALL_BACK = "call_back"


class State(StrEnum):
    """§5.4: states of a question, then of a complaint (`C_…`)."""

    NEW = "NEW"
    DISPATCH = "DISPATCH"
    WORKING = "WORKING"
    FWD_REVIEW = "FWD_REVIEW"
    REPLIED = "REPLIED"
    IN_COMPLAINT = "IN_COMPLAINT"
    CLOSED = "CLOSED"
    VOID = "VOID"
    C_NEW = "C_NEW"
    C_WORKING = "C_WORKING"
    C_REPLIED = "C_REPLIED"
    C_CLOSED = "C_CLOSED"
    C_REJECTED = "C_REJECTED"
    C_JUDICIAL = "C_JUDICIAL"


class Outcome(StrEnum):
    """What the person who took the question did with it (处理结果); compulsory (M-23)."""

    ANSWERED = "answered"
    """当场答复"""
    TRANSFERRED = "transferred"
    """转接后由单位答复"""
    ASSIGNED = "assigned"
    """转单位办理"""
    UNCLEAR = "unclear"
    """无法明确部门 → 政府办 (M-25)"""
    OTHER_WAYS = "other_ways"
    """告知其他查询方式、程序 (M-27)"""
    OUT_OF_SCOPE = "out_of_scope"
    """日常事务,超出范围 (M-19)"""
    DUPLICATE = "duplicate"
    """并案"""
    INVALID = "invalid"
    """无效来电、空白留言"""


class ClockKind(StrEnum):
    """§5.2"""

    Q5 = "Q5"
    Q10 = "Q10"
    C15 = "C15"
    G5 = "G5"
    CC1 = "CC1"
    D20 = "D20"
    P5 = "P5"
    P10 = "P10"
    P20 = "P20"


class StepResult(StrEnum):
    """How a step ended; none while it is open."""

    ON_SPOT = "on_spot"
    """当场答复"""
    REPLIED = "replied"
    PART_REPLIED = "part_replied"
    """own part of a joint reply (联合回复), then handed on"""
    FORWARDED = "forwarded"
    """转发"""
    DISPATCHED = "dispatched"
    """转交/分发 by a government office"""
    REGISTERED = "registered"
    """the call centre registered a message"""
    VOIDED = "voided"
    WITHDRAWN = "withdrawn"
    """a part of a parallel case that its lead took back"""
    REJECTED = "rejected"
    """不予受理"""
    JUDICIAL = "judicial"
    """移交司法"""


class Stage(StrEnum):
    """How far the supervision (督办) has got with an open step."""

    ON_TIME = "on_time"
    DUE_SOON = "due_soon"
    """即将到期 (M-46)"""
    OVERDUE = "overdue"
    """逾期"""
    UNEXPLAINED = "unexplained"
    """逾期未说明: on the accountability list (M-52)"""


class Ticket(Base):
    """One question or complaint, from asking to archive."""

    __tablename__ = "tickets"
    __table_args__ = (
        Index("ix_tickets_region_id_state", "region_id", "state"),
        Index("ix_tickets_timer_at", "timer_at", **only_where("timer_at IS NOT NULL")),
        Index("ix_tickets_about_id", "about_id", **only_where("about_id IS NOT NULL")),
        Index("ix_tickets_case_id", "case_id", **only_where("case_id IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    ticket_no: Mapped[str] = mapped_column(String(20), unique=True)
    kind: Mapped[TicketKind] = mapped_column(String(10))
    state: Mapped[State] = mapped_column(String(12))
    channel: Mapped[Channel] = mapped_column(String(10))
    line: Mapped[str] = mapped_column(String(20), default="")
    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id"))
    call_id: Mapped[int | None] = mapped_column(ForeignKey("calls.id"), index=True)
    recording_id: Mapped[int | None] = mapped_column(ForeignKey("recordings.id"))
    """The message left: voicemail or spoken complaint."""
    operator_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    caller_number: Mapped[str] = mapped_column(String(32), default="", index=True)
    """In full; masked wherever it is shown (§5.10)."""
    callback_number: Mapped[str] = mapped_column(String(32), default="")
    asker_name: Mapped[str] = mapped_column(String(40), default="")
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    timer_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When a finished reply is archived unless something happens before (T14, C3)."""

    subject: Mapped[str] = mapped_column(String(100), default="")
    cause: Mapped[Cause | None] = mapped_column(String(16))
    """Of a complaint (M-136)."""
    question: Mapped[str] = mapped_column(Text, default="")
    answer: Mapped[str] = mapped_column(Text, default="")
    guidance: Mapped[str] = mapped_column(Text, default="")
    """M-27 「其他查询的方式、程序等信息」"""
    reason: Mapped[str] = mapped_column(Text, default="")
    """Why it goes to the government office, is void or a duplicate."""
    question_class: Mapped[QuestionClass] = mapped_column(String(10), default=QuestionClass.GENERAL)
    feedback: Mapped[Feedback] = mapped_column(String(10), default=Feedback.BY_CODE)
    outcome: Mapped[Outcome | None] = mapped_column(String(14))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    """Chosen by the operator; from the first step on, the unit that holds the ticket."""
    liaison_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    is_practice: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Of a practice call (练习): its trainee's and the trainers' alone, and it leads nowhere."""
    draft_version: Mapped[int] = mapped_column(default=1)
    """Grows with every save; a save made from an older version is refused."""

    first_unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"), index=True)
    """首问单位, fixed once (M-31 「各部门联络员为首问责任人」)."""
    first_person_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    about_id: Mapped[int | None] = mapped_column(ForeignKey("tickets.id"))
    """For a complaint by code: the ticket complained about."""
    case_id: Mapped[int | None] = mapped_column(ForeignKey("tickets.id"))
    """For a part: the parallel case it belongs to (M-129)."""
    duplicate_of_id: Mapped[int | None] = mapped_column(ForeignKey("tickets.id"))
    sealed: Mapped[bool] = mapped_column(default=False)
    """涉密/个人隐私: only inspectors and secrecy reviewers see it (M-86)."""

    last_step_id: Mapped[int | None] = mapped_column(BigInteger)
    """The newest step, so that a list need not look for it; no foreign key, for steps point back here."""

    steps: Mapped[list["Step"]] = relationship(
        back_populates="ticket", order_by="Step.position", lazy="raise", foreign_keys="Step.ticket_id"
    )
    trail: Mapped[list["TrailRow"]] = relationship(order_by="TrailRow.id", lazy="raise", viewonly=True)
    unit: Mapped[Unit | None] = relationship(foreign_keys=[unit_id], lazy="raise")


class Step(Base):
    """One unit's turn (办理环节): one unit, one clock, one result (§5.4); finished steps never change."""

    __tablename__ = "ticket_steps"
    __table_args__ = (
        UniqueConstraint("ticket_id", "position"),
        Index("ix_ticket_steps_unit_id_finished_at", "unit_id", "finished_at"),
        Index(
            "ix_ticket_steps_finished_at_cut_off_at",
            "finished_at",
            "cut_off_at",
            **only_where("finished_at IS NOT NULL"),
        ),
        Index(
            "ix_ticket_steps_open_cut_off_at", "unit_id", "cut_off_at", **only_where("finished_at IS NULL")
        ),
        Index("ix_ticket_steps_watch_at", "watch_at", **only_where("watch_at IS NOT NULL")),
        Index("ix_ticket_steps_cut_off_at", "cut_off_at"),
        Index("ix_ticket_steps_started_at", "started_at"),
        Index(
            "ix_ticket_steps_answered_call_id",
            "answered_call_id",
            **only_where("answered_call_id IS NOT NULL"),
        ),
        Index("ix_ticket_steps_explained_at", "explained_at", **only_where("explained_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"))
    position: Mapped[int]
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    """Empty only where a region has no such body yet; then its parent's people see it."""
    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id"))
    """The unit's region when the step began: there it counts, wherever the unit is moved later."""
    clock: Mapped[ClockKind] = mapped_column(String(4))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """The step reached the unit; its Beijing date is Day 0 (WD-4)."""
    days: Mapped[int]
    """Working days allowed, counted from Day 0; an extension replaces it by the total (WD-6)."""
    due_on: Mapped[date] = mapped_column(Date)
    """As people are told."""
    cut_off_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """The instant the unit is judged by; later than `due_on` only after WD-8."""
    provisional: Mapped[bool] = mapped_column(default=False)
    """暂定: the calendar did not reach that far."""
    table_version: Mapped[str] = mapped_column(String(40))
    warn_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """From then on it is due soon (M-46)."""
    accountable_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """From then on, if still open and unexplained, it is on the accountability list (M-52)."""
    stage: Mapped[Stage] = mapped_column(String(12), default=Stage.ON_TIME)
    watch_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the supervision looks at it next; empty: never again."""

    person_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """Who answered for the unit."""
    answered_call_id: Mapped[int | None] = mapped_column(ForeignKey("calls.id"))
    """The unit took the transferred call: its answer may be filled in later (T2b 补录)."""
    is_joint_part: Mapped[bool] = mapped_column(default=False)
    reply: Mapped[str] = mapped_column(Text, default="")
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    used_days: Mapped[int | None]
    """Working days from Day 0 to the finish, by the calendar of that moment; the day itself is 0 (K-15)."""
    result: Mapped[StepResult | None] = mapped_column(String(14))

    extended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    class_changed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    overdue_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    explained_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    explanation: Mapped[str] = mapped_column(Text, default="")
    designated: Mapped[bool] = mapped_column(default=False)
    """指定办理 by a government office (M-40)."""
    ping_pong: Mapped[bool] = mapped_column(default=False)
    """M-55 「推诿、拖拉、扯皮」"""
    review_wanted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The asker was not satisfied: the head looks at the reply (M-63)."""
    reviewed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """The head has looked at it."""

    ticket: Mapped[Ticket] = relationship(back_populates="steps", lazy="raise", foreign_keys=[ticket_id])
    unit: Mapped[Unit | None] = relationship(lazy="raise")


class TrailRow(Base):
    """One line of a ticket's trail (办理轨迹), append-only (M-54); a note is a line as well."""

    __tablename__ = "ticket_trail"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    rule: Mapped[str] = mapped_column(String(4), default="")
    """Row of §5.4 (`T3`, `C1`); empty for a note."""
    action: Mapped[str] = mapped_column(String(30))
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    """Empty for the public and for the system itself."""
    from_state: Mapped[State | None] = mapped_column(String(12))
    to_state: Mapped[State | None] = mapped_column(String(12))
    step_id: Mapped[int | None] = mapped_column(ForeignKey("ticket_steps.id"))
    from_unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    to_unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    text: Mapped[str] = mapped_column(Text, default="")
    call_id: Mapped[int | None] = mapped_column(ForeignKey("calls.id"))
    recording_id: Mapped[int | None] = mapped_column(ForeignKey("recordings.id"))


class RequestKind(StrEnum):
    FORWARD = "forward"
    """转发 (M-38)"""
    LEVEL = "level"
    """转交上一级或下一级政府办 (T7)"""
    EXTEND = "extend"
    """延期 (M-42)"""
    CHANGE_CLASS = "change_class"
    EXPLAIN = "explain"
    """逾期说明 (M-51)"""
    JUDICIARY = "judiciary"
    """移交司法 (M-53)"""


class StepRequest(Base):
    """What one person asks and another decides (审核, M-38): kept whether approved or refused."""

    __tablename__ = "step_requests"
    __table_args__ = (
        Index(
            "uq_step_requests_open",
            "step_id",
            "kind",
            unique=True,
            **only_where("decided_at IS NULL"),
        ),
        Index("ix_step_requests_step_id", "step_id"),
    )

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("tickets.id"), index=True)
    step_id: Mapped[int] = mapped_column(ForeignKey("ticket_steps.id"))
    kind: Mapped[RequestKind] = mapped_column(String(14))
    requester_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(Text)
    target_unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    is_joint: Mapped[bool] = mapped_column(default=False)
    part: Mapped[str] = mapped_column(Text, default="")
    """The own part of a joint reply (M-39); for the judiciary, the papers handed over."""
    question_class: Mapped[QuestionClass | None] = mapped_column(String(10))
    recipient: Mapped[str] = mapped_column(String(100), default="")
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decider_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    approved: Mapped[bool | None]
    refusal: Mapped[str] = mapped_column(Text, default="")


class RatingAbout(StrEnum):
    OPERATOR = "operator"
    UNIT = "unit"


class SatisfactionRating(Base):
    """One answer to one survey question (满意度); no row: not asked, no score: asked and no key."""

    __tablename__ = "satisfaction_ratings"
    __table_args__ = (
        Index("ix_satisfaction_ratings_step_id", "step_id", **only_where("step_id IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    subject: Mapped[str] = mapped_column(String(40), unique=True)
    """What is rated, once: `call:7:operator`, `step:12:unit`."""
    about: Mapped[RatingAbout] = mapped_column(String(8))
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("tickets.id"), index=True)
    call_id: Mapped[int | None] = mapped_column(ForeignKey("calls.id"), index=True)
    step_id: Mapped[int | None] = mapped_column(ForeignKey("ticket_steps.id"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"), index=True)
    region_id: Mapped[int | None] = mapped_column(ForeignKey("regions.id"))
    """The region of the unit rated when it was first rated; of an operator's service none."""
    score: Mapped[int | None]
    """1 满意, 2 基本满意, 3 不满意."""
    channel: Mapped[Channel] = mapped_column(String(10))
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
