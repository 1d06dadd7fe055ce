"""Who answers for a day, and why: the first contender of the schedule that may and can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from pipelines.core.records import LedgerEntry, ModelVersion

BASELINE = "baseline"
NAMED = "version"  # a version that was asked for by its number


@dataclass(frozen=True)
class Contender:
    """Who may answer; without a model it is the baseline."""

    name: str
    model: ModelVersion | None

    def __str__(self) -> str:
        return f"{self.name} (version {self.model.version})" if self.model else self.name


@dataclass(frozen=True)
class Turn:
    """A contender whose turn it is, and why it may not even try, if so."""

    contender: Contender
    refusal: str | None = None


def line_up(
    schedule: Sequence[str], models: Mapping[str, ModelVersion | None], features: Sequence[str]
) -> list[Turn]:
    """The turns of the schedule: who may answer has a model that exists, is blessed twice and finds
    its features.

    `models` are what the registry's aliases stand for now. A model that stands twice is asked once.
    """
    turns: list[Turn] = []
    for name in schedule:
        contender = Contender(name, models.get(name))
        if name == BASELINE:
            turns.append(Turn(contender))
        elif contender.model is None or all(t.contender.model != contender.model for t in turns):
            turns.append(Turn(contender, refuse_model(contender, features)))
    return turns


def without_registry(schedule: Sequence[str], refusal: str) -> list[Turn]:
    """The turns when no model can be had: nobody's, for this reason, then the baseline's if it has one."""
    baseline = [Turn(Contender(name, None)) for name in schedule if name == BASELINE]
    return [Turn(Contender(schedule[0], None), refusal), *baseline]


def refuse_model(contender: Contender, features: Sequence[str]) -> str | None:
    """Why a contender may not answer, or None."""
    model = contender.model
    if model is None:
        return f"there is no {contender.name}"
    if not (model.quality and model.infra):
        lacks = [b for b, ok in (("quality", model.quality), ("infra", model.infra)) if not ok]
        return f"{contender} is not blessed for {' and '.join(lacks)}, so it may not serve"
    missing = sorted(set(model.features) - set(features))
    if missing:
        return f"{contender} needs features that are not there: {', '.join(missing)}"
    return None


def refuse_scores(scores: np.ndarray, events: int) -> str | None:
    """Why scores cannot be published, or None: one finite number in [0, 1] for each event."""
    if scores.shape != (events,):
        return f"gave {scores.size} scores for {events} events"
    bad = int(np.count_nonzero(~(np.isfinite(scores) & (scores >= 0) & (scores <= 1))))
    return f"gave {bad} scores that are no probabilities" if bad else None


def see_move(champion: ModelVersion | None, ledger: Sequence[LedgerEntry]) -> LedgerEntry | None:
    """What the ledger has to learn when the champion is another than its last entry says.

    Somebody moved the alias in MLflow. An unblessed version is no champion, so there is nothing to learn.
    """
    last = ledger[-1].version if ledger else None
    if champion is None or champion.version == last or not (champion.quality and champion.infra):
        return None
    return LedgerEntry(
        version=champion.version, before=last, actor="mlflow", reason="alias moved in MLflow"
    )


def explain(answering: Contender, day: date, refusals: Sequence[str]) -> str:
    """Why this contender answers, as one sentence."""
    first = "; ".join([*refusals, f"{answering} answers"])
    if answering.model and answering.model.trained_until >= day:
        return f"{first}, though it learned from days until {answering.model.trained_until}"
    return first
