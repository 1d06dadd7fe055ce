"""What the warehouse says of a version decides whether it serves; the tags in MLflow only show it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import create_engine, text
from world import copy_version

from pipelines.adapters.database.warehouse import SqlWarehouse
from pipelines.adapters.mlflow.models import locate
from pipelines.adapters.mlflow.registry import MlflowRegistry
from pipelines.adapters.mlflow.versions import read_version
from pipelines.audit.tags import check_tags, mend_tags
from pipelines.commands.champion import waiting
from pipelines.core.errors import GateRefused
from pipelines.core.records import Candidates, Evaluation, ModelVersion, Verdict
from pipelines.define.problem import ModelSpec
from pipelines.promotion.champion import promote_by_hand, roll_back, sync_champion
from pipelines.training.examples import Examples
from pipelines.training.model import fit
from pipelines.training.model_file import pack
from pipelines.training.ports import Fitted
from tests.integration.learning import DAY, PROBLEM, World, empty_store, linear, load, rides, trees
from tests.integration.serving import Serving, judged

MODEL = "rides-late"
FEATURES = {"wind": "", "hour": "", "line": ""}
PASSED = {"redeye.quality": "passed", "redeye.infra": "passed"}


QUICK = replace(PROBLEM, recipes=(ModelSpec("linear", linear),))  # one recipe


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, problem=QUICK)


Begun = tuple[World, Verdict]
Tomorrow = tuple[World, Verdict, Candidates, Evaluation]


@pytest.fixture(scope="module")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> Begun:
    world = World(tmp_path_factory.mktemp("first"), problem=QUICK)
    return world, world.night()


@pytest.fixture
def begun(first_night: Begun, tmp_path: Path) -> Begun:
    """A world of its own after its first night, and the verdict of that."""
    world, verdict = first_night
    return world.copy(tmp_path), verdict


@pytest.fixture(scope="module")
def second_night(first_night: Begun, tmp_path_factory: pytest.TempPathFactory) -> Tomorrow:
    world, verdict = first_night
    world = world.copy(tmp_path_factory.mktemp("second"))
    later = world.train(DAY + timedelta(days=1))
    return world, verdict, later, world.evaluate(later)


@pytest.fixture
def tomorrow(second_night: Tomorrow, tmp_path: Path) -> Tomorrow:
    """A world of its own in which the second night has been evaluated."""
    world, *records = second_night
    return (world.copy(tmp_path), *records)


def type_tags(world: World, version: str, tags: Mapping[str, str] = PASSED) -> None:
    """Write tags on a version, as anybody can in MLflow."""
    for name, value in tags.items():
        world.registry._client.set_model_version_tag(MODEL, version, name, value)


def refused_everywhere(world: World, version: str, why: str) -> None:
    """No door lets the version in, and each says why."""
    world.registry.point("champion", version)
    throne = sync_champion(world.registry, world.warehouse)
    assert why in (throne.refusal or ""), throne
    assert throne.serving is None or throne.serving.version != version
    with pytest.raises(GateRefused, match=why):
        promote_by_hand(version, "please", world.registry, world.warehouse)
    with pytest.raises(GateRefused):
        roll_back("please", world.registry, world.warehouse)


def sha256_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def noise(world: World) -> str:
    """A model that learned from noise, registered with everything that Redeye's own have."""
    run = world.registry.night(DAY, "by hand", {"git_commit": "abc"}, {})
    made = rides(DAY).iloc[1:]
    schema: Any = {"wind": "number", "hour": "number", "line": "category"}
    examples = Examples(
        schema,
        made[list(schema)],
        np.random.default_rng(1).integers(0, 2, len(made)).astype("float64"),
        np.full(len(made), np.datetime64(DAY)),
        made["known_at"].to_numpy("datetime64[us]"),
    )
    model = fit(ModelSpec("trees", trees), examples, seed=1, threads=1)
    return world.registry.register(run, Fitted(model, model, {}, {})).version


def test_a_refused_version_does_not_serve_though_its_tags_are_typed(world: World) -> None:
    verdict = world.night(min_auc=0.999)
    assert verdict.outcome == "refused"
    type_tags(world, verdict.version)

    refused_everywhere(world, verdict.version, "it is not blessed for quality")


def test_a_foreign_model_of_noise_does_not_serve_though_its_tags_are_typed(world: World) -> None:
    version = noise(world)
    type_tags(world, version)

    refused_everywhere(world, version, "it is not blessed: nobody has judged this version and file")


