"""The office's and the inspectors' pages over HTTP: queues, panels, and what each of them refuses."""

import hashlib
import io
import json
import re
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from support.callcast import add_recording, settings_in
from support.case_site import CaseSite, Colleague, case_site, colleagues

from agent_desktop.keys import ATTACHMENTS, RECORDINGS
from core.audit import AuditRow
from core.db import Database
from recordings.models import Call, RecordingKind
from tickets import service
from tickets.intake.attachments import attach, received
from tickets.models import Channel, State, Step, Ticket
from tickets.oversight.oversight_models import SupervisionOrder
from tickets.settings import AttachmentSettings


@pytest.fixture
async def site(db: Database) -> CaseSite:
    return await case_site(db)


async def later(site: CaseSite, day: str, person: Colleague, name: str) -> None:
    """Days later the person has signed in anew."""
    site.city.clock.move_to(datetime.fromisoformat(f"2026-{day}:00+08:00"))
    await person.browser.sign_in(name)


def links(page: str, label: str) -> list[str]:
    """The addresses in one of the page's navigations."""
    found = re.search(rf'<nav [^>]*aria-label="{label}">(.*?)</nav>', page, re.DOTALL)
    return re.findall(r'href="([^"]+)"', found[1]) if found else []


async def test_a_long_navigation_shows_what_is_below_the_open_page(site: CaseSite):
    """An office's many pages stand in one line, those below 统计报表 in a second while one of them is open."""
    async with colleagues(site, "office") as (office,):
        page = await office.open("/office")
        assert {"/office", "/reports"} <= set(links(page, "主导航"))
        assert "/reports/filed" not in page
        page = await office.open("/reports/filed")
        assert {"/reports", "/reports/filed", "/reports/returns"} <= set(links(page, "本栏目"))
        assert 'href="/reports/filed" aria-current="page"' in page
        assert 'href="/reports" aria-current="true"' in page


async def test_an_offices_telephone_page_leads_to_its_own_queue(site: CaseSite):
    """§5.9: an office takes transferred calls; the link beside them opens its queue, not the list of a unit's people."""
    async with colleagues(site, "office", "liaison_a") as (office, liaison):
        page = await office.open("/liaison")
        assert '<a href="/office">全部工单</a>' in page
        assert "/liaison/tickets" not in page
        assert '<a href="/liaison/tickets">全部工单</a>' in await liaison.open("/liaison")


async def complained(site: CaseSite, number: str | None = None, text: str = "答复敷衍") -> str:
    about = await site.ticket(number) if number else None
    async with site.city.db.unit_of_work() as session:
        issued = await service.register_complaint(
            session, site.city.clock, call_id=None, region_id=site.city.regions["city"], line="96128",
            caller_number="13800005678", recording_id=None, about=about, text=text, channel=Channel.WEB,
        )  # fmt: skip
    return issued.ticket.ticket_no


async def test_the_office_dispatches_from_one_queue(site: CaseSite):
    """M-40, M-45: what nobody could place stands in the queue with its five days; dispatched it is the unit's with its own."""
    number = await site.asked(unit=None)
    async with colleagues(site, "office", "county_office", "liaison_a") as (office, county, liaison):
        listed = await office.open("/office")
        assert number in listed
        assert "2026-06-08" in listed
        assert number not in await county.open("/office")
        page = await office.open(f"/tickets/{number}")
        assert "county_office局" in page
        refused = await office.send(number, "dispatch", unit="", question_class="general")
        assert (refused.status, "承办单位：请从列表中选择" in await refused.text()) == (422, True)
        county_unit = str(site.city.units["county_a"])
        crossing = await office.send(number, "dispatch", unit=county_unit, question_class="general")
        assert (crossing.status, "只能选择本地区本级的单位" in await crossing.text()) == (422, True)
        unit = str(site.city.units["a"])
        done = await office.send(number, "dispatch", unit=unit, question_class="important", note="请尽快答复")
        assert done.status == 303
        assert number not in await office.open("/office")
        assert number in await office.open("/office?view=done")
        assert "2026-06-15" in await liaison.open(f"/tickets/{number}")


async def test_a_level_is_crossed_by_two_people_of_the_office(site: CaseSite):
    """T7: only the next office up or down, with a reason, approved by a colleague; the county's five days begin."""
    number = await site.asked(unit=None)
    county = str(site.city.units["county_office"])
    async with colleagues(site, "office", "office_deputy", "county_office") as (office, deputy, below):
        await office.open(f"/tickets/{number}")
        assert (await office.send(number, "level", office=county, reason="下放")).status == 422
        assert (await office.send(number, "level", office=county, reason="属县级事权范围")).status == 303
        page = await office.open(f"/tickets/{number}")
        assert "转交上一级或下一级政府办" in page
        assert 'value="approve"' not in page
        await deputy.open(f"/tickets/{number}")
        assert (await deputy.send(number, "decide", kind="level", decision="approve")).status == 303
        assert number in await below.open("/office")


