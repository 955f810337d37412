"""clerks score weights"""

import sqlalchemy as sa
from alembic import op

revision = "0036_clerks_score_weights"
down_revision = "0035_disclosure_and_gathering"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("score_weights", schema=None) as batch_op:
        batch_op.add_column(sa.Column("judged", sa.String(length=5), server_default="unit", nullable=False))
        batch_op.drop_constraint(batch_op.f("uq_score_weights_region_id_number"), type_="unique")
        batch_op.create_unique_constraint(
            batch_op.f("uq_score_weights_region_id_judged_number"), ["region_id", "judged", "number"]
        )
