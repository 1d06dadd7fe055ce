"""Which versions may serve stands in the warehouse, of exactly one file of one registry."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the table, empty: what MLflow's tags said of earlier versions proves nothing."""
    texts = ("store", "model", "version", "sha256", "verdict", "actor")
    op.create_table(
        "blessing",
        sa.Column("entry", sa.Integer, nullable=False, autoincrement=True),
        *(sa.Column(name, sa.String, nullable=False) for name in texts),
        *(sa.Column(name, sa.JSON, nullable=False) for name in ("quality", "infra", "evidence")),
        sa.Column(
            "written_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("entry", name="pk_blessing"),
    )
    op.create_index("ix_blessing_version", "blessing", ["version"])
