"""Practice without a telephone: the ticket is held to the rules and leads nowhere, the trainer grades, no figure knows of it."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select
from support.fake_control import FakeControl, live_call
from support.tickets import City
from support.web import Browser, as_

from agent_desktop.keys import CONTROL
from agent_desktop.wallboard.state import wall_state
from core.db import Database
from core.errors import HotlineError, InvalidInput
from ivr.asterisk.site import DIALPLAN
from ivr.board import AgentView
from ivr.practice_samples import samples
from ivr.speech.prompt_catalogue import load as load_catalogue
from recordings import ledger
from recordings.figures import QueueFigures
from recordings.models import Call, CallEnd, CallEvent, CallMark, Recording, RecordingKind
from reports.counting.figures import Figure, figure
from reports.counting.indicators import BY_KEY
from reports.counting.slices import Slice
from reports.quality import sheets
from reports.quality.models import About, Sample
from tickets import queries, service
from tickets.errors import OutcomeMissing
from tickets.guards import GuardFailed
from tickets.models import Outcome, State, Step, Ticket
from tickets.oversight.oversight_models import Notice
from tickets.query_codes.codes import QueryCodeUnknown


async def practised(city: City, **fields: object) -> tuple[Call, service.Issued]:
    """A finished practice call of `operator`, with its ticket as it was typed."""
    now, operator_id = city.clock.now(), city.users["operator"]
    async with city.db.unit_of_work() as session:
        call = await city.call(
            session, "", mark=CallMark.PRACTICE, operator_id=operator_id, answered_at=now, ended_at=now,
            end=CallEnd.OPERATOR, talk_ms=65_000,
        )  # fmt: skip
        arrival = {"line": "96128", "caller": "", "mark": "practice", "sample": "social-card"}
        session.add(CallEvent(call_id=call.id, at=now, kind=ledger.ARRIVED, data=arrival))
        session.add(
            Recording(
                call_id=call.id,
                kind=RecordingKind.TALK,
                path=call.linkedid,
                source=call.linkedid,
                started_at=now,
            )
        )
        issued = await service.open_for_call(
            session, city.clock, call_id=call.id, line="96128", region_id=city.regions["city"], caller_number="",
            operator_id=operator_id, is_practice=True,
        )  # fmt: skip
        number = issued.ticket.ticket_no
        await service.save_draft(
            session, city.clock, ticket_no=number, operator_id=operator_id, fields=fields, version=1
        )
    return call, issued


async def finish(city: City, issued: service.Issued, outcome: Outcome | None) -> Ticket:
    async with city.db.unit_of_work() as session:
        return await service.finish(
            session,
            city.clock,
            ticket_no=issued.ticket.ticket_no,
            operator_id=city.users["operator"],
            outcome=outcome,
        )


async def text_of(browser: Browser, path: str, status: int = 200) -> str:
    response = await browser.get(path)
    text = await response.text()
    assert response.status == status, text
    return text


OUTCOMES: tuple[tuple[Outcome | None, dict[str, object], type[HotlineError] | None], ...] = (
    (None, {}, OutcomeMissing),
    (Outcome.ANSWERED, {"guidance": "请到窗口"}, None),
    (Outcome.ANSWERED, {}, GuardFailed),
    (Outcome.OTHER_WAYS, {"answer": "答"}, GuardFailed),
    (Outcome.ASSIGNED, {"question": "问"}, HotlineError),
    (Outcome.ASSIGNED, {"unit_id": "a"}, InvalidInput),
    (Outcome.UNCLEAR, {"question": "问"}, GuardFailed),
    (Outcome.OUT_OF_SCOPE, {}, GuardFailed),
    (Outcome.INVALID, {}, GuardFailed),
    (Outcome.DUPLICATE, {}, GuardFailed),
    (Outcome.ANSWERED, {"answer": "答"}, None),
    (Outcome.ASSIGNED, {"unit_id": "a", "question": "问"}, None),
    (Outcome.TRANSFERRED, {"unit_id": "a"}, None),
    (Outcome.UNCLEAR, {"question": "问", "reason": "无法明确"}, None),
    (Outcome.OUT_OF_SCOPE, {"guidance": "请拨客运站"}, None),
)


async def test_a_practice_ticket_is_held_to_the_rules_and_goes_nowhere(city: City):
    """What a real ticket would be refused for is refused; otherwise it is void, without a step or a notice to anybody."""
    for outcome, typed, refusal in OUTCOMES:
        fields = {name: city.units["a"] if name == "unit_id" else value for name, value in typed.items()}
        _, issued = await practised(city, **fields)
        if refusal:
            with pytest.raises(refusal):
                await finish(city, issued, outcome)
            continue
        ticket = await finish(city, issued, outcome)
        assert (ticket.state, ticket.outcome, ticket.first_unit_id) == (State.VOID, outcome, None)
        async with city.db.reading() as session:
            with pytest.raises(QueryCodeUnknown):
                await queries.status_by_code(session, city.clock, issued.query_code)
    async with city.db.reading() as session:
        for table in (Step, Notice):
            assert await session.scalar(select(func.count()).select_from(table)) == 0


async def test_a_trainer_hears_and_grades_what_no_figure_counts(browser: Browser, city: City, db: Database):
    """From the list of practice to the score sheet; the trainee sees the grade, K-21 and the lists of calls do not."""
    call, issued = await practised(city, question="社保卡丢了怎么补办", answer="到社保窗口补办")
    await finish(city, issued, Outcome.ANSWERED)
    async with db.unit_of_work() as session:
        user = await city.user(session, "supervisor")
        sheet = await sheets.create(
            session, city.clock, user, region_id=city.regions["city"], about=About.OPERATOR, name="话务员",
            questions=[{"text": "态度", "weight": 60}, {"text": "答复", "weight": 40}],
        )  # fmt: skip
    await as_(browser, "supervisor")
    assert "社保卡丢失" in await text_of(browser, "/training/practice")
    page = await text_of(browser, f"/training/practice/{call.linkedid}")
    assert "到社保窗口补办" in page and f'<option value="{sheet.id}">' in page
    begun = await browser.post(f"/training/practice/{call.linkedid}/grade", {"sheet": str(sheet.id)})
    path = begun.headers["Location"]
    again = await browser.post(f"/training/practice/{call.linkedid}/grade", {"sheet": str(sheet.id)})
    assert again.headers["Location"] == path
    assert "练习" in await text_of(browser, path)
    graded = {"kind": "first", "points-0": "50", "points-1": "40", "comment": "很好"}
    assert (await browser.post(f"{path}/grade", graded)).status == 303
    for view in ("/quality?view=", "/supervise"):
        assert call.linkedid not in await text_of(browser, view)
    assert "共 0 条" in await text_of(browser, "/quality?view=")
    marked = await browser.post(f"/supervise/calls/{call.linkedid}/mark", {"mark": ""})
    assert marked.status == 422
    day = Slice(call.started_at, call.started_at.replace(year=2027), city.clock.now())
    async with db.reading() as session:
        assert (await figure(session, BY_KEY["K-21"], day)).denominator == 0
        assert await session.scalar(select(func.count(Sample.id))) == 1
    await as_(browser, "operator")
    assert "90.00" in await text_of(browser, "/training/practice")
    assert "很好" in await text_of(browser, path)
    assert "共 0 条" in await text_of(browser, "/quality/results")
    assert "练习工单" in await text_of(browser, f"/tickets/{issued.ticket.ticket_no}")
    await as_(browser, "colleague")
    await text_of(browser, f"/training/practice/{call.linkedid}", 404)
    await text_of(browser, f"/tickets/{issued.ticket.ticket_no}", 404)
    await as_(browser, "county_supervisor")
    await text_of(browser, f"/training/practice/{call.linkedid}", 404)
    for who in ("head_a", "office", "inspector"):
        await as_(browser, who)
        await text_of(browser, f"/tickets/{issued.ticket.ticket_no}", 404)


async def test_a_liaison_practises_from_the_own_page_and_is_graded_as_a_unit(
    browser: Browser, city: City, db: Database
):
    """A sample rings the own telephone; the trainer grades it on a unit's sheet, liaison and head see it, others do not."""
    control = browser.client.app[CONTROL]  # type: ignore[union-attr]
    assert isinstance(control, FakeControl)
    now, liaison = city.clock.now(), city.users["liaison_a"]
    async with db.unit_of_work() as session:
        call = await city.call(
            session,
            "",
            mark=CallMark.PRACTICE,
            operator_id=liaison,
            answered_at=now,
            ended_at=now,
            talk_ms=9000,
        )
        session.add(CallEvent(call_id=call.id, at=now, kind=ledger.ARRIVED, data={"sample": "school"}))
        made = {}
        for about in About:
            made[about] = await sheets.create(
                session, city.clock, await city.user(session, "supervisor"), region_id=city.regions["city"], about=about,
                name=str(about), questions=[{"text": "态度", "weight": 10}],
            )  # fmt: skip
    await as_(browser, "operator")
    assert "练习接听" not in await text_of(browser, "/training/mine")
    assert (await browser.post("/training/practice/begin", {"sample": "school"})).status == 403
    await as_(browser, "liaison_a")
    assert "随迁子女入学" in await text_of(browser, "/training/mine")
    assert (await browser.post("/training/practice/begin", {"sample": "none"})).status == 404
    assert (await browser.post("/training/practice/begin", {"sample": "school"})).status == 303
    assert control.wishes == [("practise_by_telephone", liaison, "school")]
    path = f"/training/practice/{call.linkedid}"
    await as_(browser, "supervisor")
    page = await text_of(browser, path)
    offered = {about: f'<option value="{sheet.id}">' in page for about, sheet in made.items()}
    assert offered == {About.OPERATOR: False, About.UNIT: True}
    begun = await browser.post(f"{path}/grade", {"sheet": str(made[About.UNIT].id)})
    graded = {"kind": "first", "points-0": "8", "comment": "说明了办法"}
    assert (await browser.post(f"{begun.headers['Location']}/grade", graded)).status == 303
    for who in ("liaison_a", "head_a"):
        await as_(browser, who)
        assert "80.00" in await text_of(browser, "/training/practice"), who
        assert "说明了办法" in await text_of(browser, begun.headers["Location"]), who
    for who in ("liaison_b", "head_b"):
        await as_(browser, who)
        await text_of(browser, path, 404)
    async with db.reading() as session:
        assert (
            await figure(session, BY_KEY["K-21"], Slice(now, now.replace(year=2027), now))
        ).denominator == 0


