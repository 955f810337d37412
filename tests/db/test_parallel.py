"""Parallel cases (M-129): one unit leads, several work at once, each by its own clock; one code tells of all."""

import asyncio
import contextlib
from datetime import datetime

import pytest
from sqlalchemy import select
from support.case_site import CaseSite, Colleague, case_site, colleagues
from support.tickets import City, do

from core.db import Database
from core.errors import HotlineError, InvalidInput, NotAllowed
from portal.api.inquiries import status_json
from reports.counting import figures
from reports.counting.indicators import BY_KEY
from reports.counting.slices import Slice, days
from tickets import handover, queries, replies, sealing
from tickets.access import ticket_for
from tickets.clocks.supervision import sweep
from tickets.errors import TicketNotFound, UnitUnknown
from tickets.guards import GuardFailed, NotHolder
from tickets.lifecycle import IllegalTransition
from tickets.models import QuestionClass, State, StepResult, Ticket, TicketKind
from tickets.oversight.oversight_models import Notice, NoticeKind
from tickets.parallel import cases
from tickets.parallel.cases import NewCase, TakesPartAlready, Wanted
from tickets.parallel.shares import shares_of
from tickets.service import Issued


def at(city: City, day: str) -> None:
    city.clock.move_to(datetime.fromisoformat(f"2026-{day}:00+08:00"))


async def opened(city: City, who: str = "liaison_a", **fields: object) -> Issued:
    """a局 leads; b局 has five days, above_a局 ten."""
    parts = (
        Wanted(city.units["b"], "消防意见"),
        Wanted(city.units["above_a"], "规划意见", QuestionClass.IMPORTANT),
    )
    new = {
        "unit_id": city.units["a"],
        "subject": "饭店开业",
        "text": "申请开办饭店",
        "line": "96128",
        "parts": parts,
    }
    async with city.db.unit_of_work() as session:
        user = await city.user(session, who)
        return await cases.open_case(session, city.clock, user=user, new=NewCase(**{**new, **fields}))


async def parts_of(city: City, case: Ticket) -> list[Ticket]:
    async with city.db.reading() as session:
        return [share.ticket for share in await shares_of(session, case.id)]


async def status(city: City, code: str) -> queries.CodeStatus:
    async with city.db.reading() as session:
        return await queries.status_by_code(session, city.clock, code)


async def test_units_work_at_once_and_the_lead_answers_last(city: City):
    """Each part is due by its own clock, one code tells of all, and the lead cannot finish before every unit has."""
    at(city, "06-01T10:00")
    issued = await opened(city)
    case = issued.ticket
    second, third = await parts_of(city, case)
    told = [
        (one.unit_name, one.state_name, f"{one.step.due_on:%m-%d}")
        for one in (await status(city, issued.query_code)).shares
    ]
    assert told == [("b局", "办理中", "06-08"), ("above_a局", "办理中", "06-15")]
    at(city, "06-03T10:00")
    await do(city, replies.answer, second, "liaison_b", answer="消防合格")
    with pytest.raises(GuardFailed, match="还有单位没有办结"):
        await do(city, replies.answer, case, "liaison_a", answer="同意开业")
    await do(city, replies.answer, third, "head_a_above", answer="符合规划")
    await do(city, replies.answer, case, "liaison_a", answer="同意开业")
    found = await status(city, issued.query_code)
    assert (found.state, found.reply, found.unit_name) == (State.REPLIED, "同意开业", "a局")
    assert [share["state_name"] for share in status_json(found)["shares"]] == ["已答复", "已答复"]
    async with city.db.reading() as session:
        used = [(share.step.used_days, share.step.days) for share in await shares_of(session, case.id)]
        rules = [row.rule for row in await queries.trail_of(session, case.id)]
    assert (used, rules) == ([(2, 5), (2, 10)], ["P1", "", "", "P5"])


async def test_only_the_lead_gives_out_returns_and_withdraws(city: City):
    """A part sent back has a new clock; a withdrawn one stops counting; another unit's people may do neither."""
    case = (await opened(city)).ticket
    second, third = await parts_of(city, case)
    for who in ("liaison_b", "head_a_above", "office"):
        with pytest.raises(HotlineError) as refused:
            await do(city, cases.withdraw_part, second, who, reason="不归他们")
        assert refused.value.status == NotHolder.status
    with pytest.raises(GuardFailed, match="请填写理由"):
        await do(city, cases.withdraw_part, second, "liaison_a", reason="")
    with pytest.raises(IllegalTransition):
        await do(city, cases.return_part, second, "liaison_a", reason="还没有答复")
    withdrawn = await do(city, cases.withdraw_part, second, "liaison_a", reason="不需要消防意见")
    assert withdrawn.state == State.VOID
    await do(city, replies.answer, third, "head_a_above", answer="符合规划")
    at(city, "06-03T10:00")
    await do(city, cases.return_part, third, "liaison_a", reason="缺附图说明")
    (first, again) = await shares_of_third(city, third)
    assert (first.result, again.finished_at, str(again.due_on)) == (StepResult.REPLIED, None, "2026-06-17")
    await do(city, cases.involve, case, "liaison_a", wanted=Wanted(city.units["b"], "再请出具消防意见"))
    with pytest.raises(TakesPartAlready):
        await do(city, cases.involve, case, "liaison_a", wanted=Wanted(city.units["b"], "重复"))
    for unit in ("a", "county_a", "office"):
        with pytest.raises(UnitUnknown):
            await do(city, cases.involve, case, "liaison_a", wanted=Wanted(city.units[unit], "事项"))


