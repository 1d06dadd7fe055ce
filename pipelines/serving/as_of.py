"""Who answers for a past day as its night would: the model that answered then, or the champion of then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pipelines.core.errors import DataError
from pipelines.core.records import ModelVersion
from pipelines.promotion.eligibility import read_blessed
from pipelines.promotion.ports import Ledger, Registry
from pipelines.serving.ports import PredictionStore
from pipelines.serving.publication import CHALLENGER, shared_by
from pipelines.serving.rendezvous import BASELINE, Contender

AS_OF = "as-of"  # how a command, a form and params.yaml ask for it
CHAMPION = "champion"


@dataclass(frozen=True)
class PastAnswer:
    """Who is to answer for a day, with whom, and why."""

    contender: Contender
    why: str
    challenger: Contender | None = None  # which had a share of the keys …
    share: float = 0.0  # … of this size


def answer_as_of(
    day: date, registry: Registry, predictions: PredictionStore, ledger: Ledger
) -> PastAnswer:
    """Who answered when the day was published first; of a day that never was, the last champion of the
    ledger that had learned from no day since; the baseline when there was none.

    The same days, models and features give the rows that were published, under the same run. Raises
    DataError when a version that answered is gone from the registry.
    """
    first = predictions.published(day, first=True)
    if first is None:
        return _champion_of(day, registry, ledger)
    model = _version(first.model_version, day, first.model_sha256, registry, ledger)
    shared = shared_by(first.rollout)
    told = "it answered when the day was published first"
    if shared is None:
        return PastAnswer(Contender(first.answered_by, model), told)
    number, share = shared
    other = Contender(CHALLENGER, _version(number, day, None, registry, ledger))
    return PastAnswer(Contender(first.answered_by, model), told, other, share)


def _champion_of(day: date, registry: Registry, ledger: Ledger) -> PastAnswer:
    moves = [one for one in ledger.ledger() if one.kind in ("promoted", "rolled back")]
    for move in reversed(moves):
        model = registry.version(move.version)
        if model is not None and not model.unreadable and model.trained_until < day:
            blessed = read_blessed(move.version, registry, ledger.blessing)
            why = "it is the last champion that had not learned from the day"
            return PastAnswer(Contender(CHAMPION, blessed), why)
    return PastAnswer(
        Contender(BASELINE, None), "there was no champion that had not learned from the day"
    )


def _version(
    number: str | None, day: date, sha256: str | None, registry: Registry, ledger: Ledger
) -> ModelVersion | None:
    """A version that answered; None for the baseline."""
    if number is None:
        return None
    found = read_blessed(number, registry, ledger.blessing)
    if found is None or (sha256 is not None and found.sha256 != sha256):
        raise DataError(
            f"score {day}: version {number}, which answered when the day was published first, is gone from "
            f"the registry or is another model; what was published stays, and `redeye score --day {day} "
            f"--model current --republish` scores it with the champion"
        )
    return found
