"""The scores of the test days by every contender, each model asked in its limited process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipelines.evaluation.importance import Shuffled
from pipelines.training.examples import Examples
from pipelines.training.ports import ModelFile, ScoringPool, ScoringRequest
from pipelines.training.scoring import ask

SHUFFLED = "shuffled"


@dataclass(frozen=True)
class FitFiles:
    """The files of a contender: of the fit that is judged, and of a candidate's refit that is to serve."""

    judged: ModelFile
    refit: ModelFile | None = None


@dataclass(frozen=True)
class ContenderScores:
    """Scores of the test days by contender; `unanswered` are those that gave none, and why."""

    scores: dict[str, np.ndarray]
    refits: dict[str, np.ndarray]
    importance: dict[str, float]  # of the chosen one's features; none: it did not answer
    unanswered: dict[str, str]


def score_contenders(
    contenders: Mapping[str, FitFiles],
    chosen: str,
    examples: Examples,
    seed: int,
    workers: ScoringPool,
) -> ContenderScores:
    """Ask every fit about the examples; who does not answer for one of its fits costs only itself."""
    shuffled, days = Shuffled.of(examples, seed), len(np.unique(examples.days))
    frame = examples.frame[list(examples.schema)]
    questions = [
        ScoringRequest(f"{role}/{name}", file, frame, days)
        for name, fits in contenders.items()
        for role, file in (("judged", fits.judged), ("refit", fits.refit))
        if file is not None
    ]
    rows = {question.name: len(frame) for question in questions}
    if chosen in contenders:
        questions.append(ScoringRequest(SHUFFLED, contenders[chosen].judged, shuffled.rows, days))
        rows[SHUFFLED] = len(shuffled.rows)
    answers = ask(questions, rows, workers)
    unanswered = {
        asked.partition("/")[2]: why for asked, why in answers.refusals.items() if asked != SHUFFLED
    }

    def of(role: str) -> dict[str, np.ndarray]:
        named = {name: answers.scores.get(f"{role}/{name}") for name in contenders}
        return {n: one for n, one in named.items() if one is not None and n not in unanswered}

    scored = answers.scores.get(SHUFFLED)
    importance = {} if scored is None else shuffled.importance(scored)
    return ContenderScores(of("judged"), of("refit"), importance, unanswered)
