"""A township below the small city's county, its people, and a notice of its finances taken stage by stage."""

from dataclasses import dataclass

from aiohttp import ClientResponse, FormData
from sqlalchemy import select
from support.tickets import City
from support.web import Browser, as_, give_password

from core.people import Role, RoleGrant, User
from core.units import Region, RegionLevel, Unit
from tickets.finances.models import FinanceNotice
from tickets.finances.stages import Signatory, Stage

PDF = b"%PDF-1.4 scan"
PNG = b"\x89PNG\r\n\x1a\n photo"
DRAFT = {
    "title": "2026年第一季度财务收支公开", "level": "township", "first_on": "2026-01-01", "last_on": "2026-03-31",
    "income": "yes", "spending": "yes", "content": "收入 1200 万元，支出 1130 万元。",
    "decision": "5月20日镇长办公会，同意公开。", "decided_on": "2026-05-20",
}  # fmt: skip
"""What is written in 准备; the clock of the small city stands at 2026-06-01."""


async def add_township(city: City) -> None:
    """清水镇 in the county, which has no supervision body of its own; `clerk_t` and `clerk_t2` work there, `head_t` heads it."""
    async with city.db.unit_of_work() as session:
        county = await session.get_one(Region, city.regions["county"])
        county.name, county.townships_on = "示范县", True
        town = Region(code="town", name="清水镇", level=RegionLevel.TOWNSHIP, parent_id=county.id)
        session.add(town)
        await session.flush()
        unit = Unit(region_id=town.id, code="201", name="清水镇人民政府")
        session.add(unit)
        await session.flush()
        city.regions["town"], city.units["town"] = town.id, unit.id
        for name, role in (("clerk_t", Role.LIAISON), ("clerk_t2", Role.LIAISON), ("head_t", Role.HEAD)):
            user = User(username=name, display_name=name, region_id=town.id, unit_id=unit.id)
            user.grants = [RoleGrant(role=role)]
            session.add(user)
            await session.flush()
            city.users[name] = user.id
    await give_password(city.db, city.users)


@dataclass
class Office:
    """The pages as somebody of the township uses them."""

    city: City
    browser: Browser

    async def begin(self, **changed: str) -> str:
        """A new notice by whoever is signed in; its page's address."""
        sent = await self.browser.post(
            "/finances/new", {"unit": str(self.city.units["town"]), **DRAFT, **changed}
        )
        assert sent.status == 303, await sent.text()
        return sent.headers["Location"]

    async def do(self, path: str, deed: str, status: int = 303, **fields: str) -> str:
        """A form of the page; what it answered."""
        sent = await self.browser.post(f"{path}/{deed}", fields)
        text = await sent.text()
        assert sent.status == status, (deed, text)
        return text

    async def finish(self, path: str, stage: Stage, status: int = 303, **fields: str) -> str:
        return await self.do(path, "advance", status, stage=stage, **fields)

    async def paper(
        self, path: str, purpose: str, data: bytes = PDF, name: str = "凭证.pdf"
    ) -> ClientResponse:
        form = FormData({"csrf": self.browser.csrf, "purpose": purpose}, quote_fields=False)
        form.add_field("file", data, filename=name)
        return await self.browser.client.post(f"{path}/paper", data=form, allow_redirects=False)

    async def prepare(self, path: str) -> None:
        """From 准备 to 审核."""
        await self.finish(path, Stage.PREPARATION)
        await self.prove(path)

    async def prove(self, path: str) -> None:
        """From 依据 to 审核."""
        for purpose in ("realised", "vouchers"):
            assert (await self.paper(path, purpose)).status == 303
        await self.finish(path, Stage.BASIS)

    async def sign(self, path: str, *left_out: Signatory) -> None:
        """One of each category, and the scan."""
        for one in set(Signatory) - set(left_out):
            await self.do(path, "signature", category=one, name=f"代表{one}", signed_on="2026-06-01")
        assert (await self.paper(path, "signatures", name="签字.pdf")).status == 303

    async def review(self, path: str) -> None:
        """From 审核 to 公开: everybody signs; `clerk_t` is signed in afterwards."""
        await self.sign(path)
        await as_(self.browser, "head_t")
        await self.do(path, "sign-off")
        await as_(self.browser, "clerk_t")
        await self.finish(path, Stage.REVIEW)

    async def publish(self, path: str) -> None:
        """From 公开 to 建档."""
        for channel in ("board", "web"):
            await self.do(path, "channel", channel=channel, on="2026-06-01", note="镇政府大门口")
        assert (await self.paper(path, "board_photo", PNG, "公开栏.png")).status == 303
        await self.finish(path, Stage.PUBLICATION)

    async def notice(self) -> FinanceNotice:
        """The newest."""
        return await newest(self.city)


async def newest(city: City) -> FinanceNotice:
    async with city.db.reading() as session:
        wanted = select(FinanceNotice).order_by(FinanceNotice.id.desc()).limit(1)
        return (await session.scalars(wanted)).one()
