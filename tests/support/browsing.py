"""Small steps in the browser that several tests take."""

from playwright.async_api import Page
from support.desk_site import PASSWORD, DeskSite


async def sign_in(page: Page, site: DeskSite, username: str, path: str) -> None:
    """Through the login page to `path`."""
    await page.goto(f"{site.url}/login?next={path}")
    await page.fill("#username", username)
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{site.url}{path}")