async def shares_of_third(city: City, ticket: Ticket):
    async with city.db.reading() as session:
        return await queries.steps_of(session, ticket.id)


async def test_a_case_wants_a_lead_and_units_and_is_no_question(city: City):
    """No part, no subject or somebody else's unit: refused with nothing stored. Neither case nor part is forwarded."""
    with pytest.raises(InvalidInput, match="参加单位"):
        await opened(city, parts=())
    with pytest.raises(InvalidInput, match="事项名称"):
        await opened(city, subject=" ")
    for who in ("liaison_b", "office"):
        with pytest.raises(NotAllowed):
            await opened(city, who)
    async with city.db.reading() as session:
        assert await session.scalar(select(Ticket.id)) is None
    case = (await opened(city)).ticket
    (second, _) = await parts_of(city, case)
    for ticket, who in ((case, "liaison_a"), (second, "liaison_b")):
        with pytest.raises(GuardFailed, match="并联件不转发"):
            await do(city, handover.ask_forward, ticket, who, reason="不属于本局职责")


async def test_the_units_of_a_case_see_all_of_it_and_nobody_else_does(city: City):
    """信息通报: each unit reads the case and the others' parts; sealing one seals all."""
    case = (await opened(city)).ticket
    members = [case, *await parts_of(city, case)]
    for who, sees in (
        ("liaison_a", 3),
        ("liaison_b", 3),
        ("liaison_county", 0),
        ("inspector", 3),
        ("office", 3),
    ):
        assert await seen_by(city, who, members) == sees, who
    await do(city, sealing.set_sealed, members[1], "inspector", sealed=True, reason="涉及商业秘密")
    assert [await seen_by(city, who, members) for who in ("liaison_a", "office", "inspector")] == [0, 0, 3]


async def seen_by(city: City, who: str, members: list[Ticket]) -> int:
    count = 0
    async with city.db.reading() as session:
        user = await city.user(session, who)
        for one in members:
            with contextlib.suppress(TicketNotFound):
                count += bool(await ticket_for(session, user, one.ticket_no))
    return count


async def test_two_units_finish_at_once_and_so_may_the_lead_and_a_return(city: City):
    """Races: both answers count; of a finish and a part sent back exactly one happens, and the case never ends with a part open."""
    for _ in range(3):
        case = (await opened(city)).ticket
        second, third = await parts_of(city, case)
        await asyncio.gather(
            do(city, replies.answer, second, "liaison_b", answer="合格"),
            do(city, replies.answer, third, "head_a_above", answer="符合"),
        )
        results = await asyncio.gather(
            do(city, replies.answer, case, "liaison_a", answer="同意"),
            do(city, cases.return_part, second, "liaison_a", reason="缺盖章"),
            return_exceptions=True,
        )
        assert [isinstance(one, Ticket) for one in results].count(True) == 1, results
        refused = next(one for one in results if not isinstance(one, Ticket))
        assert isinstance(refused, GuardFailed | IllegalTransition)
        part = (await parts_of(city, case))[0]
        async with city.db.reading() as session:
            whole = await session.get_one(Ticket, case.id)
        assert (whole.state, part.state) in {(State.REPLIED, State.REPLIED), (State.WORKING, State.WORKING)}


async def test_a_part_is_withdrawn_or_answered_once(city: City):
    """The unit answers while the lead withdraws: the quicker one counts."""
    for _ in range(2):
        case = (await opened(city)).ticket
        (second, _) = await parts_of(city, case)
        results = await asyncio.gather(
            do(city, replies.answer, second, "liaison_b", answer="合格"),
            do(city, cases.withdraw_part, second, "liaison_a", reason="不需要"),
            return_exceptions=True,
        )
        assert [isinstance(one, Ticket) for one in results].count(True) == 1, results
        (share, _) = await parts_of(city, case)
        assert share.state in {State.REPLIED, State.VOID}


