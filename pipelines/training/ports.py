"""Model files and the processes in which they are opened; searches of settings, and what they found."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from pipelines.core.config import TrainParams, TuneParams
    from pipelines.core.records import Tuning
    from pipelines.define.problem import ModelSpec
    from pipelines.define.spaces import Setting
    from pipelines.training.model import Model, ModelFormat
    from pipelines.training.tuning.folds import Fold


Outcome = Literal["answered", "refused", "late", "crashed", "out of memory"]


@dataclass(frozen=True)
class Fitted:
    """A model that is to be registered."""

    model: Model
    held_out: Model  # the fit that its evidence comes from
    metrics: Mapping[str, float]
    meanings: Mapping[str, str]  # hashes of the declarations of the features, by their names

    @property
    def learned_meanings(self) -> dict[str, str]:
        """Those of the features that the model reads."""
        return {name: self.meanings[name] for name in self.model.schema if name in self.meanings}


@dataclass(frozen=True)
class ModelFile:
    """The file of a registered model, proven to be the one that was registered."""

    path: Path
    form: ModelFormat
    sha256: str


@dataclass(frozen=True)
class ScoringRequest:
    """A model that is to score rows: of a Parquet file, or of a frame; without any, to be opened."""

    name: str  # whose answer it will be
    model: ModelFile
    table: Path | pd.DataFrame | None
    days: int = 1  # of how many days the rows are: each may take the deadline


@dataclass(frozen=True)
class ScoringResult:
    """What came of a question: scores of the rows in their order, or why there are none."""

    outcome: Outcome
    reason: str
    seconds: float  # from the start of its process to its end
    scores: np.ndarray | None
    bounds: tuple[float, float] | None = (
        None  # beyond them, the model says, its scores are no answer
    )
    features: tuple[str, ...] = ()  # that the model says it reads


class ScoringPool(Protocol):
    """Processes that answer questions, each within a deadline and a memory limit."""

    def prewarm(self) -> None:
        """A question will come soon: be ready."""
        ...

    def ask(
        self, questions: Sequence[ScoringRequest]
    ) -> AbstractContextManager[Iterator[tuple[ScoringRequest, ScoringResult]]]:
        """Have all questions answered side by side, as long as the context lasts; inside, every question
        with its reply, as they come.
        """
        ...


@dataclass(frozen=True)
class Search:
    """What is searched: settings of a spec, for the lowest mean loss on the folds."""

    name: str  # of all that decides its trials; the same name is the same search, gone on with
    spec: ModelSpec
    folds: Sequence[Fold]
    params: TrainParams
    earlier: Sequence[Mapping[str, Setting]] = ()  # found before: tried after `spec` itself


@dataclass(frozen=True)
class Trial:
    """Settings that were tried; `settings` None: the spec as it is written."""

    number: int
    settings: Mapping[str, Setting] | None
    outcome: Literal["finished", "pruned", "failed"]
    losses: Sequence[float]  # of the folds it was tried on
    reason: str  # why it failed
    seconds: float

    @property
    def loss(self) -> float:
        """The mean of its folds, when it was tried on all of them; else infinite."""
        done = self.outcome == "finished"
        return sum(self.losses) / len(self.losses) if done else float("inf")


class SettingsSearch(Protocol):
    """Where settings are searched."""

    def trials(self, search: Search, budget: TuneParams, seconds: float) -> Generator[Trial]:
        """Every trial that is over, those of an earlier process first, until the trials or the seconds are
        used up. Raises BusyError when another process is at the same search.
        """
        ...


class TuningStore(Protocol):
    """What searches found."""

    def tuning(self, day: date) -> Tuning | None:
        """What the last search of settings up to the day found."""
        ...

    def keep_tuning(self, found: Tuning) -> None:
        """Keep what a search found; what is kept of earlier ones stays."""
        ...
