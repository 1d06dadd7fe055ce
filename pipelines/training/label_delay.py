"""Labels that take longer than the problem declares, found by when outcomes became known.

A day whose outcomes still come is no fair sample: the ones that are there are those that ended soon.
Days that are long over tell how outcomes come, for each age of an event the share known by then; that
curve says how unfair the youngest days are that a night would use.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from pipelines.core.errors import DataError
from pipelines.core.records import FeatureTable, TaskName
from pipelines.data.ports import Lake
from pipelines.define.problem import Problem
from pipelines.training.labels import label_events, label_facts

LOOKED_AT = 180  # days; the older half of them tells how outcomes come
WINDOW = 28  # the youngest days used, over which shares are averaged
APART = 0.03  # … of which the classes may lack shares that differ by so much,
LACKING = 0.05  # … and all events together so much;
DISTORTED = 0.3  # at no age may the shares known of the classes differ by more
MISSING = 0.1  # share of the outcomes that the youngest days may lack, and older ones have
CERTAIN = (
    0.001  # chance of a finding where there is none, of each look: a night is one, a year has 365
)
FEW_DAYS, FEW_EVENTS = 10, 20  # with fewer, of each class, nothing is said
YOUNGEST, LOWEST = 3, 0.05  # days that are all among so many of the lowest: 0.05³ by chance
COMPLETE = 0.99  # share of each class that is known where the advice is to begin


@dataclass(frozen=True)
class Lags:
    """Labelled events, and days, by age: nights since. All that the night knows of them.

    `nights` counts from an event's day until its outcome was known: 1 is the next night. `high` tells
    the class: label 1, or of numbers above the median. Of each day: its events, and how many of their
    outcomes are known, with a label or without.
    """

    age: np.ndarray
    nights: np.ndarray
    high: np.ndarray
    day_age: np.ndarray
    events: np.ndarray
    known: np.ndarray
    classes: tuple[str, str] = ("label 0", "label 1")


def refuse_undeclared(day: date, problem: Problem, table: FeatureTable, lake: Lake) -> None:
    """Raise DataError when outcomes take longer than label_maturity_days of the problem says."""
    declared = problem.label_maturity_days
    lags = read_lags(day, problem, table, lake)
    why = find_delay(lags, declared)
    if not why:
        return
    longer = advise(lags, declared)
    advice = (
        f"declare label_maturity_days={longer} in the problem"
        if longer is not None
        else "outcomes take longer than half of the days that are kept; raise ingest.history_days "
        "and features.training_days"
    )
    raise DataError(
        f"train {day}: outcomes take longer than label_maturity_days={declared} says: {why}; "
        f"known {curve(lags, longer)}. What is known early is no fair sample to learn from: {advice}, "
        f"then run `redeye night --day {day}`"
    )


def read_lags(day: date, problem: Problem, table: FeatureTable, lake: Lake) -> Lags:
    """When the outcomes of the last days became known, as far as they are for the night."""
    first = day - timedelta(days=LOOKED_AT)
    features = [one for one in table.history if first <= one.day < day and one.rows]
    found = lake.find(f"accepted/{problem.outcomes}", first, day - timedelta(days=1), day)
    if not features or not found:
        return _nothing(problem.task)
    events = lake.read(features, columns=list(dict.fromkeys(["day", *problem.key]))).to_pandas()
    facts = lake.read(found).to_pandas()
    facts = facts.loc[facts["known_at"] < problem.cutoff(day)].reset_index(drop=True)
    ends = label_events(events, facts.assign(**label_facts(facts, problem)), problem.key)
    return measure_lags(day, problem, pd.to_datetime(events["day"]), ends)


def measure_lags(day: date, problem: Problem, days: pd.Series, ends: pd.DataFrame) -> Lags:
    """The lags of events of these `days`, whose `ends` are as label_events gives them."""
    age = (pd.Timestamp(day) - days).dt.days.to_numpy()
    oldest = int(age.max())
    cutoffs = [problem.cutoff(day - timedelta(days=n)) for n in range(oldest, -1, -1)]
    labelled = ends["label"].notna().to_numpy()
    known_at = ends["known_at"].to_numpy(dtype="datetime64[us]")[labelled]
    night = np.searchsorted(np.array(cutoffs, "datetime64[us]"), known_at, side="right")
    label = ends["label"].to_numpy(dtype="float64")[labelled]
    known = ends["known_at"].notna().to_numpy()
    lags = replace(
        _nothing(problem.task),
        age=age[labelled],
        nights=np.maximum(night - (oldest - age[labelled]), 1),
        day_age=np.unique(age),
        events=np.bincount(age)[np.unique(age)],
        known=np.bincount(age, weights=known)[np.unique(age)],
    )
    return replace(lags, high=_high(label, lags, problem.task))


def find_delay(lags: Lags, declared: int) -> str:
    """Why the days older than `declared` are no fair sample yet, or nothing."""
    return _by_class(lags, declared) or _by_day(lags, declared)


def advise(lags: Lags, declared: int) -> int | None:
    """The smallest maturity that passes, at which nearly all outcomes are known."""
    shares = _shares(lags)
    for longer in range(declared + 1, int(lags.day_age.max(initial=0))):
        low = _low_days(lags, longer)
        settled = shares[:, min(longer, shares.shape[1] - 1)].min(initial=1) >= COMPLETE
        if settled and not low.any() and not find_delay(lags, longer):
            return longer
    return None


def curve(lags: Lags, longer: int | None) -> str:
    """The measured shares known by age, in words, of each class."""
    shares, last = _shares(lags), longer if longer is not None else LOOKED_AT // 2
    days = sorted({0, 1, 2, 3, 5, 7, 10, 14, 21, 28, 42, 60, last - 1, last})
    told = [
        f"{n} days after the event "
        + " and ".join(
            f"{share[n]:.0%} of {name}" for share, name in zip(shares, lags.classes, strict=True)
        )
        for n in days
        if 0 <= n <= min(last, shares.shape[1] - 1)
    ]
    return ", ".join(told)


def _by_class(lags: Lags, declared: int) -> str:
    """The older half of the days: how unfair the youngest days used are, by the curve."""
    counts = _counts(lags)  # class, day, nights
    if counts.shape[1] < FEW_DAYS:
        return ""
    ages = np.minimum(np.arange(declared, declared + WINDOW), counts.shape[2] - 1)
    left_out = counts.sum(axis=1)[:, None, :] - counts  # of each day in turn
    whole = counts.sum(axis=1)
    every = _lacking(whole.sum(axis=0), ages), _lacking(left_out.sum(axis=0), ages)
    if every[0] > LACKING and _is_certain(*every, LACKING / 2):
        return (
            f"{every[0]:.0%} of the outcomes of the {WINDOW} days before it are not known yet when "
            f"they are used"
        )
    if whole[:, -1].min() < FEW_EVENTS:
        return ""
    apart, apart_without = (
        _lacking(of, ages)[0] - _lacking(of, ages)[1] for of in (whole, left_out)
    )
    names = " and ".join(lags.classes)
    if abs(apart) > APART and _is_certain(apart, apart_without, APART / 2):
        return f"of {names} shares that differ by {abs(apart):.0%} are not known"
    known, known_without = (of / of[..., -1:] for of in (whole, left_out))
    worst = ages[np.argmax(np.abs(known[0] - known[1])[ages])]
    gap, gap_without = ((one[0] - one[1])[..., worst] for one in (known, known_without))
    if abs(gap) > DISTORTED and _is_certain(gap, gap_without, DISTORTED / 2):
        return f"{worst} days after the event the shares known of {names} differ by {abs(gap):.0%}"
    return ""


def _by_day(lags: Lags, declared: int) -> str:
    """The youngest days used against the older half: whether they lack outcomes that those have."""
    low = _low_days(lags, declared)
    if len(low) < YOUNGEST or not low.all():
        return ""
    used = lags.day_age > declared
    young = (lags.known / lags.events)[used][:YOUNGEST].mean()
    return (
        f"of the events of the last {YOUNGEST} days used the outcomes of {young:.0%} are known, of "
        f"those of older days {_older_shares(lags, declared)[0]:.0%}"
    )


def _low_days(lags: Lags, declared: int) -> np.ndarray:
    """Which of the youngest days used have fewer outcomes than nearly all older ones, by a lot."""
    level, lowest = _older_shares(lags, declared)
    young = (lags.known / lags.events)[lags.day_age > declared][:YOUNGEST]
    return np.asarray((young < lowest) & (young < level - MISSING))


def _older_shares(lags: Lags, declared: int) -> tuple[float, float]:
    """Median and low quantile of the share known of the older days; nothing is below 0."""
    oldest = lags.day_age.max(initial=0)
    older = lags.day_age > max(oldest // 2, declared + YOUNGEST)
    if older.sum() < FEW_DAYS:
        return 0.0, 0.0
    shares = (lags.known / lags.events)[older]
    return float(np.median(shares)), float(np.quantile(shares, LOWEST))


def _counts(lags: Lags) -> np.ndarray:
    """Labelled events of the older half of the days, known after so many nights or fewer: of shape
    (2 classes, days, nights).
    """
    oldest = int(lags.day_age.max(initial=0))
    old = lags.age > oldest // 2
    days, place = np.unique(lags.age[old], return_inverse=True)
    counts = np.zeros((2, len(days), max(oldest, 1)))
    night = np.minimum(lags.nights[old], counts.shape[2]) - 1
    np.add.at(counts, (lags.high[old].astype(int), place, night), 1)
    return np.asarray(counts.cumsum(axis=2))


def _shares(lags: Lags) -> np.ndarray:
    """Share of each class that is known so many days after the event's: of shape (2, days)."""
    counts = _counts(lags).sum(axis=1)
    return np.asarray(counts / np.maximum(counts[:, -1:], 1))