async def test_each_part_counts_for_its_unit_and_the_whole_once(city: City):
    """受理 counts the case alone, for its lead; timeliness counts each unit's own step; a late part is told to the lead too."""
    case = (await opened(city)).ticket
    (second, _) = await parts_of(city, case)
    at(city, "06-09T10:00")
    assert await sweep(city.db, city.clock) == 1
    async with city.db.reading() as session:
        late = (Notice.kind == NoticeKind.OVERDUE) & (Notice.ticket_id == second.id)
        told = set(await session.scalars(select(Notice.unit_id).where(late)))
        june = days(datetime(2026, 6, 1).date(), datetime(2026, 6, 30).date())
        counted = {}
        for name in ("a", "b"):
            of = Slice(*june, city.clock.now(), unit_ids=frozenset({city.units[name]}))
            found = [await figures.figure(session, BY_KEY[key], of) for key in ("K-12", "K-16")]
            counted[name] = [(one.numerator, one.denominator) for one in found]
        everything = await figures.figure(session, BY_KEY["K-12"], Slice(*june, city.clock.now()))
    assert told == {city.units[name] for name in ("a", "b", "office", "inspection")}
    assert counted == {"a": [(0, 1), (0, 0)], "b": [(0, 0), (1, 1)]}
    assert everything.denominator == 1


@pytest.fixture
async def site(db: Database) -> CaseSite:
    return await case_site(db)


async def open_at(liaison: Colleague, site: CaseSite, **fields: str) -> str:
    units = site.city.units
    given = {
        "form": "one", "unit": str(units["a"]), "subject": "饭店开业", "text": "申请开办饭店", "name": "李",
        "unit1": str(units["b"]), "class1": "general", "text1": "消防意见",
        "unit2": str(units["above_a"]), "class2": "important", "text2": "规划意见",
    }  # fmt: skip
    response = await liaison.browser.post("/parallel/new", {**given, **fields})
    text = await response.text()
    assert response.status == 200, text
    return text


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
async def test_the_pages_lead_a_case_to_its_end(site: CaseSite):
    """Opened with one slip even if sent twice, coordinated, answered by each unit, merged; each sees its own in the inbox."""
    async with colleagues(site, "liaison_a", "liaison_b", "head_a_above", "inspector") as (
        lead,
        second,
        third,
        inspector,
    ):
        assert "受理并出凭条" in await lead.open("/parallel/new")
        empty = await lead.browser.post(
            "/parallel/new", {"form": "x", "unit": str(site.city.units["a"]), "subject": "饭店"}
        )
        assert (empty.status, "饭店" in await empty.text()) == (422, True)
        slip = await open_at(lead, site)
        assert slip == await open_at(lead, site)
        async with site.city.db.reading() as session:
            found = (await session.scalars(select(Ticket).order_by(Ticket.id))).all()
        assert [one.kind for one in found] == [TicketKind.PARALLEL, TicketKind.PART, TicketKind.PART]
        case, part_b, part_c = (one.ticket_no for one in found)
        assert "0/2" in await lead.open("/parallel")
        assert "并联事项：饭店开业" in await second.open("/liaison/tickets")
        board = await inspector.open("/inspect?view=open&class=part")
        assert (part_b in board, part_c in board, case in board) == (True, True, False)
        assert (await inspector.open(f"/tickets/{part_c}")).count("发出督办") > 0
        page = await second.open(f"/tickets/{part_b}")
        assert all(text in page for text in ("消防意见", "above_a局", f"并联件 {case}"))
        assert "申请转发" not in page
        assert "退回补充" not in page
        await second.open(f"/tickets/{case}")
        assert (await second.send(case, "coordinate", text="请规划先出意见")).status == 303
        assert "协调记录" in await third.open("/notices")
        await second.open(f"/tickets/{part_b}")
        assert (await second.send(part_b, "answer", answer="消防合格")).status == 303
        assert "尚未办结：above_a局" in await lead.open(f"/tickets/{case}")
        early = await lead.send(case, "answer", answer="同意")
        assert (early.status, "还有单位没有办结" in await early.text()) == (422, True)
        await third.open(f"/tickets/{part_c}")
        await third.send(part_c, "answer", answer="符合规划")
        assert "b局：消防合格\n\nabove_a局：符合规划</textarea>" in await lead.open(f"/tickets/{case}")
        assert case in await lead.open("/parallel?view=ready")
        back = await lead.send(case, "return-part", part=part_b, reason="")
        assert back.status == 422
        assert (await lead.send(case, "return-part", part=part_b, reason="缺盖章")).status == 303
        assert "退回补充" in await second.open("/notices")
        await second.open(f"/tickets/{part_b}")
        await second.send(part_b, "answer", answer="已补盖章")
        await lead.open(f"/tickets/{case}")
        assert (await lead.send(case, "answer", answer="同意开业")).status == 303
        assert case in await inspector.open("/parallel?view=done")
        api = await (await lead.browser.get(f"/api/v1/tickets/{part_b}")).json()
        assert (api["kind"], api["case"]) == ("part", [case, part_c])
