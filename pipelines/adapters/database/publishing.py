"""How a day's predictions become the published ones: staged, audited, then one move of a pointer.

Rows under a run id that `published` does not name are nobody's answer, so a run that dies leaves
nothing to clean up. A run id stands for its content: rows staged by a run that died, or by another
process at this moment, are the very rows, and are not written again. Where they are not, somebody has
edited them: they stay as they are, and the run is staged under the next id (`…`, `….2`, `….3`).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date
from itertools import count
from typing import Any

import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, case, exc, func, select

from pipelines.adapters.database.engine import Database, frame, records
from pipelines.adapters.database.tables import (
    fence,
    prediction,
    publication,
    published,
    scoring_run,
)
from pipelines.core.errors import BusyError, DataError, TemporaryError
from pipelines.core.fault_injection import fault_point
from pipelines.core.records import ScoringRun
from pipelines.data.partitions import checksum
from pipelines.metrics.task import Bounds

BATCH_ROWS = (
    50_000  # on SQLite others may write between two batches; on PostgreSQL it bounds memory
)
AGAIN = "."
TRIES = 3
IDENTITY = (  # of a run: what else is kept of it may differ from one night to the next
    *("day", "answered_by", "model_version", "model_sha256", "trained_until"),
    *("features_sha256", "events", "checksum", "landed", "quarantined"),
)
COLUMNS = ("day", "run_id", "contender", "event_key", "model_version", "score", "answers")


def acquire_token(database: Database, day: date) -> int:
    """A token for the day, larger than every one given out before."""
    adding = database.insert(fence).values(day=day, token=1)
    with database.write() as connection:
        token: int = connection.execute(
            adding.on_conflict_do_update(
                index_elements=[fence.c.day], set_={"token": fence.c.token + 1}
            ).returning(fence.c.token)
        ).scalar_one()
    return token


def publish(
    database: Database, run: ScoringRun, predictions: pd.DataFrame, token: int, bounds: Bounds
) -> tuple[str, bool]:
    """Stage, audit and move: (run id that is published, whether it is new).

    What was staged long ago by a run that died may be removed by `redeye repair` between any two of these;
    it is staged again then.
    """
    for _ in range(TRIES):
        staged = stage(database, run, predictions)
        begun = _begun(database, staged)
        if begun is None:
            continue
        fault_point("publish.before_audit")
        try:
            audit(database, staged, bounds)
            fault_point("publish.before_flip")
            return staged.run_id, move(database, staged, token, begun=begun)
        except DataError:
            if begun == _begun(database, staged):
                raise
    raise TemporaryError(
        f"predictions {run.day}: what was staged was removed {TRIES} times; run the same command again"
    )


def stage(database: Database, run: ScoringRun, predictions: pd.DataFrame) -> ScoringRun:
    """Write the rows where nobody reads them yet; each has the contender that answers it.

    The run, under the id that its rows have.
    """
    for number in count(1):
        named = run.model_copy(update={"run_id": name_again(run.run_id, number)})
        rows = predictions.assign(day=run.day, run_id=named.run_id, answers=True)[list(COLUMNS)]
        if _stage(database, named, rows):
            return named
    raise AssertionError  # count() has no end


def name_again(run_id: str, number: int) -> str:
    """The id of a run, and of those that are staged instead of what was edited."""
    return run_id if number == 1 else f"{run_id}{AGAIN}{number}"


def _stage(database: Database, run: ScoringRun, rows: pd.DataFrame) -> bool:
    """Whether the rows, and no others, stand under the run's id now."""
    with database.write() as connection:
        # Whoever stages the same run at this moment waits here for the other, and finds it staged.
        if not _keep_run(database, connection, run):
            return False
        fresh = not _is_begun(connection, run)
        if database.is_postgresql and fresh:
            copy_rows(connection, rows)
    if fresh:
        if not database.is_postgresql:
            add_rows(database, rows)
        return True
    missing = _missing(rows, read_rows(database, run))
    if missing is not None and not missing.empty:
        add_rows(database, missing)
        missing = _missing(rows, read_rows(database, run))  # some may stand there as no answers
    return missing is not None and missing.empty


