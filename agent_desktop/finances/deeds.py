"""What people do with a notice (办理): each form of its page is one line of the table, all or nothing in one unit of work."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession

from agent_desktop.finances import feedback
from agent_desktop.finances.forms import chosen, draft_of
from agent_desktop.finances.page import notice_id_of, show
from agent_desktop.papers import BODY_KB, read_papers
from agent_desktop.ticket.page import who_asks
from core.clock import Clock
from core.errors import HotlineError, InvalidInput, NotFound
from core.people import User
from core.web.app import see_other
from core.web.days import read_day
from core.web.keys import CLOCK, DB
from core.web.numbers import read_key, whole_number
from core.web.routes import Routes
from core.web.uploads import Form
from tickets.finances import papers, promises, publishing, receipts, signing, way
from tickets.finances.access import PEOPLE
from tickets.finances.stages import Channel, Purpose, Signatory, Stage
from tickets.intake.attachments import Received

routes = Routes()


@dataclass(frozen=True)
class Sent:
    """One form as it came, and who sent it."""

    session: AsyncSession
    clock: Clock
    user: User
    notice_id: int
    form: Form
    papers: Received


Deed = Callable[[Sent], Awaitable[object]]


async def edit(sent: Sent) -> None:
    """Every field of the draft; with `finish` 准备 is finished as well, or nothing is stored and the form stays."""
    user, notice_id = sent.user, sent.notice_id
    await way.edit(sent.session, sent.clock, user=user, notice_id=notice_id, draft=draft_of(sent.form))
    if sent.form.text("finish"):
        await way.advance(sent.session, sent.clock, user=user, notice_id=notice_id, seen=Stage.PREPARATION)


async def advance(sent: Sent) -> None:
    """`stage` as the page showed it; at 建档 `archive_no` and `archive_form`."""
    texts = {name: sent.form.text(name) for name in ("archive_no", "archive_form")}
    seen = chosen(Stage, sent.form.text("stage"), "阶段")
    await way.advance(sent.session, sent.clock, user=sent.user, notice_id=sent.notice_id, seen=seen, **texts)


async def send_back(sent: Sent) -> None:
    """`reason`."""
    reason = sent.form.text("reason")
    await way.send_back(sent.session, sent.clock, user=sent.user, notice_id=sent.notice_id, reason=reason)


async def add_paper(sent: Sent) -> None:
    """`purpose` and `file`."""
    purpose = chosen(Purpose, sent.form.text("purpose"), "材料种类")
    await papers.add(
        sent.session, sent.clock, user=sent.user, notice_id=sent.notice_id, purpose=purpose, sent=sent.papers
    )


async def void_paper(sent: Sent) -> None:
    """`paper`."""
    public_id = sent.form.text("paper")
    await papers.take_back(
        sent.session, sent.clock, user=sent.user, notice_id=sent.notice_id, public_id=public_id
    )


async def sign_off(sent: Sent) -> None:
    await signing.sign_off(sent.session, sent.clock, user=sent.user, notice_id=sent.notice_id)


async def signature(sent: Sent) -> None:
    """`category`, `name` and `signed_on`."""
    form = sent.form
    await signing.add_signature(
        sent.session, sent.clock, user=sent.user, notice_id=sent.notice_id, name=form.text("name"),
        category=chosen(Signatory, form.text("category"), "代表类别"),
        signed_on=read_day(form.text("signed_on"), "签字日期"),
    )  # fmt: skip


async def void_signature(sent: Sent) -> None:
    """`signature`."""
    key = read_key(sent.form.text("signature"), "签字")
    await signing.take_back(
        sent.session, sent.clock, user=sent.user, notice_id=sent.notice_id, signature_id=key
    )


async def channel(sent: Sent) -> None:
    """`channel`, `on` and `note`."""
    form = sent.form
    await publishing.record(
        sent.session, sent.clock, user=sent.user, notice_id=sent.notice_id, note=form.text("note"),
        channel=chosen(Channel, form.text("channel"), "公开方式"), on=read_day(form.text("on"), "公开日期"),
    )  # fmt: skip


async def receipt(sent: Sent) -> None:
    """`number`, `category`, an answer for each question, `opinion`; `corrects` for one entered before."""
    form = sent.form
    await receipts.enter(
        sent.session, sent.clock, user=sent.user, notice_id=sent.notice_id,
        number=whole_number(form.text("number"), digits=4) or 0,
        category=chosen(Signatory, form.text("category"), "代表类别"), opinion=form.text("opinion"),
        answers={key: form.text(key) for key in receipts.QUESTIONS}, corrects=bool(form.text("corrects")),
    )  # fmt: skip


async def promise(sent: Sent) -> None:
    """`issue`, `promise`, `person` and `due_on`."""
    form = sent.form
    await promises.promise(
        sent.session, sent.clock, user=sent.user, notice_id=sent.notice_id, issue=form.text("issue"),
        text=form.text("promise"), person=form.text("person"), due_on=read_day(form.text("due_on"), "整改期限"),
    )  # fmt: skip


async def proof(sent: Sent) -> None:
    """`promise`, `proof` and perhaps `file`."""
    await promises.report(
        sent.session, sent.clock, user=sent.user, notice_id=sent.notice_id, proof=sent.form.text("proof"),
        promise_id=read_key(sent.form.text("promise"), "整改"), sent=sent.papers,
    )  # fmt: skip


async def check(sent: Sent) -> None:
    """`promise`, `finding`, and `verdict`: accepted or returned."""
    form = sent.form
    if form.text("verdict") not in {"accepted", "returned"}:
        raise InvalidInput(field="核查结果", reason="请选择核查到位或退回继续整改")
    await promises.check(
        sent.session, sent.clock, user=sent.user, notice_id=sent.notice_id, finding=form.text("finding"),
        promise_id=read_key(form.text("promise"), "整改"), accepted=form.text("verdict") == "accepted",
    )  # fmt: skip


DEEDS: dict[str, tuple[Deed, str]] = {
    "edit": (edit, "内容已保存。"),
    "advance": (advance, "本阶段已完成。"),
    "return": (send_back, "已退回重新准备，原有审签和签字作废。"),
    "paper": (add_paper, "材料已附上。"),
    "void-paper": (void_paper, "材料已撤下。"),
    "sign-off": (sign_off, "已审签。"),
    "signature": (signature, "签字已登记。"),
    "void-signature": (void_signature, "签字登记已撤销。"),
    "channel": (channel, "公开方式已登记。"),
    "receipt": (receipt, "回执已录入。"),
    "promise": (promise, "整改承诺已作出，列在通知里，直到报告整改情况。"),
    "proof": (proof, "整改情况已报告，等待监察机关核查。"),
    "check": (check, "核查意见已保存。"),
}
"""Form of a page → what it does, and what is said when it is done."""
AFTERWARDS = frozenset({"receipt", "promise", "proof", "check"})
"""Those of the page of what came back."""


@routes.post("/finances/{id:[0-9]{1,9}}/{deed}", roles=PEOPLE, body_kb=BODY_KB)
async def do(request: web.Request) -> web.StreamResponse:
    """A refusal shows the page anew with the sentence and what was typed."""
    name = request.match_info["deed"]
    if name not in DEEDS:
        raise NotFound
    deed, done = DEEDS[name]
    form, papers = await read_papers(request)
    try:
        async with papers as sent, request.app[DB].unit_of_work() as session:
            user = await who_asks(session, request)
            await deed(Sent(session, request.app[CLOCK], user, notice_id_of(request), form, sent))
    except HotlineError as error:
        if error.status in {403, 404} or error.status >= 500:
            raise
        again = feedback.show if name in AFTERWARDS else show
        return await again(request, error, form, name)
    below = "/feedback" if name in AFTERWARDS else ""
    return see_other(f"/finances/{notice_id_of(request)}{below}", flash=done)
