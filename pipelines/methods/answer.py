"""Every contender's answer for a day, checked before anybody may see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from pipelines.core.contracts import Lake, Problem, Question, Registry, Reply, Validator, Workers
from pipelines.core.errors import DataError, GateRefused, TemporaryError
from pipelines.core.records import Partition
from pipelines.methods.events import event_keys, label_facts, refuse_twins
from pipelines.methods.rendezvous import Contender, Fared, Turn, refuse_scores
from pipelines.methods.task import task_of

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
            level, note = _baseline(desk)
            scores = np.full(len(events.keys), level)
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
            yield _checked(desk, contender, events, reply.scores, reply)


def _checked(
    desk: Desk, contender: Contender, events: Events, scores: np.ndarray, reply: Reply
) -> Fared:
    """An answer, or why it is none."""
    seconds, task = reply.seconds, task_of(desk.problem.task)
    refusal = refuse_scores(scores, len(events.keys), task, reply.bounds)
    if refusal:
        return Fared(contender, "invalid", refusal, seconds)
    predictions = events.predict(scores)
    for broken in _broken_rules(desk.validator, predictions):
        return Fared(contender, "invalid", broken, seconds)
    return Fared(contender, "answered", "", seconds, predictions)


def _broken_rules(validator: Validator, predictions: pd.DataFrame) -> Iterator[str]:
    """What the user expects of scores beyond what the task does, if anything."""
    if predictions.empty or validator.suite(SUITE) is None:
        return  # a day without events is published as such
    for result in validator.judge(SUITE, predictions):
        if result.severity == "critical" and not result.passed:
            yield f"its scores break {result.rule}: {result.observed}, not {result.expected}"


def _baseline(desk: Desk) -> tuple[float, str]:
    """How it ended lately, as far as known before the cutoff; a damaged partition is left out."""
    first, last = desk.day - timedelta(days=BASELINE_DAYS), desk.day - timedelta(days=1)
    task, labels = task_of(desk.problem.task), [np.empty(0)]
    for partition in desk.lake.find(f"accepted/{desk.problem.outcomes}", first, last):
        try:
            facts = desk.lake.read([partition]).to_pandas()
            known = facts.loc[facts["known_at"] < desk.problem.cutoff(desk.day)]
            labels.append(label_facts(known, desk.problem)["label"].to_numpy())
        except DataError:
            continue
    found = np.concatenate(labels)
    count = int(np.count_nonzero(~np.isnan(found)))
    level = task.baseline(found)
    note = f"the {task.average} {level:.4f} of {count} outcomes of the last {BASELINE_DAYS} days"
    return level, note
