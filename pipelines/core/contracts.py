"""What each layer promises the next: the problem a user writes, and the protocols adapters fill.

Timestamps are UTC without a zone, everywhere (`timestamp[us]` in Arrow); names end in `_at`. A day is
a calendar date in the problem's own zone; its cutoff is the instant of its 00:00 there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from sqlglot.expressions import Query

    from pipelines.core.records import (
        Amount,
        BlessingEntry,
        Incident,
        LedgerEntry,
        ModelVersion,
        Partition,
        ScoringRun,
        TaskName,
    )
    from pipelines.data.expectations import Suite
    from pipelines.define.features import FeatureSet
    from pipelines.monitoring.oddities import Outlier
    from pipelines.serving.rendezvous import Fared
    from pipelines.training.model import Form, Model


Outcome = Literal["answered", "refused", "late", "crashed", "out of memory"]


@dataclass(frozen=True)
class Table:
    """A table that the source gives.

    kind `events`: today's rows to score, free of outcomes; landed for the night's own day.
    kind `facts`: what happened; landed for days that are over; has a `known_at` column.
    kind `slow`: changes seldom; landed when it differs from the last one.
    `query` is for sources behind a SQLAlchemy URL: SELECT … with `:day` bound; without it, the rows
    of the table `name` whose column `day` is the day (of a slow table, all rows).
    """

    name: str
    kind: Literal["events", "facts", "slow"]
    query: str | None = None


class Source(Protocol):
    """Where rows come from."""

    def read(self, table: str, day: date) -> pa.Table:
        """The rows of one day. Raises MissingDay when the source has no such day, DataError when
        it cannot be read, TemporaryError when it does not answer. A day without rows is an empty
        table, not an error.
        """
        ...


@dataclass(frozen=True)
class Recipe:
    """How one candidate is made: `build(schema, seed, threads)` gives an unfitted scikit-learn estimator,
    a classifier or a regressor, as the problem's task wants.

    `schema` maps each feature to "number" or "category"; the estimator is fitted on a frame with
    these columns, categories as pandas categoricals.
    """

    name: str
    build: Callable[[Mapping[str, str], int, int], Any]


@dataclass(frozen=True)
class Problem:
    """Everything that is yours: what is predicted, from what, with which models, for what value."""

    name: str
    label: str  # name of the label; the registered model is <name>-<label>
    zone: str  # the IANA zone in which a day is a day
    first_day: date  # the source has nothing before it
    tables: tuple[Table, ...]
    events: str  # the table to score
    outcomes: str  # the facts that tell how events ended; same key
    key: tuple[str, ...]  # with the day, names an event
    source: Callable[[], Source] | str  # or a URL: SQLAlchemy's, a folder, s3://bucket/prefix
    outcome: Callable[
        [pd.DataFrame], pd.DataFrame
    ]  # outcomes → label (float, NaN: none; binary: 1.0 or 0.0), excluded (reason code or None)
    features: FeatureSet
    recipes: tuple[Recipe, ...]  # simplest first
    value: (
        Callable[[np.ndarray, np.ndarray], np.ndarray] | None
    )  # labels, scores → what acting on each score was worth; None: nobody can say
    task: TaskName = "binary"  # a yes or no, scored by its probability; or a number, by its mean
    idle_score: float = 0.0  # nobody acts on it: its value is that of doing nothing
    slices: tuple[str, ...] = ()  # features by whose values the quality of answers is told apart
    label_maturity_days: int = (
        0  # after an event's day until all outcomes of it are known; 0: the next night
    )

    @property
    def model(self) -> str:
        """The registered model's name."""
        return f"{self.name}-{self.label}"

    def worth(self, labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """What acting on each score was worth; NaN when the problem gives no value."""
        return labels * float("nan") if self.value is None else self.value(labels, scores)

    def cutoff(self, day: date) -> datetime:
        """00:00 of the day in the problem's zone, as UTC without a zone."""
        return (
            datetime.combine(day, time(), ZoneInfo(self.zone)).astimezone(UTC).replace(tzinfo=None)
        )

    def last_mature_day(self, day: date) -> date:
        """The newest day whose outcomes are all known at the cutoff of `day`."""
        return day - timedelta(days=1 + self.label_maturity_days)

    def complete(self, day: date) -> date:
        """The first night at whose cutoff all outcomes of `day` are known."""
        return day + timedelta(days=1 + self.label_maturity_days)

    def table(self, name: str) -> Table:
        return next(table for table in self.tables if table.name == name)


class Lake(Protocol):
    """Partitions of datasets, one a day, visible whole or not at all.

    A dataset is a path such as `raw/flights` or `features`.
    """

    def write(  # noqa: PLR0913  what a revision is, and from when on it counts
        self,
        dataset: str,
        day: date,
        rows: pa.Table | None,
        origin: str = "",
        night: date | None = None,
        *,
        for_all: bool = False,
    ) -> Partition:
        """Keep the rows as the partition's current revision; the same rows of the same origin again
        change nothing. `origin` names what they were made from, `night` when they became known; they
        count from then on, or `for_all` nights.
        Without rows: remember that there was nothing to be had.
        """
        ...

    def adopt(
        self, dataset: str, partition: Partition, origin: str = "", night: date | None = None
    ) -> Partition:
        """Make another dataset's partition the current one of `dataset`, without copying it; if it
        counted for all nights, so it does here.
        """
        ...

    def find(
        self, dataset: str, first: date, last: date, known: date | None = None
    ) -> list[Partition]:
        """Partitions of the days from first to last, oldest first; missing days are left out.

        Each as it was known for the night `known` (data/known.py); without it, as it is now.
        """
        ...

    def revisions(self, dataset: str, first: date, last: date) -> dict[date, tuple[Partition, ...]]:
        """Every revision of these days' partitions, oldest first."""
        ...

    def has(self, partition: Partition) -> bool:
        """Whether the partition's file is there, whole or not."""
        ...

    def path(self, partition: Partition) -> Path:
        """The partition's file, its checksum verified. Raises DataError when it is missing or damaged."""
        ...

    def check(self, partitions: Sequence[Partition]) -> None:
        """Verify files that are relied upon and not read. Raises DataError as `path`.

        A file's bytes are compared when its stat is not what it was when they were last right.
        """
        ...

    def read(
        self, partitions: Sequence[Partition], columns: Sequence[str] | None = None
    ) -> pa.Table:
        """The rows of all partitions, in their order, each file verified; all columns, or these."""
        ...

    def schema(self, partition: Partition) -> pa.Schema:
        """The partition's columns, without its rows."""
        ...


class Versions(Protocol):
    """Versions of the whole of data/raw."""

    def record(self, day: date) -> tuple[str, str]:
        """Version everything in data/raw, push it, keep the pointer: (version, where it is kept)."""
        ...

    def log(self) -> list[dict[str, str]]:
        """Known versions, newest first."""
        ...

    def checkout(self, version: str, to: Path) -> int:
        """Restore a version byte for byte into `to`; the number of files."""
        ...


class Engine(Protocol):
    """What runs a query over tables and files."""

    def run(self, query: Query, tables: Mapping[str, pa.Table | Sequence[Path]]) -> pa.Table:
        """The rows of a query, which the engine spells in its own dialect; `tables` are its inputs by name."""
        ...


@dataclass(frozen=True)
class RuleResult:
    """How one rule of a suite came out on one frame."""

    rule: str  # e.g. expect_column_values_to_be_between(distance)
    severity: Literal["critical", "warning", "info"]
    passed: bool
    bad_rows: tuple[
        int, ...
    ]  # positions of the rows that break it; empty for rules about the table
    observed: str
    expected: str


class Validator(Protocol):
    """Judges frames against the suites of expectations/."""

    def suite(self, name: str) -> Suite | None:
        """The suite as it is written, or None: nobody wrote one. Raises ConfigError for a broken one."""
        ...

    def judge(self, suite: str, frame: pd.DataFrame) -> list[RuleResult]:
        """Every rule of the suite, in its order. Raises ConfigError when there is no such suite, or a
        rule cannot be applied to this frame.
        """
        ...

    def judge_each(self, suite: str, frames: Sequence[pd.DataFrame]) -> list[list[RuleResult]]:
        """As judge, of each frame for itself, in one go: many days cost little more than one."""
        ...


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

    def register(self, run_id: str, fitted: Fitted) -> ModelVersion:
        """Keep a fitted model as a version, with the held-out fit that its evidence comes from; the same
        run and model name again give the same version.
        """
        ...

    def facts(self, run_id: str) -> Mapping[str, str] | None:
        """What a run tells of itself: its parameters and tags; None when there is no such run."""
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

    def tell(self, version: str, what: str) -> None:
        """Write what became of a version as champion on it, where a person sees it in the MLflow UI."""
        ...

    def remember(self, champion: ModelVersion) -> None:
        """Keep, beside the registry, who is champion: for when it does not answer."""
        ...

    def remembered(self) -> ModelVersion | None:
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


@dataclass(frozen=True)
class ModelFile:
    """The file of a registered model, proven to be the one that was registered."""

    path: Path
    form: Form
    sha256: str


@dataclass(frozen=True)
class Question:
    """A model that is to score rows: of a Parquet file, or of a frame; without any, to be opened."""

    name: str  # whose answer it will be
    model: ModelFile
    table: Path | pd.DataFrame | None
    days: int = 1  # of how many days the rows are: each may take the deadline


@dataclass(frozen=True)
class Reply:
    """What came of a question: scores of the rows in their order, or why there are none."""

    outcome: Outcome
    reason: str
    seconds: float  # from the start of its process to its end
    scores: np.ndarray | None
    bounds: tuple[float, float] | None = (
        None  # beyond them, the model says, its scores are no answer
    )
    features: tuple[str, ...] = ()  # that the model says it reads


class Workers(Protocol):
    """Processes that answer questions, each within a deadline and a memory limit."""

    def expect(self) -> None:
        """A question will come soon: be ready."""
        ...

    def ask(
        self, questions: Sequence[Question]
    ) -> AbstractContextManager[Iterator[tuple[Question, Reply]]]:
        """Have all questions answered side by side, as long as the context lasts; inside, every question
        with its reply, as they come.
        """
        ...


class Warehouse(Protocol):
    """The database of predictions, outcomes, metrics and the ledger."""

    def agree(self, key: Sequence[str]) -> None:
        """Keep the columns that name an event; raises ConfigError when those that are kept are others."""
        ...

    def claim(self, day: date) -> int:
        """A token for publishing the day: whoever claims later overtakes whoever claimed earlier."""
        ...

    def publish(self, run: ScoringRun, predictions: pd.DataFrame, token: int) -> tuple[str, bool]:
        """Stage, audit and publish a day's predictions: (run id that is published, whether it is new).

        `predictions` has event_key and score, unique and not null, in key order, with the contender
        and model_version that answer. `token` was claimed before anything was read that the scores
        depend on. Raises DataError when the audit fails and BusyError when a later token has
        published; the day's earlier publication then stays.
        """
        ...

    def keep(self, run: ScoringRun, token: int, fared: Sequence[Fared]) -> None:
        """Keep how every contender fared beside the run that was published, and all their scores."""
        ...

    def keep_rows(
        self,
        table: Partition,
        samples: Mapping[str, Mapping[str, object]],
        outliers: Sequence[Outlier],
    ) -> None:
        """Keep features of some events of a features table, by key, and its outliers: for post-mortems."""
        ...

    def published(self, day: date) -> ScoringRun | None:
        """The run whose predictions of the day are current."""
        ...

    def check(self, run: ScoringRun) -> None:
        """Raise DataError unless what is kept of a published run is what it published."""
        ...

    def roll_back(self, day: date) -> ScoringRun:
        """Point the day to the run that was published before. Raises GateRefused when there is none."""
        ...

    def predictions(self, first: date, last: date) -> pd.DataFrame:
        """Rows of prediction_current, with `label` where the outcome is known, NaN elsewhere, and
        `excluded`: why there will be none.
        """
        ...

    def scores(self, first: date, last: date) -> pd.DataFrame:
        """All that contenders said beside the published runs: day, event_key, contender, model_version,
        score, answers (whether it is the published one), label, excluded and known_at. Raises DataError
        when scores are not those that a contender gave.
        """
        ...

    def settle(self, outcomes: pd.DataFrame) -> int:
        """Keep outcomes (day, event_key, label, excluded, known_at); the number that was new or changed."""
        ...

    def unsettled(self, before: date) -> list[date]:
        """Published days before that one of which no outcome is kept, oldest first."""
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

    def append(self, entry: LedgerEntry) -> None:
        """Add to the ledger of champions; an entry equal to the last one is not repeated."""
        ...

    def ledger(self) -> list[LedgerEntry]:
        """Every entry, oldest first."""
        ...

    def measure(self, day: date, metrics: Mapping[str, Mapping[str, Amount]]) -> None:
        """Keep a day's metrics by subject (a contender, a feature, the scores) and name."""
        ...

    def measured(
        self, first: date, last: date, subjects: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Kept metrics, all or of these subjects: day, subject, metric, value, and low and high of those
        with an interval, in the order of this key.
        """
        ...

    def incidents(self, since: date) -> list[Incident]:
        """What was out of order on a day since then, or later, oldest first."""
        ...

    def note(self, incidents: Sequence[Incident]) -> None:
        """Keep incidents, in place of what was kept of them."""
        ...

    def quarantine(self, day: date, table: str, counts: Mapping[str, int]) -> None:
        """Keep how many rows of a partition each rule put aside."""
        ...


class Notifier(Protocol):
    """How people are reached."""

    def tell(self, title: str, text: str) -> str:
        """Send a message; by which ways it left, or nothing when there is none. Raises TemporaryError."""
        ...


class Pages(Protocol):
    """The night's own folder, for what people read."""

    def write(self, name: str, content: str | bytes) -> None:
        """Put a page or a plot there, whole or not at all."""
        ...
