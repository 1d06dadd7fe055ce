"""Metrics have intervals; what is out of order is an incident, told once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add them; metrics that are there have no interval."""
    for name in ("low", "high"):
        op.add_column("daily_metric", sa.Column(name, sa.Double))
    op.create_table(
        "incident",
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("first_day", sa.Date, nullable=False),
        sa.Column("last_day", sa.Date, nullable=False),
        sa.Column("strength", sa.Double, nullable=False),
        sa.Column("sentence", sa.String, nullable=False),
        sa.Column("command", sa.String, nullable=False),
        sa.Column("urgent", sa.Boolean, nullable=False),
        sa.Column("told", sa.String, nullable=False),
        sa.Column("told_on", sa.Date),
        sa.Column(
            "written_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("subject", "first_day", name="pk_incident"),
    )
    op.create_index("ix_incident_last_day", "incident", ["last_day"])