def _lacking(counts: np.ndarray, ages: np.ndarray) -> np.ndarray:
    """Share that is not known, averaged over days of these ages."""
    return np.asarray(1 - (counts / np.maximum(counts[..., -1:], 1))[..., ages].mean(axis=-1))


def _is_certain(whole: np.ndarray, left_out: np.ndarray, least: float) -> bool:
    """Whether an effect is surely larger than `least`, whatever a single day does to it: t-test on the
    jackknife over days (Efron & Stein 1981), for events of a day share what befell it.
    """
    from scipy.special import stdtrit

    n_days = len(left_out)
    error = np.sqrt((n_days - 1) / n_days * np.sum((left_out - left_out.mean()) ** 2))
    return bool(abs(whole) - least > stdtrit(n_days - 1, 1 - CERTAIN / 2) * error)


def _high(label: np.ndarray, lags: Lags, task: TaskName) -> np.ndarray:
    """Which labels are 1; of numbers, above the median of the older half of the days."""
    if task == "binary":
        return np.asarray(label > 0.5)
    old = lags.age > lags.day_age.max(initial=0) // 2
    return np.asarray(label > np.median(label[old])) if old.any() else np.zeros(len(label), bool)


def _nothing(task: TaskName) -> Lags:
    none, classes = np.empty(0, dtype="int64"), ("label 0", "label 1")
    if task == "regression":
        classes = ("labels up to the median", "labels above it")
    return Lags(none, none, none.astype(bool), none, none, none, classes)
