"""Who answers for a day, and why: every contender is asked, the first of the schedule that can is heard.

After the rendezvous architecture of Dunning & Friedman (2017, Machine Learning Logistics): all models
see the same inputs, all their answers are kept, and which one is used is decided at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd

from pipelines.core.records import ModelVersion
from pipelines.metrics.task import BINARY, Bounds, Task
from pipelines.promotion.eligibility import ALIASES, Blessings, as_blessed, ineligibility

BASELINE = "baseline"
NAMED = "version"  # a version that was asked for by its number
MANY = 20  # so many events that scores which are all alike cannot be chance


@dataclass(frozen=True)
class Contender:
    """Who may answer; without a model it is the baseline."""

    name: str
    model: ModelVersion | None

    def __str__(self) -> str:
        return f"{self.name} (version {self.model.version})" if self.model else self.name


@dataclass(frozen=True)
class ScheduledContender:
    """A contender that is asked, and why it may not even try, if so."""

    contender: Contender
    refusal: str | None = None
    scheduled: bool = True  # False: its answer is kept, and never the published one
    withheld: str | None = None  # likewise, for this reason, though it is scheduled
    in_shadow: bool = False  # asked when the others are done


@dataclass(frozen=True)
class ContenderResult:
    """How a contender fared: its scores, in key order, or why there are none."""

    contender: Contender
    outcome: str  # answered; or refused, late, crashed, out of memory, invalid, absent
    reason: str = ""
    seconds: float | None = None
    predictions: pd.DataFrame | None = None  # event_key and score, in key order
    note: str = ""

    @property
    def refusal(self) -> str:
        """Why it did not answer, as a clause."""
        if self.outcome in ("refused", "absent"):
            return self.reason
        return f"{self.contender} cannot answer: {self.reason}"


def scheduled_contenders(
    schedule: Sequence[str],
    models: Mapping[str, ModelVersion | None],
    features: Mapping[str, str],
    blessings: Blessings,
) -> list[ScheduledContender]:
    """The turns of the schedule, then those of the other models, whose answers are only kept; those that
    no alias stands for answer in shadow.

    Who may answer has a model that exists, is blessed twice (in shadow for infra alone) and finds its
    features. `models` are what the registry's aliases stand for now, and tonight's candidates by name;
    `features` the hashes of today's declarations. A model that stands twice is asked once.
    """
    turns: list[ScheduledContender] = []
    models = {name: model and as_blessed(model, blessings) for name, model in models.items()}
    for name in (*schedule, *(n for n in models if n not in schedule)):
        contender, scheduled = Contender(name, models.get(name)), name in schedule
        if name == BASELINE:
            turns.append(ScheduledContender(contender))
        elif contender.model is None and scheduled:
            turns.append(ScheduledContender(contender, f"there is no {name}"))
        elif contender.model and all(t.contender.model != contender.model for t in turns):
            shadow = not scheduled and name not in ALIASES
            refusal = refuse_model(contender, features, blessings, in_shadow=shadow)
            turns.append(ScheduledContender(contender, refusal, scheduled, in_shadow=shadow))
    return turns


def without_registry(
    schedule: Sequence[str],
    remembered: ModelVersion | None,
    features: Mapping[str, str],
    blessings: Blessings,
    why: str,
) -> list[ScheduledContender]:
    """The turns when the registry does not answer: the champion that it named last, from the copy that
    was proven then, and the baseline. `why` is told when there is none.
    """
    if remembered and "champion" in schedule:
        champion = Contender("champion", as_blessed(remembered, blessings))
        first = ScheduledContender(champion, refuse_model(champion, features, blessings))
    else:
        first = ScheduledContender(Contender(schedule[0], None), why)
    return [
        first,
        *(ScheduledContender(Contender(name, None)) for name in schedule if name == BASELINE),
    ]


def withhold(
    turns: Sequence[ScheduledContender], version: str | None, why: str
) -> list[ScheduledContender]:
    """The turns when the champion, if it is this version, is not to be published: the baseline answers.

    Models behind the champion have no better proof, so none of them stands in. All are asked, and their
    answers kept. Without a baseline in the schedule nothing changes.
    """
    champion = next((t for t in turns if t.contender.name == "champion"), None)
    model = champion.contender.model if champion else None
    scheduled = [turn.contender.name for turn in turns if turn.scheduled]
    if champion is None or champion.refusal or model is None or model.version != version:
        return list(turns)
    if BASELINE not in scheduled:
        return list(turns)
    return [
        replace(turn, withheld=f"the champion is withheld: {why}" if turn is champion else "")
        if turn.scheduled and turn.contender.name != BASELINE
        else turn
        for turn in turns
    ]


def refuse_model(
    contender: Contender,
    features: Mapping[str, str],
    blessings: Blessings,
    *,
    in_shadow: bool = False,
) -> str | None:
    """Why a contender may not answer, or may not even in shadow; None if it may."""
    if contender.model is None:
        return f"there is no {contender.name}"
    lack = ineligibility(contender.model, features, blessings, in_shadow=in_shadow)
    return f"{contender} {lack}, so it may not serve" if lack else None


def refuse_scores(
    scores: np.ndarray, events: int, task: Task = BINARY, bounds: Bounds | None = None
) -> str | None:
    """Why scores cannot be published, or None: one number for each event, within the task's bounds and
    those of the model, not all alike where there are many.
    """
    if scores.shape != (events,):
        return f"gave {scores.size} scores for {events} events"
    limits = np.array([task.bounds, bounds or task.bounds])
    low, high = limits[:, 0].max(), limits[:, 1].min()
    bad = int(np.count_nonzero(~((scores >= low) & (scores <= high))))
    if bad:
        return f"gave {bad} scores that are no {task.scores.format(low, high)}"
    if events >= MANY and np.ptp(scores) == 0:
        return f"gave the same score {scores[0]:g} to all {events} events"
    return None


def first_successful(
    turns: Sequence[ScheduledContender], fared: Mapping[str, ContenderResult]
) -> ContenderResult | None:
    """The first of the schedule that answered; None while somebody before it may still answer."""
    for turn in turns:
        if not turn.scheduled or turn.withheld is not None:
            continue
        known = fared.get(turn.contender.name)
        if known is None or known.predictions is not None:
            return known
    return None


def refusals_before(
    answering: ContenderResult,
    turns: Sequence[ScheduledContender],
    fared: Mapping[str, ContenderResult],
) -> list[str]:
    """Why those of the schedule before the one that answers do not, each as a clause."""
    scheduled = [turn for turn in turns if turn.scheduled]
    names = [turn.contender.name for turn in scheduled]
    earlier = scheduled[: names.index(answering.contender.name)]
    reasons = [
        fared[turn.contender.name].refusal if turn.withheld is None else turn.withheld
        for turn in earlier
    ]
    return [reason for reason in reasons if reason]


def in_rollout(keys: pd.Series[str], share: float) -> np.ndarray:
    """Which events a share of all keys has: the same keys every day, and more of them as it grows.

    A key is an event's name without its day; a hash of it decides, so that nobody can choose.
    """
    entities = keys.str.partition("|")[2].to_numpy(dtype=object)
    hashes = pd.util.hash_array(entities, hash_key="redeye's rollout")
    return np.asarray((hashes >> np.uint64(11)) / 2**53 < share)  # as many bits as a float has


def explain(answering: Contender, day: date, refusals: Sequence[str]) -> str:
    """Why this contender answers, as one sentence."""
    first = "; ".join([*refusals, f"{answering} answers"])
    if answering.model and answering.model.trained_until >= day:
        return f"{first}, though it learned from days until {answering.model.trained_until}"
    return first
