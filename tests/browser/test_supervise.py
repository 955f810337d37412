"""The supervisor's pages in a real browser: hearing a call, moving in it, and what that leaves in the audit log."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import select
from support.axe import troubles, violations
from support.fake_control import live_call
from support.supervise_site import PASSWORD, SuperviseSite, running_supervision

from core.audit import AuditRow
from core.people import User
from ivr.board import AgentView, WaitingView
from ivr.events import BoardChanged
from recordings.models import CallEnd, Recording

POSITION = "Number(document.querySelector('[data-player]').dataset.position)"


@pytest.fixture
async def supervision(tmp_path: Path) -> AsyncIterator[SuperviseSite]:
    async with running_supervision(tmp_path, calls=80) as site:
        yield site


async def sign_in(page: Page, site: SuperviseSite, path: str, name: str = "sup") -> None:
    await page.goto(f"{site.url}/login?next=/supervise")
    await page.fill("#username", name)
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{site.url}/supervise")
    await page.goto(site.url + path)


async def plays(site: SuperviseSite) -> list[AuditRow]:
    async with site.db.reading() as session:
        rows = await session.scalars(select(AuditRow).where(AuditRow.action == "recording.play"))
        return list(rows)


async def recording_id(site: SuperviseSite, end: CallEnd) -> str:
    async with site.db.reading() as session:
        return (await session.get_one(Recording, site.spoken(end).recording_id)).public_id


async def position(page: Page) -> int:
    return await page.evaluate(f"() => {POSITION}")


async def test_a_recording_plays_seeks_and_changes_speed(page: Page, supervision: SuperviseSite):
    """Play moves on, keys and clicks jump, double speed is twice as fast, a pause is no second row."""
    await sign_in(page, supervision, f"/supervise/calls/{supervision.spoken(CallEnd.LIAISON).linkedid}")
    play = page.get_by_role("button", name="播放", exact=True)
    wave = page.get_by_role("slider", name="通话录音播放位置")
    await play.click()
    await page.wait_for_function(f"() => {POSITION} > 700")
    assert len(await plays(supervision)) == 1
    await expect(page.locator("[data-show='silences']").first).to_contain_text("静默")
    await page.get_by_label("速度").select_option("2")
    took = await page.evaluate(
        f"""async () => {{
            const [from, start] = [{POSITION}, performance.now()];
            while ({POSITION} < from + 2000) await new Promise((go) => setTimeout(go, 20));
            return performance.now() - start;
        }}"""
    )
    assert took < 1700
    await page.get_by_role("button", name="暂停").click()
    before = await position(page)
    await wave.press("ArrowRight")
    assert abs(await position(page) - before - 5000) < 400
    await wave.press("Home")
    assert await position(page) == 0
    box = await wave.bounding_box()
    await wave.click(position={"x": box["width"] / 2, "y": 20})
    total_s = int(await wave.get_attribute("aria-valuemax"))
    assert abs(await position(page) / 1000 - total_s / 2) < 0.6
    await wave.press(" ")
    await page.wait_for_function(f"() => {POSITION} / 1000 > {total_s / 2} + 0.3")
    (row,) = await plays(supervision)
    public_id = await recording_id(supervision, CallEnd.LIAISON)
    assert (row.actor, row.role, row.target) == ("sup", "supervisor", f"recording:{public_id}")


async def test_playing_again_after_the_end_is_a_second_row(page: Page, supervision: SuperviseSite):
    """Each replay leaves its own row."""
    await sign_in(page, supervision, f"/supervise/calls/{supervision.spoken(CallEnd.OPERATOR).linkedid}")
    wave = page.get_by_role("slider")
    play = page.get_by_role("button", name="播放", exact=True)
    await play.click()
    await page.wait_for_function(f"() => {POSITION} > 200")
    await wave.press("End")
    await expect(play).to_be_visible()
    assert len(await plays(supervision)) == 1
    await play.click()
    await page.wait_for_function(f"() => {POSITION} > 200 && {POSITION} < 5000")
    assert len(await plays(supervision)) == 2


async def test_a_side_can_be_silenced(page: Page, supervision: SuperviseSite):
    """With the caller muted only the other side reaches the ears, measured in the page's own audio graph."""
    await page.add_init_script(
        """
        const connect = AudioNode.prototype.connect;
        AudioNode.prototype.connect = function (target, ...rest) {
          if (target === this.context.destination) {
            const meter = this.context.createAnalyser();
            connect.call(this, meter);
            (window.meters ??= []).push(meter);
          }
          return connect.call(this, target, ...rest);
        };
        window.loudest = async (index, ms) => {
          const values = new Float32Array(2048);
          let most = 0;
          const end = performance.now() + ms;
          while (performance.now() < end) {
            window.meters[index].getFloatTimeDomainData(values);
            most = Math.max(most, ...values.map(Math.abs));
            await new Promise((go) => setTimeout(go, 20));
          }
          return most;
        };
        """
    )
    await sign_in(page, supervision, f"/supervise/calls/{supervision.spoken(CallEnd.LIAISON).linkedid}")
    mute = page.get_by_role("button", name="静音来电人")
    await mute.click()
    await expect(mute).to_have_attribute("aria-pressed", "true")
    await page.get_by_role("button", name="播放", exact=True).click()
    await page.wait_for_function(f"() => {POSITION} > 100")
    caller, other = await page.evaluate("() => Promise.all([loudest(0, 6000), loudest(1, 6000)])")
    assert caller == 0
    assert other > 0.05


