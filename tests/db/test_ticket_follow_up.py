"""Beside and after the answer: calls back, the knowledge base, the head's review, notices."""

import asyncio
import io
import os
import re
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import select
from support.case_site import CaseSite, Colleague, case_site, colleagues

from agent_desktop.keys import ATTACHMENTS, CONTROL
from core import audit
from core.db import Database
from kb.models import Entry
from recordings.models import Call, Recording, RecordingKind
from tickets import callbacks, queries, satisfaction
from tickets.models import Feedback, SatisfactionRating, State
from tickets.settings import AttachmentSettings

PDF = b"%PDF-1.7\n" + b"x" * 300_000


@pytest.fixture
async def site(db: Database, tmp_path: Path) -> CaseSite:
    site = await case_site(db)
    site.app[ATTACHMENTS] = AttachmentSettings(folder=tmp_path / "papers", file_mb=2)
    return site


async def upload(who: Colleague, number: str, name: str, body: bytes) -> tuple[int, str]:
    await who.open(f"/tickets/{number}", status=200)
    form = aiohttp.FormData({"csrf": who.browser.csrf, "seen": who.seen}, quote_fields=False)
    form.add_field("file", io.BytesIO(body), filename=name, content_type="application/octet-stream")
    response = await who.browser.client.post(f"/tickets/{number}/papers", data=form, allow_redirects=False)
    return response.status, await response.text()


async def test_papers_are_checked_before_they_are_kept(site: CaseSite):
    """M-87: kind and size are limited whatever the name says; a refused paper leaves nothing behind; looks are audited."""
    number = await site.asked()
    folder = site.app[ATTACHMENTS].folder
    async with colleagues(site, "liaison_a", "head_a", "liaison_b") as (liaison, head, stranger):
        assert (await upload(liaison, number, "../../证明\u202e材料.pdf", PDF))[0] == 303
        for name, body, code, sentence in (
            ("a.pdf", b"MZ not a pdf", 415, "格式不能接收"),
            ("a.pdf", b"", 422, "请选择文件"),
            ("big.pdf", PDF * 8, 413, "太长"),
            ("huge.pdf", PDF * 80, 413, "太长"),
        ):
            status, text = await upload(liaison, number, name, body)
            assert (name, status, sentence in text) == (name, code, True)
        assert len([path for path in folder.rglob("*") if path.is_file()]) == 1
        page = await head.open(f"/tickets/{number}")
        link = re.search(rf'href="(/tickets/{number}/papers/[^"]+)">证明材料.pdf<', page)[1]
        assert "添加附件</strong>" in page
        assert await (await head.browser.get(link)).read() == PDF
        assert (await stranger.browser.get(link)).status == 404


async def test_nobody_waits_for_the_scanner_but_who_sent_the_paper(site: CaseSite, tmp_path: Path):
    """M-87: while the administrator's command looks at a paper, everybody else's work is stored."""
    number = await site.asked()
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    site.app[ATTACHMENTS] = replace(site.app[ATTACHMENTS], scan_command=f"cat {gate}")
    async with colleagues(site, "liaison_a") as (liaison,), asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(upload(liaison, number, "a.pdf", PDF))
        opened = await asyncio.to_thread(gate.open, "wb")  # as soon as the scanner reads
        async with asyncio.timeout(10), site.city.db.unit_of_work() as session:
            await audit.record(
                session, site.city.clock, actor="head_a", action="user.password", target="head_a"
            )
        assert not sending.done()
        opened.close()
    assert sending.result()[0] == 303


