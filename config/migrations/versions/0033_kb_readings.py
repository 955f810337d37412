"""kb readings"""

import sqlalchemy as sa
from alembic import op

revision = "0033_kb_readings"
down_revision = "0032_task_orders"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kb_readings",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("entry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("ticket_no", sa.String(length=20), nullable=True),
        sa.Column("linkedid", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["entry_id"], ["kb_entries.id"], name=op.f("fk_kb_readings_entry_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_kb_readings_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kb_readings")),
    )
    with op.batch_alter_table("kb_readings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_kb_readings_entry_id"), ["entry_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_kb_readings_linkedid"), ["linkedid"], unique=False)
        batch_op.create_index(batch_op.f("ix_kb_readings_ticket_no"), ["ticket_no"], unique=False)

    with op.batch_alter_table("kb_entries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_kb_entries_subject_hot"))
        batch_op.create_index("ix_kb_entries_is_hot_subject", ["is_hot", "subject"], unique=False)
        batch_op.create_index(
            "ix_kb_entries_notices",
            ["published_at"],
            unique=False,
            sqlite_where=sa.text("kind = 'notice'"),
            postgresql_where=sa.text("kind = 'notice'"),
        )
