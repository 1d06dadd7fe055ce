"""Which settings are candidates from a night on, because a search found them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the table, empty: nothing was searched yet."""
    op.create_table(
        "tuning",
        sa.Column("entry", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("tuned", sa.JSON, nullable=False),
        sa.Column("told", sa.JSON, nullable=False),
        sa.Column(
            "written_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("entry", name="pk_tuning"),
    )
    op.create_index("ix_tuning_day", "tuning", ["day"])
