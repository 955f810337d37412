"""The demo's entries (演示数据): invented answers of the usual kind, for a newcomer to search and to hear."""

from pathlib import Path

from core.clock import Clock
from core.db import Database
from kb.interchange.exchange import Report, import_file

ENTRIES = Path(__file__).with_name("demo_entries.jsonl")


async def seed(db: Database, clock: Clock) -> Report:
    """Take the demo's entries in; doing it again changes nothing."""
    return await import_file(db, clock, ENTRIES)
