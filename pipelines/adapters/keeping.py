"""What is kept of a rendezvous beside the published rows: every contender's scores, and how it fared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import pandas as pd
from sqlalchemy import func, select

from pipelines.adapters.database import Database
from pipelines.adapters.publishing import COLUMNS, add_rows, copy_rows
from pipelines.adapters.schema import contender_run, event_key, outlier, prediction, sample
from pipelines.core.errors import ConfigError
from pipelines.core.records import Partition, ScoringRun
from pipelines.methods.oddities import Outlier
from pipelines.methods.rendezvous import Fared


def agree(database: Database, key: Sequence[str]) -> None:
    """Keep the key's columns in a database that has none yet.

    Raises ConfigError when it has others: an event would have two names, and its outcome would be counted
    twice or not at all.
    """
    columns = select(event_key.c.column_name).order_by(event_key.c.place)
    with database.read() as connection:
        kept = list(connection.execute(columns).scalars())
    if not kept:
        rows = [{"place": place, "column_name": name} for place, name in enumerate(key)]
        with database.write(alone="event key") as connection:
            kept = list(connection.execute(columns).scalars())
            if not kept:
                connection.execute(event_key.insert(), rows)
                return
    if kept != list(key):
        raise ConfigError(
            f"problem: `key` is ({', '.join(key)}), and the database names its events by "
            f"({', '.join(kept)}); restore the key, or set REDEYE_DATABASE_URL to a new database and fill it "
            f"by `redeye backfill --from YYYY-MM-DD --to YYYY-MM-DD`"
        )


def keep_fared(database: Database, run: ScoringRun, token: int, fared: Sequence[Fared]) -> None:
    """One row for each contender and try, and the scores of those that answered.

    They hang on the published run; none of its rows changes.
    """
    for one in fared:
        if one.predictions is not None:
            _keep_scores(database, run, one, one.predictions)
    rows = [_row(run, token, one) for one in fared]
    with database.write() as connection:
        connection.execute(database.insert(contender_run).on_conflict_do_nothing(), rows)


def _keep_scores(database: Database, run: ScoringRun, one: Fared, scores: pd.DataFrame) -> None:
    of_it = (
        prediction.c.day == run.day,
        prediction.c.run_id == run.run_id,
        prediction.c.contender == one.contender.name,
    )
    model = one.contender.model
    rows = scores.assign(
        day=run.day,
        run_id=run.run_id,
        contender=one.contender.name,
        model_version=model.version if model else None,
        answers=False,
    )[list(COLUMNS)]
    with database.write(alone=f"keeping {run.run_id}") as connection:
        there = connection.execute(select(func.count()).where(*of_it)).scalar_one()
        if there == len(rows):
            return
        if database.is_postgresql and not there:
            copy_rows(connection, rows)
            return
    add_rows(database, rows)


def _row(run: ScoringRun, token: int, one: Fared) -> dict[str, object]:
    model = one.contender.model
    return {
        "run_id": run.run_id,
        "token": token,
        "contender": one.contender.name,
        "day": run.day,
        "model_version": model.version if model else None,
        "model_sha256": model.sha256 if model else None,
        "trained_until": model.trained_until if model else None,
        "outcome": one.outcome,
        "reason": one.reason,
        "seconds": one.seconds,
        "events": 0 if one.predictions is None else len(one.predictions),
    }


def keep_rows(
    database: Database,
    table: Partition,
    samples: Mapping[str, Mapping[str, object]],
    outliers: Sequence[Outlier],
) -> None:
    """Keep features of some events by their keys, and outliers; what is there of this table stays."""
    about = {"day": table.day, "features_sha256": table.sha256}
    drawn = [{**about, "event_key": key, "features": kept} for key, kept in samples.items()]
    strange = [{**about, **asdict(one)} for one in outliers]
    with database.write(alone=f"samples {table.day}") as connection:
        for target, rows in ((sample, drawn), (outlier, strange)):
            if rows:
                connection.execute(database.insert(target).on_conflict_do_nothing(), rows)
