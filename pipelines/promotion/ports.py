"""Where model versions live, and where it is kept which of them may serve and which one did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pipelines.core.records import (
        BlessingEntry,
        DayLoss,
        LedgerEntry,
        ModelVersion,
    )
    from pipelines.training.ports import Fitted, ModelFile, Trial


class Registry(Protocol):
    """Where nights are logged, and where model versions and their aliases live."""

    def night(
        self, day: date, fingerprint: str, facts: Mapping[str, str], inputs: Mapping[str, str]
    ) -> str:
        """The one run of this night and fingerprint, made or found again: its id.

        `facts` are what was known before training; `inputs` the datasets it reads, by fingerprint.
        """
        ...

    def log(
        self,
        run_id: str,
        metrics: Mapping[str, float],
        files: Mapping[str, bytes],
        *,
        complete: bool = False,
    ) -> None:
        """Add metrics, and files such as plots by their name, to a run; `complete` ends it."""
        ...

    def log_trial(self, day: date, search: str, trial: Trial) -> None:
        """Keep a trial as a run below that of its search; one that is kept already is left as it is."""
        ...

    def register(self, run_id: str, fitted: Fitted) -> ModelVersion:
        """Keep a fitted model as a version, with the held-out fit that its evidence comes from; the same
        run and model name again give the same version.
        """
        ...

    def run_params(self, run_id: str) -> Mapping[str, str] | None:
        """What a run tells of itself: its parameters, its tags, and as `input NAME` the digest of each dataset
        that it read; None when there is no such run.
        """
        ...

    def version(self, name: str) -> ModelVersion | None:
        """A version by its number, or by one of the aliases champion, challenger, canary, previous-champion.

        What the registry holds is anybody's: a version with a fact that cannot be is `unreadable`.
        """
        ...

    def registered(self) -> list[ModelVersion]:
        """Every version there is, by its number."""
        ...

    def point(self, alias: str, version: str) -> None:
        """Move an alias."""
        ...

    def show(self, version: str, tags: Mapping[str, str]) -> None:
        """Write what is known of a version's blessings on it, where a person sees it in the MLflow UI.

        It is for people alone: whether a version may serve is asked of the warehouse.
        """
        ...

    def describe(self, version: str, text: str) -> None:
        """Write the description of a version, in Markdown, for people alone."""
        ...

    def annotate(self, version: str, what: str) -> None:
        """Write what became of a version as champion on it, where a person sees it in the MLflow UI."""
        ...

    def cache_champion(self, champion: ModelVersion) -> None:
        """Keep, beside the registry, who is champion: for when it does not answer."""
        ...

    def cached_champion(self) -> ModelVersion | None:
        """Who was champion when the registry answered last. Raises DataError for a damaged record."""
        ...

    def fetch(self, version: ModelVersion) -> ModelFile:
        """The model's file, not yet understood. Raises GateRefused when it is not the one that was
        registered; TemporaryError when the registry does not answer and there is no proven copy.
        """
        ...

    def fetch_held_out(self, version: ModelVersion) -> ModelFile:
        """The file of a version's held-out fit. Raises as fetch."""
        ...


class Ledger(Protocol):
    """Which versions may serve, and every move from one champion to another."""

    def append(self, entry: LedgerEntry) -> None:
        """Add to the ledger of champions; an entry equal to the last one is not repeated."""
        ...

    def ledger(self) -> list[LedgerEntry]:
        """Every entry, oldest first."""
        ...

    def bless(self, entry: BlessingEntry) -> None:
        """Keep what was found of a version; an entry equal to the last of its file is not repeated."""
        ...

    def blessing(self, version: ModelVersion) -> BlessingEntry | None:
        """What was found last of exactly this store, model, number and file; None: nobody judged it."""
        ...

    def blessings(self, store: str, model: str) -> Mapping[tuple[str, str], BlessingEntry]:
        """What was found last of every version and file of a registered model, by number and SHA-256."""
        ...


class EvidenceStore(Protocol):
    """What contenders lost on settled days, each counted once."""

    def early_answers(self, day: date) -> Mapping[str, tuple[str | None, str | None]]:
        """Contender → its line and version, of those that answered the published run of a day before an
        outcome of it was kept, with a model that had not learned from the day.
        """
        ...

    def count(self, losses: Sequence[DayLoss]) -> None:
        """Keep losses of settled days; what was counted of a day and contender stays as it was."""
        ...

    def counted(self) -> list[DayLoss]:
        """All losses, by day and contender."""
        ...
