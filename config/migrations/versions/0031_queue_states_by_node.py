"""queue states by node"""

import sqlalchemy as sa
from alembic import op

revision = "0031_queue_states_by_node"
down_revision = "0030_nodes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("queue_states")  # of the moment: written anew within half a minute
    op.create_table(
        "queue_states",
        sa.Column("line", sa.String(length=20), nullable=False),
        sa.Column("node", sa.String(length=12), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("line", "node", name=op.f("pk_queue_states")),
    )
