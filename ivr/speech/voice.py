"""Everything the hotline can say (播报): the catalogue's prompts, and any other text made into sound when needed."""

import asyncio

import structlog
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from core.db import Database
from core.units import Region, Unit
from ivr.speech import spoken
from ivr.speech.prompt_catalogue import Catalogue
from ivr.speech.prompts import Progress, PromptSettings, PromptsFailed, ensure, render
from ivr.speech.versions import edits_in_force
from ivr.talks.directory import unit_prompt

log = structlog.get_logger()


class Voice:
    def __init__(self, shipped: Catalogue, settings: PromptSettings) -> None:
        """`shipped`: as the file has it; `catalogue` is that with what was edited in `/admin`."""
        self.catalogue = self.shipped = shipped
        self._settings = settings
        self._made: set[str] = set()
        self._learning = asyncio.Lock()

    async def prepare(self, db: Database, progress: Progress | None = None) -> None:
        """Make what is missing: the catalogue's prompts as they are in force, and the names of all units and regions."""
        await self._learn_prompts(db, progress)
        await self.learn_names(db, progress)

    async def learn_prompts(self, db: Database) -> None:
        """Make the prompts that were edited in `/admin`; what cannot be made is heard as before."""
        try:
            await self._learn_prompts(db)
        except PromptsFailed:
            log.exception("prompts_not_changed")

    async def _learn_prompts(self, db: Database, progress: Progress | None = None) -> None:
        async with self._learning:
            async with db.reading() as session:
                catalogue = self.shipped.edited(await edits_in_force(session))
            await asyncio.to_thread(render, catalogue, self._settings, progress)
            self.catalogue = catalogue

    async def learn_names(self, db: Database, progress: Progress | None = None) -> None:
        """Make the names of units and regions that are new or have changed; the old sound is heard until then."""
        texts = await _names(db)
        await asyncio.to_thread(ensure, texts, self.catalogue, self._settings, progress)
        self._made.update(texts)

    async def say(self, text: str) -> list[str]:
        """Prompt ids that speak this text, made into sound if it is new; empty for a text that cannot be made."""
        ids = spoken.text(text)
        if not self._made.issuperset(ids):
            try:
                await asyncio.to_thread(ensure, {ids[0]: text}, self.catalogue, self._settings)
            except PromptsFailed:
                log.exception("text_not_spoken", prompt=ids[0])
                return []
            self._made.update(ids)
        return ids

    def sound(self, prompt_id: str, line: str = "") -> str:
        """Name of the sound Asterisk plays for a prompt id to a caller of this line."""
        return self.catalogue.sound(prompt_id, line)


async def _names(db: Database) -> dict[str, str]:
    async with db.reading() as session:
        units = (await session.scalars(select(Unit).options(selectinload(Unit.region)))).all()
        regions = (await session.scalars(select(Region))).all()
    names = {unit_prompt(unit.region.code, unit.code): unit.name for unit in units}
    return names | {spoken.text(region.name)[0]: region.name for region in regions}