def test_the_same_number_and_file_in_another_store_is_another_version(
    begun: Begun, tmp_path: Path
) -> None:
    world, first = begun
    assert first.outcome == "champion"
    other = tmp_path / "other" / "var" / "mlflow.db"
    other.parent.mkdir(parents=True)
    shutil.copy(empty_store(), other)
    world.registry = MlflowRegistry(
        replace(world.places, root=tmp_path / "other", tracking_uri=f"sqlite:///{other}"),
        world.problem,
    )
    (candidate,) = world.train().candidates
    assert (candidate.version, candidate.sha256) == (first.version, candidate.sha256)
    type_tags(world, candidate.version)

    refused_everywhere(world, candidate.version, "nobody has judged this version and file")


def test_a_blessed_file_under_a_number_that_nobody_judged_does_not_serve(begun: Begun) -> None:
    world, verdict = begun
    client, blessed = world.registry._client, verdict.version

    copied = copy_version(client, MODEL, blessed)

    refused_everywhere(world, copied, "nobody has judged this version and file")


def test_a_file_that_is_not_the_one_that_was_judged_does_not_serve(begun: Begun) -> None:
    world, verdict = begun
    champion = world.registry.version(verdict.version)
    assert champion is not None
    changed = replace(load(world.registry.fetch(champion)), shift=0.5)
    source = world.registry._client.get_model_version(MODEL, champion.version).source
    (file,) = Path(source.removeprefix("file://")).glob("model.*")
    file.write_bytes(pack(changed))
    import hashlib

    type_tags(world, champion.version, {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()})

    refused_everywhere(world, verdict.version, "nobody has judged this version and file")


def test_a_forged_record_of_the_champion_does_not_serve_while_the_registry_is_away(
    tmp_path: Path,
) -> None:
    serving = Serving(tmp_path)
    serving.registry.add("1")
    serving.registry.add("2", blessed=False)
    serving.serve("1")
    serving.score()
    refused = serving.registry.versions["2"]
    serving.registry.cache_champion(refused.model_copy(update={"shown": PASSED}))
    serving.registry.down = True

    publication = serving.score()

    assert publication.answered_by == "baseline"
    assert "champion (version 2) is not blessed for quality" in publication.reason


def test_a_champion_that_is_blessed_no_more_is_told_and_the_one_before_answers(
    tmp_path: Path,
) -> None:
    serving = Serving(tmp_path)
    for version in ("1", "2"):
        serving.registry.add(version)
        serving.serve(version)
    serving.registry.judge(serving.registry.versions["2"], passed=False)

    publication = serving.score()

    assert (publication.answered_by, publication.model_version) == ("previous-champion", "1")
    assert serving.registry.last == serving.registry.versions["1"]
    entry = serving.warehouse.ledger()[-1]
    assert (entry.kind, entry.version) == ("refused", "2")


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ({"redeye.quality": "passed"}, "is not what the gate wrote"),  # it was refused for quality
        ({"redeye.infra": None, "redeye.infra.reason": None}, "is missing"),
        ({"redeye.quality.reason": "gains much"}, "is not what the gate wrote"),
    ],
)
def test_tags_that_contradict_the_warehouse_are_told_and_mended(
    tmp_path: Path, tags: dict[str, str | None], told: str
) -> None:
    serving = Serving(tmp_path)
    serving.registry.add("1")
    serving.registry.add("2", blessed=False)
    written = serving.registry.versions["2"]
    shown = {k: v for k, v in (written.shown | tags).items() if v is not None}
    serving.registry.versions["2"] = written.model_copy(update={"shown": shown})

    (breach,) = check_tags(serving.registry, serving.warehouse)
    (mended,) = mend_tags(serving.registry, serving.warehouse)

    assert breach.where == "tags of version 2"
    assert told in breach.what
    assert mended.what == breach.what
    assert serving.registry.versions["2"] == written
    assert list(check_tags(serving.registry, serving.warehouse)) == []


def test_a_night_mends_tags_that_were_typed_and_says_so(world: World) -> None:
    version = noise(world)
    type_tags(world, version)

    verdict = world.night()

    (mended,) = verdict.mended
    assert f"version {version}: redeye.quality and redeye.infra say `passed`" in mended
    shown = world.registry._client.get_model_version(MODEL, version).tags
    assert shown["redeye.quality"] == shown["redeye.infra"] == "refused"
    assert list(check_tags(world.registry, world.warehouse)) == []


