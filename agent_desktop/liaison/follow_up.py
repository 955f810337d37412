"""After and beside the answer: calling the asker back, the answer into the knowledge base, the head's review.

Each is a panel of the ticket's page and its form.
"""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.keys import CONTROL
from agent_desktop.ticket.acting import act
from agent_desktop.ticket.page import show, who_asks
from agent_desktop.ticket.panels import Case, add_panel
from core.errors import HotlineError, NotAllowed, NotFound
from core.people import Role, User
from core.web.app import see_other
from core.web.keys import CLOCK, DB
from core.web.routes import Routes
from kb.access import editor_of
from kb.entries import stage_of
from kb.from_reply import entry_of, propose
from kb.lifecycle import STATE_NAMES
from tickets import callbacks, queries
from tickets.access import ticket_for
from tickets.bodies import replying_step
from tickets.callback_models import BackOutcome
from tickets.models import State, StepResult, Ticket, TicketKind
from tickets.oversight import reviews
from tickets.requests import acts_for

routes = Routes()
CALLERS = (Role.LIAISON, Role.HEAD, Role.OFFICE, Role.OPERATOR)
PROPOSERS = (Role.LIAISON, Role.HEAD, Role.OFFICE)
Fields = Mapping[str, str]
Shown = Mapping[str, Any] | None
_ANSWERED = frozenset({State.REPLIED, State.CLOSED})
_REPLIES = frozenset({StepResult.REPLIED, StepResult.ON_SPOT})


@routes.post("/tickets/{ticket_no}/call-back", roles=CALLERS)
async def call_back(request: web.Request) -> web.StreamResponse:
    """Ring one's own telephone, then the asker's; the try is on the ticket before anybody speaks (M-28)."""
    number, app = request.match_info["ticket_no"], request.app
    form = await request.post()
    try:
        async with app[DB].reading() as session:
            user = await who_asks(session, request)
            await queries.refuse_unseen(session, number, str(form.get("seen", "")))
            dialled = await callbacks.number_to_call(session, ticket_no=number, user=user)
        linkedid = await app[CONTROL].call_back(user.id, dialled, number)
    except NotFound:
        raise
    except HotlineError as error:
        return await show(request, error=error)
    async with app[DB].unit_of_work() as session:
        user = await who_asks(session, request)
        await callbacks.note_try(session, app[CLOCK], ticket_no=number, user=user, linkedid=linkedid)
    return see_other(f"/tickets/{number}", flash="正在呼叫您的电话，接听后即拨打提问人。")


@routes.post("/tickets/{ticket_no}/propose", roles=PROPOSERS)
async def into_kb(request: web.Request) -> web.StreamResponse:
    """`common` 带普遍性 and `public` 可以公开: both ticks make a draft of the unit (M-66)."""

    async def work(session: AsyncSession, user: User, fields: Fields) -> None:
        ticket = await ticket_for(session, user, request.match_info["ticket_no"])
        if not await _may_propose(session, user, ticket):
            raise NotAllowed
        await propose(
            session, request.app[CLOCK], await editor_of(session, user.id, user.roles), ticket_no=ticket.ticket_no,
            question=ticket.question, answer=ticket.answer, is_common=bool(fields.get("common")),
            may_be_public=bool(fields.get("public")), subject=ticket.subject,
            personal=(ticket.asker_name, ticket.caller_number, ticket.callback_number),
        )  # fmt: skip

    return await act(request, "propose", work, "已生成知识库草稿，请核对个人信息后提交审核。")


@routes.post("/tickets/{ticket_no}/review", roles=(Role.HEAD,))
async def review(request: web.Request) -> web.StreamResponse:
    """`note`: what the head found about a reply rated “not satisfied” (M-63); `rework=1`: the unit answers anew."""
    is_again = (await request.post()).get("rework") == "1"
    decide = reviews.rework if is_again else reviews.review

    async def work(session: AsyncSession, user: User, fields: Fields) -> None:
        number, text = request.match_info["ticket_no"], fields.get("note", "")
        await decide(session, request.app[CLOCK], ticket_no=number, user=user, text=text)

    done = "已由本单位重新办理，期限重新计算。" if is_again else "复核意见已记入办理轨迹。"
    return await act(request, "review", work, done)


async def calling(case: Case) -> Shown:
    """The button and the tries so far; nothing for who may not call and where nobody called."""
    may = await callbacks.may_call(case.session, case.user, case.ticket)
    made = await callbacks.tries(case.session, case.ticket.id)
    failed = sum(one.outcome == BackOutcome.FAILED for one in made)
    if not may and not made:
        return None
    has_number = bool(case.ticket.callback_number or case.ticket.caller_number)
    is_over = failed >= callbacks.MOST_FAILED
    return {
        "tries": made,
        "may": may and has_number and not is_over,
        "is_over": is_over,
        "has_number": has_number,
    }


async def proposing(case: Case) -> Shown:
    """The two ticks, or the entry that the answer has become."""
    known = await entry_of(case.session, case.ticket.ticket_no)
    if known is None and not await _may_propose(case.session, case.user, case.ticket):
        return None
    return {"entry": known, "state": STATE_NAMES[stage_of(known)] if known else ""}


async def reviewing(case: Case) -> Shown:
    """For heads of the unit whose reply was rated “not satisfied”, until one has reviewed it."""
    waiting = [
        one for one in case.steps if one.review_wanted_at and not one.reviewed_at and one.result in _REPLIES
    ]
    own = waiting and waiting[-1].unit_id == case.user.unit_id
    return {"wanted_at": waiting[-1].review_wanted_at} if own else None


async def _may_propose(session: AsyncSession, user: User, ticket: Ticket) -> bool:
    if ticket.kind == TicketKind.COMPLAINT or ticket.state not in _ANSWERED or not ticket.answer:
        return False
    step = await replying_step(session, ticket.id)
    return step is not None and await acts_for(session, user, step.unit_id)


def setup(app: web.Application) -> None:
    routes.register(app)
    add_panel(app, (Role.HEAD,), "liaison/reviewing.html", reviewing)
    add_panel(app, CALLERS, "liaison/calling.html", calling)
    add_panel(app, PROPOSERS, "liaison/proposing.html", proposing)