async def test_the_asker_is_called_back_and_each_try_is_logged(site: CaseSite):
    """M-28: the whole number never reaches the page; three tries that reach nobody leave the reply to the code."""
    number = await site.asked(feedback="call_back")
    city = site.city
    async with colleagues(site, "liaison_a", "liaison_b") as (liaison, stranger):
        await liaison.open(f"/tickets/{number}")
        assert (await stranger.send(number, "call-back")).status == 404
        for attempt in range(1, 4):
            await liaison.open(f"/tickets/{number}")
            assert (await liaison.send(number, "call-back")).status == 303
            assert (await liaison.send(number, "call-back")).status == 409  # the same page again
            wish = site.app[CONTROL].wishes[-1]
            assert wish == ("call_back", "13800005678", number)
            linkedid = f"fake-out-{len(site.app[CONTROL].wishes)}"
            async with city.db.unit_of_work() as session:
                session.add(
                    Call(
                        linkedid=linkedid, direction="out", line="96128", region_id=city.regions["city"],
                        caller_number="13800005678", started_at=city.clock.now(), ended_at=city.clock.now(),
                    )
                )  # fmt: skip
            async with city.db.unit_of_work() as session:
                await callbacks.note_end(session, city.clock, linkedid)
                await callbacks.note_end(session, city.clock, linkedid)
            page = await liaison.open(f"/tickets/{number}")
            assert page.count("未接通</span>") == attempt
            assert "13800005678" not in page
        assert "提问人可凭查询码查看答复" in page
        assert (await liaison.send(number, "call-back")).status == 409
    assert (await site.ticket(number)).feedback == Feedback.BY_CODE
    assert len(site.app[CONTROL].wishes) == 3


async def test_the_unit_and_who_supervises_it_hear_the_call_back(site: CaseSite):
    """M-28, M-09: the recording of a call back is on the ticket, for the unit that made it and the department above it."""
    number = await site.asked()
    city = site.city
    async with colleagues(site, "liaison_a", "head_a_above", "operator") as (liaison, above, operator):
        await liaison.open(f"/tickets/{number}")
        assert (await liaison.send(number, "call-back")).status == 303
        async with city.db.unit_of_work() as session:
            call = Call(
                linkedid="fake-out-1", direction="out", line="96128", region_id=city.regions["city"], talk_ms=5000,
                started_at=city.clock.now(), ended_at=city.clock.now(), operator_id=city.users["liaison_a"],
            )  # fmt: skip
            session.add(call)
            await session.flush()
            session.add(
                Recording(
                    call_id=call.id, kind=RecordingKind.TALK, path="t.wav", source="t", started_at=city.clock.now(),
                    duration_ms=5000, channels=2,
                )
            )  # fmt: skip
            await callbacks.note_end(session, city.clock, "fake-out-1")
        for person, hears in ((liaison, True), (above, True), (operator, False)):
            page = await person.open(f"/tickets/{number}")
            assert "已接通</span>" in page
            assert ("data-player=" in page) is hears


async def test_a_reply_becomes_a_draft_with_both_ticks(site: CaseSite):
    """M-66: without 带普遍性 and 可以公开 nothing is offered to the knowledge base; with both the unit has a linked draft."""
    number = await site.asked(question="社保卡多久能领？")
    async with colleagues(site, "liaison_a", "liaison_b") as (liaison, stranger):
        assert "答复入库" not in await liaison.open(f"/tickets/{number}")
        assert (await liaison.send(number, "answer", answer="二十个工作日内领取")).status == 303
        assert "答复入库" in await liaison.open(f"/tickets/{number}")
        assert (await liaison.send(number, "propose", common="1")).status in {409, 422}
        assert (await stranger.send(number, "propose", common="1", public="1")).status == 404
        assert (await liaison.send(number, "propose", common="1", public="1")).status == 303
        assert "社保卡多久能领？</a>" in await liaison.open(f"/tickets/{number}")
    async with site.city.db.reading() as session:
        entry = (await session.scalars(select(Entry))).one()
        assert (entry.ticket_no, entry.answer, entry.unit_id) == (
            number,
            "二十个工作日内领取",
            site.city.units["a"],
        )


