"""outside alarms"""

import sqlalchemy as sa
from alembic import op

import core.db

revision = "0043_outside_alarms"
down_revision = "0042_prompt_versions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("approval_items", schema=None) as batch_op:
        batch_op.add_column(sa.Column("overdue_at", core.db.UtcDateTime(), nullable=True))
