"""disclosure and gathering"""

import sqlalchemy as sa
from alembic import op

revision = "0035_disclosure_and_gathering"
down_revision = "0034_nodes_and_languages_owed"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gathering_steps",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("unit_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("item", sa.String(length=10), nullable=False),
        sa.Column("progress", sa.String(length=10), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_gathering_steps_unit_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_gathering_steps_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gathering_steps")),
    )
    with op.batch_alter_table("gathering_steps", schema=None) as batch_op:
        batch_op.create_index("ix_gathering_steps_unit_id_item", ["unit_id", "item"], unique=False)

    op.create_table(
        "disclosure_wishes",
        sa.Column(
            "ticket_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("way", sa.String(length=8), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name=op.f("fk_disclosure_wishes_ticket_id")),
        sa.PrimaryKeyConstraint("ticket_id", name=op.f("pk_disclosure_wishes")),
    )