MALFORMED = {"trained_until": "soon", "features": "{", "sha256": "../../etc/passwd"}


def malformed(version: ModelVersion, tag: str) -> ModelVersion:
    """The version as it is read once somebody has typed nonsense into one of its tags."""
    tags = {
        "candidate": version.candidate,
        "sha256": version.sha256,
        "trained_until": str(version.trained_until),
        "features": json.dumps(version.features),
        tag: MALFORMED[tag],
    }
    found = SimpleNamespace(
        version=version.version, run_id=version.run_id, status="READY", tags=tags
    )
    return read_version(found, version.store, version.model)


@pytest.mark.parametrize("tag", MALFORMED)
@pytest.mark.parametrize(
    ("alias", "answers"),
    [
        ("champion", ("previous-champion", "1")),
        ("challenger", ("champion", "2")),
        ("canary", ("champion", "2")),
        ("previous-champion", ("champion", "2")),
    ],
)
def test_a_malformed_tag_costs_its_version_the_answer_and_nobody_else(
    tmp_path: Path, tag: str, alias: str, answers: tuple[str, str]
) -> None:
    serving = Serving(tmp_path)
    for version in ("1", "2", "3"):
        serving.registry.add(version)
    for version in ("1", "2"):
        serving.serve(version)
    if alias in ("challenger", "canary"):
        serving.registry.aliases[alias] = "3"
    number = serving.registry.aliases[alias]
    serving.registry.versions[number] = malformed(serving.registry.versions[number], tag)

    publication = serving.score()
    report, _ = serving.monitor(publication=publication)

    assert (publication.answered_by, publication.model_version) == answers
    (fared,) = (one for one in publication.contenders if one.contender == alias)
    assert fared.outcome == "refused"
    assert f"version {number}) cannot be read: the tag {tag} is {MALFORMED[tag]}" in fared.reason
    alarms = [alert for alert in report.alerts if f"the tag {tag} is" in alert]
    assert len(alarms) == (1 if alias == "champion" else 0)


@pytest.mark.parametrize("tag", [*MALFORMED, "features_declared", "held_out_until", "candidate"])
def test_a_night_of_learning_goes_on_whatever_was_typed(begun: Begun, tag: str) -> None:
    world, first = begun
    value = MALFORMED.get(tag, "\u202e[")
    type_tags(world, first.version, {tag: value})

    again = world.night()  # the same night: what it registered is not what it finds

    assert again.version != first.version
    assert again.outcome == "champion"
    assert world.registry.version("champion") == world.registry.version(again.version)


TYPED = {
    "trained_until": ["2012-01-01", "2100-01-01", None],
    "held_out_until": ["2012-01-01", None],
    "held_out_sha256": ["ab" * 32, None],
    "features": ['["heard"]', "[]", None],
    "features_declared": ['{"wind": "0123456789abcdef"}', None],
    "candidate": ["trees", None],
}


@pytest.mark.parametrize(("tag", "value"), [(t, v) for t, vs in TYPED.items() for v in vs])
def test_a_changed_tag_of_what_was_learned_is_told_and_mended_and_changes_nothing_else(
    tomorrow: Tomorrow, tag: str, value: str | None
) -> None:
    world, first, later, evaluated = tomorrow
    right = world.registry.version(first.version)
    before = sync_champion(world.registry, world.warehouse, FEATURES).serving
    client = world.registry._client
    if value is None:
        client.delete_model_version_tag(MODEL, first.version, tag)
    else:
        client.set_model_version_tag(MODEL, first.version, tag, value)

    throne = sync_champion(world.registry, world.warehouse, FEATURES)
    assert throne.refusal is None
    assert throne.serving is not None
    assert before is not None
    assert throne.serving.model_copy(update={"shown": before.shown}) == before
    assert world.evaluate(later) == evaluated
    (breach,) = check_tags(world.registry, world.warehouse)
    assert breach.where == f"tags of version {first.version}"
    assert f"{tag} {'is missing' if value is None else 'says ' + value[:20]}" in breach.what
    (mended,) = mend_tags(world.registry, world.warehouse)
    assert str(mended).endswith("; the tags were written anew")
    assert world.registry.version(first.version) == right


