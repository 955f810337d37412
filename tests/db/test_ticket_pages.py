"""The pages on which units work: one list, one page a ticket, each action a form that refuses in Chinese."""

import re
from datetime import datetime

import pytest
from sqlalchemy import select
from support.case_site import CaseSite, case_site, colleagues

from core.audit import AuditRow
from core.db import Database
from kb import readings
from kb.kinds import Notice
from kb.models import Audience, Entry, EntryKind, EntryState
from tickets.clocks.supervision import sweep
from tickets.models import State


@pytest.fixture
async def site(db: Database) -> CaseSite:
    return await case_site(db)


async def test_a_ticket_is_forwarded_with_reason_by_two_people(site: CaseSite):
    """M-38: too short a reason is refused and stays on the page; the requester cannot approve; another unit sees 404."""
    number = await site.asked()
    async with colleagues(site, "liaison_a", "head_a", "liaison_b", "office") as (
        liaison,
        head,
        other,
        office,
    ):
        assert number in await liaison.open("/liaison/tickets")
        page = await liaison.open(f"/tickets/{number}")
        assert "社保卡多久能领" in page
        assert "138****5678" in page
        assert "13800005678" not in page
        assert "联合回复" in page
        refused = await liaison.send(number, "forward", reason="不归我们"[:3])
        text = await refused.text()
        assert (refused.status, "不少于 5 个字" in text) == (422, True)
        assert re.search(r'name="reason"[^>]*>不归我<', text)
        assert (await liaison.send(number, "forward", reason="不属于本局的职责范围")).status == 303
        assert (await site.ticket(number)).state == State.FWD_REVIEW
        assert 'value="approve"' not in await liaison.open(f"/tickets/{number}")
        assert (await liaison.send(number, "decide", kind="forward", decision="approve")).status == 403
        assert number in await head.open("/liaison/approvals")
        assert "不属于本局的职责范围" in await head.open(f"/tickets/{number}")
        assert (await head.send(number, "decide", kind="forward", decision="refuse")).status == 422
        assert (await head.send(number, "decide", kind="forward", decision="approve")).status == 303
        assert number not in await head.open("/liaison/approvals")
        assert (await site.ticket(number)).state == State.DISPATCH
        assert "首问单位" in await liaison.open(f"/tickets/{number}")
        assert number in await liaison.open("/liaison/tickets?view=first")
        assert number not in await liaison.open("/liaison/tickets")
        assert "同意转发至office局" in await office.open(f"/tickets/{number}")
        await other.open(f"/tickets/{number}", status=404)
        assert (await other.send(number, "answer", answer="我来答")).status == 404


async def test_a_clock_running_down_turns_nobody_away(site: CaseSite):
    """A page opened before its ticket was marked 即将到期 still takes the answer; nobody else has acted."""
    number = await site.asked()
    clock = site.city.clock
    clock.move_to(datetime.fromisoformat("2026-06-04T23:40:00+08:00"))
    async with colleagues(site, "liaison_a") as (liaison,):
        await liaison.open(f"/tickets/{number}")
        clock.move_to(datetime.fromisoformat("2026-06-05T00:10:00+08:00"))
        assert await sweep(site.city.db, clock) == 1
        await liaison.send(number, "answer", answer="持身份证到三号窗口领取。")
    assert (await site.ticket(number)).state == State.REPLIED


async def test_two_people_at_one_ticket_act_once(site: CaseSite):
    """Who acts on an older page is told so and keeps the text; the same form sent twice acts once."""
    number = await site.asked()
    async with colleagues(site, "liaison_a", "head_a") as (liaison, head):
        await liaison.open(f"/tickets/{number}")
        await head.open(f"/tickets/{number}")
        assert (await head.send(number, "note", note="请尽快答复")).status == 303
        late = await liaison.send(number, "answer", answer="二十个工作日\u202e内\x07领取")
        text = await late.text()
        assert (late.status, "刚刚有新的办理记录" in text) == (409, True)
        assert "内\x07领取</textarea>" in text or "领取</textarea>" in text
        await liaison.open(f"/tickets/{number}")
        assert (await liaison.send(number, "answer", answer="二十个工作日\u202e内\x07领取")).status == 303
        assert (await site.ticket(number)).answer == "二十个工作日内领取"
        again = await liaison.send(number, "answer", answer="二十个工作日内领取")
        assert again.status == 409
        trail = await liaison.open(f"/tickets/{number}")
        assert trail.count("<strong>答复</strong>") == 1


