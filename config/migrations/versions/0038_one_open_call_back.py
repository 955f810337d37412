"""One open call-back per number, over all nodes."""

import sqlalchemy as sa
from alembic import op

revision = "0038_one_open_call_back"
down_revision = "0037_region_of_steps_ratings"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(  # two nodes may have listed a number in the same moment; the first line has the caller's place
        "UPDATE owed_calls SET state = 'dropped', finished_at = asked_at, remark = '同一号码重复登记' "
        "WHERE state = 'open' AND EXISTS (SELECT 1 FROM owed_calls AS earlier WHERE earlier.state = 'open' "
        "AND earlier.number = owed_calls.number AND earlier.id < owed_calls.id)"
    )
    with op.batch_alter_table("owed_calls", schema=None) as batch_op:
        batch_op.create_index(
            "uq_owed_calls_open_number",
            ["number"],
            unique=True,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        )
