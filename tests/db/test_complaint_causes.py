"""What complaints are about (M-136): named at every door, settled by the inspectors, counted by cause."""

import re

import pytest
from sqlalchemy import select
from support.tickets import City
from support.web import TEST, Browser, as_

from core import accounts
from reports.breakdowns.causes import ByCause, by_cause
from reports.counting.slices import Slice
from tickets import replies, service
from tickets.errors import TicketLocked, TicketNotFound
from tickets.models import Ticket, TicketKind
from tickets.oversight import complaints
from tickets.oversight.causes import Cause
from tickets.oversight.complaints import Verdict


async def _complain(browser: Browser, path: str = "/complain", **fields: str) -> int:
    form = re.search(r'name="form" value="([^"]+)"', await (await browser.get(path)).text())
    assert form
    return (await browser.post(path, {"form": form[1]} | fields)).status


async def _causes(city: City) -> list[Cause | None]:
    async with city.db.reading() as session:
        of_complaints = select(Ticket.cause).where(Ticket.kind == TicketKind.COMPLAINT)
        return list(await session.scalars(of_complaints.order_by(Ticket.id)))


async def test_every_door_asks_for_the_cause(city: City, browser: Browser):
    """Web, window, and by code over the API; what is no cause is refused everywhere, and no cause is fine."""
    assert await _complain(browser, question="互相推", cause="shirking") == 200
    assert await _complain(browser, question="说不清") == 200
    assert await _complain(browser, question="乱填", cause="ugly") == 422
    async with city.db.unit_of_work() as session:
        key = await accounts.issue_token(session, city.clock, TEST, name="图书馆", channel="library")
    headers = {"Authorization": f"Bearer {key}"}

    async def api(path: str, body: dict[str, object]) -> tuple[int, dict[str, str]]:
        response = await browser.client.post(f"/api/v1/inquiries{path}", json=body, headers=headers)
        return response.status, await response.json()

    _, asked = await api("", {"question": "问", "unit": "101"})
    async with city.db.unit_of_work() as session:
        user = await city.user(session, "liaison_a")
        await replies.answer(session, city.clock, ticket_no=asked["ticket_no"], user=user, answer="答")
    path = f"/{asked['query_code']}/complaint"
    assert [(await api(path, {"text": "难", "cause": cause}))[0] for cause in ("", [], "ugly")] == [422] * 3
    assert (await api(path, {"text": "难", "cause": "hard"}))[0] == 201
    await browser.sign_in("operator")
    window = {"door": "visit", "kind": "complaint", "text1": "没人", "cause": "nobody"}
    assert await _complain(browser, "/window", **window) == 200
    assert await _causes(city) == [Cause.SHIRKING, None, Cause.HARD, Cause.NOBODY]


async def test_the_desk_and_the_telephone_name_the_cause(city: City, browser: Browser):
    """An operator chooses it, a caller names it by key until somebody takes the complaint up; decided without one it is 其他."""
    async with city.db.unit_of_work() as session:
        call, who = await city.call(session), {"operator_id": city.users["operator"]}
        opened = await service.open_for_call(
            session,
            city.clock,
            call_id=call.id,
            line="96128",
            region_id=call.region_id,
            caller_number="138",
            **who,
        )
        lodged = {"call_id": call.id, "region_id": call.region_id, "line": "96128", "caller_number": "138"}
        first, second = [
            (
                await service.register_complaint(
                    session, city.clock, **lodged, recording_id=None, about=None, text="投诉"
                )
            ).ticket
            for _ in range(2)
        ]
        await complaints.name_cause(session, first.id, Cause.FINANCE)
        inspector = await city.user(session, "inspector")
        for ticket in (first, second):
            await complaints.accept(session, city.clock, ticket_no=ticket.ticket_no, user=inspector)
            verdict = Verdict("查", "处", "果", upheld=False)
            await complaints.reply(
                session, city.clock, ticket_no=ticket.ticket_no, user=inspector, verdict=verdict
            )
        await complaints.name_cause(session, first.id, Cause.BIDDING)
    assert await _causes(city) == [Cause.FINANCE, Cause.OTHER]
    await as_(browser, "operator")
    path, headers = f"/desk/tickets/{opened.ticket.ticket_no}/complaint", {"X-CSRF-Token": browser.csrf}
    for cause, status in (("ugly", 422), ("shirking", 201)):
        sent = await browser.client.post(path, json={"text": "推来推去", "cause": cause}, headers=headers)
        assert sent.status == status
    assert (await _causes(city))[-1] == Cause.SHIRKING