def _missing(rows: pd.DataFrame, staged: pd.DataFrame) -> pd.DataFrame | None:
    """The rows that are not staged yet; None if others are staged than these."""
    rows = rows.astype({"event_key": object})  # as staged: to look up other texts takes minutes
    of_event = rows.set_index("event_key")
    if not of_event.index.is_unique:
        return rows.head(0)  # for the audit to refuse
    if not staged["event_key"].isin(of_event.index).all():
        return None
    wanted = of_event.loc[staged["event_key"]].reset_index()
    same = staged["event_key"].is_unique
    for name in ("contender", "model_version", "score"):
        both_missing = wanted[name].isna() & staged[name].isna()
        same &= bool(((wanted[name] == staged[name]) | both_missing).all())
    return rows.loc[~rows["event_key"].isin(staged["event_key"])] if same else None


def add_rows(database: Database, rows: pd.DataFrame) -> None:
    """Add predictions that are not there yet, batch by batch."""
    for batch in _batches(rows):
        with database.write() as connection:
            connection.execute(database.insert(prediction).on_conflict_do_nothing(), records(batch))


def audit(database: Database, run: ScoringRun, bounds: Bounds) -> None:
    """Raise DataError unless what is staged is one finite score within bounds for each event of the day,
    and bit by bit what the run's checksum stands for.
    """
    wrong = faults_of(database, run, bounds)
    if wrong:
        raise DataError(
            f"predictions {run.day}: {', '.join(wrong)} in run {run.run_id} of {run.answered_by}; "
            f"they were not published, what was published before stays"
        )


def faults_of(database: Database, run: ScoringRun, bounds: Bounds) -> list[str]:
    """What is wrong with the rows that stand under a run's id, in words.

    The key of the table keeps a contender's events from being there twice; with two contenders the
    events are counted apart.
    """
    score, key = prediction.c.score, prediction.c.event_key
    # False for infinities and, on both databases, for what is no number.
    in_range = score.between(*bounds)
    faults = {
        "scores are missing": score.is_(None),
        f"scores are not in [{bounds[0]:g}, {bounds[1]:g}]": score.is_not(None) & ~in_range,
        "events are of another day": ~key.startswith(f"{run.day.isoformat()}|", autoescape=True),
    }
    events = func.count() if run.rollout is None else func.count(key.distinct())
    counts = [
        events,
        func.count(),
        *(func.sum(case((fault, 1), else_=0)) for fault in faults.values()),
    ]
    with database.read() as connection:
        events_there, staged, *found = connection.execute(select(*counts).where(*_of(run))).one()
    wrong = [f"{count} {fault}" for fault, count in zip(faults, found, strict=True) if count]
    if not events_there == staged == run.events:
        wrong.insert(0, f"{staged} rows of {events_there} different events instead of {run.events}")
    return wrong or _other_rows(run, read_rows(database, run))


def _other_rows(run: ScoringRun, rows: pd.DataFrame) -> list[str]:
    """Whether they are the right number of good rows, and yet not the run's own."""
    if checksum(rows) != run.checksum:
        return ["the scores are not those of its checksum"]
    who = rows["contender"].ne(run.answered_by) | (
        rows["model_version"].fillna("").ne(run.model_version or "")
    )
    return (
        [f"{who.sum()} rows name another contender or version"]
        if run.rollout is None and who.any()
        else []
    )


def move(
    database: Database,
    run: ScoringRun,
    token: int,
    instead_of: str | None = None,
    begun: object = None,
) -> bool:
    """Make the run the published one of its day; False if it is already.

    Raises BusyError when a later token has published: this run was overtaken; and when another run
    than `instead_of`, if one is named, is published. Raises DataError when the run is not the one
    that was `begun` then: it was removed, and nothing or part of it is there.
    """
    try:
        with database.write(alone=f"publishing {run.day}") as connection:
            before = _pointer(connection, run.day)
            if instead_of and (before is None or before[0] != instead_of):
                raise BusyError(f"predictions {run.day}: was published meanwhile; that stays")
            if begun is not None and begun != _begun_at(connection, run):
                raise DataError(f"predictions {run.day}: run {run.run_id} was removed meanwhile")
            return _move(database, connection, run, token)
    except TemporaryError:
        # The connection may have been lost after the database had committed: only it can tell.
        with database.read() as connection:
            pointer = _pointer(connection, run.day)
        if pointer == (run.run_id, token):
            return True
        raise


