"""The inspectors' panels on a ticket's page: the complaint, accountability, the seal; and the gist that a unit reads."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from sqlalchemy import select

from agent_desktop.ticket.panels import Case, add_panel
from core.people import Role
from core.web.keys import CLOCK
from tickets import sealing
from tickets.models import State, Ticket, TicketKind
from tickets.oversight import accountability, complaints, gists, orders
from tickets.oversight.causes import CAUSES
from tickets.oversight.oversight_models import AccountabilityOutcome, ComplaintGist, ComplaintReply
from tickets.requests import acts_for

Shown = Mapping[str, Any] | None
_WORKED = {State.C_NEW, State.C_WORKING}


async def complaint(case: Case) -> Shown:
    """Accept or reject, then gist, verdict and hand-over, for the body that handles it; its outcome for the level."""
    ticket, step = case.ticket, case.steps[-1] if case.steps else None
    if ticket.kind != TicketKind.COMPLAINT:
        return None
    handles = step is not None and await acts_for(case.session, case.user, step.unit_id)
    handles = handles and Role.INSPECTOR in case.user.roles
    return {
        "state": ticket.state,
        "may_work": handles and ticket.state in _WORKED,
        "may_classify": handles and ticket.state in complaints.UNDECIDED,
        "gist": await case.session.get(ComplaintGist, ticket.id),
        "verdict": await case.session.get(ComplaintReply, ticket.id),
        "consequences": complaints.CONSEQUENCES,
        "causes": CAUSES,
    }


async def about(case: Case) -> Shown:
    """The complaints about a question, for inspectors."""
    query = select(Ticket.ticket_no).where(Ticket.about_id == case.ticket.id).order_by(Ticket.id)
    numbers = (await case.session.scalars(query)).all()
    return {"numbers": numbers} if numbers else None


async def told(case: Case) -> Shown:
    """What the inspectors tell the unit about a complaint: no voice, number or name (M-88)."""
    found = await gists.about(case.session, case.ticket.id)
    return {"gists": found} if found else None


async def accountable(case: Case) -> Shown:
    """The decisions so far, and a form for each thing that waits for one."""
    now, step = case.request.app[CLOCK].now(), case.open_step
    records = await accountability.of_ticket(case.session, case.ticket.id)
    decided = {record.step_id for record in records} | {("order", record.order_id) for record in records}
    late = step is not None and step.explained_at is None and now >= step.accountable_at
    waits = bool(late and step and step.id not in decided and step.unit_id != case.user.unit_id)
    theirs = await orders.of_ticket(case.session, case.ticket.id)
    open_orders = [one for one in theirs if one.is_late(now) and ("order", one.id) not in decided]
    if not (records or waits or open_orders):
        return None
    handed_over = any(record.outcome == AccountabilityOutcome.JUDICIARY for record in records)
    return {"records": records, "step": step if waits else None, "orders": open_orders,
            "outcomes": accountability.OUTCOMES, "was_handed_over": handed_over}  # fmt: skip


async def seal(case: Case) -> Shown:
    return None if case.ticket.state == State.C_JUDICIAL else {"sealed": case.ticket.sealed}


def setup(app: web.Application) -> None:
    add_panel(app, {Role.INSPECTOR, Role.HEAD}, "inspect/complaint.html", complaint)
    add_panel(app, {Role.INSPECTOR}, "inspect/about.html", about)
    add_panel(app, {Role.LIAISON, Role.HEAD, Role.OFFICE}, "inspect/told.html", told)
    add_panel(app, {Role.INSPECTOR}, "inspect/accountable.html", accountable)
    add_panel(app, sealing.SEALERS, "inspect/seal.html", seal)
