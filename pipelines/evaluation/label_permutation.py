"""The canary of evaluation: who learned outcomes that were dealt out by chance must know nothing."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from pipelines.core.records import LeakCheck, Partition
from pipelines.define.problem import Problem
from pipelines.evaluation.leakage import rank
from pipelines.training.examples import Examples, TrainingPartitions
from pipelines.training.model import fit
from pipelines.training.recipes import Attempts

DEALS = 2
LIMIT = 0.55  # a join that mixes days gives flights 0.6 to 0.7, chance gives 0.500
EVENTS = 2000  # learned from, and ranked: a second, whatever the size of a day


def shuffle_check(
    read: Callable[[Problem], Examples], problem: Problem, first_test: date, seed: int
) -> LeakCheck:
    """Whether a model that learned outcomes of other events still ranks those of the test days.

    `read` joins features and outcomes as everybody does; the outcomes of days before the test are
    dealt out anew among their facts (Ojala & Garriga 2010), so whatever is known of the test came in
    by another way: a join that mixes days, or days of the test among those learned from. One deal
    ranks by accident, for or against; its mirror image, in which every dealt outcome is the opposite,
    does the reverse, and the mean AUC of the two is that of knowing nothing.
    """
    generator = np.random.default_rng(seed)
    found: list[float] = []
    for _ in range(DEALS):
        places = generator.integers(2**32)
        for mirrored in (False, True):
            auc = _ranks(
                read(permute_labels(problem, first_test, int(places), mirrored=mirrored)),
                problem,
                first_test,
            )
            found += [] if auc is None else [auc]
    auc = float(np.mean(found)) if found else 0.5
    reason = f"the simplest model, taught by chance, ranks the test days with AUC {auc:.3f}"
    if auc > LIMIT:
        reason += (
            f", above {LIMIT:g}: outcomes of the test reach what is learned; see the key in the "
            f"problem, and the days of its outcomes"
        )
    return LeakCheck(
        net="shuffle",
        subject="outcomes",
        found=auc,
        limit=LIMIT,
        passed=auc <= LIMIT,
        reason=reason,
    )


def _ranks(examples: Examples, problem: Problem, first_test: date) -> float | None:
    """AUC on the test days of what was learned from the days before; None when there is no telling."""
    lesson = examples.between(date.min, first_test - timedelta(days=1))
    test = examples.between(first_test, date.max)
    if len(np.unique(lesson.labels)) < 2 or len(np.unique(test.labels)) < 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a few days may lack a feature altogether
        scores = Attempts(problem.recipes).first(
            lambda one: fit(one, lesson, seed=0, threads=1).checked_scores(test.frame)
        )
    return rank(scores, test.labels > test.labels.mean())


def permute_labels(problem: Problem, before: date, places: int, *, mirrored: bool) -> Problem:
    """The problem with the outcomes of facts of earlier days dealt out anew among them.

    The same `places` deal them out in the same way; mirrored, on the other side of their mean.
    """

    def outcome(facts: pd.DataFrame) -> pd.DataFrame:
        earlier = (pd.to_datetime(facts["day"]) < pd.Timestamp(before)).to_numpy()
        order = np.arange(len(facts))
        order[earlier] = np.random.default_rng(places).permutation(order[earlier])
        ended = problem.outcome(facts)
        ended = ended.iloc[order].set_axis(ended.index)
        label = ended["label"].astype("float64")
        opposite = label.where(~earlier, label[earlier].min() + label[earlier].max() - label)
        return ended.assign(label=opposite) if mirrored else ended

    return replace(problem, outcome=outcome)


def subsample(past: TrainingPartitions, first_test: date, seed: int) -> TrainingPartitions:
    """A few days of it, drawn at random: as many before the test as in it, until they are enough."""
    generator = np.random.default_rng(seed)
    before = [one for one in past.features if one.day < first_test]
    after = [one for one in past.features if one.day >= first_test]
    chosen = [*_some(before, generator), *_some(after, generator)]
    days = {one.day for one in chosen}
    outcomes = tuple(one for one in past.outcomes if one.day in days)
    return TrainingPartitions(past.declared, tuple(chosen), outcomes)


def _some(partitions: Sequence[Partition], generator: np.random.Generator) -> list[Partition]:
    rows, chosen = 0, []
    for place in generator.permutation(len(partitions)):
        if rows < EVENTS:
            chosen.append(partitions[place])
            rows += partitions[place].rows
    return sorted(chosen, key=lambda one: one.day)
