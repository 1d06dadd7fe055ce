"""A feature that changes under its old name never reaches a model that learned from the old one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipelines.adapters.database.warehouse import SqlWarehouse
from pipelines.adapters.mlflow.registry import MlflowRegistry
from pipelines.audit.models import check_champion
from pipelines.core.config import Paths
from pipelines.core.errors import GateRefused, MissingDay
from pipelines.core.records import Evaluation, FeatureTable, Publication, Verdict
from pipelines.define.features import Column, FeatureSet, RowFeature
from pipelines.define.problem import ModelSpec, Problem
from pipelines.features.meaning import meanings
from pipelines.promotion.champion import (
    Ways,
    current_champion,
    find_ways,
    promote_by_hand,
    roll_back,
    sync_champion,
)
from pipelines.runner import Night
from tests.integration import small_night
from tests.integration.learning import CODE, WORKERS, linear
from tests.integration.serving import MemoryWorkers, Serving
from tests.integration.small_night import REPOSITORY, Nights, Possible

FIRST = date(2013, 1, 1)
NIGHT = date(2013, 3, 1)
PER_DAY = 40
STAGES = ("ingest", "validate", "features", "train", "evaluate", "promote", "score")
SETTINGS: dict[str, dict[str, object]] = {
    "ingest": {"history_days": 60, "refetch_days": 1},
    "features": {"training_days": 60},
    "train": {"test_days": 12, "threads": 1},
    "evaluate": {"bootstrap_samples": 100, "max_feature_auc": 0.99, "max_day_correlation": 0.99},
    "promote": {"max_calibration_excess": 0.5, "max_overfit": 1.0},
}


class Rides:
    """Late as often as they are said to be."""

    def read(self, table: str, day: date) -> pa.Table:
        if day < FIRST:
            raise MissingDay(f"{table}: nothing before {FIRST}; ask for a later day")
        chance = np.random.default_rng(day.toordinal())
        said = chance.random(PER_DAY).round(3)
        delay = np.where(chance.random(PER_DAY) < said, 20.0, 0.0)
        ended = datetime.combine(day, time(20))
        rows: dict[str, Any] = {
            "day": pa.array([day] * PER_DAY, pa.date32()),
            "ride": pa.array(range(PER_DAY), pa.int32()),
        }
        if table == "plan":
            return pa.table(rows | {"said": pa.array(said, pa.float64())})
        known = pa.array([ended] * PER_DAY, pa.timestamp("us"))
        return pa.table(rows | {"delay": pa.array(delay, pa.float64()), "known_at": known})


def hope(said: Column) -> Column:
    """How likely it is said to be."""
    return said * 1


def thousandfold() -> RowFeature:
    def hope(said: Column) -> Column:
        """Another unit, under the old name."""
        return said * 1000

    return hope


def declared(feature: RowFeature) -> Problem:
    features = FeatureSet(columns={}, rows=(feature,))
    return replace(
        small_night.PROBLEM,
        first_day=FIRST,
        features=features,
        recipes=(ModelSpec("linear", linear),),
        value=None,
    )


@dataclass
class Learning(Nights):
    """Nights that train, with a real registry."""

    problem: Problem = field(default_factory=lambda: declared(hope))

    @cached_property
    def services(self) -> dict[str, Callable[[], Any]]:
        uri = f"sqlite:///{self.root}/var/mlflow.db"
        places = Paths(REPOSITORY, self.root, self.url, uri, "")
        return super().services | {
            "problem": lambda: self.problem,
            "source": Rides,
            "registry": lambda: MlflowRegistry(places, self.problem),
            "workers": lambda: WORKERS,
            "validator": Possible,
            "code": lambda: CODE,
        }

    def night(self, day: date) -> Night:
        night = super().night(day)
        sections = {
            name: one.model_copy(update=SETTINGS.get(name, {}))
            for name, one in night.sections.items()
        }
        return replace(night, sections=sections)


def record(nights: Nights, day: date, kind: type[Any], name: str) -> Any:
    path = nights.places.run(day) / f"{name}.json"
    return kind.from_json(path.read_bytes(), str(path))


def kept(nights: Nights, day: date) -> pd.DataFrame:
    lake = nights.services["lake"]()
    return lake.read(lake.find("features", day, day)).to_pandas()


def test_the_champion_does_not_answer_and_tonights_candidate_is_judged(tmp_path: Path) -> None:
    before = Learning(tmp_path)
    before.run(NIGHT, STAGES)
    assert record(before, NIGHT, Publication, "publication").answered_by == "champion"

    after = Learning(tmp_path, problem=declared(thousandfold()))
    tomorrow = NIGHT + timedelta(days=1)
    after.run(tomorrow, STAGES)

    published = record(after, tomorrow, Publication, "publication")
    assert published.answered_by == "baseline"
    assert "champion (version 1) learned from other declarations of hope" in published.reason
    scores = SqlWarehouse(after.url).scores(tomorrow, tomorrow)
    assert set(scores["model_version"].dropna()) == {"2"}  # the challenger, trained tonight
    evaluation = record(after, tomorrow, Evaluation, "evaluation")
    assert not evaluation.comparable
    assert "version 1 learned from other declarations of hope" in evaluation.reason
    assert evaluation.model("champion") is None
    verdict = record(after, tomorrow, Verdict, "verdict")
    assert (verdict.outcome, verdict.version) == ("challenger", "2")
    past = NIGHT - timedelta(days=20)
    assert kept(after, past)["hope"].max() > 100
    registry, warehouse = after.services["registry"](), SqlWarehouse(after.url)
    promote_by_hand("2", "trained since", registry, warehouse, meanings(after.problem))
    after.run(tomorrow, ("score",))
    assert record(after, tomorrow, Publication, "publication").model_version == "2"


OLD, NEW = {"said": "a" * 16}, {"said": "b" * 16}


@pytest.fixture
def serving(tmp_path: Path) -> Serving:
    """Version 2 is champion, version 1 was: both learned from the old declaration; 3 from the new one."""
    serving = Serving(tmp_path)
    for version, meaning in (("1", OLD), ("2", OLD), ("3", NEW)):
        serving.registry.add(version, meanings=meaning)
    serving.serve("1")
    serving.serve("2")
    return serving


def table(serving: Serving, declared: dict[str, str]) -> FeatureTable:
    return serving.features().model_copy(update={"meanings": declared})


def test_the_next_of_the_schedule_that_learned_from_todays_declaration_answers(
    serving: Serving,
) -> None:
    serving.registry.add("1", meanings=NEW)

    publication = serving.score(table=table(serving, NEW))

    assert (publication.answered_by, publication.model_version) == ("previous-champion", "1")
    assert "learned from other declarations of said" in publication.reason
    assert {one.contender: one.outcome for one in publication.contenders}["champion"] == "refused"


def test_a_table_that_was_made_before_the_change_is_not_for_a_model_of_after(
    serving: Serving,
) -> None:
    """A day is scored again, without its features being computed again."""
    serving.serve("3")

    publication = serving.score(table=table(serving, OLD))

    assert (publication.answered_by, publication.model_version) == ("previous-champion", "2")


def test_versions_and_tables_of_before_there_were_hashes_pass(serving: Serving) -> None:
    assert serving.score().model_version == "2"
    serving.registry.add("2")

    assert serving.score(table=table(serving, NEW)).model_version == "2"


def test_the_champion_that_is_remembered_is_held_to_it_too(serving: Serving) -> None:
    serving.score(table=table(serving, OLD))
    serving.registry.down = True

    publication = serving.score(table=table(serving, NEW))

    assert publication.answered_by == "baseline"
    assert "learned from other declarations of said" in publication.reason


def test_no_door_lets_one_in_that_learned_from_another_declaration(serving: Serving) -> None:
    stores = serving.registry, serving.warehouse
    with pytest.raises(GateRefused, match="learned from other declarations of said"):
        promote_by_hand("1", "please", *stores, NEW)
    with pytest.raises(GateRefused, match="version 1: it learned from other declarations of said"):
        roll_back("", *stores, NEW)
    assert find_ways(*stores, NEW) == Ways()
    with pytest.raises(GateRefused, match=r"version 1 was asked for and .* other declarations"):
        serving.score(table=table(serving, NEW), model="1")
    serving.registry.aliases["champion"] = "3"

    throne = sync_champion(*stores, OLD)

    assert "learned from other declarations of said" in (throne.refusal or "")
    assert current_champion(serving.warehouse.ledger()) == "2"


def test_verify_says_that_the_champion_cannot_answer_and_what_helps(serving: Serving) -> None:
    registry, warehouse = serving.registry, serving.warehouse
    workers = MemoryWorkers(registry)
    assert list(check_champion(registry, warehouse, OLD, NIGHT, workers)) == []

    (breach,) = check_champion(registry, warehouse, NEW, NIGHT, workers)

    assert "version 2 learned from other declarations of said" in breach.what
    assert breach.next.startswith("redeye night")  # version 1 is no better
    registry.add("1", meanings=NEW)
    assert [one.next for one in check_champion(registry, warehouse, NEW, NIGHT, workers)] == [
        "redeye rollback"
    ]
