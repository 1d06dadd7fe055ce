"""Every contender's answer for a day, checked before anybody may see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from pipelines.core.contracts import Lake, Problem, Question, Registry, Validator, Workers
from pipelines.core.errors import DataError, GateRefused, TemporaryError
from pipelines.core.records import Partition
from pipelines.methods.baseline import historical_rate
from pipelines.methods.events import event_keys, refuse_twins
from pipelines.methods.rendezvous import Contender, Fared, Turn, refuse_scores

BASELINE_DAYS = 28
SUITE = "predictions"


@dataclass(frozen=True)
class Events:
    """The day's events: their names in key order, and where each stands in the kept table."""

    table: Partition
    keys: pd.Series[str]
    order: np.ndarray  # of shape (events,): place in the table of the event with each key

    def predict(self, scores: np.ndarray) -> pd.DataFrame:
        """Scores given in the table's order, in key order beside their events' names."""
        return pd.DataFrame({"event_key": self.keys, "score": scores[self.order]})


def read_events(problem: Problem, table: Partition, lake: Lake) -> Events:
    """The events of a features table; raises DataError when one is there twice."""
    rows = lake.read([table]).select(["day", *problem.key]).to_pandas()
    keys = event_keys(rows, problem.key)
    refuse_twins(keys, f"features {table.day}")
    order = np.argsort(keys.to_numpy(dtype=object), kind="stable")
    return Events(table, keys.iloc[order].reset_index(drop=True), order)


@dataclass(frozen=True)
class Desk:
    """What answering for a day takes."""

    day: date
    problem: Problem
    lake: Lake
    registry: Registry
    validator: Validator
    workers: Workers


def ask_all(desk: Desk, turns: Sequence[Turn], events: Events) -> Iterator[Fared]:
    """How every contender fares, in the order in which that becomes known.

    A model answers in a process of its own; whatever happens there is a sentence here. The baseline
    cannot fail.
    """
    questions, asked = [], {}
    for turn in turns:
        contender = turn.contender
        if turn.refusal:
            outcome = "refused" if contender.model else "absent"
            yield Fared(contender, outcome, turn.refusal)
        elif contender.model is None:
            rate, note = _baseline(desk)
            scores = np.full(len(events.keys), rate)
            yield Fared(contender, "answered", "", 0.0, events.predict(scores), note)
        else:
            asked[contender.name] = contender
            try:
                file, table = desk.registry.fetch(contender.model), desk.lake.path(events.table)
            except (GateRefused, TemporaryError, DataError) as error:
                yield Fared(contender, "invalid", str(error))
            else:
                questions.append(Question(contender.name, file, table))
    for question, reply in desk.workers.ask(questions):
        contender = asked[question.name]
        if reply.scores is None:
            yield Fared(contender, reply.outcome, reply.reason, reply.seconds)
        else:
            yield _checked(desk, contender, events, reply.scores, reply.seconds)


def _checked(
    desk: Desk, contender: Contender, events: Events, scores: np.ndarray, seconds: float
) -> Fared:
    """An answer, or why it is none."""
    refusal = refuse_scores(scores, len(events.keys))
    if refusal:
        return Fared(contender, "invalid", refusal, seconds)
    predictions = events.predict(scores)
    for broken in _broken_rules(desk.validator, predictions):
        return Fared(contender, "invalid", broken, seconds)
    return Fared(contender, "answered", "", seconds, predictions)


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
