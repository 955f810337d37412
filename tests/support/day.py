"""A day at the hotline with a window for everybody (主管的一天): opened when first needed, looked at by axe-core, closed with the browser."""

from dataclasses import dataclass, field

from playwright.async_api import Browser, Page
from sqlalchemy import select
from support.axe import troubles
from support.hotline import City

from config.demo.seeding import DemoAccount


@dataclass
class Day:
    city: City
    browser: Browser
    accounts: dict[str, DemoAccount]
    windows: dict[str, Page] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    async def window(self, username: str, path: str) -> Page:
        """The person's own window at `path`, signed in when it is opened first; an empty name is the public."""
        if username not in self.windows:
            context = await self.browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
            self.windows[username] = await context.new_page()
            self.windows[username].on("pageerror", lambda error: self.broken.append(str(error)))
            if username:
                await self._sign_in(self.windows[username], username)
        page = self.windows[username]
        await page.goto(self.city.url + path)
        return page

    async def _sign_in(self, page: Page, username: str) -> None:
        await page.goto(f"{self.city.url}/login?next=/account")
        await page.fill("#username", username)
        await page.fill("#password", self.accounts[username].password)
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{self.city.url}/account")

    async def look(self, page: Page) -> None:
        """What keeps people out of this page is remembered for the day's end."""
        self.broken += await troubles(page)

    async def rows(self, kind, *where):
        async with self.city.hotline.db.reading() as session:
            return (await session.scalars(select(kind).where(*where).order_by(kind.id))).all()
