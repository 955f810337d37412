"""Complaints about a unit's published finances (财务公开监督电话, M-116): whose they are is chosen before the message is spoken."""

from collections.abc import Mapping, Sequence

from core.units import Region, Unit
from ivr.flow.context import Branch, Handler
from ivr.menus.walk import Item
from ivr.talks import directory

Place = tuple[Unit, ...]
"""The units of one place of the list."""


class Finances(Branch):
    place: Place | None = None
    """What was chosen by region; none: every unit of the line's region."""

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "complaint_door": self.complaint_door,
            "finance_places": self.finance_places,
            "finance_units": self.finance_units,
        }

    async def complaint_door(self, _key: str) -> None:
        """Nothing chosen before holds for a new complaint."""
        self.place = self.caller.accused = None

    async def finance_places(self) -> Sequence[Item]:
        """The regions below the line's with units that publish; none where there is nothing to choose."""
        places = await self._places()
        if len(places) < 2:
            return []
        return [Item(await self.deps.say(region.name), tuple(units)) for region, units in places]

    async def finance_units(self) -> Sequence[Item]:
        units = self.place or tuple(unit for _, theirs in await self._places() for unit in theirs)
        return [Item(await self.deps.say(unit.name), unit) for unit in units]

    def picked(self, value: Place | Unit) -> None:
        if isinstance(value, Unit):
            self.caller.accused, self.caller.about = value, None
        else:
            self.place = value

    async def _places(self) -> Sequence[tuple[Region, Sequence[Unit]]]:
        async with self.deps.db.reading() as session:
            return await directory.publishers(session, self.caller.region)
