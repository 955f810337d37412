"""The knowledge base beside the call: typed key by key, narrowed, chosen by keyboard, linked to the ticket."""

import re
from datetime import date
from pathlib import Path

from playwright.async_api import Page, expect
from sqlalchemy import select
from support.browsing import answered, on_duty
from support.desk_site import DeskSite, running_desk

from kb.entries import touch
from kb.figures import used_on
from kb.models import Audience, Entry, InternalReason
from kb.readings import How, consulted


async def expire(site: DeskSite, source_id: str) -> None:
    async with site.db.unit_of_work() as session:
        entry = (await session.scalars(select(Entry).where(Entry.source_id == source_id))).one()
        entry.valid_to_on = date(2020, 1, 1)
        touch(session, site.clock, entry)
    await site.searcher.reindex([entry.id])


async def test_an_entry_found_by_typing_is_linked_to_the_ticket(page: Page, tmp_path: Path) -> None:
    """M-22: each key narrows the list, filters keep the rest out, what has expired is not written, Enter links the rest."""
    async with running_desk(tmp_path, with_search=True) as site:
        await expire(site, "demo-002")
        await on_duty(page, site)
        number = await answered(site)
        await expect(page.get_by_test_id("ticket-no")).to_have_text(number)
        lines, answer = page.get_by_test_id("kb-list").get_by_role("option"), page.get_by_test_id("f-answer")

        await page.keyboard.press("Control+k")
        for key in "shbzkys":
            await page.keyboard.press(key)
            await expect(lines.first).to_be_visible()
        await expect(lines).to_have_count(1)
        await expect(lines.first).to_contain_text("社会保障卡遗失后的挂失与补办")
        await expect(lines.first).to_contain_text("已过有效期")
        await page.keyboard.press("Enter")
        await expect(page.locator(".toast")).to_contain_text("没有写入答复")
        await expect(answer).to_have_value("")

        await page.keyboard.press("Control+k")
        await page.get_by_test_id("kb-q").fill("")
        for character in "食品经营许可":
            await page.keyboard.insert_text(character)
        await expect(lines.filter(has_text="食品经营许可证办理")).to_have_count(1)
        await page.get_by_test_id("kb-kind").select_option("item")
        await expect(lines.filter(has_text="食品经营许可证办理")).to_have_count(0)
        await expect(lines.first).to_contain_text("食品经营许可（新办）")
        await page.get_by_test_id("kb-unit").fill("税务")
        await expect(page.locator("#kb-state")).to_contain_text("可放宽")
        await page.get_by_test_id("kb-unit").fill("市场")
        await expect(lines.first).to_contain_text("食品经营许可（新办）")
        await page.get_by_test_id("kb-region").select_option(str(site.region_id))
        await expect(page.locator("#kb-state")).to_contain_text("可放宽")
        await page.get_by_test_id("kb-region").select_option("")
        await expect(lines.first).to_contain_text("食品经营许可（新办）")
        await page.keyboard.press("Control+k")
        async with page.expect_response("**/desk/kb/chosen"):
            await page.keyboard.press("Enter")
        await expect(page.locator("#linked")).to_contain_text("食品经营许可（新办）")
        await expect(answer).to_have_value(re.compile("办理时限：受理之日起 10 个工作日"))
        await page.wait_for_function(
            "() => document.getElementById('saved').textContent.startsWith('已保存')"
        )

        async with site.db.reading() as session:
            assert [entry.source_id for entry in await used_on(session, number)] == ["demo-101"]


async def test_what_is_internal_is_read_and_never_written(page: Page, tmp_path: Path) -> None:
    """M-70: marked in the list, shown whole, kept out of the answer that citizens get; what was read is on the ticket."""
    async with running_desk(tmp_path, with_search=True) as site:
        async with site.db.unit_of_work() as session:
            inner = (await session.scalars(select(Entry).where(Entry.source_id == "demo-002"))).one()
            inner.audience, inner.internal_reason = Audience.INTERNAL, InternalReason.INTERNAL_AFFAIRS
            touch(session, site.clock, inner)
        await site.searcher.reindex([inner.id])
        await on_duty(page, site)
        number = await answered(site)
        await expect(page.get_by_test_id("ticket-no")).to_have_text(number)
        lines, answer = page.get_by_test_id("kb-list").get_by_role("option"), page.get_by_test_id("f-answer")
        shown = page.get_by_test_id("kb-entry")

        await page.keyboard.press("Control+k")
        await page.keyboard.insert_text(inner.title)
        await expect(lines.first).to_contain_text("不公开")
        await page.keyboard.press("Enter")
        await expect(page.locator(".toast")).to_contain_text("没有写入答复")
        await page.keyboard.press("Shift+Enter")
        await expect(shown).to_contain_text(inner.answer[:20])
        await expect(shown.get_by_role("button", name="写入答复")).to_be_hidden()
        await page.keyboard.press("Escape")
        await expect(page.get_by_test_id("kb-q")).to_be_focused()
        await expect(answer).to_have_value("")

        await page.get_by_test_id("kb-q").fill("食品经营许可证办理")
        await expect(lines.first).not_to_contain_text("不公开")
        await page.keyboard.press("Alt+v")
        await expect(shown.get_by_role("button", name="写入答复")).to_be_focused()
        async with page.expect_response("**/desk/kb/chosen"):
            await page.keyboard.press("Enter")
        await expect(answer).not_to_have_value("")
        async with site.db.reading() as session:
            noted = await consulted(session, number)
        assert [one.how for one in noted] == [How.WRITTEN, How.READ]
        assert noted[1].entry.id == inner.id
