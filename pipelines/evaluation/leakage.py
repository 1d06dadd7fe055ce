"""The leak gate: how events ended, smuggled into their own features by the source itself.

A column that is known early and already tells the outcome passes every test of the future. What
gives it away is that it is too good: alone, or as a mean over a day (docs/decisions/0007-leak-gate.md).

A feature is read as numbers in several ways, for a leak may show in any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pandas as pd

from pipelines.core.config import EvaluateParams
from pipelines.core.records import Candidates, Interval, LeakCheck
from pipelines.metrics.bootstrap import day_weights, interval
from pipelines.metrics.classification import ScoredEvents, auc
from pipelines.training.examples import Examples

BINS = 16  # of equal mass: a number may tell in another way than by its order
THIN = 20  # events' worth of the average rate, added to the rate of a bin or category


@dataclass(frozen=True)
class UnivariateScore:
    """A number for each event, and for which of them there is one."""

    feature: str
    values: np.ndarray
    known: np.ndarray


def rank(values: np.ndarray, positive: np.ndarray) -> float:
    """How often a positive outranks a negative, ties half: the AUC; 0.5 when there are not both."""
    from scipy.stats import rankdata

    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return 0.5
    beaten = rankdata(values)[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(beaten / (n_positive * n_negative))


def readings(examples: Examples) -> Iterator[UnivariateScore]:
    """Each feature: its value if it is a number, whether it is there at all, and its rate of positives.

    A label that is a number is positive above its mean. The rate is that of the category, or of the bin
    of sixteen, on every other day for the days between: no event helps to rank itself.
    """
    positive = examples.labels > examples.labels.mean()
    half = np.unique(examples.days, return_inverse=True)[1] % 2
    everywhere = np.ones(len(positive), dtype=bool)
    for name, kind in examples.schema.items():
        if kind == "category":
            codes, _ = pd.factorize(examples.frame[name])
        else:
            values = examples.frame[name].to_numpy(dtype="float64", na_value=np.nan)
            known = np.isfinite(values)
            yield UnivariateScore(name, values, known)
            codes = _bins(values, known)
        if 0 < np.count_nonzero(codes < 0) < len(codes):
            yield UnivariateScore(name, (codes >= 0).astype("float64"), everywhere)
        yield UnivariateScore(name, _rates(codes + 1, positive, half), everywhere)


def _bins(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The bin of each value, −1 for a missing one."""
    if not known.any():
        return np.full(len(values), -1)
    edges = np.unique(np.quantile(values[known], np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.where(known, np.searchsorted(edges, values, "right"), -1)


def _rates(codes: np.ndarray, positive: np.ndarray, half: np.ndarray) -> np.ndarray:
    """The rate of each code among the events of the other half."""
    rates, n_codes = np.full(len(codes), 0.5), int(codes.max(initial=0)) + 1
    for mine in (0, 1):
        other, average = (
            half != mine,
            positive[half != mine].mean() if (half != mine).any() else 0.5,
        )
        found = np.bincount(codes[other], weights=positive[other], minlength=n_codes)
        counts = np.bincount(codes[other], minlength=n_codes)
        rates[~other] = ((found + THIN * average) / (counts + THIN) - average)[codes[~other]]
    return rates


NAMED = 12  # features that a reason names
ADVICE = (
    "they may tell how events end: find where the source takes them from and leave them out, or"
)
WEEKS = 21  # from so many days on, what a weekday explains is taken out of daily means
FEWEST = 5  # degrees of freedom: four days on which a gust was measured stand in order by chance
BEFORE = 0.01  # share of outcomes that may be known before their own day: clocks go wrong


def feature_check(
    examples: Examples, readings: Sequence[UnivariateScore], params: EvaluateParams
) -> LeakCheck:
    """Whether a feature alone ranks the outcomes better than an honest one could, either way round.

    The area under the ROC curve of each reading of it; refused is one whose whole 95 % interval, over
    resampled days, is above the limit. An outcome that is a number counts as above its mean or not.
    """
    positive, limit = examples.labels > examples.labels.mean(), params.max_feature_auc
    days, numbers = np.unique(examples.days, return_inverse=True)
    best: dict[str, float] = {}
    leaks: dict[str, Interval] = {}
    for reading in readings:
        found = rank(reading.values[reading.known], positive[reading.known])
        best[reading.feature] = max(abs(found - 0.5) + 0.5, best.get(reading.feature, 0.5))
        if abs(found - 0.5) <= limit - 0.5:
            continue
        scores = (reading.values if found > 0.5 else -reading.values)[reading.known]
        there, of = numbers[reading.known], positive[reading.known].astype("float64")
        scored = ScoredEvents(of, scores, scores, there, len(days))
        weights = day_weights(len(days), params.bootstrap_samples, params.seed)
        span = interval(auc(scored, weights), len(days))
        if span.low > max(limit, leaks[reading.feature].low if reading.feature in leaks else 0):
            leaks[reading.feature] = span
    return _told("feature", best, leaks, limit, "AUC alone", "max_feature_auc")


def day_check(
    examples: Examples, readings: Sequence[UnivariateScore], params: EvaluateParams
) -> LeakCheck:
    """Whether the daily mean of a feature follows that of the outcomes, up and down, day by day.

    Nobody knows at the cutoff how the day will be, and a mean over a day cancels the noise that hides
    a leak from the AUC. Rank correlation (Spearman 1904); of three weeks or more, less what the weekday
    explains, which a calendar knows honestly. Refused is one whose whole 95 % interval is above the
    limit (Fisher 1921, with the wider error for ranks of Bonett & Wright 2000).
    """
    limit = params.max_day_correlation
    days, numbers = np.unique(examples.days, return_inverse=True)
    weekday = days.astype("datetime64[D]").astype("int64") % 7
    outcomes = _day_means(examples.labels, numbers, len(days))
    best: dict[str, float] = {}
    leaks: dict[str, Interval] = {}
    for reading in readings:
        means = _day_means(np.where(reading.known, reading.values, np.nan), numbers, len(days))
        span = _correlation(means, outcomes, weekday)
        best[reading.feature] = max(span.mid, best.get(reading.feature, 0.0))
        if span.low > limit:
            leaks[reading.feature] = span
    return _told("day", best, leaks, limit, "rank correlation by day", "max_day_correlation")


def time_check(
    examples: Examples, candidates: Candidates, cutoff: Callable[[date], datetime], day: date
) -> LeakCheck:
    """Whether no fit that is judged has seen the test days, and every outcome was known after its day began
    and before the night's cutoff.
    """
    first = candidates.first_test_day
    seen = [c.name for c in candidates.candidates if c.held_out_until >= first]
    late = int(np.sum(examples.known_at >= np.datetime64(cutoff(day))))
    days, numbers = np.unique(examples.days, return_inverse=True)
    opens = np.array([cutoff(date.fromisoformat(str(one))) for one in days], "datetime64[us]")
    before = float(np.mean(examples.known_at < opens[numbers]))
    found = {
        f"{', '.join(seen)} learned from days of the test, which begins on {first}: see training/selection.py": seen,
        f"{late} outcomes of the test days became known only after the night of {day} began: see "
        f"known_at in the source": late,
        f"{before:.0%} of the outcomes were known before their own day began: correct known_at in the "
        f"source, or ask about events earlier": before > BEFORE,
    }
    reasons = [reason for reason, is_so in found.items() if is_so]
    return LeakCheck(
        net="time",
        subject="known_at",
        found=float(len(seen) + late) + before,
        limit=BEFORE,
        passed=not reasons,
        reason="; ".join(reasons) or "every outcome became known in its time",
    )


def _told(
    net: str, best: Mapping[str, float], leaks: Mapping[str, Interval], limit: float, *words: str
) -> LeakCheck:
    """The finding of a net, with the worst features first; `words`: the measure and its setting."""
    measure, setting = words
    first = max(best, key=lambda name: best[name], default="")
    named = sorted(leaks, key=lambda name: -leaks[name].low)
    reason = f"{measure}: at most {best[first]:.3f} ({first})" if best else "no feature can be read"
    if named:
        spelled = ", ".join(f"{name} {_spell(leaks[name])}" for name in named[:NAMED])
        more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
        reason = (
            f"features too good to be true, {measure}: {spelled}{more}; {ADVICE} raise "
            f"evaluate.{setting} ({limit:g}) if they are honest"
        )
    return LeakCheck(
        net=net,
        subject=named[0] if named else first,
        found=leaks[named[0]].mid if named else best.get(first, 0.0),
        limit=limit,
        passed=not named,
        reason=reason,
    )


def _spell(span: Interval) -> str:
    return f"{span.mid:.3f} ({span.low:.3f} to {span.high:.3f})"


def _day_means(values: np.ndarray, numbers: np.ndarray, n_days: int) -> np.ndarray:
    """Mean of each day's finite values, NaN where there is none."""
    there = np.isfinite(values)
    sums = np.bincount(numbers[there], weights=values[there], minlength=n_days)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums / np.bincount(numbers[there], minlength=n_days))


def _correlation(means: np.ndarray, outcomes: np.ndarray, weekday: np.ndarray) -> Interval:
    """Rank correlation of daily means, without its sign; nothing, where it cannot be told."""
    from scipy.stats import rankdata

    there = np.isfinite(means) & np.isfinite(outcomes)
    one, other, spare = means[there], outcomes[there], there.sum() - 3
    if there.sum() >= WEEKS:
        one, other = (_less_weekday(x, weekday[there]) for x in (one, other))
        spare -= 6
    if spare < FEWEST or np.ptp(one) < 1e-12 or np.ptp(other) < 1e-12:
        return Interval(low=0.0, mid=0.0, high=1.0)
    found = min(abs(float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])), 1 - 1e-9)
    reach = 1.96 * np.sqrt((1 + found**2 / 2) / spare)
    low, high = np.tanh(np.arctanh(found) + np.array([-reach, reach]))
    return Interval(low=float(low), mid=found, high=float(high))


def _less_weekday(values: np.ndarray, weekday: np.ndarray) -> np.ndarray:
    """Each less the mean of its weekday."""
    sums = np.bincount(weekday, weights=values, minlength=7)
    counts = np.maximum(np.bincount(weekday, minlength=7), 1)
    return np.asarray(values - (sums / counts)[weekday])
