"""How often a refresh that was spoilt follows the champion, and how often an honest one does.

    python benchmarks/refresh.py [--worlds 100] [--seed 7]

In each world a champion has learned from honest days, and tonight's candidate of the same spec from days
one more of which has come, after something has happened to them. Both are judged by the code of the night
(both fits, comparison, floors, gate) with the settings of params.yaml. A candidate is harmful when its
held-out fit's true loss, on a hundred thousand fresh events, is above the champion's by more than
`promote.max_regression` of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.core.config import Params, read_params
from pipelines.core.records import Blessing, Candidate, Candidates, Evaluation, ModelVersion
from pipelines.evaluation.compare import CHAMPION, Comparison, compare, evaluated, refits
from pipelines.metrics.task import BINARY
from pipelines.problem import PROBLEM
from pipelines.problem.model import RECIPES
from pipelines.promotion.gate import Lines, judge
from pipelines.promotion.quality import quality
from pipelines.training.examples import Examples, FeatureType
from pipelines.training.refit import Fits, fit_both

NIGHT, DAYS, PER_DAY, TEST = date(2013, 10, 1), 120, 150, 28
FRESH = 100_000
SPEC = RECIPES[0]
LINE = f"{SPEC.name}@1"
Spoil = Callable[[Examples, np.random.Generator], Examples]


def events(days: int, per_day: int, rng: np.random.Generator) -> Examples:
    """Events of two numbers and a category, with a level of each day's own; the last days come last."""
    count = days * per_day
    told, faint = rng.normal(size=(2, count))
    place = rng.integers(0, 5, count)
    mood = np.repeat(rng.normal(0, 0.2, days), per_day)
    chance = 1 / (1 + np.exp(-(-1.2 + told + 0.3 * faint + 0.2 * (place - 2) + mood)))
    labels = (rng.random(count) < chance).astype(float)
    day = np.repeat(np.datetime64(NIGHT) - np.arange(days, 0, -1), per_day)
    frame = pd.DataFrame({"told": told, "faint": faint, "place": [f"p{n}" for n in place]})
    schema: Mapping[str, FeatureType] = {"told": "number", "faint": "number", "place": "category"}
    return Examples(schema, frame, labels, day, day.astype("datetime64[us]"))


def nothing(examples: Examples, rng: np.random.Generator) -> Examples:  # noqa: ARG001  as the others
    """An honest refresh."""
    return examples