async def test_time_is_asked_for_and_each_date_tells_why(site: CaseSite):
    """M-42, M-51: the head grants twenty days in all; the page counts the days; an explanation is offered once overdue."""
    number = await site.asked()
    async with colleagues(site, "liaison_a", "head_a") as (liaison, head):
        page = await liaison.open(f"/tickets/{number}")
        assert "2026-06-08" in page
        assert "说明逾期情况" not in page
        assert (await liaison.send(number, "ask", kind="extend", reason="需要会商")).status == 303
        await head.open(f"/tickets/{number}")
        assert (await head.send(number, "decide", kind="extend", decision="approve")).status == 303
        page = await liaison.open(f"/tickets/{number}")
        assert "2026-06-30" in page
        assert "经批准由 5 个工作日延长到 20 个工作日" in page
        assert "6月19日至6月21日" in page
        site.city.clock.move_to(datetime.fromisoformat("2026-07-01T09:00:00+08:00"))
        await liaison.browser.sign_in("liaison_a")  # a month later the sign-in is over
        assert "已逾期" in await liaison.open("/liaison/tickets?view=overdue")
        page = await liaison.open(f"/tickets/{number}")
        assert "说明逾期情况" in page
        assert (
            await liaison.send(number, "ask", kind="explain", reason="资料在外单位，正在调取")
        ).status == 303
        await head.browser.sign_in("head_a")
        await head.open(f"/tickets/{number}")
        assert (await head.send(number, "decide", kind="explain", decision="approve")).status == 303
        assert "逾期说明（已公开）" in await head.open(f"/tickets/{number}")


@pytest.mark.parametrize(
    ("who", "reason", "status"),
    [
        ("liaison_a", "", 200),
        ("head_a", "", 200),
        ("office", "", 403),
        ("operator", "", 403),
        ("supervisor", "", 422),
        ("supervisor", "核实回访", 200),
        ("inspector", "", 403),
        ("liaison_b", "", 404),
        ("admin", "", 403),
    ],
)
async def test_whole_numbers_are_shown_by_the_table_and_written_down(
    site: CaseSite, who: str, reason: str, status: int
):
    """§5.9 “full caller number”: the holder while open, supervisors with a reason; each showing is one audit row."""
    number = await site.asked()
    async with colleagues(site, who) as (person,):
        await person.browser.get("/account")
        response = await person.browser.client.post(
            f"/tickets/{number}/number",
            json={"reason": reason},
            headers={"X-CSRF-Token": person.browser.csrf},
        )
        assert response.status == status
        assert ("13800005678" in await response.text()) is (status == 200)
    async with site.city.db.reading() as session:
        rows = (await session.scalars(select(AuditRow).where(AuditRow.action == "number.reveal"))).all()
    assert [(row.actor, row.target) for row in rows] == ([(who, f"ticket:{number}")] if status == 200 else [])


async def test_a_joint_reply_goes_on_only_with_the_own_part(site: CaseSite):
    """M-39: category and own part first; the next unit answers its own; both parts stand on the page in order."""
    number = await site.asked()
    target = str(site.city.units["b"])
    async with colleagues(site, "liaison_a", "head_a", "liaison_b") as (first, head, second):
        await first.open(f"/tickets/{number}")
        alone = {"target": target, "reason": "还需公安部分"}
        assert (await first.send(number, "forward", **alone)).status == 422
        assert (await first.send(number, "forward", joint="1", **alone)).status == 422
        whole = {"joint": "1", "subject": "社保、户籍", "part": "社保部分这样办"}
        assert (await first.send(number, "forward", **alone, **whole)).status == 303
        await head.open(f"/tickets/{number}")
        assert (await head.send(number, "decide", kind="forward", decision="approve")).status == 303
        await second.open(f"/tickets/{number}")
        assert (await second.send(number, "answer", guidance="请到户籍窗口办理")).status == 303
        page = await first.open(f"/tickets/{number}")
        assert re.findall(r'data-testid="reply">([^<]*)<', page) == ["社保部分这样办", "请到户籍窗口办理"]


async def test_a_head_sees_the_bodies_below(site: CaseSite):
    """M-09: the supervising department's head lists and reads the subordinate body's tickets; others have no such tab."""
    number = await site.asked()
    async with colleagues(site, "head_a_above", "head_b") as (above, stranger):
        assert number in await above.open("/liaison/tickets?view=below")
        assert "社保卡多久能领" in await above.open(f"/tickets/{number}")
        assert number not in await stranger.open("/liaison/tickets?view=below")
        await stranger.open(f"/tickets/{number}", status=404)


async def test_case_notes_that_were_read_stand_apart(site: CaseSite):
    """M-135: what was read for the ticket in one part, case notes in another."""
    number, now = await site.asked(), site.city.clock.now()
    common = {
        "state": EntryState.PUBLISHED,
        "audience": Audience.PUBLIC,
        "created_at": now,
        "changed_at": now,
    }
    case = {"kind": EntryKind.NOTICE, "details": {"notice": Notice.EXPOSURE}}
    async with site.city.db.unit_of_work() as session:
        for fields in (
            {"title": "领社保卡", "kind": EntryKind.FAQ, "details": {}},
            {"title": "互相推诿"} | case,
        ):
            entry = Entry(**common, **fields, answer="答", source="own", source_id=fields["title"])
            session.add(entry)
            await session.flush()
            await readings.note(
                session, site.city.clock, entry.id, user_id=site.city.users["liaison_a"], ticket_no=number
            )
    async with colleagues(site, "liaison_a") as (liaison,):
        page = await liaison.open(f"/tickets/{number}")
    order = [page.find(text) for text in ("查阅和采用的信息", "领社保卡", "参考的典型案例", "互相推诿")]
    assert (order == sorted(order), min(order) > 0) == (True, True)
