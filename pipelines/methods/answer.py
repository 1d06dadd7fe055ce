"""The answer of one contender, checked before anybody may see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from pipelines.core.contracts import Lake, Problem, Registry, Validator
from pipelines.core.errors import DataError, GateRefused
from pipelines.methods.baseline import historical_rate
from pipelines.methods.rendezvous import Contender, refuse_scores

BASELINE_DAYS = 28
SUITE = "predictions"


@dataclass(frozen=True)
class Answer:
    """Scores of one contender."""

    contender: Contender
    predictions: pd.DataFrame  # event_key and score, in key order
    identity: str  # of what made the scores: the model file's SHA-256, the baseline's rate
    note: str = ""


@dataclass(frozen=True)
class Desk:
    """What answering for a day takes."""

    day: date
    problem: Problem
    lake: Lake
    registry: Registry
    validator: Validator


def ask(desk: Desk, contender: Contender, events: pd.DataFrame) -> Answer:
    """One score for each event, `events` having `event_key` and the features.

    Raises GateRefused when the scores are no probabilities or break their suite, and what loading
    and scoring raise. The baseline's cannot be wrong.
    """
    if contender.model is None:
        rate, note = _baseline(desk)
        return Answer(contender, events[["event_key"]].assign(score=rate), repr(rate), note)
    scores = desk.registry.load(contender.model).scores(events)
    refusal = refuse_scores(scores, len(events))
    if refusal:
        raise GateRefused(refusal)
    predictions = events[["event_key"]].assign(score=scores)
    for broken in _broken_rules(desk.validator, predictions):
        raise GateRefused(broken)
    return Answer(contender, predictions, contender.model.sha256)


def _broken_rules(validator: Validator, predictions: pd.DataFrame) -> Iterator[str]:
    """What the user expects of scores beyond their being probabilities, if anything."""
    if predictions.empty or validator.suite(SUITE) is None:
        return  # a day without events is published as such
    for result in validator.judge(SUITE, predictions):
        if result.severity == "critical" and not result.passed:
            yield f"its scores break {result.rule}: {result.observed}, not {result.expected}"


def _baseline(desk: Desk) -> tuple[float, str]:
    """How often it happened lately, as far as known before the cutoff; a damaged partition is left out."""
    first, last = desk.day - timedelta(days=BASELINE_DAYS), desk.day - timedelta(days=1)
    labels = [np.empty(0)]
    for partition in desk.lake.find(f"accepted/{desk.problem.outcomes}", first, last):
        try:
            facts = desk.lake.read([partition]).to_pandas()
        except DataError:
            continue
        known = facts.loc[facts["known_at"] < desk.problem.cutoff(desk.day)]
        labels.append(desk.problem.outcome(known)["label"].to_numpy(dtype="float64"))
    found = np.concatenate(labels)
    count = int(np.count_nonzero(~np.isnan(found)))
    rate = historical_rate(found)
    return rate, f"the rate {rate:.4f} of {count} outcomes of the last {BASELINE_DAYS} days"