async def test_the_board_shows_what_is_late_and_why_not(site: CaseSite):
    """M-81: open, due soon, overdue, unexplained of the own level; the county's inspectors see none of it."""
    number = await site.asked()
    async with colleagues(site, "inspector", "county_inspector") as (inspector, county):
        assert number in await inspector.open("/inspect?view=open")
        await later(site, "06-05T09:00", inspector, "inspector")
        assert number in await inspector.open("/inspect?view=soon")
        await later(site, "06-08T18:01", inspector, "inspector")
        assert number in await inspector.open("/inspect")
        assert number not in await inspector.open("/inspect?view=unexplained")
        assert number not in await inspector.open("/inspect/accountability")
        await later(site, "06-10T09:00", inspector, "inspector")
        await county.browser.sign_in("county_inspector")
        assert number in await inspector.open("/inspect?view=unexplained")
        assert number in await inspector.open("/inspect/accountability")
        assert number not in await county.open("/inspect?view=")
        await inspector.open(f"/tickets/{number}")
        judged = {"outcome": "judiciary", "reason": "涉嫌渎职"}
        short = await inspector.send(number, "accountability", **judged)
        assert (short.status, "接收的司法机关和移交材料清单" in await short.text()) == (422, True)
        named = {"recipient": "市检察院", "papers": "工单打印件"}
        assert (await inspector.send(number, "accountability", **judged, **named)).status == 303
        taken_out = await inspector.browser.get(f"/tickets/{number}/case.zip")
        with zipfile.ZipFile(io.BytesIO(await taken_out.read())) as case:
            assert "市检察院" in case.read("案卷.html").decode()
        assert number not in await inspector.open("/inspect/accountability")
        assert "移交司法" in await inspector.open("/inspect/accountability/decided")


async def test_an_order_goes_to_the_unit_and_comes_back(site: CaseSite):
    """M-134: issued on the ticket's page, answered there, listed for both sides; late it is on the accountability list."""
    number = await site.asked()
    async with colleagues(site, "office", "liaison_a", "inspector") as (office, liaison, inspector):
        await office.open(f"/tickets/{number}")
        for until, sentence in (
            ("2026-06-06", "不是工作日"),
            ("gestern", "请填写日期"),
            ("1999-01-04", "一年之内"),
        ):
            refused = await office.send(number, "order", what="三日内说明", until_on=until)
            text = await refused.text()
            assert (refused.status, sentence in text, "三日内说明" in text) == (422, True, True)
        assert (await office.send(number, "order", what="三日内说明", until_on="2026-06-03")).status == 303
        await inspector.open(f"/tickets/{number}")
        assert (await inspector.send(number, "order", what="说明原因", until_on="2026-06-04")).status == 303
        assert number in await liaison.open("/orders")
        async with site.city.db.reading() as session:
            first, second = (
                await session.scalars(select(SupervisionOrder.id).order_by(SupervisionOrder.id))
            ).all()
        await liaison.open(f"/tickets/{number}")
        assert (await liaison.send(number, "order-answer", order=str(first), answer="已办")).status == 303
        await later(site, "06-05T09:00", inspector, "inspector")
        assert "逾期未反馈" in await inspector.open("/orders?view=overdue")
        assert number in await inspector.open("/inspect/accountability")
        await inspector.open(f"/tickets/{number}")
        held = {"outcome": "sanction", "reason": "督办不反馈"}
        assert (await inspector.send(number, "accountability", order=str(second), **held)).status == 303
        assert number not in await inspector.open("/inspect/accountability")


