"""The panels of a unit's people on a ticket's page: what waits for a decision, the answer, handing on, wishes."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.liaison.work import ASKERS, DECIDERS, HOLDERS
from agent_desktop.ticket.history import REQUESTS
from agent_desktop.ticket.panels import Case, add_panel
from core.people import User
from core.units import Unit, UnitDuty
from core.web.keys import CLOCK
from tickets.access import own_units
from tickets.bodies import body_of
from tickets.clocks.deadlines import RULES, may_extend
from tickets.models import QuestionClass, RequestKind, State, Step, StepRequest, Ticket, TicketKind
from tickets.parallel.shares import MEMBERS, merged, shares_of
from tickets.requests import acts_for, may_decide

Shown = Mapping[str, Any] | None


async def decisions(case: Case) -> Shown:
    """What was asked and is not decided: forms for who may decide, a line for everybody else."""
    query = select(StepRequest).where(
        StepRequest.ticket_id == case.ticket.id, StepRequest.decided_at.is_(None)
    )
    waiting = []
    for request in await case.session.scalars(query.order_by(StepRequest.id)):
        step = next(one for one in case.steps if one.id == request.step_id)
        may = await may_decide(case.session, case.user, step, request)
        waiting.append({"request": request, "what": REQUESTS[RequestKind(request.kind)], "may_decide": may})
    return {"waiting": waiting} if waiting else None


async def answering(case: Case) -> Shown:
    """The answer and the forward, for the people of the unit that holds a question it works on.

    The lead of a parallel case finds the units' answers put together, once all are there (M-129).
    """
    step = case.open_step
    if step is None or not await _holds(case, step) or case.ticket.kind == TicketKind.COMPLAINT:
        return None
    if case.ticket.state != State.WORKING:
        return None
    office = await body_of(case.session, step.unit.region_id, UnitDuty.OFFICE) if step.unit else None
    shares = await shares_of(case.session, case.ticket.id)
    return {
        "on_call": step.answered_call_id is not None,
        "has_question": bool(case.ticket.question),
        "may_forward": case.ticket.kind not in MEMBERS,
        "outstanding": [share.unit_name for share in shares if share.is_open],
        "merged": merged(shares),
        "office": office,
        "targets": await _targets(case.session, case.user, step, office),
    }


async def wishes(case: Case) -> Shown:
    """Extension, other class and explanation, each while it may be asked for."""
    step, ticket = case.open_step, case.ticket
    if step is None or not await _holds(case, step):
        return None
    now = case.request.app[CLOCK].now()
    is_worked = ticket.state in {State.WORKING, State.C_WORKING}
    late = now > step.cut_off_at
    extendable = may_extend(step.clock, now=now, cut_off_at=step.cut_off_at, extended_at=step.extended_at)
    other = (
        QuestionClass.GENERAL if ticket.question_class == QuestionClass.IMPORTANT else QuestionClass.IMPORTANT
    )
    shown = {
        "extension": RULES[step.clock].extended_days if is_worked and extendable else None,
        "other_class": other if _has_class(ticket) and not late and not step.class_changed_at else None,
        "explain": late and step.explained_at is None,
    }  # fmt: skip
    return shown if any(shown.values()) else None


def _has_class(ticket: Ticket) -> bool:
    return ticket.kind == TicketKind.QUESTION and ticket.state == State.WORKING


async def _holds(case: Case, step: Step) -> bool:
    return await acts_for(case.session, case.user, step.unit_id)


async def _targets(session: AsyncSession, user: User, step: Step, office: Unit | None) -> list[Unit]:
    """Units that may follow in a joint reply: departments of the own region (M-39)."""
    if step.unit is None:
        return []
    query = select(Unit).where(
        Unit.region_id == step.unit.region_id, Unit.duty == UnitDuty.DEPARTMENT, Unit.is_active.is_(True),
        Unit.id.not_in(own_units(user)), Unit.id != step.unit_id, Unit.id != (office.id if office else 0),
    )  # fmt: skip
    return list((await session.scalars(query.order_by(Unit.code))).all())


def setup(app: web.Application) -> None:
    add_panel(app, {*DECIDERS, *ASKERS}, "liaison/decisions.html", decisions)
    add_panel(app, HOLDERS, "liaison/answering.html", answering)
    add_panel(app, ASKERS, "liaison/wishes.html", wishes)
