"""Quality of contenders' scores against outcomes: by day, by version, and by values of the sliced features."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from pipelines.core.records import Amount, Interval
from pipelines.metrics.bootstrap import RESAMPLES, day_weights, interval, intervals
from pipelines.metrics.classification import ScoredEvents
from pipelines.metrics.regression import bias
from pipelines.metrics.reliability import TENTHS, reliability
from pipelines.metrics.slices import FEWEST, each_slice, slice_name
from pipelines.metrics.task import BINARY, Task

Worth = Callable[[np.ndarray, np.ndarray], np.ndarray]
PUBLISHED = "published"  # the answers that consumers got, whoever gave them
BLOCKS = 20  # of a day's events, drawn as a whole


@dataclass(frozen=True)
class Quality:
    """How the answers of one contender to a day's events, or to a slice of them, did."""

    day: date
    subject: str
    metrics: Mapping[str, Amount]


def subject(contender: str, model_version: object) -> str:
    """A contender's name in daily_metric, such as `champion 3`."""
    return f"{contender} {model_version}" if isinstance(model_version, str) else contender


def daily_quality(
    scores: pd.DataFrame, worth: Worth, task: Task = BINARY, slices: Sequence[str] = ()
) -> list[Quality]:
    """The quality of every day with known outcomes, oldest first: of what was published, then of each
    contender, each followed by its slices, such as `champion 3 origin=EWR`.

    `scores` are the warehouse's, with the columns of `slices`.
    """
    known = scores.loc[scores["label"].notna()]
    return [
        Quality(day, f"{name}{part}", metrics)  # type: ignore[arg-type]
        for day, rows in known.groupby("day", sort=True)
        for name, mine in by_contender(rows)
        for part, metrics in _whole_and_slices(mine, worth, task, slices)
    ]


def published_quality(scores: pd.DataFrame, worth: Worth, task: Task = BINARY) -> list[Quality]:
    """The published answers of every day with known outcomes, oldest first, without intervals."""
    known = scores.loc[scores["label"].notna() & scores["answers"]]
    return [
        Quality(day, PUBLISHED, measure(rows, worth, task))  # type: ignore[arg-type]
        for day, rows in known.groupby("day", sort=True)
    ]


def by_contender(scores: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """What was published, then what each contender said of all the events."""
    yield PUBLISHED, scores.loc[scores["answers"]]
    versions = scores["model_version"].fillna("")
    for (contender, version), mine in scores.groupby(["contender", versions], sort=True):
        yield subject(str(contender), str(version) or None), mine


def _whole_and_slices(
    rows: pd.DataFrame, worth: Worth, task: Task, slices: Sequence[str]
) -> Iterator[tuple[str, dict[str, Amount]]]:
    blocks = event_blocks(rows["event_key"])
    yield "", measure(rows, worth, task, blocks)
    few = ("events", f"{task.average}_predicted", f"{task.average}_observed", *task.told)
    for column, value, places in each_slice(rows, slices):
        metrics = measure(rows.iloc[places], worth, task, blocks[places])
        told = {key: amount for key, amount in metrics.items() if key in few}
        yield f" {slice_name(column, value)}", told


def event_blocks(keys: pd.Series) -> np.ndarray:
    """Each event's block, 0 to BLOCKS − 1, by a hash of its name.

    Random groups (Wolter 2007, ch. 2) are to a single day what days are to a month: they tell how
    sure its number is, however many its events. What days differ by is another question.
    """
    hashes = pd.util.hash_array(keys.to_numpy(dtype=object), hash_key="redeye's blocks.")
    return np.asarray(hashes % np.uint64(BLOCKS), dtype=np.int64)


def measure(
    known: pd.DataFrame, worth: Worth, task: Task = BINARY, blocks: np.ndarray | None = None
) -> dict[str, Amount]:
    """Metrics of scored events with a label; without any, only their number. With `blocks`, the
    number of each event's, those of the task have intervals.

    `rate_predicted` is the mean score, `rate_observed` the share that came true; of numbers they are
    `mean_predicted` and `mean_observed`. What is not defined, such as the AUC of a day on which
    nothing came true, is left out.
    """
    metrics: dict[str, Amount] = {"events": float(len(known))}
    if known.empty:
        return metrics
    scored = score_rows(known, worth, task, blocks)
    means = {"predicted": scored.scores.mean(), "observed": scored.labels.mean()}
    metrics |= {f"{task.average}_{which}": float(mean) for which, mean in means.items()}
    return metrics | intervals(scored)


def point_estimate(amount: Amount) -> float:
    """The number itself, without its interval."""
    return amount.mid if isinstance(amount, Interval) else amount


def score_rows(
    known: pd.DataFrame, worth: Worth, task: Task, blocks: np.ndarray | None = None
) -> ScoredEvents:
    """Rows with `label` and `score` as the metrics take them, in blocks that are drawn as a whole."""
    labels, scores = known["label"].to_numpy(dtype="float64"), known["score"].to_numpy()
    codes = np.zeros(len(known)) if blocks is None else blocks
    values, places = np.unique(codes, return_inverse=True)
    return ScoredEvents(labels, scores, worth(labels, scores), places, len(values), task.name)


def calibration(known: pd.DataFrame, bins: int = TENTHS) -> list[tuple[float, float, int]]:
    """What was said of settled events against what came, in bins of equally many of them."""
    return reliability(known["score"].to_numpy(), known["label"].to_numpy(), bins)


def score_metrics(scores: pd.Series) -> dict[str, float]:
    """How the scores of a day are spread."""
    if scores.empty:
        return {"events": 0.0}
    cuts = {f"score_p{share:02d}": float(scores.quantile(share / 100)) for share in (5, 50, 95)}
    return {"events": float(len(scores)), "score_mean": float(scores.mean()), **cuts}


@dataclass(frozen=True)
class Slice:
    """Events that share a value, and how far their scores were from what came."""

    name: str  # such as origin=EWR
    events: int
    gap: Interval  # mean of score less label; above 0 too much was said

    @property
    def is_off(self) -> bool:
        """Whether the interval leaves out 0."""
        return not self.gap.low <= 0 <= self.gap.high


def find_slices(
    published: pd.DataFrame, columns: Sequence[str], worth: Worth, task: Task
) -> list[Slice]:
    """Every slice with enough settled events on at least two days, those that are furthest off first.

    Intervals are for one slice; of twenty slices of a good model one is off by chance.
    """
    known = published.loc[published["label"].notna()]
    found = []
    for column, value, places in each_slice(known, columns):
        rows = known.iloc[places]
        days = pd.factorize(rows["day"])[0]
        if len(rows) >= FEWEST and days.max() > 0:
            scored = score_rows(rows, worth, task, days)
            weights = day_weights(scored.n_days, RESAMPLES, seed=0)
            gap = interval(bias(scored, weights), scored.n_days)
            found.append(Slice(slice_name(column, value), len(rows), gap))
    return sorted(found, key=lambda one: -_sureness(one.gap))


def _sureness(gap: Interval) -> float:
    """How many widths of its interval the gap is away from 0."""
    return abs(gap.mid) / max(gap.high - gap.low, float(np.finfo(float).tiny))