def poisoned(examples: Examples, rng: np.random.Generator) -> Examples:
    """The labels of a third of all days before the test days say the opposite."""
    days = np.unique(examples.days)[:-TEST]
    bad = np.isin(examples.days, rng.choice(days, len(days) // 3, replace=False))
    return replace(examples, labels=np.where(bad, 1 - examples.labels, examples.labels))


def truncated(examples: Examples, rng: np.random.Generator) -> Examples:
    """Of the days before the test days one event in fifty is left."""
    old = examples.days < np.unique(examples.days)[-TEST]
    kept = ~old | (rng.random(len(old)) < 0.02)
    return examples._only(kept)  # noqa: SLF001  what its own methods use


def broken(examples: Examples, rng: np.random.Generator) -> Examples:
    """The feature that tells most is another event's on half of the days before the test days."""
    days = np.unique(examples.days)[:-TEST]
    bad = np.flatnonzero(np.isin(examples.days, rng.choice(days, len(days) // 2, replace=False)))
    frame = examples.frame.copy()
    frame.loc[bad, "told"] = frame["told"].to_numpy()[rng.permutation(bad)]
    return replace(examples, frame=frame)


@dataclass(frozen=True)
class Judged:
    """What the gate made of a candidate, and by what share of the champion's loss it is truly worse."""

    followed: bool
    worse: float


def night(spoil: Spoil, params: Params, seed: int) -> Judged:
    """One world: the champion of yesterday, tonight's candidate, the verdict."""
    rng = np.random.default_rng(seed)
    known, fresh = events(DAYS, PER_DAY, rng), events(1, FRESH, rng)
    first_test = NIGHT - timedelta(days=TEST)
    last = first_test - timedelta(days=1 + params.train.embargo_days)
    spoilt = spoil(known, rng)
    before = fit_both(SPEC, known.until(last - timedelta(days=1)), known, params.train, PROBLEM)
    tonight = fit_both(SPEC, spoilt.until(last), spoilt, params.train, PROBLEM)
    test = known.between(first_test, NIGHT)
    training = float(known.until(last).labels.mean())
    scores = {
        SPEC.name: tonight.held_out.scores(test.frame),
        CHAMPION: before.held_out.scores(test.frame),
        "training-rate": np.full(len(test.labels), training),
        "trailing-rate": np.full(len(test.labels), float(known.labels.mean())),
    }
    draws = (params.evaluate.bootstrap_samples, params.evaluate.seed)
    found = compare(test, scores, PROBLEM, draws)
    evaluation = _evaluation(tonight, found, test, first_test)
    good = quality(SPEC.name, evaluation, params.promote)
    sound = Blessing(passed=True, reason="it loads")
    verdict = judge(
        evaluation,
        params.promote.model_copy(update={"policy": "auto"}),
        {SPEC.name: {"quality": good, "infra": sound}},
        frozenset(),
        Lines({SPEC.name: LINE}, LINE),
    )
    losses = [_loss(fresh, one) for one in (before, tonight)]
    return Judged(verdict.outcome == "champion", losses[1] / losses[0] - 1)


def _evaluation(fits: Fits, found: Comparison, test: Examples, first_test: date) -> Evaluation:
    until = fits.held_out.trained_until
    candidate = Candidate(
        name=SPEC.name, version="2", sha256="", trained_until=fits.model.trained_until,
        held_out_sha256="", held_out_until=until, golden=(), seconds=0, metrics=fits.metrics,
    )  # fmt: skip
    candidates = Candidates(
        day=NIGHT, run_id="", fingerprint="", chosen=SPEC.name, reason="", first_test_day=first_test,
        baseline=0, candidates=(candidate,),
    )  # fmt: skip
    champion = ModelVersion(
        version="1", candidate=SPEC.name, run_id="", sha256="", trained_until=until, features=()
    )
    again = refits(candidates, {SPEC.name: fits.model.scores(test.frame)}, found, test, PROBLEM)
    return Evaluation(
        day=NIGHT, run_id="", first_test_day=first_test, last_test_day=NIGHT, rows=len(test.labels),
        models=evaluated(candidates, champion, found, again), chosen=SPEC.name, champion="1",
        champion_line=LINE, comparable=True, reason="",
    )  # fmt: skip


def _loss(fresh: Examples, fits: Fits) -> float:
    scores = np.clip(fits.held_out.scores(fresh.frame), 1e-9, 1 - 1e-9)
    return float(-np.log(np.where(fresh.labels == 1, scores, 1 - scores)).mean())


def main() -> None:
    """Print how many of each kind followed the champion."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    params = read_params(Path(__file__).parents[1] / "params.yaml")
    limit = params.promote.max_regression
    print(f"of {asked.worlds} worlds each: followed the champion; harmful; harmful and followed")
    print(f"harmful: {BINARY.loss} truly higher by more than {limit:.0%}")
    for spoil in (nothing, poisoned, truncated, broken):
        judged = [night(spoil, params, asked.seed + n) for n in range(asked.worlds)]
        harmful = [one for one in judged if one.worse > limit]
        through = sum(one.followed for one in harmful)
        followed = sum(one.followed for one in judged)
        mean = np.mean([one.worse for one in judged])
        print(
            f"  {spoil.__name__:10} {followed:4}  {len(harmful):4}  {through:4}   loss {mean:+.2%}"
        )


if __name__ == "__main__":
    main()
