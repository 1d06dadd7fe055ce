"""What is kept of watching: daily metrics, and what was out of order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TypedDict

import pandas as pd
from sqlalchemy import select

from pipelines.adapters.database.engine import Database, frame
from pipelines.adapters.database.tables import daily_metric, incident
from pipelines.core.errors import DataError
from pipelines.core.records import Amount, Incident, Interval


def write_metrics(
    database: Database, day: date, metrics: Mapping[str, Mapping[str, Amount]]
) -> None:
    """Keep metrics by subject and name; raises DataError when one of them is no number."""
    rows = []
    for subject, amounts in metrics.items():
        for name, amount in amounts.items():
            spelled = _spelled(amount)
            if not math.isfinite(spelled["value"]):
                raise DataError(
                    f"metrics {day}: {name} of {subject} is no number; leave out what is not known"
                )
            rows.append({"day": day, "subject": subject, "metric": name, **spelled})
    adding = database.insert(daily_metric)
    replacing = adding.on_conflict_do_update(
        index_elements=[*daily_metric.primary_key],
        set_={name: adding.excluded[name] for name in ("value", "low", "high")},
    )
    if rows:
        with database.write(alone=f"metrics {day}") as connection:
            connection.execute(replacing, rows)


def read_metrics(
    database: Database, first: date, last: date, subjects: Sequence[str] | None = None
) -> pd.DataFrame:
    """Kept metrics, all or of these subjects, in the order of their key: day, subject, metric, value, low, high."""
    query = (
        select(daily_metric)
        .where(daily_metric.c.day.between(first, last))
        .order_by(*daily_metric.primary_key)
    )
    if subjects is not None:
        query = query.where(daily_metric.c.subject.in_(subjects))
    with database.read() as connection:
        found = frame(connection.execute(query))
    return found.astype({"value": float, "low": float, "high": float})


def incidents(database: Database, since: date) -> list[Incident]:
    """Those whose last day is not before `since`, oldest first."""
    columns = [incident.c[name] for name in Incident.model_fields]
    query = (
        select(*columns)
        .where(incident.c.last_day >= since)
        .order_by(incident.c.first_day, incident.c.subject)
    )
    with database.read() as connection:
        return [Incident(**row) for row in connection.execute(query).mappings()]


def upsert_incidents(database: Database, found: Sequence[Incident]) -> None:
    """Keep incidents by subject and first day."""
    adding = database.insert(incident)
    changing = set(Incident.model_fields) - {"subject", "first_day"}
    replacing = adding.on_conflict_do_update(
        index_elements=[*incident.primary_key],
        set_={name: adding.excluded[name] for name in changing},
    )
    if found:
        with database.write(alone="incidents") as connection:
            connection.execute(replacing, [one.model_dump() for one in found])


class MetricRow(TypedDict):
    """A metric in columns."""

    value: float
    low: float | None
    high: float | None


def _spelled(amount: Amount) -> MetricRow:
    if isinstance(amount, Interval):
        return {"value": amount.mid, "low": amount.low, "high": amount.high}
    return {"value": amount, "low": None, "high": None}