async def test_inspectors_name_the_cause_before_the_decision_and_of_what_was_not_taken_up(
    city: City, browser: Browser
):
    """On the complaint's page, open or rejected, with a line in the trail; another body's inspector finds nothing, decided ones stay."""
    for text in ("说不清", "也说不清"):
        assert await _complain(browser, question=text) == 200
    async with city.db.reading() as session:
        first, second = await session.scalars(select(Ticket.ticket_no).order_by(Ticket.id))
    await as_(browser, "inspector")
    assert "未归类" in await (await browser.get(f"/tickets/{first}")).text()
    assert (await browser.post(f"/tickets/{first}/cause", {"cause": ""})).status == 422
    assert (await browser.post(f"/tickets/{first}/cause", {"cause": "nobody"})).status == 303
    assert (await browser.post(f"/tickets/{second}/reject", {"reason": "不属于受理范围"})).status == 303
    assert (await browser.post(f"/tickets/{second}/cause", {"cause": "hard"})).status == 303
    page = await (await browser.get(f"/tickets/{second}")).text()
    assert "未归类 → 事难办" in page
    assert await _causes(city) == [Cause.NOBODY, Cause.HARD]
    await as_(browser, "operator")
    assert (await browser.post(f"/tickets/{first}/cause", {"cause": "face"})).status == 403
    async with city.db.unit_of_work() as session:
        stranger, inspector = (
            await city.user(session, "county_inspector"),
            await city.user(session, "inspector"),
        )
        with pytest.raises(TicketNotFound):
            await complaints.classify(session, city.clock, ticket_no=first, user=stranger, cause=Cause.FACE)
        await complaints.accept(session, city.clock, ticket_no=first, user=inspector)
        verdict = Verdict("查", "处", "果", upheld=False)
        await complaints.reply(session, city.clock, ticket_no=first, user=inspector, verdict=verdict)
        with pytest.raises(TicketLocked):
            await complaints.classify(session, city.clock, ticket_no=first, user=inspector, cause=Cause.FACE)
    assert (await _causes(city))[0] == Cause.NOBODY


async def test_inspectors_settle_the_cause_and_reports_count_it(city: City, browser: Browser):
    """Named 推诿, found to be 拖拉 and true; one without a cause stays so; the inspector's page shows both."""
    assert await _complain(browser, question="互相推", cause="shirking") == 200
    assert await _complain(browser, question="说不清") == 200
    async with city.db.unit_of_work() as session:
        first = (await session.scalars(select(Ticket).order_by(Ticket.id).limit(1))).one()
        number, user = first.ticket_no, await city.user(session, "inspector")
        await complaints.accept(session, city.clock, ticket_no=number, user=user)
        verdict = Verdict("查", "处", "果", upheld=True, cause=Cause.DRAGGING)
        await complaints.reply(session, city.clock, ticket_no=number, user=user, verdict=verdict)
    now = city.clock.now()
    async with city.db.reading() as session:
        day = Slice(now.replace(hour=0), now.replace(hour=23), now)
        assert await by_cause(session, day) == [ByCause("拖拉", 1, 1), ByCause("未归类", 1, 0)]
    await as_(browser, "inspector")
    page = await (await browser.get("/reports/topics")).text()
    assert re.search(r"拖拉</th><td class=\"number\">1</td><td class=\"number\">1<", page)
    listed = await (await browser.get("/inspect/complaints?view=&cause=dragging")).text()
    assert listed.count("/tickets/2") == 1
