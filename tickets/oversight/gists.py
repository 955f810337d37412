"""Gists (投诉要点, M-88): what the unit complained about learns of a complaint: the inspectors' words, no voice, number or name."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from core.clock import Clock
from core.errors import InvalidInput
from core.people import Role, User
from tickets.bodies import replying_step
from tickets.guards import NotHolder
from tickets.lifecycle import Action
from tickets.models import Ticket
from tickets.moves import leave_mark
from tickets.notices import post
from tickets.oversight.oversight_models import ComplaintGist, NoticeKind
from tickets.recipients import Audience
from tickets.requests import acts_for, running
from tickets.text import clean


async def write(
    session: AsyncSession, clock: Clock, *, ticket_no: str, user: User, text: str
) -> ComplaintGist:
    """Tell the unit complained about; a second text replaces the first. Only while the complaint is worked on."""
    complaint, step = await running(session, user, ticket_no, Action.REPLY_TO_COMPLAINT)
    if not await acts_for(session, user, step.unit_id):
        raise NotHolder
    if complaint.about_id is None:
        raise InvalidInput(field="投诉要点", reason="该投诉没有关联工单，请以督办方式要求有关单位说明情况")
    said = clean("gist", text)
    if not said:
        raise InvalidInput(field="投诉要点", reason="请用自己的话概括，不要写投诉人的姓名、号码")
    gist = await session.get(ComplaintGist, complaint.id) or ComplaintGist(
        ticket_id=complaint.id, about_id=complaint.about_id
    )
    gist.text, gist.author_id, gist.at = said, user.id, clock.now()
    session.add(gist)
    await leave_mark(
        session, clock, complaint, "gist", actor_id=user.id, from_state=complaint.state, text=said
    )
    await _notify(session, clock, complaint.about_id)
    return gist


async def about(session: AsyncSession, ticket_id: int) -> Sequence[ComplaintGist]:
    """What has been told of the complaints about a question."""
    query = select(ComplaintGist).where(ComplaintGist.about_id == ticket_id).order_by(ComplaintGist.at)
    return (await session.scalars(query)).all()


async def _notify(session: AsyncSession, clock: Clock, about_id: int) -> None:
    """The notice names the question, never the complaint."""
    question = await session.get_one(Ticket, about_id)
    step = await replying_step(session, question.id)
    if step is None or step.unit_id is None:
        return
    told = {Audience(role, step.unit_id) for role in (Role.LIAISON, Role.HEAD)}
    common = {"at": clock.now(), "kind": NoticeKind.GIST, "ticket_id": question.id, "step_id": None}
    await post(session, [common | audience._asdict() for audience in sorted(told)], told)