async def test_a_note_can_be_written_and_played_from(page: Page, supervision: SuperviseSite):
    """A note stands at the moment where the player was, survives a reload, and plays from there."""
    await sign_in(page, supervision, f"/supervise/calls/{supervision.spoken(CallEnd.LIAISON).linkedid}")
    wave = page.get_by_role("slider")
    await wave.press("ArrowRight")
    await page.get_by_placeholder("在当前位置写批注").fill("未使用规范用语")
    await page.keyboard.press("Enter")
    note = page.locator(".notes li")
    await expect(note).to_contain_text("未使用规范用语")
    await page.reload()
    await expect(note).to_contain_text("0:05 未使用规范用语 — 陈主管")
    await note.get_by_role("button", name="从0:05播放").click()
    await page.wait_for_function(f"() => {POSITION} > 5200 && {POSITION} < 9000")


async def test_the_story_and_the_drawing_lead_into_the_sound(page: Page, supervision: SuperviseSite):
    """The liaison's line in the story plays the place where the liaison begins, and the drawing follows."""
    await sign_in(page, supervision, f"/supervise/calls/{supervision.spoken(CallEnd.LIAISON).linkedid}")
    line = page.locator("#story li.transfer_completed")
    await line.get_by_role("button").click()
    await page.wait_for_function(f"() => {POSITION} > 8000")
    await expect(page.locator("#playhead")).to_have_attribute("visibility", "visible")
    await expect(page.locator("#story li.now")).to_have_count(1)
    await page.get_by_role("button", name="暂停").click()
    bar = page.locator(".bar.talk rect").first
    await bar.click(position={"x": 3, "y": 8})
    await page.wait_for_function(f"() => {POSITION} > 100 && {POSITION} < 4000")


async def test_one_click_on_a_score_plays_the_talk_behind_it(page: Page, supervision: SuperviseSite):
    """A unit's score plays from the liaison's first word, an operator's from the operator's; each leaves a row."""
    await sign_in(page, supervision, "/supervise/scores?about=unit")
    await page.locator("[data-listen]").first.click()
    await page.wait_for_function(f"() => {POSITION} > 9000")
    await page.goto(supervision.url + "/supervise/scores?about=operator")
    await page.locator("[data-listen]").first.click()
    await page.wait_for_function(f"() => {POSITION} > 300 && {POSITION} < 6000")
    assert len(await plays(supervision)) == 2
    await page.get_by_role("button", name="关闭").click()
    await expect(page.locator("#dock")).to_be_hidden()


async def test_a_sealed_recording_is_refused_to_the_supervisor(page: Page, supervision: SuperviseSite):
    """The page says so in words, offers no player, and nothing is played."""
    async with supervision.db.unit_of_work() as session:
        recording = await session.get_one(Recording, supervision.spoken(CallEnd.LIAISON).recording_id)
        recording.sealed = True
    await sign_in(page, supervision, f"/supervise/calls/{supervision.spoken(CallEnd.LIAISON).linkedid}")
    await expect(page.get_by_text("您无权收听该录音")).to_be_visible()
    await expect(page.locator("[data-player]")).to_have_count(0)
    assert await plays(supervision) == []


async def test_the_wallboard_follows_the_board(page: Page, supervision: SuperviseSite):
    """A caller who begins to wait is on the wall at once, the wait counts up, and goes with the caller."""
    await sign_in(page, supervision, "/wallboard")
    waiting = page.locator('[data-show="waiting"]')
    await expect(waiting).to_have_text("0")
    now = supervision.clock.now()
    supervision.board.queue.append(WaitingView("x", "96128", None, now - timedelta(seconds=61)))
    supervision.board.seats[1] = AgentView(1, "8001", "王芳", "1001", "ready", "", now, True, None)
    supervision.db.bus.deliver(BoardChanged())
    await expect(waiting).to_have_text("1")
    await expect(page.locator('[data-show="longest"]')).to_have_text("1:03")
    await expect(page.locator('[data-tile="longest"]')).to_have_class("tile bad")
    await expect(page.get_by_role("row", name="8001 王芳 就绪")).to_be_visible()
    supervision.board.queue.clear()
    supervision.db.bus.deliver(BoardChanged())
    await expect(page.locator('[data-show="longest"]')).to_have_text("—")


