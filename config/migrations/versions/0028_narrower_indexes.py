"""narrower indexes

An index with mostly empty values tells the planner nothing about them: it took "not finished" and "about nothing" for rare.
"""

import sqlalchemy as sa
from alembic import op

revision = "0028_narrower_indexes"
down_revision = "0027_report_indexes"
branch_labels = None
depends_on = None
_INDEXES = (
    ("tickets", "ix_tickets_about_id", ["about_id"], "about_id IS NOT NULL"),
    (
        "ticket_steps",
        "ix_ticket_steps_finished_at_cut_off_at",
        ["finished_at", "cut_off_at"],
        "finished_at IS NOT NULL",
    ),
)


def upgrade() -> None:
    for table, name, columns, condition in _INDEXES:
        op.drop_index(name, table_name=table)
        where = sa.text(condition)
        op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
