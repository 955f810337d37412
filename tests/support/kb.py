"""People at the knowledge base, and an entry taken through all hands."""

from core.clock import Clock
from core.db import Database
from core.people import Role, User
from core.units import Region, RegionLevel, Unit
from kb import entries, workflow
from kb.access import Editor
from kb.fields import EntryFields
from kb.lifecycle import Action

FIELDS = EntryFields("住房公积金提取", "带身份证到窗口办理。")


class Office:
    """Two units of one region, each with a liaison and a head; one secrecy reviewer, one government office."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self.db, self.clock = db, clock
        self.region_id = 0
        self.fund: Editor
        self.fund_head: Editor
        self.police: Editor
        self.police_head: Editor
        self.secrecy: Editor
        self.gov: Editor

    async def build(self) -> "Office":
        async with self.db.unit_of_work() as session:
            region = Region(code="5399", name="示范州", level=RegionLevel.PREFECTURE)
            session.add(region)
            await session.flush()
            self.region_id = region.id
            names = {"fund": ("101", "公积金中心"), "police": ("102", "公安局"), "gov": ("001", "州政府办")}
            units = {
                key: Unit(region_id=region.id, code=code, name=name) for key, (code, name) in names.items()
            }
            session.add_all(units.values())
            await session.flush()
            for name, unit, role in (
                ("fund", "fund", Role.LIAISON),
                ("fund_head", "fund", Role.HEAD),
                ("police", "police", Role.LIAISON),
                ("police_head", "police", Role.HEAD),
                ("secrecy", "gov", Role.SECRECY),
                ("gov", "gov", Role.OFFICE),
            ):
                user = User(username=name, display_name=name, unit_id=units[unit].id, region_id=region.id)
                session.add(user)
                await session.flush()
                unit_id = units[unit].id
                editor = Editor(user.id, frozenset({role}), unit_id, region.id, frozenset({unit_id}))
                setattr(self, name, editor)
        return self

    async def draft(self, fields: EntryFields = FIELDS, editor: Editor | None = None) -> int:
        async with self.db.unit_of_work() as session:
            return (await entries.create(session, self.clock, editor or self.fund, fields)).id

    async def act(self, entry_id: int, editor: Editor, *actions: Action, reason: str = "") -> None:
        for action in actions:
            async with self.db.unit_of_work() as session:
                await workflow.act(session, self.clock, editor, entry_id, action, reason=reason)

    async def take_through(self, entry_id: int, *, police: bool = False) -> int:
        """From draft to published, by three people."""
        author, head = (self.police, self.police_head) if police else (self.fund, self.fund_head)
        await self.act(entry_id, author, Action.SUBMIT)
        await self.act(entry_id, head, Action.PASS_UNIT)
        await self.act(entry_id, self.secrecy, Action.PUBLISH)
        return entry_id

    async def publish(self, fields: EntryFields = FIELDS) -> int:
        return await self.take_through(await self.draft(fields))

    async def withdraw(self, entry_id: int) -> None:
        await self.act(entry_id, self.fund, Action.WITHDRAW, reason="政策已调整")
