"""staged imports"""

import sqlalchemy as sa
from alembic import op

revision = "0006_staged_imports"
down_revision = "0005_kb_workflow"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "staged_files",
        sa.Column(
            "user_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_staged_files_user_id")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_staged_files")),
    )
