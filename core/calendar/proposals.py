"""Proposed calendar changes (日历变更): whoever proposes one does not confirm it (two-person check, M-11).

A proposal holds what `core.calendar.holidays` is to write; confirming it writes it, in the same unit of work.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core import audit
from core.accounts import By
from core.calendar.holidays import import_year, remove_day, season, set_day, set_hours
from core.clock import Clock
from core.db import Base, PrimaryKey, UtcDateTime
from core.errors import Conflict, InvalidInput, NotAllowed
from core.units import Region

LONGEST_REASON, LONGEST_NAME = 200, 40


class ProposalKind(StrEnum):
    DAY = "day"
    """one day of a region, worked or off, or again as the table says"""
    HOURS = "hours"
    """a region's working segments by season"""
    YEAR = "year"
    """the published arrangement of a year"""


class ProposalState(StrEnum):
    WAITING = "waiting"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


class CalendarProposal(Base):
    __tablename__ = "calendar_proposals"

    id: Mapped[int] = mapped_column(PrimaryKey, primary_key=True)
    kind: Mapped[ProposalKind] = mapped_column(String(20))
    region_id: Mapped[int | None] = mapped_column(ForeignKey("regions.id"))
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    reason: Mapped[str] = mapped_column(String(200))
    state: Mapped[ProposalState] = mapped_column(String(20), default=ProposalState.WAITING, index=True)
    proposed_by: Mapped[str] = mapped_column(String(60))
    proposed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by: Mapped[str] = mapped_column(String(60), default="")
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    region: Mapped[Region | None] = relationship()


class OwnProposal(NotAllowed):
    """Who proposed it may not confirm it."""

    code = "own_proposal"
    text = "不能确认自己提出的日历变更，请由另一位主管或系统管理员确认。"


async def propose(
    session: AsyncSession, clock: Clock, by: By, kind: ProposalKind, *, region_id: int | None,
    content: dict[str, Any], reason: str,
) -> CalendarProposal:  # fmt: skip
    """Keep a change until somebody else confirms it; raises InvalidInput when it could not be written."""
    if not 0 < len(reason.strip()) <= LONGEST_REASON:
        raise InvalidInput(field="依据", reason=f"请填写 1～{LONGEST_REASON} 个字，如文件名和文号")
    check(kind, content)
    proposal = CalendarProposal(
        kind=kind, region_id=region_id, content=content, reason=reason.strip(), proposed_by=by.actor,
        proposed_at=clock.now(),
    )  # fmt: skip
    session.add(proposal)
    await session.flush()
    await _note(session, clock, by, "calendar.propose", proposal)
    return proposal


async def decide(
    session: AsyncSession, clock: Clock, by: By, proposal: CalendarProposal, *, confirmed: bool
) -> None:
    """Write the change, or drop it; raises OwnProposal, and Conflict when somebody decided first.

    Whoever proposed it may withdraw it, not confirm it.
    """
    if confirmed and by.actor == proposal.proposed_by:
        raise OwnProposal
    state = ProposalState.CONFIRMED if confirmed else ProposalState.REFUSED
    waiting = (CalendarProposal.id == proposal.id) & (CalendarProposal.state == ProposalState.WAITING)
    done = await session.execute(
        update(CalendarProposal)
        .where(waiting)
        .values(state=state, decided_by=by.actor, decided_at=clock.now())
        .returning(CalendarProposal.id)
    )
    if not done.all():
        raise Conflict
    if confirmed:
        await _write(session, clock, proposal, f"{proposal.proposed_by}、{by.actor}"[:60])
    await _note(session, clock, by, "calendar.confirm" if confirmed else "calendar.refuse", proposal)


def check(kind: ProposalKind, content: dict[str, Any]) -> None:
    """Raise InvalidInput when this cannot become a day, hours or a year."""
    match kind:
        case ProposalKind.DAY:
            date.fromisoformat(content["on"])
            if content["status"] != "table" and not 0 < len(content["name"]) <= LONGEST_NAME:
                raise InvalidInput(field="名称", reason=f"请填写 1～{LONGEST_NAME} 个字，如“三月街”")
        case ProposalKind.HOURS:
            for first, last, segments in content["seasons"]:
                season(first, last, segments)
        case ProposalKind.YEAR:
            dates = [date.fromisoformat(on) for on in (*content["off"], *content["make_up"])]
            if not dates or any(abs(on.year - content["year"]) > 1 for on in dates):
                raise InvalidInput(field="日期", reason=f"与 {content['year']} 年不符，请核对文件")


async def _write(session: AsyncSession, clock: Clock, proposal: CalendarProposal, actor: str) -> None:
    content, region_id = proposal.content, proposal.region_id
    if proposal.kind == ProposalKind.YEAR:
        await import_year(
            session, clock, year=content["year"], source=proposal.reason[:120], actor=actor,
            off={date.fromisoformat(on): name for on, name in content["off"].items()},
            make_up={date.fromisoformat(on): name for on, name in content["make_up"].items()},
        )  # fmt: skip
        return
    assert region_id is not None
    if proposal.kind == ProposalKind.HOURS:
        seasons = [(first, last, segments) for first, last, segments in content["seasons"]]
        await set_hours(session, clock, region_id=region_id, seasons=seasons, actor=actor)
    elif content["status"] == "table":
        await remove_day(
            session, clock, region_id=region_id, on=date.fromisoformat(content["on"]), actor=actor
        )
    else:
        await set_day(
            session, clock, region_id=region_id, on=date.fromisoformat(content["on"]),
            is_workday=content["status"] == "work", name=content["name"], actor=actor,
        )  # fmt: skip


async def _note(session: AsyncSession, clock: Clock, by: By, action: str, proposal: CalendarProposal) -> None:
    await audit.record(
        session, clock, actor=by.actor, role=by.role, source=by.source, action=action,
        target=f"calendar_proposal:{proposal.id}", reason=proposal.reason,
    )  # fmt: skip