async def test_a_complaint_is_worked_by_inspectors_and_hidden_from_the_unit(site: CaseSite):
    """M-48, M-49, M-88: accepted, told to the unit as a gist, replied in three parts; the unit sees no number and no name."""
    number = await site.asked(asker_name="张三")
    async with colleagues(site, "liaison_a", "inspector", "county_inspector", "office") as (liaison, inspector, county, office):  # fmt: skip
        assert "张三" in await liaison.open(f"/tickets/{number}")
        assert (await liaison.send(number, "answer", answer="按规定办理")).status == 303
        complaint = await complained(site, number)
        for person in (liaison, county, office):
            await person.open(f"/tickets/{complaint}", status=404)
        page = await liaison.open(f"/tickets/{number}")
        assert [secret for secret in ("张三", "138****5678", "13800005678") if secret in page] == []
        shown = await liaison.browser.get(f"/api/v1/tickets/{number}")
        assert json.loads(await shown.text())["caller_number"] is None
        assert complaint in await inspector.open("/inspect/complaints")
        await inspector.open(f"/tickets/{complaint}")
        assert (await inspector.send(complaint, "accept")).status == 303
        await inspector.open(f"/tickets/{complaint}")
        assert (await inspector.send(complaint, "gist", gist="答复未说明依据")).status == 303
        assert "答复未说明依据" in await liaison.open(f"/tickets/{number}")
        await inspector.open(f"/tickets/{complaint}")
        two = {"findings": "已调查", "opinion": "批评教育", "upheld": "yes", "grade": "minor", "redo": "1"}
        refused = await inspector.send(complaint, "verdict", result="", **two)
        assert (refused.status, "三项填写完整" in await refused.text()) == (422, True)
        ungraded = await inspector.send(complaint, "verdict", result="已整改", **{**two, "grade": ""})
        assert (ungraded.status, "请选择处理等次" in await ungraded.text()) == (422, True)
        assert (await inspector.send(complaint, "verdict", result="已整改", **two)).status == 303
        assert "一般性投诉，通报批评" in await inspector.open(f"/tickets/{complaint}")
        assert (await site.ticket(number)).state == State.WORKING
        assert number in await liaison.open("/liaison/tickets")


async def test_a_case_goes_to_the_judiciary_and_is_locked(site: CaseSite):
    """M-53: asked by the inspector, approved by the body's head; then a file can be taken out and nothing changed."""
    complaint = await complained(site)
    async with colleagues(site, "inspector", "head_inspection") as (inspector, head):
        await inspector.open(f"/tickets/{complaint}")
        await inspector.send(complaint, "accept")
        assert (await inspector.browser.get(f"/tickets/{complaint}/case.zip")).status == 409
        await inspector.open(f"/tickets/{complaint}")
        asked = {"reason": "涉嫌受贿", "recipient": "市检察院", "papers": "举报信一份\n录音一段"}
        assert (await inspector.send(complaint, "judiciary", **asked)).status == 303
        await head.open(f"/tickets/{complaint}")
        assert (await head.send(complaint, "decide", kind="judiciary", decision="approve")).status == 303
        assert (await site.ticket(complaint)).state == State.C_JUDICIAL
        await inspector.open(f"/tickets/{complaint}")
        for action, fields in (
            ("note", {"note": "再记一笔"}),
            ("gist", {"gist": "要点"}),
            ("reject", {"reason": "不予受理"}),
            ("seal", {"sealed": "yes", "reason": "涉密"}),
        ):
            assert (await inspector.send(complaint, action, **fields)).status == 409
        response = await inspector.browser.get(f"/tickets/{complaint}/case.zip")
        with zipfile.ZipFile(io.BytesIO(await response.read())) as case:
            assert set(case.namelist()) == {"案卷.html", "case.json", "SHA256SUMS.txt"}
            page = case.read("案卷.html").decode()
            assert "市检察院" in page
            assert "举报信一份" in page
            assert json.loads(case.read("case.json"))[0]["caller_number"] == "13800005678"
    async with site.city.db.reading() as session:
        exports = await session.scalars(select(AuditRow.actor).where(AuditRow.action == "case.export"))
        assert list(exports) == ["inspector"]


async def test_the_case_file_holds_papers_and_recordings_of_complaint_and_question(
    site: CaseSite, tmp_path: Path
):
    """M-53: papers, and the voices as WAV, with their checksums; one that cannot be read is named, not left out."""
    settings = site.app[RECORDINGS] = settings_in(tmp_path)
    papers = site.app[ATTACHMENTS] = AttachmentSettings(folder=tmp_path / "papers")
    number = await site.asked()
    async with colleagues(site, "liaison_a", "inspector", "head_inspection") as (liaison, inspector, head):
        await liaison.open(f"/tickets/{number}")
        await liaison.send(number, "answer", answer="按规定办理")
        about = await site.ticket(number)
        async with site.city.db.unit_of_work() as session:
            call = await site.city.call(session, ended_at=site.city.clock.now())
            spoken = await add_recording(session, settings, call, kind=RecordingKind.COMPLAINT, length_s=1)
            asked = await session.get_one(Call, about.call_id)
            talk = await add_recording(session, settings, asked, length_s=1)
            lost = await add_recording(session, settings, asked, kind=RecordingKind.CONSULT, length_s=1)
            issued = await service.register_complaint(
                session, site.city.clock, call_id=call.id, region_id=site.city.regions["city"], line="96128",
                caller_number="13800005678", recording_id=spoken.id, about=about,
            )  # fmt: skip
            async with received(papers, [("举报信.pdf", b"%PDF-1.4 letter")]) as scans:
                await attach(session, site.city.clock, issued.ticket.id, scans)
        (settings.archive_dir / lost.path).unlink()
        complaint = issued.ticket.ticket_no
        for action, person, fields in (
            ("accept", inspector, {}),
            ("judiciary", inspector, {"reason": "涉嫌受贿", "recipient": "市检察院", "papers": "录音一段"}),
            ("decide", head, {"kind": "judiciary", "decision": "approve"}),
        ):
            await person.open(f"/tickets/{complaint}")
            assert (await person.send(complaint, action, **fields)).status == 303
        response = await inspector.browser.get(f"/tickets/{complaint}/case.zip")
        with zipfile.ZipFile(io.BytesIO(await response.read())) as case:
            sums = case.read("SHA256SUMS.txt").decode().splitlines()
            for recording in (spoken, talk):
                name = f"录音/{recording.public_id}.wav"
                sound = case.read(name)
                assert sound.startswith(b"RIFF")
                assert f"{hashlib.sha256(sound).hexdigest()}  {name}" in sums
            assert f"无法读取  录音/{lost.public_id}.wav" in sums
            assert case.read(f"附件/{complaint}-01 举报信.pdf") == b"%PDF-1.4 letter"