def _move(database: Database, connection: Connection, run: ScoringRun, token: int) -> bool:
    before, last = _pointer(connection, run.day) or (None, 0)
    if token <= last and before != run.run_id:
        raise BusyError(
            f"predictions {run.day}: run {before} was published since this one began (token {last}, "
            f"ours {token}); it stays, run score again if it should be replaced"
        )
    values = {"run_id": run.run_id, "token": max(token, last)}
    moving = database.insert(published).values(day=run.day, **values)
    changed = values if before == run.run_id else {**values, "written_at": func.now()}
    connection.execute(moving.on_conflict_do_update(index_elements=[published.c.day], set_=changed))
    if before == run.run_id:
        return False
    connection.execute(publication.insert().values(day=run.day, before=before, **values))
    return True


def run_before(database: Database, day: date) -> str | None:
    """The run that was published before the one that is."""
    last = select(publication.c.before).where(publication.c.day == day)
    with database.read() as connection:
        found: str | None = connection.execute(
            last.order_by(publication.c.token.desc()).limit(1)
        ).scalar()
    return found


def _pointer(connection: Connection, day: date) -> tuple[str, int] | None:
    row = connection.execute(
        select(published.c.run_id, published.c.token).where(published.c.day == day)
    ).first()
    return (row.run_id, row.token) if row else None


def read_rows(database: Database, run: ScoringRun) -> pd.DataFrame:
    """The answers that stand under a run's id, in key order."""
    names = ("event_key", "contender", "model_version", "score")
    staged = select(*(prediction.c[name] for name in names)).where(*_of(run))
    with database.read() as connection:
        found = frame(connection.execute(staged.order_by(prediction.c.event_key)))
    return found.astype({"score": float})


def _keep_run(database: Database, connection: Connection, run: ScoringRun) -> bool:
    """Keep the run, unless it is kept already; False if another is kept under its id."""
    adding = database.insert(scoring_run).values(run.model_dump())
    connection.execute(adding.on_conflict_do_nothing())
    query = select(*(scoring_run.c[name] for name in IDENTITY))
    kept = connection.execute(query.where(scoring_run.c.run_id == run.run_id)).one()
    return tuple(kept) == tuple(getattr(run, name) for name in IDENTITY)


def _of(run: ScoringRun) -> tuple[Any, ...]:
    """Conditions that find the run's rows, in the order of the key."""
    return (
        prediction.c.day == run.day,
        prediction.c.run_id == run.run_id,
        prediction.c.answers,
    )


def _begun(database: Database, run: ScoringRun) -> object:
    """When the run was begun; None when it was removed."""
    with database.read() as connection:
        return _begun_at(connection, run)


def _begun_at(connection: Connection, run: ScoringRun) -> object:
    at = select(scoring_run.c.written_at).where(scoring_run.c.run_id == run.run_id)
    return connection.execute(at).scalar()


def _is_begun(connection: Connection, run: ScoringRun) -> bool:
    """Whether any row stands under the run's id, an answer or not."""
    mine = (prediction.c.day == run.day, prediction.c.run_id == run.run_id)
    return (
        connection.execute(select(prediction.c.event_key).where(*mine).limit(1)).first() is not None
    )


def _batches(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for start in range(0, len(rows), BATCH_ROWS):
        fault_point("publish.before_batch")
        yield rows.iloc[start : start + BATCH_ROWS]


def copy_rows(connection: Connection, rows: pd.DataFrame) -> None:
    """PostgreSQL's bulk load; Arrow spells floats so that they come back bit by bit."""
    import psycopg
    from pyarrow import csv

    driver: Any = connection.connection.driver_connection
    statement = f"COPY {prediction.name} ({', '.join(COLUMNS)}) FROM STDIN (FORMAT csv)"
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for batch in _batches(rows):
                spelled = io.BytesIO()
                table = pa.Table.from_pandas(batch, preserve_index=False)
                csv.write_csv(table, spelled, csv.WriteOptions(include_header=False))
                copy.write(spelled.getvalue())
    except psycopg.Error as error:  # the driver's own, for SQLAlchemy has no COPY
        raise exc.DBAPIError.instance(statement, None, error, psycopg.Error) from error
