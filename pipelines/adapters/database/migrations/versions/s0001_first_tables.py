"""The first tables.

They are spelled here once more, for good: tables.py is what they are now.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import VARCHAR

revision = "0001"
down_revision = None

KEY = sa.String().with_variant(VARCHAR(collation="C"), "postgresql")


def upgrade() -> None:
    """Make them, unless the database is as old as they are: it has no mark of its steps then."""
    if sa.inspect(op.get_bind()).has_table("schema_version"):
        op.drop_table("schema_version")
        return
    _publishing()
    _watching()
    op.execute(
        """
        CREATE VIEW prediction_current AS
        SELECT prediction.day, prediction.event_key, prediction.score, scoring_run.answered_by,
            scoring_run.model_version, scoring_run.reason, prediction.run_id
        FROM published
        JOIN scoring_run ON scoring_run.run_id = published.run_id
        JOIN prediction ON prediction.day = published.day
            AND prediction.run_id = published.run_id
            AND prediction.contender = scoring_run.answered_by
        """
    )


def _publishing() -> None:
    op.create_table(
        "scoring_run",
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("answered_by", sa.String, nullable=False),
        sa.Column("model_version", sa.String),
        sa.Column("model_sha256", sa.String),
        sa.Column("trained_until", sa.Date),
        sa.Column("features_sha256", sa.String, nullable=False),
        sa.Column("data_version", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("events", sa.Integer, nullable=False),
        sa.Column("checksum", sa.String, nullable=False),
        _now(),
        sa.PrimaryKeyConstraint("run_id", name="pk_scoring_run"),
    )
    op.create_index("ix_scoring_run_day", "scoring_run", ["day"])
    op.create_table(
        "prediction",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("contender", sa.String, nullable=False),
        sa.Column("event_key", KEY, nullable=False),
        sa.Column("model_version", sa.String),
        sa.Column("score", sa.Double),
        sa.PrimaryKeyConstraint("day", "run_id", "contender", "event_key", name="pk_prediction"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "published",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("token", sa.Integer, nullable=False),
        _now(),
        sa.PrimaryKeyConstraint("day", name="pk_published"),
        _of_run("published"),
    )
    op.create_table(
        "publication",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("token", sa.Integer, nullable=False),
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("before", sa.String),
        _now(),
        sa.PrimaryKeyConstraint("day", "token", name="pk_publication"),
        _of_run("publication"),
    )
    op.create_table(
        "fence",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("token", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_fence"),
    )


def _watching() -> None:
    op.create_table(
        "outcome",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("event_key", KEY, nullable=False),
        sa.Column("label", sa.Double),
        sa.Column("excluded", sa.String),
        sa.Column("known_at", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("day", "event_key", name="pk_outcome"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ledger",
        sa.Column("entry", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("version", sa.String, nullable=False),
        sa.Column("before", sa.String),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        _now(),
        sa.PrimaryKeyConstraint("entry", name="pk_ledger"),
    )
    op.create_table(
        "daily_metric",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("metric", sa.String, nullable=False),
        sa.Column("value", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("day", "subject", "metric", name="pk_daily_metric"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "quarantine_log",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("table_name", sa.String, nullable=False),
        sa.Column("rule", sa.String, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        _now(),
        sa.PrimaryKeyConstraint("day", "table_name", "rule", name="pk_quarantine_log"),
    )


def _now() -> sa.Column[object]:
    return sa.Column(
        "written_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False
    )


def _of_run(table: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_run_id_scoring_run"
    return sa.ForeignKeyConstraint(["run_id"], ["scoring_run.run_id"], name=name)
