"""The columns that name an event are kept, so that a database has events of one key only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add them; the first night that publishes or settles says which they are."""
    op.create_table(
        "event_key",
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("column_name", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("place", name="pk_event_key"),
    )
