"""report indexes"""

import sqlalchemy as sa
from alembic import op

revision = "0027_report_indexes"
down_revision = "0026_portal_sendings"
branch_labels = None
depends_on = None

_PARTIAL = (("satisfaction_ratings", "step_id"), ("ticket_steps", "answered_call_id"))


def upgrade() -> None:
    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.create_index("ix_calls_region_id_started_at", ["region_id", "started_at"], unique=False)

    started = sa.text("kind = 'transfer_started'")
    op.create_index(
        "ix_call_events_transfer_started",
        "call_events",
        ["call_id"],
        sqlite_where=started,
        postgresql_where=started,
    )

    with op.batch_alter_table("ticket_steps", schema=None) as batch_op:
        batch_op.create_index("ix_ticket_steps_cut_off_at", ["cut_off_at"], unique=False)
        batch_op.create_index("ix_ticket_steps_started_at", ["started_at"], unique=False)

    with op.batch_alter_table("quality_samples", schema=None) as batch_op:
        batch_op.add_column(sa.Column("head_seen_at", sa.DateTime(timezone=True), nullable=True))

    # with most rows empty, planners took the full ones for useless
    for table, column in _PARTIAL:
        op.drop_index(f"ix_{table}_{column}", table_name=table)
        filled = sa.text(f"{column} IS NOT NULL")
        op.create_index(f"ix_{table}_{column}", table, [column], sqlite_where=filled, postgresql_where=filled)
