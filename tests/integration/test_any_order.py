"""Land, correct, score, promote, roll back, crash and settle in any order: the invariants hold after each."""

from __future__ import annotations

import shutil
import tempfile
from datetime import date, timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pipelines.adapters.database.warehouse import SqlWarehouse
from pipelines.core.errors import GateRefused, TemporaryError
from pipelines.core.fault_injection import activate
from pipelines.core.records import Publication
from pipelines.promotion.champion import past_champions, promote_by_hand, roll_back, sync_champion
from tests.integration.small_night import DAY, Nights

ARRIVAL = ("ingest", "validate", "features")


class AnyOrder(RuleBasedStateMachine):
    """Against a plain model: which days have arrived, and who ought to be champion."""

    @initialize()
    def begin(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="redeye-order-"))
        self.nights = Nights(self.root).found()
        self.warehouse = SqlWarehouse(self.nights.url)
        self.nights.run(DAY)
        self.last, self.champions = DAY, ["1", "2"]
        self.published: dict[date, str] = {}

    @rule(crash=st.integers(0, 150))
    def arrive(self, crash: int) -> None:
        self.last += timedelta(days=1)
        self._run(self.last, ARRIVAL, crash)

    @rule(back=st.integers(0, 3))
    def correct(self, back: int) -> None:
        day = max(DAY, self.last - timedelta(days=back))
        self.nights.source.corrected[day] = self.nights.source.corrected.get(day, 0) + 1

    @rule(back=st.integers(0, 2), crash=st.integers(0, 90))
    def score(self, back: int, crash: int) -> None:
        day = max(DAY, self.last - timedelta(days=back))
        self._run(day, ("score",), crash)
        publication = self.nights.night(day).record("publication")
        assert isinstance(publication, Publication)
        assert publication.model_version == self.champions[-1]

    @rule(crash=st.integers(0, 30))
    def settle(self, crash: int) -> None:
        self._run(self.last, ("settle",), crash)

    @rule()
    def arrive_again(self) -> None:
        self._run(self.last, ARRIVAL, 0)

    @rule(version=st.sampled_from(["1", "2", "3"]), crash=st.integers(0, 8))
    def promote(self, version: str, crash: int) -> None:
        activate(f"any:error:{crash}" if crash else None)
        try:
            promote_by_hand(version, "because", self.nights.registry, self.warehouse)
        except TemporaryError:
            activate(None)
            promote_by_hand(version, "because", self.nights.registry, self.warehouse)
        activate(None)
        self.champions.append(version)

    @rule(version=st.sampled_from(["1", "2", "3"]))
    def move_the_alias(self, version: str) -> None:
        self.nights.registry.aliases["champion"] = version
        sync_champion(self.nights.registry, self.warehouse)
        self.champions.append(version)

    @rule()
    def roll_back_the_champion(self) -> None:
        self.champions.append(roll_back("worse", self.nights.registry, self.warehouse).version)

    @precondition(lambda self: len(self.champions) > 2)
    @rule(back=st.integers(0, 2))
    def roll_back_a_day(self, back: int) -> None:
        day = max(DAY, self.last - timedelta(days=back))
        try:
            self.warehouse.roll_back(day)
        except GateRefused:
            moves = self.nights.stores.books.open(day).moves
            assert not moves or moves[-1].before is None

    @invariant()
    def everything_holds(self) -> None:
        if hasattr(self, "nights"):
            assert self.nights.broken() == {}
            assert past_champions(self.warehouse.ledger())[-1] == self.champions[-1]

    def teardown(self) -> None:
        activate(None)
        if hasattr(self, "root"):
            shutil.rmtree(self.root)

    def _run(self, day: date, stages: tuple[str, ...], crash: int) -> None:
        """Run stages, the crash-th operation failing, and again as a scheduler does."""
        activate(f"any:error:{crash}" if crash else None)
        try:
            self.nights.run(day, stages)
        except TemporaryError:
            assert self.nights.broken() == {}
            activate(None)
            self.nights.run(day, stages)
        activate(None)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=6,
    stateful_step_count=14,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