async def test_pages_are_accessible_and_fit(page: Page, supervision: SuperviseSite):
    """No axe-core violation and no sideways scrolling, on a desk screen and on a telephone."""
    await sign_in(page, supervision, "/supervise")
    supervision.board.seats[1] = AgentView(
        1, "8001", "王芳", "1001", "ready", "", supervision.clock.now(), True, None
    )
    found: list[str] = []
    for path in (
        "/supervise",
        f"/supervise/calls/{supervision.spoken(CallEnd.LIAISON).linkedid}",
        f"/supervise/calls/{supervision.spoken(CallEnd.VOICEMAIL).linkedid}",
        "/supervise/scores",
        "/wallboard",
        "/supervise?number=999999",
    ):
        await page.goto(supervision.url + path)
        if path == "/supervise/scores":
            await page.locator("[data-listen]").first.click()
        found += await troubles(page, (1440, 390))
    assert found == []


async def test_live_board_and_its_orders(page: Page, supervision: SuperviseSite):
    """A supervisor sees who talks and who waits, listens, moves a caller, pauses a seat; another region's calls are not there."""
    site, now = supervision, supervision.clock.now()
    region, wang = await region_of(site, "wang"), site.people["wang"]
    talk = live_call("t-1", phase="talking", answered_at=now - timedelta(seconds=65), region_id=region)
    waits = live_call("t-2", phase="queue", queued_at=now - timedelta(seconds=20), region_id=region, operator="",
                      caller_number="13911112222", menu_path=("WELCOME", "C", "OP"))  # fmt: skip
    site.board.live = [talk, waits]
    site.board.seats[wang] = AgentView(wang, "8001", "王芳", "1001", "ready", "", now, True, None, region)
    await sign_in(page, site, "/supervise/live")
    calls, seats = page.get_by_test_id("live-calls"), page.get_by_test_id("live-seats")
    await expect(calls.locator("tbody tr")).to_have_count(2)
    await expect(calls.locator("tr[data-call='t-1']")).to_contain_text("王芳")
    await expect(calls.locator("tr[data-call='t-1'] time")).to_have_text(re.compile(r"1:\d\d"))
    await expect(calls.locator("tr[data-call='t-2']")).to_contain_text("不予显示")
    await calls.get_by_role("button", name="监听").click()
    await expect(page.locator("#watch-text")).to_contain_text("正在监听")
    await expect(calls.get_by_role("button", name="监听")).to_have_attribute("aria-pressed", "true")
    assert await violations(page) == []
    await page.get_by_test_id("watch-stop").click()
    await expect(page.locator("#watch-text")).to_contain_text("没有在监督")
    await calls.get_by_role("button", name="调整").click()
    await page.get_by_test_id("move-to").select_option(label="话务员 8001 王芳（就绪）")
    assert await violations(page) == []
    await page.get_by_test_id("move-send").click()
    await seats.get_by_role("button", name="暂停 王芳").click()
    await page.get_by_test_id("pause-reason").select_option("培训")
    await page.get_by_test_id("pause-send").click()
    await expect(seats).to_contain_text("主管安排培训")
    async with page.expect_response("**/supervise/live/practice"):
        await seats.get_by_role("button", name="扮演来电人，呼叫 王芳").click()
    assert site.control.wishes == [
        ("supervise", "t-1", "listen"), ("stop_supervising",), ("operator", "t-2", wang), ("pause_seat", wang, "培训"),
        ("play_caller", site.people["sup"], wang),
    ]  # fmt: skip
    await page.set_viewport_size({"width": 1100, "height": 800})
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_another_regions_calls_cannot_be_seen_or_ordered(page: Page, supervision: SuperviseSite):
    """The county's supervisor neither sees nor can listen to a call of the prefecture."""
    region = await region_of(supervision, "wang")
    supervision.board.live = [live_call("t-1", phase="talking", region_id=region)]
    await sign_in(page, supervision, "/supervise/live", "countysup")
    await expect(page.locator("#no-calls")).to_be_visible()
    answer = await page.evaluate(
        """async () => {
            const headers = { "Content-Type": "application/json", "X-CSRF-Token": document.querySelector("meta[name=csrf]").content };
            const body = JSON.stringify({ action: "listen", call_id: "t-1" });
            return (await fetch("/supervise/live/call", { method: "POST", headers, body })).status;
        }"""
    )
    assert answer == 404
    assert supervision.control.wishes == []


async def region_of(site: SuperviseSite, name: str) -> int:
    async with site.db.reading() as session:
        found = (await session.get_one(User, site.people[name])).region_id
    assert found is not None
    return found
