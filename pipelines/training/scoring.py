"""Models asked about rows, each in its limited process: their scores, or why there are none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.core.errors import DataError, GateRefused
from pipelines.training.ports import ModelFile, ScoringPool, ScoringRequest, ScoringResult


@dataclass(frozen=True)
class Answers:
    """What came of questions, by their names."""

    scores: Mapping[str, np.ndarray]
    refusals: Mapping[str, str]  # why the others gave none


def ask(
    questions: Sequence[ScoringRequest], rows: Mapping[str, int], workers: ScoringPool
) -> Answers:
    """Every question answered or refused; `rows` are how many scores each must give, all of them finite."""
    scores, refusals = {}, {}
    with workers.ask(questions) as replies:
        for question, reply in replies:
            name = question.name
            refusal = _refusal(reply, rows[name])
            if refusal or reply.scores is None:
                refusals[name] = refusal
            else:
                scores[name] = reply.scores
    return Answers(scores, refusals)


def _refusal(reply: ScoringResult, rows: int) -> str:
    if reply.scores is None:
        return reply.reason or reply.outcome
    if reply.scores.shape != (rows,):
        return f"it gave {reply.scores.size} scores for {rows} rows"
    bad = int(np.count_nonzero(~np.isfinite(reply.scores)))
    return f"it gave {bad} scores that are no finite numbers" if bad else ""


def ask_one(question: ScoringRequest, workers: ScoringPool) -> ScoringResult:
    """What came of a single question."""
    with workers.ask([question]) as replies:
        ((_, reply),) = replies
    return reply


def find_damage(fetch: Callable[[], ModelFile], workers: ScoringPool) -> str | None:
    """Why a model's file cannot be fetched or opened; None when it can."""
    try:
        file = fetch()
    except (GateRefused, DataError) as error:
        return str(error)
    reply = ask_one(ScoringRequest("model", file, None), workers)
    return None if reply.outcome == "answered" else reply.reason
