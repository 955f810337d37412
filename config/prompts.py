"""The prompts as processes and commands see them (提示音): the shipped files, and what was edited of them in `/admin`."""

from config.database import DatabaseUnreachable, SchemaOutdated, opened
from config.settings import Settings
from ivr.asterisk.site import DIALPLAN
from ivr.menus.menu_check import load as load_menus
from ivr.speech.prompt_catalogue import Catalogue
from ivr.speech.prompt_catalogue import load as load_catalogue
from ivr.speech.studio import Studio
from ivr.speech.versions import edits_in_force


def shipped(settings: Settings) -> Catalogue:
    return load_catalogue(DIALPLAN / "prompts.toml", settings.line.number)


def studio(settings: Settings) -> Studio:
    catalogue = shipped(settings)
    return Studio(catalogue, load_menus(DIALPLAN / "menus.toml", catalogue), settings.prompts)


async def in_force(settings: Settings) -> Catalogue:
    """With the edits of the database; while there is no database yet, the files alone."""
    try:
        async with opened(settings) as db, db.reading() as session:
            return shipped(settings).edited(await edits_in_force(session))
    except (SchemaOutdated, DatabaseUnreachable):
        return shipped(settings)
