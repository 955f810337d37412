"""The panel of a parallel case (并联办理栏): every unit's part as it stands, and what the lead may do with them."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.ticket import words
from agent_desktop.ticket.panels import Case, add_panel
from core.people import Role, User
from core.units import Unit
from core.web.keys import CLOCK
from tickets.access import own_units
from tickets.intake.ask import askable_units
from tickets.models import State, Ticket
from tickets.parallel.cases import LEADERS
from tickets.parallel.shares import Share, case_of, shares_of
from tickets.requests import acts_for

VIEWERS = frozenset(Role) - {Role.ADMIN}


async def of_case(case: Case) -> Mapping[str, Any] | None:
    """Shown on the case and on each of its parts; acted upon from the case alone."""
    whole = await case_of(case.session, case.ticket)
    if whole is None:
        return None
    shares, now = await shares_of(case.session, whole.id), case.request.app[CLOCK].now()
    is_whole = whole.id == case.ticket.id
    leads = bool(case.user.roles & LEADERS) and await acts_for(case.session, case.user, whole.unit_id)
    return {
        "whole": whole,
        "lead": await case.session.get(Unit, whole.unit_id),
        "shares": [{"share": share, "flags": words.flags(share.step, now)} for share in shares],
        "may_lead": is_whole and leads and whole.state == State.WORKING,
        "may_coordinate": is_whole and (leads or await _takes_part(case, shares)),
        "units": await _others(case.session, whole, shares) if is_whole and leads else [],
        "classes": words.CLASSES,
    }  # fmt: skip


async def _takes_part(case: Case, shares: list[Share]) -> bool:
    theirs = set(await case.session.scalars(own_units(case.user)))
    return bool(case.user.roles & LEADERS) and any(share.step.unit_id in theirs for share in shares)


async def _others(session: AsyncSession, whole: Ticket, shares: list[Share]) -> list[Unit]:
    """The units that could still be asked."""
    taken = {whole.unit_id, *(share.step.unit_id for share in shares if not share.is_withdrawn)}
    return [unit for unit in await askable_units(session, whole.region_id) if unit.id not in taken]


async def leading_units(session: AsyncSession, user: User) -> list[Unit]:
    """The departments for which this person may open a case."""
    if user.region_id is None:
        return []
    theirs = set(await session.scalars(select(Unit.id).where(Unit.id.in_(own_units(user)))))
    return [unit for unit in await askable_units(session, user.region_id) if unit.id in theirs]


def setup(app: web.Application) -> None:
    add_panel(app, VIEWERS, "parallel/panel.html", of_case, on_top=True)