@pytest.mark.parametrize("tag", [*MALFORMED, "features_declared", "held_out_until", "candidate"])
def test_a_malformed_tag_of_a_mere_challenger_is_told_and_mended(begun: Begun, tag: str) -> None:
    world, first = begun
    world.registry.point("challenger", first.version)
    right = world.registry.version(first.version)
    type_tags(world, first.version, {tag: MALFORMED.get(tag, "\u202e[")})

    (breach,) = check_tags(world.registry, world.warehouse)
    (mended,) = mend_tags(world.registry, world.warehouse)

    assert f"it cannot be read: the tag {tag} is" in breach.what
    assert str(mended).endswith("; the tags were written anew")
    assert world.registry.version(first.version) == right
    assert mend_tags(world.registry, world.warehouse) == []


def test_a_malformed_tag_of_a_version_that_nobody_judged_is_told_with_what_to_do(
    world: World,
) -> None:
    version = noise(world)
    type_tags(world, version, {"trained_until": "soon"})

    (told,) = map(str, mend_tags(world.registry, world.warehouse))

    assert told == (
        f"version {version}: it cannot be read: the tag trained_until is soon; "
        f"correct it in MLflow, or delete it there"
    )
    assert list(check_tags(world.registry, world.warehouse)) == []


def test_the_files_of_a_version_are_those_of_its_experiment(begun: Begun) -> None:
    world, verdict = begun
    client = world.registry._client
    champion = world.registry.version(verdict.version)
    assert champion is not None
    registered = client.get_model_version(MODEL, champion.version)
    logged = client.get_logged_model(registered.tags["model_id"])
    own = logged.artifact_location
    assert locate(client, logged, champion.version) == own

    for other in (
        "file:///etc",
        f"{own}/../../x",
        f"{own}/%2e%2e/x",
        "http://10.0.0.1/x",
        "",
        None,
    ):
        said = SimpleNamespace(experiment_id=logged.experiment_id, artifact_location=other)
        with pytest.raises(GateRefused, match="outside the folder of its experiment"):
            locate(client, said, champion.version)


def test_after_an_upgrade_the_next_night_proves_its_own_and_serves_nothing_on_tags(
    begun: Begun,
) -> None:
    world, before = begun
    engine = create_engine(world.places.database_url)
    with engine.begin() as connection:  # as the migration leaves it: tags and ledger, no blessings
        connection.execute(text("DELETE FROM blessing"))
    engine.dispose()
    throne = sync_champion(world.registry, world.warehouse)
    assert (throne.serving, throne.champion is not None) == (None, True)

    verdict = world.night(DAY + timedelta(days=1))

    assert verdict.outcome == "champion"
    assert verdict.version != before.version
    serving = sync_champion(world.registry, world.warehouse).serving
    assert serving is not None
    assert serving.version == verdict.version


def test_the_last_entry_of_exactly_this_version_and_file_counts(url: str) -> None:
    warehouse = SqlWarehouse(url)
    version = ModelVersion(
        version="7",
        store="1364774400000",
        model=MODEL,
        candidate="linear",
        run_id="",
        sha256="ab",
        trained_until=DAY,
        features=(),
    )
    others = [
        version.model_copy(update={name: "9"}) for name in ("store", "model", "version", "sha256")
    ]
    for passed in (True, False, False, True):
        warehouse.bless(judged(version, passed=passed))

    assert warehouse.blessing(version) == judged(version)
    assert [warehouse.blessing(other) for other in others] == [None] * 4
    assert warehouse.blessings(version.store, MODEL) == {("7", "ab"): judged(version)}
    assert warehouse.blessings("9", MODEL) == {}
    engine = create_engine(url)
    with engine.connect() as connection:
        verdicts = connection.execute(text("SELECT verdict FROM blessing ORDER BY entry")).scalars()
        assert list(verdicts) == ["passed", "refused", "passed"]
    engine.dispose()


def test_a_challenger_that_is_not_blessed_is_offered_to_nobody(tmp_path: Path) -> None:
    serving = Serving(tmp_path)
    for version in ("1", "2"):
        serving.registry.add(version)
    serving.serve("1")
    serving.registry.aliases["challenger"] = "2"
    champion = serving.registry.versions["1"]
    offered = waiting(serving.registry, serving.warehouse, {"said": ""}, champion)
    assert offered is not None
    assert (offered["version"], offered["reason"]) == ("2", "as the test says")
    serving.registry.judge(serving.registry.versions["2"], passed=False)

    assert waiting(serving.registry, serving.warehouse, {"said": ""}, champion) is None
