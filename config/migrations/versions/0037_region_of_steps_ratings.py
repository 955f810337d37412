"""regions of steps and ratings"""

import sqlalchemy as sa
from alembic import op

revision = "0037_region_of_steps_ratings"
down_revision = "0036_clerks_score_weights"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OF_UNIT = "(SELECT region_id FROM units WHERE units.id = {table}.unit_id)"
_OF_TICKET = "(SELECT region_id FROM tickets WHERE tickets.id = {table}.ticket_id)"


def upgrade() -> None:
    """Where the units are now is all that is known of steps and ratings made before."""
    for table in ("ticket_steps", "satisfaction_ratings"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("region_id", _KEY, nullable=True))
            batch_op.create_foreign_key(batch_op.f(f"fk_{table}_region_id"), "regions", ["region_id"], ["id"])
    of_step = f"coalesce({_OF_UNIT}, {_OF_TICKET})".format(table="ticket_steps")
    op.execute(f"UPDATE ticket_steps SET region_id = {of_step}")  # noqa: S608
    op.execute(f"UPDATE satisfaction_ratings SET region_id = {_OF_UNIT.format(table='satisfaction_ratings')}")  # noqa: S608
    with op.batch_alter_table("ticket_steps", schema=None) as batch_op:
        batch_op.alter_column("region_id", existing_type=_KEY, nullable=False)