async def test_a_sealed_ticket_is_found_by_two_roles_alone(site: CaseSite):
    """M-86: inspectors and secrecy reviewers list and open it, everybody else gets 404."""
    number = await site.asked()
    async with colleagues(site, "inspector", "secrecy", "liaison_a") as (inspector, secrecy, liaison):
        await secrecy.open(f"/tickets/{number}", status=404)
        await inspector.open(f"/tickets/{number}")
        assert (await inspector.send(number, "seal", sealed="yes", reason="涉及个人隐私")).status == 303
        await liaison.open(f"/tickets/{number}", status=404)
        assert number in await secrecy.open("/inspect/sealed")
        await secrecy.open(f"/tickets/{number}")
        assert (await secrecy.send(number, "seal", sealed="no", reason="经审查可以公开")).status == 303
        assert number in await liaison.open("/liaison/tickets")


async def test_a_unit_that_declined_is_only_designated(site: CaseSite):
    """M-55: A hands it on, the office sends it back: only by 指定办理, flagged for office and inspectors."""
    number = await site.asked()
    unit = str(site.city.units["a"])
    async with colleagues(site, "liaison_a", "head_a", "office", "inspector") as (liaison, head, office, inspector):  # fmt: skip
        await liaison.open(f"/tickets/{number}")
        await liaison.send(number, "forward", reason="不属于本局职责")
        await head.open(f"/tickets/{number}")
        await head.send(number, "decide", kind="forward", decision="approve")
        await office.open(f"/tickets/{number}")
        refused = await office.send(number, "dispatch", unit=unit, question_class="general")
        assert (refused.status, "指定办理" in await refused.text()) == (422, True)
        done = await office.send(number, "dispatch", unit=unit, question_class="general", designate="1")
        assert done.status == 303
        assert number in await office.open("/office?view=ping_pong")
        assert number in await inspector.open("/inspect?view=ping_pong")
    async with site.city.db.reading() as session:
        steps = (await session.scalars(select(Step).order_by(Step.position))).all()
        assert [step.ping_pong for step in steps] == [False, False, True]
        assert (await session.scalar(select(Ticket.state))) == State.WORKING


async def test_the_audit_log_reads_in_chinese(site: CaseSite):
    """M-91: what was done to a ticket, by whom and from where, and no word of the program's own."""
    number = await site.asked()
    async with colleagues(site, "liaison_a", "inspector") as (liaison, inspector):
        await liaison.open(f"/tickets/{number}")
        await liaison.send(number, "forward", reason="不属于本局职责")
        page = await inspector.open("/inspect/audit")
        assert [word for word in ("工单：登记", "工单：申请转发至单位", "登录") if word not in page] == []
        assert ">ticket." not in page
        assert number in await inspector.open("/inspect/audit?action=ticket.ask_forward")
        await inspector.open("/inspect/audit?action=nonsense", status=422)


async def test_filters_that_cannot_be_meant_are_refused(site: CaseSite):
    """A view or unit nobody offered, a date that is none: one Chinese sentence."""
    async with colleagues(site, "inspector") as (inspector,):
        for query in ("?view=x", "?unit=99999", "?due_from=1999-13-01"):
            assert "：请" in await inspector.open(f"/inspect{query}", status=422)
        await inspector.open("/inspect?due_from=1999-01-01&due_to=2099-12-31&view=")
