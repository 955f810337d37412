"""How Alembic meets the hotline: every room's tables, changes by copy on SQLite, types written without our classes."""

from typing import Any

from alembic import context
from alembic.autogenerate.api import AutogenContext

from config.database import load_models
from core.db import Base, UtcDateTime

load_models()


def _render(kind: str, item: Any, _: AutogenContext) -> str | bool:
    """Migrations must not change when our column types do."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


connection = context.config.attributes["connection"]
if connection is None:
    raise SystemExit("请用 hotline db upgrade，或用 python -m config.migrations.revision 名称 生成新的迁移。")
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    render_item=_render,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
