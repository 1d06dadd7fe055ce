"""What acting on published scores was worth, week by week, against who would have answered otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from pipelines.core.records import Amount, Interval
from pipelines.define.problem import Problem
from pipelines.monitoring.comparison import CHAMPION, last_versions, of_version
from pipelines.monitoring.quality import subject

BASELINE, NOTHING = "baseline", "doing nothing"
STEPS = 60  # halvings of the range in which the threshold lies


@dataclass(frozen=True)
class Earned:
    """Settled events of a week, or of all weeks: what acting on their published scores was worth."""

    first: date  # of the days with a settled event
    last: date
    n_days: int
    events: int
    acted: int | None  # events that were acted on, as far as the value has a threshold …
    came: int | None  # … and those of them that came true
    total: float  # in the unit of the problem's value
    gains: Mapping[str, Amount]  # opponent → how much more than it, on the same events


@dataclass(frozen=True)
class Earnings:
    """By week, oldest first, and in total."""

    weeks: tuple[Earned, ...]
    whole: Earned
    opponents: tuple[str, ...]
    threshold: float | None  # from this score on the value acts; None: it has no such score


def find_earnings(scores: pd.DataFrame, problem: Problem) -> Earnings | None:
    """Of the warehouse's scores of recent days; None without a value or a settled event.

    A week begins on Monday. Opponents are tonight's champion, whatever it was called on the day, the
    baseline, and doing nothing; each is compared on the events that it answered as well. Intervals are
    Student's over the gains of whole days, so a day is one observation however many events it has.
    """
    settled = scores.loc[scores["label"].notna()]
    published = settled.loc[settled["answers"]]
    if problem.value is None or published.empty:
        return None
    published = published.assign(worth=_worth(published, problem))
    threshold = find_threshold(problem, published["score"].to_numpy(float))
    gained = _gained(settled, published, last_versions(scores), problem)
    monday = published["day"].map(lambda day: day - timedelta(days=day.weekday()))
    weeks = [
        _earned(rows, {name: over.loc[rows.index] for name, over in gained.items()}, threshold)
        for _, rows in published.groupby(monday, sort=True)
    ]
    return Earnings(tuple(weeks), _earned(published, gained, threshold), tuple(gained), threshold)


def _worth(rows: pd.DataFrame, problem: Problem) -> np.ndarray:
    return problem.worth(rows["label"].to_numpy(float), rows["score"].to_numpy(float))


def _gained(
    settled: pd.DataFrame,
    published: pd.DataFrame,
    versions: Mapping[str, object],
    problem: Problem,
) -> dict[str, pd.Series]:
    """Of each published row, how much more it was worth than each opponent's answer; NaN: it had none."""
    mine = published["worth"].to_numpy(float)
    idle = np.full(len(published), problem.idle_score)
    nothing = problem.worth(published["label"].to_numpy(float), idle)
    gained = {NOTHING: pd.Series(mine - nothing, index=published.index)}
    for name in (BASELINE, CHAMPION):
        if name not in versions:
            continue
        answers = of_version(settled, name, versions).drop_duplicates("event_key")
        worth = pd.Series(_worth(answers, problem), index=answers["event_key"])
        other = worth.reindex(published["event_key"]).to_numpy(float)
        gained[subject(name, versions[name])] = pd.Series(mine - other, index=published.index)
    return gained


def _earned(rows: pd.DataFrame, gained: Mapping[str, pd.Series], threshold: float | None) -> Earned:
    acted = None if threshold is None else rows["score"] >= threshold
    return Earned(
        first=rows["day"].min(),
        last=rows["day"].max(),
        n_days=rows["day"].nunique(),
        events=len(rows),
        acted=None if acted is None else int(acted.sum()),
        came=None if acted is None else int((rows["label"][acted] == 1.0).sum()),
        total=float(rows["worth"].sum()),
        gains={
            name: _over_days(over.dropna(), rows["day"])
            for name, over in gained.items()
            if over.notna().any()
        },
    )


def _over_days(gained: pd.Series, days: pd.Series) -> Amount:
    """The sum, with its 95 % interval where there are two days or more."""
    from scipy.special import stdtrit

    by_day = gained.groupby(days.loc[gained.index]).sum().to_numpy(float)
    total, count = float(by_day.sum()), len(by_day)
    if count < 2:
        return total
    reach = float(stdtrit(count - 1, 0.975) * by_day.std(ddof=1) * np.sqrt(count))
    return Interval(low=total - reach, mid=total, high=total + reach)


def find_threshold(problem: Problem, scores: np.ndarray) -> float | None:
    """The score from which on the problem's value acts: there it differs from that of doing nothing.

    None when it acts on no probability, when it acts again and again below one on which it does not, and
    for numbers, of which each is acted on in its own way.
    """
    if problem.task != "binary" or problem.value is None:
        return None
    grid = np.unique(np.concatenate([scores, [problem.idle_score, 1.0]]))
    acts = _acts(problem, grid)
    first = int(np.argmax(acts))
    if not acts.any() or not acts[first:].all() or first == 0:
        return None
    low, high = float(grid[first - 1]), float(grid[first])
    for _ in range(STEPS):
        middle = (low + high) / 2
        if _acts(problem, np.array([middle]))[0]:
            high = middle
        else:
            low = middle
    return high


def _acts(problem: Problem, scores: np.ndarray) -> np.ndarray:
    idle, acts = np.full(len(scores), problem.idle_score), np.zeros(len(scores), dtype=bool)
    for label in (0.0, 1.0):
        labels = np.full(len(scores), label)
        acts |= problem.worth(labels, scores) != problem.worth(labels, idle)
    return acts
