"""What is older than what is kept, and needed by nothing that is: days in the database, partitions, night folders.

Versions of models, the ledger, blessings, evidence and daily metrics are kept for ever, and so is every version
of the raw data on the DVC remote: whatever is removed from data/raw can be checked out again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, Protocol

from pipelines.core.config import FeatureParams, IngestParams, MonitorParams, SettleParams
from pipelines.core.errors import ConfigError, UsageError
from pipelines.core.records import Record
from pipelines.data.effective_settings import judged_days
from pipelines.data.ports import Lake, Versions
from pipelines.data.release import released
from pipelines.define.problem import Problem
from pipelines.training.label_delay import LOOKED_AT
from pipelines.training.trailing import DAYS as BASELINE_DAYS

DAY = timedelta(days=1)
Kind = Literal["predictions", "partitions", "quarantine log", "night"]


class Removal(Record):
    """Something that is removed."""

    kind: Kind
    where: str
    day: date
    size: int  # bytes; of rows in the database, about
    rows: int = 0


class Pruned(Record):
    """prune: what was removed, or would be."""

    dry_run: bool
    first_kept: date  # the oldest day whose scores are kept …
    lake_from: date  # … and the oldest partition that those days and their training may need
    removed: tuple[Removal, ...]

    @property
    def size(self) -> int:
        return sum(one.size for one in self.removed)


class DatedStores(Protocol):
    """What a root keeps, by day, as far as it can be removed."""

    def published(self) -> list[date]:
        """Days that are published."""
        ...

    def refusal(self) -> str | None:
        """Why nothing can be removed from the database, if so."""
        ...

    def rows(self, before: date) -> list[Removal]:
        """Scores and outcomes of days before that one."""
        ...

    def logs(self, before: date) -> list[Removal]:
        """Counts of quarantined rows of days before that one."""
        ...

    def partitions(self, dataset: str, before: date) -> list[Removal]:
        """Partitions before a day, also those that were removed in part."""
        ...

    def nights(self, before: date) -> list[Removal]:
        """Folders of nights before a day, also those that were removed in part."""
        ...

    def remove(self, removal: Removal) -> None:
        """Remove it, whole or so that it is removed to its end when it is asked for again."""
        ...


@dataclass(frozen=True)
class Needs:
    """The settings that say how far back nights read."""

    ingest: IngestParams
    features: FeatureParams
    settle: SettleParams
    monitor: MonitorParams

    def least(self, problem: Problem) -> int:
        """How many days tonight's monitoring and settling read, at least."""
        some = problem.first_day + timedelta(days=36_500)
        first, _ = judged_days(some, self.monitor, problem)
        settled = self.settle.lookback_days + problem.label_maturity_days + 1
        judged: int = (some - first).days
        return max(judged, settled) + 1

    def reach(self, problem: Problem) -> int:
        """How many days of partitions a night may read, its training and a rerun of it included."""
        declared = problem.features
        latest = [one.reach_days for one in declared.latest]
        windows = max([declared.longest_window, *latest]) + problem.label_maturity_days
        trained = self.features.training_days + windows
        others = max(LOOKED_AT, BASELINE_DAYS) + 2 * problem.label_maturity_days
        return max(self.ingest.history_days, trained, others) + 1


@dataclass(frozen=True)
class PruneContext:
    """What is pruned."""

    problem: Problem
    needs: Needs
    stores: DatedStores
    lake: Lake
    versions: Versions


def prune(keep: int, of: PruneContext, *, dry_run: bool) -> Pruned:
    """Remove what is older than the last `keep` days up to the newest that is published.

    What leans on something goes before it, so that a prune that was cut short leaves every invariant whole, and
    the same again ends it. Raises UsageError for fewer days than nights read, and
    ConfigError when the database's role may not remove rows: then nothing is.
    """
    least = of.needs.least(of.problem)
    if keep < least:
        raise UsageError(
            f"prune --keep {keep}: tonight's monitoring and settling read {least} days; keep at least {least}"
        )
    newest = max(of.stores.published(), default=None)
    if newest is None:
        raise UsageError("prune: no day is published, and nothing is removed before there is one")
    first = newest - (keep - 1) * DAY
    lake_from = first - of.needs.reach(of.problem) * DAY
    removed = tuple(_older(of, first, lake_from))
    if not dry_run and removed:
        _carry_out(of, removed, newest)
    return Pruned(dry_run=dry_run, first_kept=first, lake_from=lake_from, removed=removed)


def _older(of: PruneContext, first: date, lake_from: date) -> Iterator[Removal]:
    """Whatever leans on something before that: a night's record names a run, a run its features."""
    yield from of.stores.nights(first)
    yield from of.stores.rows(first)
    for dataset in _datasets(of.problem):
        yield from of.stores.partitions(dataset, lake_from)
    yield from of.stores.logs(lake_from)


def _datasets(problem: Problem) -> list[str]:
    """Those with a partition a day, whatever is made of another before that one.

    A dimension table is small, and its oldest partition may be the one that counts today.
    """
    names = [one.name for one in problem.tables if one.kind != "dimension"]
    history = problem.features.history if problem.features else ()
    return [
        *("features", *dict.fromkeys(f"history/{one.name}" for one in history)),
        *(f"{kind}/{name}" for kind in ("accepted", "findings", "quarantine") for name in names),
        *(released(name) for name in names),
        *(f"raw/{name}" for name in names),
    ]


def _carry_out(of: PruneContext, removed: Sequence[Removal], newest: date) -> None:
    refusal = of.stores.refusal()
    if refusal:
        raise ConfigError(refusal)
    if any(one.where.startswith("raw/") for one in removed):
        _keep_raw(of, removed, newest)
    for one in removed:
        of.stores.remove(one)


def _keep_raw(of: PruneContext, removed: Sequence[Removal], newest: date) -> None:
    """See that what goes is a version on the remote, undamaged. Raises DataError when a file is damaged."""
    wanted = {(one.where.rpartition(" ")[0], one.day) for one in removed}
    for dataset in {dataset for dataset, _ in wanted if dataset.startswith("raw/")}:
        days = [day for name, day in wanted if name == dataset]
        found = of.lake.revisions(dataset, min(days), max(days))
        of.lake.check([one for all_ in found.values() for one in all_ if one.there])
    of.versions.record(newest)
