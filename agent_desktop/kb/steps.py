"""Moving an entry along (送审、审核、发布、撤下、复核): one address for every action of the state table."""

from aiohttp import web

from agent_desktop.kb.common import ENTRY, READERS, editor, entry_id, text
from agent_desktop.kb.forms import date_sent
from core import audit
from core.errors import NotFound
from core.web.app import see_other
from core.web.keys import CLOCK, DB, person
from core.web.requests import source_of
from core.web.routes import Routes
from kb import entries, todo, workflow
from kb.access import EDITORS
from kb.lifecycle import ACTION_NAMES, Action

routes = Routes()
DONE = {
    Action.SUBMIT: "已送单位审核。",
    Action.RECALL: "已撤回，可以修改。",
    Action.PASS_UNIT: "已通过，送保密审查。",
    Action.SEND_BACK: "已退回起草人。",
    Action.PUBLISH: "已发布，各渠道立即可查。",
    Action.WITHDRAW: "已撤下，各渠道不再提供。",
    Action.DISCARD: "已作废。",
}


@routes.post(ENTRY + "/act/{action}", roles=EDITORS)
async def act(request: web.Request) -> web.StreamResponse:
    """Fields `reason` and `checked` (已核对个人信息), as the action's conditions want them."""
    action = next((one for one in DONE if one == request.match_info["action"]), None)
    if action is None:
        raise NotFound
    form, key = await request.post(), entry_id(request)
    async with request.app[DB].unit_of_work() as session:
        who = await editor(request, session)
        await workflow.act(
            session, request.app[CLOCK], who, key, action, reason=text(form, "reason"),
            checked=text(form, "checked") == "yes",
        )  # fmt: skip
        await audit.record(
            session, request.app[CLOCK], actor=person(request).username, action=f"kb.{action}",
            target=f"entry:{key}", reason=text(form, "reason"), source=source_of(request),
        )  # fmt: skip
    return see_other(f"/kb/entries/{key}", flash=DONE[action])


@routes.post(ENTRY + "/confirm", roles=EDITORS)
async def confirm(request: web.Request) -> web.StreamResponse:
    """复核无误: the text stays, and is looked at again by the day given."""
    form, key = await request.post(), entry_id(request)
    review_by_on = date_sent(form, "review_by_on", "下次复核日期")
    async with request.app[DB].unit_of_work() as session:
        who = await editor(request, session)
        await workflow.confirm(session, request.app[CLOCK], who, key, review_by_on)
    return see_other(f"/kb/entries/{key}", flash=f"{ACTION_NAMES[Action.CONFIRM]}已登记。")


@routes.post(ENTRY + "/suggest", roles=READERS)
async def suggest(request: web.Request) -> web.StreamResponse:
    """The desk's remark on an entry: a line on the to-do list of its unit (§5.9 OP suggest)."""
    form, key = await request.post(), entry_id(request)
    async with request.app[DB].unit_of_work() as session:
        entry = await entries.find(session, key)
        await todo.suggest(
            session, request.app[CLOCK], text=text(form, "text"), user_id=person(request).user_id, entry=entry
        )
    return see_other(f"/kb/entries/{key}", flash="建议已转给维护单位。")
