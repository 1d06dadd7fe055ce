"""Small tables of days that are joined to a query, so that its text knows no day and no zone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta

import pyarrow as pa

from pipelines.define.features import LatestAsOf, Window

DAYS = "days"
CUTOFF = "cutoff"
HISTORY = "history_"
PARTITIONS = "partitions"
LOCAL_DAYS = "local_days"
AGES = "ages"
WHOLE = 1_000_000  # the weight of a fact of the day before the cutoff

Cutoff = Callable[[date], datetime]


def since(days: int) -> str:
    """The column of `days` with the first day of a window."""
    return f"since_{days}"


def weight(half_life: int) -> str:
    """The column of `ages` with the weight of facts."""
    return f"weight_half_{half_life}d"


def reach_table(facts: str) -> str:
    """The table of days that tells which rows of facts may be the latest."""
    return f"reach_{facts}"


def spans(windows: Iterable[Window], delay: int = 0) -> list[int]:
    """How many days before a day its windows begin. With a `delay`, also how many before it those
    end that leave so many days out, and how many before it these begin.
    """
    found = {window.days for window in windows}
    return sorted(found | ({delay} | {days + delay for days in found} if delay else set()))


def scored_days(
    days: Iterable[date], cutoff: Cutoff, windows: Iterable[Window], delay: int = 0
) -> pa.Table:
    """`days`: day, its cutoff, and the day of each of the windows' `spans`."""
    rows = list(days)
    columns = {"day": pa.array(rows, pa.date32()), CUTOFF: _instants(map(cutoff, rows))}
    for span in spans(windows, delay):
        first = [day - timedelta(days=span) for day in rows]
        columns[since(span)] = pa.array(first, pa.date32())
    return pa.table(columns)


def ages(windows: Iterable[Window]) -> pa.Table:
    """`ages`: so many days before the cutoff, and for each half-life what facts of then weigh."""
    found = list(windows)
    spans = range(1, max(window.days for window in found) + 1)
    columns = {"age": pa.array(spans, pa.int64())}
    for half_life in sorted({one.half_life for one in found if one.half_life is not None}):
        weights = [round(WHOLE * 0.5 ** ((age - 1) / half_life)) for age in spans]
        columns[weight(half_life)] = pa.array(weights, pa.decimal128(7))
    return pa.table(columns)


def partition_days(days: Iterable[date], cutoff: Cutoff, longest: int) -> pa.Table:
    """`partitions`: each day, when it opens, and when the last window of so many days closes on it."""
    rows = list(days)
    return pa.table(
        {
            "day": pa.array(rows, pa.date32()),
            "opens_at": _instants(map(cutoff, rows)),
            "closes_at": _instants(cutoff(day + timedelta(days=longest)) for day in rows),
        }
    )


def local_days(first: date, last: date, cutoff: Cutoff) -> pa.Table:
    """`local_days`: the local days that each UTC day meets, and between when.

    A query finds the local day of an instant by the instant's UTC date, and needs no zone for it.
    """
    rows = []
    for day in (first + timedelta(days=n) for n in range((last - first).days + 1)):
        opens, closes = cutoff(day), cutoff(day + timedelta(days=1))
        met = range((closes.date() - opens.date()).days + 1)
        rows += [(opens.date() + timedelta(days=n), day, opens, closes) for n in met]
    utc_days, days, opened, closed = zip(*rows, strict=True)
    return pa.table(
        {
            "utc_day": pa.array(utc_days, pa.date32()),
            "day": pa.array(days, pa.date32()),
            "opens_at": _instants(opened),
            "closes_at": _instants(closed),
        }
    )


def reached_days(
    days: Iterable[date], cutoff: Cutoff, latest: LatestAsOf, delay: int = 0
) -> pa.Table:
    """For each day, the partitions that may hold the latest row, and how old that may be; with a
    `delay`, all of it so many days earlier.
    """
    age, back = timedelta(hours=latest.max_age_hours, days=delay), latest.reach_days + delay
    pairs = [(day - timedelta(days=n), day) for day in days for n in range(back, delay, -1)]
    return pa.table(
        {
            "partition": pa.array([partition for partition, _ in pairs], pa.date32()),
            "day": pa.array([day for _, day in pairs], pa.date32()),
            CUTOFF: _instants(cutoff(day) for _, day in pairs),
            "oldest_at": _instants(cutoff(day) - age for _, day in pairs),
        }
    )


def runs_of(days: Sequence[date], longest: int) -> list[list[date]]:
    """The days in pieces of at most so many calendar days, so that memory stays bounded."""
    pieces: list[list[date]] = []
    for day in days:
        if not pieces or (day - pieces[-1][0]).days >= longest:
            pieces.append([])
        pieces[-1].append(day)
    return pieces


def _instants(values: Iterable[datetime]) -> pa.Array:
    return pa.array(list(values), pa.timestamp("us"))
