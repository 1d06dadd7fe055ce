"""What is kept of a rendezvous beside the published rows: every contender's scores, and how it fared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date

import pandas as pd
from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from pipelines.adapters.database.engine import Database, frame
from pipelines.adapters.database.publishing import COLUMNS, add_rows, copy_rows
from pipelines.adapters.database.tables import (
    contender_run,
    event_key,
    outcome,
    outlier,
    prediction,
    published,
    sample,
)
from pipelines.core.errors import ConfigError
from pipelines.core.records import Partition, ScoringRun
from pipelines.data.partitions import checksum
from pipelines.monitoring.drift import Outlier
from pipelines.serving.rendezvous import ContenderResult


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


def keep_fared(
    database: Database, run: ScoringRun, token: int, fared: Sequence[ContenderResult]
) -> None:
    """One row for each contender and try, and the scores of those that answered.

    They hang on the published run; none of its rows changes. A try whose scores are those that are kept
    has their checksum.
    """
    rows = []
    for one in fared:
        beside = _beside(database, run, one)
        kept = not beside.empty and _keep_scores(database, run, one, beside)
        rows.append({**_row(run, token, one), "checksum": checksum(beside) if kept else None})
    some = select(outcome.c.day).where(outcome.c.day == run.day).limit(1)
    with database.write(alone="settling") as connection:
        before = connection.execute(some).first() is None
        rows = [{**row, "before_outcomes": before} for row in rows]
        connection.execute(database.insert(contender_run).on_conflict_do_nothing(), rows)


def _beside(database: Database, run: ScoringRun, one: ContenderResult) -> pd.DataFrame:
    """The scores of a contender that are not published: all of them, unless the run is its own."""
    if one.predictions is None:
        return pd.DataFrame({"event_key": [], "score": []})
    if run.rollout is None:
        its_own = one.contender.name == run.answered_by
        return one.predictions.head(0) if its_own else one.predictions
    with database.read() as connection:
        answers = select(prediction.c.event_key).where(*_of(run, one), prediction.c.answers)
        answered = set(connection.execute(answers).scalars())
    keys = one.predictions["event_key"].astype(object)  # to look up other texts takes minutes
    return one.predictions.loc[~keys.isin(answered)]


def _keep_scores(
    database: Database, run: ScoringRun, one: ContenderResult, scores: pd.DataFrame
) -> bool:
    """Whether these scores, and no others, are kept of the contender beside the run now."""
    of_it = (*_of(run, one), ~prediction.c.answers)
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
        if database.is_postgresql and not there:
            copy_rows(connection, rows)
            return True
    if there < len(rows):
        add_rows(database, rows)
    with database.read() as connection:
        kept = connection.execute(
            select(prediction.c.event_key, prediction.c.score)
            .where(*of_it)
            .order_by(prediction.c.event_key)
        )
        return checksum(frame(kept).astype({"score": float})) == checksum(scores)


def _of(run: ScoringRun, one: ContenderResult) -> tuple[ColumnElement[bool], ...]:
    """Conditions that find what a contender said beside a run."""
    return (
        prediction.c.day == run.day,
        prediction.c.run_id == run.run_id,
        prediction.c.contender == one.contender.name,
    )


def altered(
    connection: Connection, scores: pd.DataFrame, first: date, last: date
) -> list[tuple[date, str, str]]:
    """Of the published runs of these days: the day, the run and each contender whose scores beside it are
    not those of its checksum. `scores` are all that are kept of those days, in key order.

    A contender without a checksum was kept before there were any, or by a try that died.
    """
    told = contender_run.c
    query = (
        select(told.day, told.run_id, told.contender, told.checksum)
        .join(published, published.c.run_id == told.run_id)
        .where(told.day.between(first, last), told.checksum.is_not(None))
        .order_by(told.day, told.contender)
    )
    given: dict[tuple[date, str, str], set[str]] = {}
    for row in connection.execute(query):
        given.setdefault((row.day, row.run_id, row.contender), set()).add(row.checksum)
    beside = scores.loc[~scores["answers"]].groupby(["day", "contender"], sort=False)
    there = {key: checksum(rows) for key, rows in beside} if given else {}
    return [
        (day, run_id, contender)
        for (day, run_id, contender), checksums in given.items()
        if there.get((day, contender)) not in checksums
    ]


def forget(connection: Connection, day: date, run_id: str, contender: str) -> None:
    """Remove what is kept of a contender beside a run, and its checksum: the next try keeps it anew."""
    mine, told = prediction.c, contender_run.c
    of_it = (mine.day == day, mine.run_id == run_id, mine.contender == contender)
    connection.execute(delete(prediction).where(*of_it, ~mine.answers))
    tries = (told.run_id == run_id, told.contender == contender)
    connection.execute(update(contender_run).where(*tries).values(checksum=None))


def _row(run: ScoringRun, token: int, one: ContenderResult) -> dict[str, object]:
    model = one.contender.model
    return {
        "run_id": run.run_id,
        "token": token,
        "contender": one.contender.name,
        "day": run.day,
        "model_version": model.version if model else None,
        "model_sha256": model.sha256 if model else None,
        "trained_until": model.trained_until if model else None,
        "line": model.line if model else None,
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
