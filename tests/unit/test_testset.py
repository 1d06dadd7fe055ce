"""A test set that shrinks is told, and one that a season makes small is not."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd

from pipelines.core.records import Evaluation, FeatureTable, Partition
from pipelines.evaluation.test_set_size import SUBJECT, Judged, count_events, find_test_set

DAY = date(2013, 10, 1)
COLUMNS = ["day", "subject", "metric", "value"]


def table(day: date, events: dict[date, int]) -> FeatureTable:
    parts = [
        Partition(dataset="features", day=one, revision=1, rows=rows, sha256="", file="f")
        for one, rows in events.items()
    ]
    return FeatureTable(
        day=day, names=("x",), partition=parts[-1], history=tuple(parts), fingerprint=""
    )


def evaluated(day: date, judged: int, days: int = 28) -> Evaluation:
    return Evaluation(
        day=day, run_id="", first_test_day=day - timedelta(days=days), rows=judged, models=(),
        last_test_day=day - timedelta(days=1), chosen="", champion=None, comparable=False, reason="",
    )  # fmt: skip


def nights(
    events: dict[date, int], labels: dict[date, int], first: date, count: int
) -> list[Judged]:
    """The test sets of nights one after another, each beside those before it."""
    found: list[Judged] = []
    for n in range(count):
        day = first + timedelta(days=n)
        known = {d: e for d, e in events.items() if d < day}
        window = [day - timedelta(days=back) for back in range(1, 29)]
        judged = sum(labels.get(one, 0) for one in window)
        rows = [
            (first + timedelta(days=k), SUBJECT, "share", one.share) for k, one in enumerate(found)
        ]
        measured = pd.DataFrame(rows, columns=COLUMNS)
        mine = find_test_set("flights", evaluated(day, judged), table(day, known), measured)
        assert mine is not None
        found.append(mine)
    return found


def year(mean: float = 740.0, season: float = 0.4) -> dict[date, int]:
    """Events that are fewer on Saturdays, and much fewer in winter."""
    generator = np.random.default_rng(3)
    days = [DAY + timedelta(days=n) for n in range(-40, 330)]
    level = [
        1 + season * np.cos(2 * np.pi * n / 365) - 0.2 * (d.weekday() == 5)
        for n, d in enumerate(days)
    ]
    return {day: int(generator.poisson(mean * one)) for day, one in zip(days, level, strict=True)}


def some(events: dict[date, int], share: float = 0.97) -> dict[date, int]:
    generator = np.random.default_rng(4)
    return {day: int(generator.binomial(count, share)) for day, count in events.items()}


def test_labels_that_stop_coming_shrink_the_test_set_and_are_told_within_four_nights() -> None:
    """As it was found: 20,710 events were judged, then ever fewer, down to 16,237."""
    events = year()
    labels = {day: count for day, count in some(events).items() if day < DAY}

    found = nights(events, labels, DAY, 8)

    assert [one.is_shrunk for one in found] == [False] * 3 + [True] * 5
    assert found[-1].judged < found[0].judged * 0.8
    assert 0.2 < found[-1].lost < 0.3


def test_a_first_night_has_nothing_to_be_compared_with() -> None:
    events = year()
    half = {day: count // 2 for day, count in events.items()}

    (found,) = nights(events, half, DAY, 1)

    assert (found.before, found.is_shrunk) == (None, False)


def test_no_season_and_no_weekday_is_an_alarm_in_a_year() -> None:
    """From 1,000 events a day to 400, in a world with twenty events a day, and in one without weekends."""
    big = year()
    small = year(mean=20.0, season=0.5)
    closed = {day: count for day, count in big.items() if day.weekday() < 5}

    for events in (big, small, closed):
        assert not any(one.is_shrunk for one in nights(events, some(events), DAY, 300))


def test_storms_that_cancel_a_third_of_two_days_are_no_alarm() -> None:
    events = year()
    labels = some(events)
    for back in (2, 3):
        labels[DAY + timedelta(days=10 - back)] //= 3

    assert not any(one.is_shrunk for one in nights(events, labels, DAY, 30))


def test_days_that_are_missing_altogether_are_missed() -> None:
    """Blocked partitions have no events and no labels: the days themselves are gone."""
    events = year(season=0.0)
    labels = some(events)
    for n in range(6):
        del events[DAY + timedelta(days=n)]

    found = nights(events, labels | dict.fromkeys(set(labels) - set(events), 0), DAY, 8)

    assert found[-1].is_shrunk


def test_a_missing_day_counts_as_its_weekday() -> None:
    first = date(2013, 9, 2)  # a Monday
    rows = {first + timedelta(days=n): 10 * n for n in range(12) if n not in (1, 5, 6)}

    assert count_events(rows, first, first + timedelta(days=13)) == sum(rows.values()) + 80
