"""Every contender's answers and how each came about; which rows are published; what an alias move was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "0002"
down_revision = "0001"

KEY = sa.String().with_variant(VARCHAR(collation="C"), "postgresql")
VIEW = """
    SELECT prediction.day, prediction.event_key, prediction.score,
        prediction.contender AS answered_by, prediction.model_version,
        CASE WHEN prediction.contender = scoring_run.answered_by THEN scoring_run.reason
            ELSE scoring_run.rollout END AS reason,
        prediction.run_id
    FROM published
    JOIN scoring_run ON scoring_run.run_id = published.run_id
    JOIN prediction ON prediction.day = published.day
        AND prediction.run_id = published.run_id
        AND prediction.answers
    """


def upgrade() -> None:
    """Add what is new; what was published before was answered by one contender a day."""
    op.add_column(
        "prediction",
        sa.Column("answers", sa.Boolean, server_default=sa.false(), nullable=False),
    )
    op.execute(
        """
        UPDATE prediction SET answers = true WHERE EXISTS (
            SELECT 1 FROM scoring_run WHERE scoring_run.run_id = prediction.run_id
                AND scoring_run.answered_by = prediction.contender)
        """
    )
    for name in ("landed", "quarantined"):
        op.add_column("scoring_run", sa.Column(name, sa.Integer))
    op.add_column("scoring_run", sa.Column("rollout", sa.String))
    op.add_column("ledger", sa.Column("kind", sa.String, server_default="promoted", nullable=False))
    _contenders()
    _samples()
    if op.get_bind().dialect.name == "postgresql":  # whoever may read it still may
        op.execute(f"CREATE OR REPLACE VIEW prediction_current AS {VIEW}")
    else:
        op.execute("DROP VIEW prediction_current")
        op.execute(f"CREATE VIEW prediction_current AS {VIEW}")


def _contenders() -> None:
    op.create_table(
        "contender_run",
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("token", sa.Integer, nullable=False),
        sa.Column("contender", sa.String, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("model_version", sa.String),
        sa.Column("model_sha256", sa.String),
        sa.Column("trained_until", sa.Date),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("seconds", sa.Double),
        sa.Column("events", sa.Integer, nullable=False),
        _now(),
        sa.PrimaryKeyConstraint("run_id", "token", "contender", name="pk_contender_run"),
        sa.ForeignKeyConstraint(
            ["run_id"], ["scoring_run.run_id"], name="fk_contender_run_run_id_scoring_run"
        ),
    )
    op.create_index("ix_contender_run_day", "contender_run", ["day"])


def _samples() -> None:
    shared = ("day", sa.Date), ("features_sha256", sa.String), ("event_key", KEY)
    op.create_table(
        "sample",
        *(sa.Column(name, kind, nullable=False) for name, kind in shared),
        sa.Column("features", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("day", "features_sha256", "event_key", name="pk_sample"),
    )
    op.create_table(
        "outlier",
        *(sa.Column(name, kind, nullable=False) for name, kind in shared),
        sa.Column("feature", sa.String, nullable=False),
        sa.Column("value", sa.String),
        sa.Column("reason", sa.String, nullable=False),
        sa.PrimaryKeyConstraint(
            "day", "features_sha256", "event_key", "feature", name="pk_outlier"
        ),
    )


def _now() -> sa.Column[object]:
    return sa.Column(
        "written_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
    )
