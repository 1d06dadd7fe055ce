"""The tables of the warehouse, the same on SQLite and PostgreSQL.

A change here needs a step in migrations/; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    CreateView,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    and_,
    case,
    false,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import VARCHAR

metadata = MetaData(
    naming_convention={  # a migration can only change what has a name
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _now() -> Column[object]:
    """When the row was written, by the clock of the database."""
    return Column("written_at", DateTime(timezone=True), server_default=func.now(), nullable=False)


# Compared byte by byte: the same order on every server, whatever its locale, and the fastest one.
Key = String().with_variant(VARCHAR(collation="C"), "postgresql")

scoring_run = Table(
    "scoring_run",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("day", Date, nullable=False, index=True),
    Column("answered_by", String, nullable=False),
    Column("model_version", String),
    Column("model_sha256", String),
    Column("trained_until", Date),
    Column("features_sha256", String, nullable=False),
    Column("data_version", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("events", Integer, nullable=False),
    Column("checksum", String, nullable=False),
    Column("landed", Integer),  # rows of the day: those scored and those in quarantine
    Column("quarantined", Integer),
    Column(
        "rollout", String
    ),  # why some events were answered by another contender than answered_by
    _now(),
)

# How each contender fared in a rendezvous: one row a try.
contender_run = Table(
    "contender_run",
    metadata,
    Column("run_id", String, ForeignKey("scoring_run.run_id"), primary_key=True),
    Column("token", Integer, primary_key=True),
    Column("contender", String, primary_key=True),
    Column("day", Date, nullable=False, index=True),
    Column("model_version", String),
    Column("model_sha256", String),
    Column("trained_until", Date),
    Column("outcome", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("seconds", Double),
    Column("events", Integer, nullable=False),
    Column("checksum", String),  # of its scores that are kept beside the published rows
    Column("line", String),  # the name of all versions that are made alike
    # Whether no outcome of the day was kept yet when it answered; only then it is evidence.
    Column("before_outcomes", Boolean, server_default=false(), nullable=False),
    _now(),
)

# A settled day's losses of every contender that had answered before an outcome was kept. Never changed.
evidence = Table(
    "evidence",
    metadata,
    Column("day", Date, primary_key=True),
    Column("contender", String, primary_key=True),
    Column("line", String),
    Column("model_version", String),
    Column("loss", Double, nullable=False),  # the task's, of an event, on average
    Column(
        "events", Integer, nullable=False
    ),  # with an outcome, all of them scored by every contender
    Column("counted_on", Date, nullable=False),  # the night that counted the day
    _now(),
)

# One row an event and contender. The key's order is the order of writing and reading, and on
# SQLite the key is the table itself: a million rows are appended, and kept once.
prediction = Table(
    "prediction",
    metadata,
    Column("day", Date, primary_key=True),
    Column("run_id", String, primary_key=True),
    Column("contender", String, primary_key=True),
    Column("event_key", Key, primary_key=True),
    Column("model_version", String),
    # May be empty: a contender's bad answers are kept too. The audit keeps them from being published.
    Column("score", Double),
    Column("answers", Boolean, server_default=false(), nullable=False),  # the event, if published
    sqlite_with_rowid=False,
)

published = Table(
    "published",
    metadata,
    Column("day", Date, primary_key=True),
    Column("run_id", String, ForeignKey("scoring_run.run_id"), nullable=False),
    Column("token", Integer, nullable=False),
    _now(),
)

# Every move of the pointer in `published`.
publication = Table(
    "publication",
    metadata,
    Column("day", Date, primary_key=True),
    Column("token", Integer, primary_key=True),
    Column("run_id", String, ForeignKey("scoring_run.run_id"), nullable=False),
    Column("before", String),
    _now(),
)

# The last token given out for a day. Who took one later overtakes those who took one earlier.
fence = Table(
    "fence",
    metadata,
    Column("day", Date, primary_key=True),
    Column("token", Integer, nullable=False),
)

outcome = Table(
    "outcome",
    metadata,
    Column("day", Date, primary_key=True),
    Column("event_key", Key, primary_key=True),
    Column("label", Double),
    Column("excluded", String),
    Column("known_at", DateTime, nullable=False),
    sqlite_with_rowid=False,
)

# The columns behind every `event_key` here, in order: another key would name events anew.
event_key = Table(
    "event_key",
    metadata,
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("column_name", String, nullable=False),
)

ledger = Table(
    "ledger",
    metadata,
    Column("entry", Integer, primary_key=True, autoincrement=True),
    Column("version", String, nullable=False),
    Column("before", String),
    Column("actor", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("kind", String, server_default="promoted", nullable=False),
    _now(),
)

# Whether a version may serve: the last entry of its store, model, number and file. Never changed.
blessing = Table(
    "blessing",
    metadata,
    Column("entry", Integer, primary_key=True, autoincrement=True),
    Column("store", String, nullable=False),
    Column("model", String, nullable=False),
    Column("version", String, nullable=False, index=True),
    Column("sha256", String, nullable=False),
    Column("verdict", String, nullable=False),
    Column("quality", JSON, nullable=False),  # whether it passed, and why
    Column("infra", JSON, nullable=False),
    Column("evidence", JSON, nullable=False),  # the figures that quality rests on
    Column("actor", String, nullable=False),
    Column(
        "learned", JSON(none_as_null=True)
    ),  # what the version learned from; of earlier entries it is not known
    _now(),
)

# What searches of settings found, and what is a candidate from their night on. Never changed.
tuning = Table(
    "tuning",
    metadata,
    Column("entry", Integer, primary_key=True, autoincrement=True),
    Column("day", Date, nullable=False, index=True),
    Column("tuned", JSON, nullable=False),
    Column("told", JSON, nullable=False),
    _now(),
)

daily_metric = Table(
    "daily_metric",
    metadata,
    Column("day", Date, primary_key=True),
    Column("subject", String, primary_key=True),
    Column("metric", String, primary_key=True),
    Column("value", Double, nullable=False),
    Column("low", Double),  # of its 95 % interval, if it has one
    Column("high", Double),
    sqlite_with_rowid=False,
)

# What was out of order, from the first day to the last on which it was noticed.
incident = Table(
    "incident",
    metadata,
    Column("subject", String, primary_key=True),
    Column("first_day", Date, primary_key=True),
    Column("last_day", Date, nullable=False, index=True),
    Column("strength", Double, nullable=False),
    Column("sentence", String, nullable=False),
    Column("command", String, nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("told", String, nullable=False),  # whether anybody was told, or why not
    Column("told_on", Date),
    Column("resolved_on", Date),  # the night was looked at again, and no longer had it
    _now(),
)

quarantine_log = Table(
    "quarantine_log",
    metadata,
    Column("day", Date, primary_key=True),
    Column("table_name", String, primary_key=True),
    Column("rule", String, primary_key=True),
    Column("rows", Integer, nullable=False),
    _now(),
)

# Some rows of each features table, and those that are unlike anything learned from, for post-mortems.
sample = Table(
    "sample",
    metadata,
    Column("day", Date, primary_key=True),
    Column("features_sha256", String, primary_key=True),
    Column("event_key", Key, primary_key=True),
    Column("features", JSON, nullable=False),
)

outlier = Table(
    "outlier",
    metadata,
    Column("day", Date, primary_key=True),
    Column("features_sha256", String, primary_key=True),
    Column("event_key", Key, primary_key=True),
    Column("feature", String, primary_key=True),
    Column("value", String),
    Column("reason", String, nullable=False),
)

# What consumers read: one row an event, all of one run, whatever is being staged or published.
prediction_current = CreateView(
    select(
        prediction.c.day,
        prediction.c.event_key,
        prediction.c.score,
        prediction.c.contender.label("answered_by"),
        prediction.c.model_version,
        case(
            (prediction.c.contender == scoring_run.c.answered_by, scoring_run.c.reason),
            else_=scoring_run.c.rollout,
        ).label("reason"),
        prediction.c.run_id,
    )
    .select_from(published)
    .join(scoring_run, scoring_run.c.run_id == published.c.run_id)
    .join(
        prediction,
        and_(
            prediction.c.day == published.c.day,
            prediction.c.run_id == published.c.run_id,
            prediction.c.answers,
        ),
    ),
    "prediction_current",
    metadata=metadata,
).table
