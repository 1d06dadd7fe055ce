"""Every contender's answer for a day, checked before anybody may see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from pipelines.core.errors import DataError, GateRefused, TemporaryError
from pipelines.core.records import Partition
from pipelines.data.ports import Lake, Validator
from pipelines.define.problem import Problem
from pipelines.metrics.task import task_of
from pipelines.promotion.ports import Registry
from pipelines.serving.rendezvous import (
    Contender,
    ContenderResult,
    ScheduledContender,
    refuse_scores,
)
from pipelines.training.labels import event_keys, reject_duplicates
from pipelines.training.model import rounded
from pipelines.training.ports import ScoringPool, ScoringRequest, ScoringResult
from pipelines.training.trailing import DAYS, trailing_levels

SUITE = "predictions"
AT_ONCE = 2  # models in shadow


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
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = lake.read([table], columns=["day", *problem.key]).to_pandas()
    keys = event_keys(rows, problem.key)
    reject_duplicates(keys, f"features {table.day}")
    order = pc.sort_indices(pa.array(keys)).to_numpy()  # UTF-8 byte by byte, as Python orders words
    return Events(table, keys.iloc[order].reset_index(drop=True), order)


@dataclass(frozen=True)
class ScoringContext:
    """What answering for a day takes."""

    day: date
    problem: Problem
    lake: Lake
    registry: Registry
    validator: Validator
    workers: ScoringPool


def ask_all(
    desk: ScoringContext,
    turns: Sequence[ScheduledContender],
    table: Partition,
    events: Callable[[], Events],
) -> Iterator[ContenderResult]:
    """How every contender fares on the features table, in the order in which that becomes known.

    A model answers in a process of its own; whatever happens there is a sentence here. The baseline
    cannot fail. `events` gives the table's, and is asked when the models are at work already. Those in
    shadow are asked when all others are done, a few at a time: they cost nobody else time or memory.
    """
    shadow = [turn for turn in turns if turn.in_shadow]
    yield from _ask(desk, [turn for turn in turns if not turn.in_shadow], table, events)
    for first in range(0, len(shadow), AT_ONCE):
        yield from _ask(desk, shadow[first : first + AT_ONCE], table, events)


def _ask(
    desk: ScoringContext,
    turns: Sequence[ScheduledContender],
    table: Partition,
    events: Callable[[], Events],
) -> Iterator[ContenderResult]:
    """How contenders fare that are asked at the same time."""
    models = {turn.contender.name: turn.contender for turn in turns if turn.contender.model}
    questions, refused = _questions(desk, turns, table)
    with desk.workers.ask(questions) as replies:
        found = events()
        yield from refused
        for turn in turns:
            if turn.contender.model is None and not turn.refusal:
                level, note = _baseline(desk)
                scores = found.predict(rounded(np.full(len(found.keys), level)))
                yield ContenderResult(turn.contender, "answered", "", 0.0, scores, note)
        for question, reply in replies:
            yield _checked(desk, models[question.name], found, reply)


def _questions(
    desk: ScoringContext, turns: Sequence[ScheduledContender], table: Partition
) -> tuple[list[ScoringRequest], list[ContenderResult]]:
    """What the models are to be asked, and how those fared who cannot be."""
    questions, refused = [], []
    for turn in turns:
        contender = turn.contender
        if turn.refusal:
            outcome = "refused" if contender.model else "absent"
            refused.append(ContenderResult(contender, outcome, turn.refusal))
        elif contender.model:
            try:
                file, path = desk.registry.fetch(contender.model), desk.lake.path(table)
                questions.append(ScoringRequest(contender.name, file, path))
            except (GateRefused, TemporaryError, DataError) as error:
                refused.append(ContenderResult(contender, "invalid", str(error)))
    return questions, refused


def _checked(
    desk: ScoringContext, contender: Contender, events: Events, reply: ScoringResult
) -> ContenderResult:
    """An answer, or why it is none."""
    scores, seconds, task = reply.scores, reply.seconds, task_of(desk.problem.task)
    if scores is None:
        return ContenderResult(contender, reply.outcome, reply.reason, seconds)
    refusal = refuse_scores(scores, len(events.keys), task, reply.bounds)
    if refusal:
        return ContenderResult(contender, "invalid", refusal, seconds)
    predictions = events.predict(scores)
    for broken in _broken_rules(desk.validator, predictions):
        return ContenderResult(contender, "invalid", broken, seconds)
    return ContenderResult(contender, "answered", "", seconds, predictions)


def _broken_rules(validator: Validator, predictions: pd.DataFrame) -> Iterator[str]:
    """What the user expects of scores beyond what the task does, if anything."""
    if predictions.empty or validator.suite(SUITE) is None:
        return  # a day without events is published as such
    for result in validator.judge(SUITE, predictions):
        if result.severity == "critical" and not result.passed:
            yield f"its scores break {result.rule}: {result.observed}, not {result.expected}"


def _baseline(desk: ScoringContext) -> tuple[float, str]:
    """How it ended lately, as far as known for the night."""
    found = trailing_levels([desk.day], desk.problem, desk.lake)[desk.day]
    last = desk.problem.last_mature_day(desk.day)
    average = task_of(desk.problem.task).average
    note = f"the {average} {found.level:.4f} of {found.outcomes} outcomes of the {DAYS} days up to {last}"
    return found.level, note
