"""Evidence: a settled day's losses, of contenders that answered before its outcomes were kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the table; of answers that stand there nobody knows whether they came before the outcomes."""
    op.add_column("contender_run", sa.Column("line", sa.String))
    op.add_column(
        "contender_run",
        sa.Column("before_outcomes", sa.Boolean, server_default=sa.false(), nullable=False),
    )
    op.create_table(
        "evidence",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("contender", sa.String, nullable=False),
        sa.Column("line", sa.String),
        sa.Column("model_version", sa.String),
        sa.Column("loss", sa.Double, nullable=False),
        sa.Column("events", sa.Integer, nullable=False),
        sa.Column("counted_on", sa.Date, nullable=False),
        sa.Column(
            "written_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
        ),
        sa.PrimaryKeyConstraint("day", "contender", name="pk_evidence"),
    )
