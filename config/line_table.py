"""The lines as they are now (专线): read from the database, with the one of the settings; what Asterisk is told of them."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select

from core.db import Database
from core.errors import HotlineError
from core.lines import Line, every_line
from core.units import ConnectionState, Region, RegionLevel
from ivr.asterisk.site import LineFacts, line_variables
from ivr.queue.regions import BASE, Split, in_language
from ivr.queue.seats import Staff
from ivr.settings import LineSettings


class RegionMissing(HotlineError):
    """No region is on record that could answer the line."""

    code = "region_missing"
    text = "还没有可接听的地区。请先导入机构（hotline org import），或用 hotline run --demo 体验。"


class LineTable:
    def __init__(self, db: Database, setting: LineSettings) -> None:
        self._db = db
        self._setting = setting
        self.lines: dict[str, Line] = {}
        """Every line that is answered by its number, kept current in place."""
        self.not_open: list[str] = []
        """Numbers on record that are not connected yet: callers are told so."""
        self._parents: dict[int, int | None] = {}

    async def load(self) -> list[str]:
        """Read the table anew; returns the numbers that are answered no more."""
        async with self._db.reading() as session:
            rows = await every_line(session)
            regions = (await session.scalars(select(Region).order_by(Region.code))).all()
        fresh = {line.number: line for line in rows if line.state != ConnectionState.NOT_CONNECTED}
        self.not_open = [line.number for line in rows if line.number not in fresh]
        self._parents = {region.id: region.parent_id for region in regions}
        if self._setting.number not in {line.number for line in rows}:
            fresh[self._setting.number] = self._of_settings(regions)
        gone = [number for number in self.lines if number not in fresh]
        self.lines.update(fresh)
        for number in gone:
            del self.lines[number]
        return gone

    def split(self, staff: Mapping[int, Staff]) -> Split:
        """Lines, regions and operators as they are now."""
        operators = [one.region_id for one in staff.values() if one.is_operator]
        return Split(list(self.lines.values()), self._parents, operators)

    def queue_of(self, number: str, language: str) -> str:
        """Where a line's callers wait who want this language."""
        return in_language(self.queues().get(number, BASE), language)

    def queues(self) -> dict[str, str]:
        """Queue by line."""
        by_region = self.split({}).queues
        return {number: by_region.get(line.region_id, BASE) for number, line in self.lines.items()}

    def facts(self) -> LineFacts:
        split = self.split({})
        queues = split.queues
        found = {f"NOT_OPEN_{number}": "yes" for number in self.not_open}
        for line in self.lines.values():
            found |= line_variables(line, queues) | {f"NOT_OPEN_{line.number}": ""}
        return LineFacts([*queues.values(), *(queue for queue, _, _ in split.language_queues())], found)

    def _of_settings(self, regions: Sequence[Region]) -> Line:
        """Its region is the one named there, or else the first prefecture."""
        named = next((region for region in regions if region.code == self._setting.region), None)
        default = next((region for region in regions if region.level == RegionLevel.PREFECTURE), None)
        region = named or default
        if region is None:
            raise RegionMissing
        return Line(
            number=self._setting.number, name="", region_id=region.id, region=region, state=ConnectionState.LIVE,
            menu="", greeting="", overflow_wait_s=60, overflow_length=5, languages=[], language="",
        )  # fmt: skip
