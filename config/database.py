"""The hotline's database as the commands see it: opened with every room's settings, its structure at the head or not.

Migrations are Alembic's, in `config/migrations`; a running hotline and `hotline db upgrade` take the same way.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from config.settings import Settings
from core.db import Database
from core.errors import HotlineError
from core.outbox import Outbox

MIGRATIONS = Path(__file__).parent / "migrations"
ROOMS_WITH_TABLES = (
    "agent_desktop.desk.models",
    "core.audit",
    "core.calendar.proposals",
    "core.history",
    "core.calendar.holidays",
    "core.lines",
    "core.outbox",
    "core.organisation.staging",
    "core.people",
    "core.places",
    "core.units",
    "core.web.models",
    "ivr.models",
    "ivr.outages.nodes",
    "kb.models",
    "portal.models",
    "recordings.models",
    "reports.gathering.models",
    "reports.models",
    "reports.outside.models",
    "reports.quality.models",
    "reports.received.models",
    "reports.returns.models",
    "reports.scores.models",
    "reports.training.models",
    "recordings.queue_state",
    "tickets.callback_models",
    "tickets.finances.feedback_models",
    "tickets.finances.models",
    "tickets.query_codes.code_models",
    "tickets.intake.models",
    "tickets.mayor.models",
    "tickets.models",
    "tickets.webhooks.models",
    "tickets.oversight.oversight_models",
)
CONNECT_LIMIT_S = 5.0
_LOCK = 96128_2
_PATIENCE = ("SET LOCAL lock_timeout = '10s'", "SET LOCAL statement_timeout = '10min'")


class SchemaOutdated(HotlineError):
    """The database's structure is not the one that this version needs."""

    code = "schema_outdated"
    status = 503
    text = "数据库结构不是最新的（现为 {current}，应为 {head}），请先运行 hotline db upgrade。"


class DatabaseUnreachable(HotlineError):
    """The database cannot be opened; `reason` never holds its address."""

    code = "database_unreachable"
    status = 503
    text = "数据库无法打开（{reason}），请检查设置 database.url 和数据库服务。"


@dataclass(frozen=True)
class SchemaState:
    current: str
    """Revision of the database, empty when it has no tables yet."""
    head: str
    """Revision of this version of the hotline."""

    @property
    def is_current(self) -> bool:
        return self.current == self.head


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """The database of these settings, at the head; raises SchemaOutdated or DatabaseUnreachable."""
    state = await schema_state(settings.database.url)
    if not state.is_current:
        raise SchemaOutdated(current=state.current or "空库", head=state.head)
    db = Database(settings.database)
    Outbox(db, is_command=True)  # a running hotline learns of what a command changes
    for provided in settings.of_the_database:
        db.provide(provided)
    try:
        yield db
    finally:
        await db.close()


async def upgrade(url: str) -> SchemaState:
    """Bring the database to the head, in one transaction; returns where it was before."""
    before = await schema_state(url)
    async with _engine(url) as engine, engine.begin() as connection:
        await connection.run_sync(_upgrade)
    return before


async def schema_state(url: str) -> SchemaState:
    """Where the database is and where it should be."""
    async with _engine(url) as engine, engine.connect() as connection:
        current = await connection.run_sync(
            lambda sync: MigrationContext.configure(sync).get_current_revision()
        )
    return SchemaState(current or "", ScriptDirectory.from_config(alembic_config()).get_current_head() or "")


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's own configuration, no ini file needed."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("file_template", "%%(rev)s")
    return config


def load_models() -> None:
    """Every room's tables known to `Base.metadata`."""
    for name in ROOMS_WITH_TABLES:
        import_module(name)


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        for statement in _PATIENCE:
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    command.upgrade(alembic_config(connection), "head")
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise DatabaseUnreachable(reason="升级后外键不一致，已全部撤销")


@asynccontextmanager
async def _engine(url: str) -> AsyncIterator[AsyncEngine]:
    """An engine of its own: SQLite rebuilds tables, for which foreign keys must be off before the transaction."""
    if (file := make_url(url).database) and url.startswith("sqlite"):
        await asyncio.to_thread(Path(file).parent.mkdir, parents=True, exist_ok=True)
    engine = create_async_engine(url, poolclass=NullPool, connect_args={"timeout": CONNECT_LIMIT_S})
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _own_transactions)
        event.listen(engine.sync_engine, "begin", _begin_at_once)
    try:
        yield engine
    except (OperationalError, OSError) as error:
        reason = error.orig if isinstance(error, SQLAlchemyError) else error
        raise DatabaseUnreachable(reason=type(reason).__name__) from error
    finally:
        await engine.dispose()


def _own_transactions(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.close()


def _begin_at_once(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
