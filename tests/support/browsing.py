"""Small steps in the browser that several tests take."""

from datetime import UTC, datetime

from playwright.async_api import Page, expect
from support.desk_site import PASSWORD, DeskSite
from support.fake_control import live_call


async def sign_in(page: Page, site: DeskSite, username: str, path: str) -> None:
    """Through the login page to `path`."""
    await page.goto(f"{site.url}/login?next={path}")
    await page.fill("#username", username)
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{site.url}{path}")


async def answered(site: DeskSite, linkedid: str = "n1-1.1") -> str:
    """The operator is in a talk with a ticket; its number."""
    user_id = site.users["operator"]
    site.control.rings(user_id, live_call(linkedid, region_id=site.region_id))
    issued = await site.ticket_for_call("operator", linkedid)
    site.control.change_call(
        user_id, phase="talking", answered_at=datetime.now(UTC), ticket_no=issued.ticket.ticket_no,
        query_code=issued.query_code,
    )  # fmt: skip
    return issued.ticket.ticket_no


async def on_duty(page: Page, site: DeskSite) -> None:
    """The operator at the desk, ready for calls."""
    await sign_in(page, site, "operator", "/desk")
    await expect(page.get_by_test_id("line-chip")).to_have_text("电话已就绪")
    await page.keyboard.press("Alt+r")
    await expect(page.get_by_test_id("seat-state")).to_contain_text("暂停")
    await page.keyboard.press("Alt+r")
    await expect(page.get_by_test_id("seat-state")).to_have_text("就绪")