async def test_heads_are_told_what_waits_for_them(site: CaseSite):
    """M-46, M-63: a request and an unhappy rating ring the head's bell, a refusal the liaison's; reviewed once."""
    number = await site.asked()
    city = site.city

    async def unread(who: Colleague) -> int:
        return (await (await who.browser.get("/notices/count")).json())["unread"]

    async with colleagues(site, "liaison_a", "head_a", "liaison_b") as (liaison, head, other):
        await liaison.open(f"/tickets/{number}")
        assert (await liaison.send(number, "ask", kind="extend", reason="需要会商")).status == 303
        assert (await unread(head), await unread(liaison), await unread(other)) == (1, 0, 0)
        page = await head.open("/notices")
        assert (number in page, "有申请等待审核" in page) == (True, True)
        ids = re.findall(r'name="id" value="(\d+)"', page)
        assert (await head.browser.post("/notices/read", {"id": ids[0]})).status == 303
        assert await unread(head) == 0
        await head.open(f"/tickets/{number}")
        refuse = {"kind": "extend", "decision": "refuse", "refusal": "无须会商"}
        assert (await head.send(number, "decide", **refuse)).status == 303
        assert await unread(liaison) == 1
        page = await liaison.open(f"/tickets/{number}")
        assert ("不同意延期" in page, "无须会商" in page) == (True, True)
        assert (await liaison.send(number, "answer", answer="已答")).status == 303
        async with city.db.unit_of_work() as session:
            ticket_id = (await site.ticket(number)).id
            for _ in range(2):
                await satisfaction.rate(
                    session, city.clock, ticket_id=ticket_id, about="unit", score=3, channel="web"
                )
        assert await unread(head) == 1
        assert number in await head.open("/liaison/tickets?view=unhappy")
        await head.open(f"/tickets/{number}")
        assert (await liaison.send(number, "review", note="我自己看")).status == 403
        assert (await head.send(number, "review", note="答复无误，已电话解释")).status == 303
        assert number not in await head.open("/liaison/tickets?view=unhappy")
        assert "答复无误，已电话解释" in await head.open(f"/tickets/{number}")


async def test_an_unhappy_asker_is_answered_anew_and_then_heard_a_level_further(site: CaseSite):
    """The head sends the reply back to the own unit with a new clock; unhappy again: office and inspectors are told, once."""
    number, city = await site.asked(), site.city

    async def rate(score: int) -> None:
        async with city.db.unit_of_work() as session:
            ticket_id = (await site.ticket(number)).id
            await satisfaction.rate(
                session, city.clock, ticket_id=ticket_id, about="unit", score=score, channel="web"
            )

    async with colleagues(site, "liaison_a", "head_a", "office", "inspector") as (
        liaison,
        head,
        office,
        inspector,
    ):
        await liaison.open(f"/tickets/{number}")
        await liaison.send(number, "answer", answer="请自行了解")
        await rate(3)
        assert "仍不满意" not in await office.open("/notices")
        assert "重新办理" in await head.open(f"/tickets/{number}")
        assert (await head.send(number, "review", rework="1")).status == 422
        assert (
            await head.send(number, "review", rework="1", note="答非所问，请写明材料和时限")
        ).status == 303
        ticket = await site.ticket(number)
        assert (ticket.state, ticket.closed_at, ticket.timer_at) == (State.WORKING, None, None)
        async with city.db.reading() as session:
            first, again = await queries.steps_of(session, ticket.id)
        assert (again.unit_id, again.clock, again.cut_off_at) == (
            first.unit_id,
            first.clock,
            first.cut_off_at,
        )
        assert number in await liaison.open("/liaison/tickets")
        assert (await head.send(number, "review", rework="1", note="再来一次")).status in {404, 409}
        assert "提问人不满意" in await liaison.open(f"/tickets/{number}")
        await liaison.send(number, "answer", answer="带身份证，二十个工作日")
        await rate(3)
        for above in (office, inspector):
            assert "重新办理后提问人仍不满意，请督促" in await above.open("/notices")
            await above.open(f"/tickets/{number}")
        async with city.db.reading() as session:
            ratings = (await session.scalars(select(SatisfactionRating.score))).all()
        assert ratings == [3, 3]