async def test_the_desk_offers_samples_and_takes_no_complaint_of_one(browser: Browser, city: City):
    """The list with what each is to practise; one begins; a sample caller's complaint reaches no inspector."""
    control = browser.client.app[CONTROL]  # type: ignore[union-attr]
    assert isinstance(control, FakeControl)
    control._people[city.users["operator"]] = ("801", "operator", "1001")
    _, issued = await practised(city, question="问")
    await as_(browser, "operator")
    headers = {"X-CSRF-Token": browser.csrf, "Accept": "application/json"}
    offered = (await (await browser.get("/desk/practice")).json())["samples"]
    assert [one["key"] for one in offered] == list(samples())
    assert all(one["title"] and one["about"].endswith("。") for one in offered)
    await browser.client.post("/desk/seat", json={"action": "login"}, headers=headers)
    response = await browser.client.post("/desk/practice", json={"sample": "school"}, headers=headers)
    assert response.status == 200
    assert ("practise", "school") in control.wishes
    refused = await browser.client.post(
        f"/desk/tickets/{issued.ticket.ticket_no}/complaint", json={"text": "态度差"}, headers=headers
    )
    assert (refused.status, (await refused.json())["error"]["code"]) == (409, "practice_only")


def test_every_sentence_of_the_shipped_samples_is_in_the_catalogue_and_used():
    """Each sample speaks prompts that exist, and no practice prompt is left over."""
    catalogue = load_catalogue(DIALPLAN / "prompts.toml", "96128")
    spoken = {prompt for sample in samples().values() for prompt in sample.says}
    assert spoken == {one.id for one in catalogue if one.id.startswith("practice-")}
    assert len(samples()) >= 5


def test_the_wallboard_shows_no_practice_as_talk():
    """A trainee with a sample caller is a paused seat, and their call is none of those that run."""
    now, call = datetime(2026, 6, 1, 2, tzinfo=UTC), live_call(phase="talking", is_practice=True)
    trainee = AgentView(1, "8001", "王话务", "1001", "talking", "", now, registered=True, call=call)
    shown = wall_state(now, [trainee], [], [call], QueueFigures(), Figure(BY_KEY["K-01"]))
    assert shown["talking"] == 0
    assert {seat["state"]: seat["number"] for seat in shown["seats"] if seat["number"]} == {"paused": 1}
    assert [agent["state"] for agent in shown["agents"]] == ["paused"]
