from __future__ import annotations

import multiprocessing
import os
import pickle
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipelines.adapters.mlflow.registry import MlflowRegistry
from pipelines.audit.tags import tags_of
from pipelines.core.atomic_files import MOST_BYTES
from pipelines.core.config import Paths
from pipelines.core.errors import (
    ConfigError,
    DataError,
    GateRefused,
    RegistryAway,
    TemporaryError,
)
from pipelines.core.records import ModelVersion
from pipelines.training.model import Model
from pipelines.training.model_file import pack
from pipelines.training.ports import Fitted
from tests.integration.learning import DAY, PROBLEM, empty_store, fitted, load, rides
from tests.integration.serving import judged

FACTS = {"git_commit": "abc123", "lock_sha256": "def", "seed": "1"}
MEANINGS = {"wind": "0123456789abcdef", "line": "fedcba9876543210", "hour": "00"}
INPUTS = {"features": "a" * 64, "accepted/rides": "b" * 64}


@dataclass(frozen=True)
class Shop:
    """A registry with one night in it, and its two fitted models."""

    places: Paths
    registry: MlflowRegistry
    run_id: str
    models: tuple[Model, Model]

    @property
    def client(self) -> Any:
        return self.registry._client

    def file(self, version: ModelVersion) -> Path:
        """The model file as MLflow keeps it."""
        source = self.client.get_model_version("rides-late", version.version).source
        (path,) = Path(source.removeprefix("file://")).glob("model.*")
        return path


@pytest.fixture(scope="module")
def models() -> tuple[Model, Model]:
    return fitted("linear"), fitted("trees")


@pytest.fixture
def shop(tmp_path: Path, models: tuple[Model, Model]) -> Shop:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "mlflow.db").write_bytes(empty_store().read_bytes())
    places = Paths(tmp_path, tmp_path, "", f"sqlite:///{tmp_path}/var/mlflow.db", "")
    registry = MlflowRegistry(places, PROBLEM)
    return Shop(places, registry, registry.night(DAY, "f1", FACTS, INPUTS), models)


@pytest.fixture(params=[0, 1], ids=["skops", "ubj"])
def version(request: pytest.FixtureRequest, shop: Shop) -> ModelVersion:
    return shop.registry.register(
        shop.run_id,
        Fitted(
            shop.models[request.param],
            shop.models[request.param],
            {"train_log_loss": 0.5},
            MEANINGS,
        ),
    )


def test_a_version_comes_back_and_scores_the_same_bits(shop: Shop, version: ModelVersion) -> None:
    made = next(model for model in shop.models if model.name == version.candidate)

    loaded = load(shop.registry.fetch(version))

    assert (loaded.scores(rides(DAY)) == made.scores(rides(DAY))).all()
    assert version.features == ("wind", "line")
    assert version.meanings == {name: MEANINGS[name] for name in ("wind", "line")}
    assert version.trained_until == DAY
    assert not [name for name in version.shown if name.startswith("redeye.")]


def test_the_same_night_and_the_same_model_are_found_again(
    shop: Shop, version: ModelVersion
) -> None:
    made = next(model for model in shop.models if model.name == version.candidate)

    assert shop.registry.night(DAY, "f1", FACTS, INPUTS) == shop.run_id
    assert shop.registry.register(shop.run_id, Fitted(made, made, {}, MEANINGS)) == version
    assert shop.registry.night(DAY, "f2", FACTS, INPUTS) != shop.run_id


def test_the_run_tells_what_it_was_made_from(shop: Shop) -> None:
    shop.registry.log(shop.run_id, {"linear/auc": 0.7}, {"plots/roc.png": b"png"}, complete=True)

    run = shop.client.get_run(shop.run_id)

    assert run.info.status == "FINISHED"
    assert run.info.run_name == "night 2013-04-01"
    assert run.data.tags["complete"] == "yes"
    assert run.data.tags["mlflow.source.git.commit"] == "abc123"
    assert run.data.params == FACTS
    assert run.data.metrics == {"linear/auc": 0.7}
    assert {entry.dataset.name for entry in run.inputs.dataset_inputs} == set(INPUTS)


def test_a_metric_that_stands_there_is_not_logged_again(shop: Shop) -> None:
    for _ in range(2):
        shop.registry.log(shop.run_id, {"linear/auc": 0.7}, {})

    assert len(shop.client.get_metric_history(shop.run_id, "linear/auc")) == 1


def test_the_ui_finds_a_signature_and_requirements_and_no_rows(
    shop: Shop, version: ModelVersion
) -> None:
    folder = shop.file(version).parent

    described = (folder / "MLmodel").read_text()

    assert {file.name for file in folder.iterdir()} == {
        "MLmodel",
        "requirements.txt",
        shop.file(version).name,
        f"held_out{shop.file(version).suffix}",
    }
    assert '"name": "wind"' in described
    assert "numpy==" in (folder / "requirements.txt").read_text()
    assert "input_example" not in described


def test_a_damaged_held_out_fit_judges_nothing_and_the_model_serves_on(
    shop: Shop, version: ModelVersion
) -> None:
    path = shop.file(version).with_stem("held_out")
    whole = load(shop.registry.fetch_held_out(version))
    path.write_bytes(path.read_bytes()[:-1] + b"?")

    with pytest.raises(GateRefused, match="SHA-256"):
        load(shop.registry.fetch_held_out(version))
    assert load(shop.registry.fetch(version)).trained_until == whole.trained_until


def test_mlflows_own_loader_understands_what_we_keep(shop: Shop, version: ModelVersion) -> None:
    import mlflow.sklearn
    import mlflow.xgboost

    flavour = mlflow.xgboost if version.candidate == "trees" else mlflow.sklearn

    assert flavour.load_model(str(shop.file(version).parent)) is not None


def test_aliases_move_and_a_missing_one_is_none(shop: Shop, version: ModelVersion) -> None:
    assert shop.registry.version("champion") is None
    assert shop.registry.version("99") is None

    shop.registry.point("champion", version.version)

    assert shop.registry.version("champion") == version
    assert shop.registry.version("challenger") is None


@pytest.mark.parametrize(
    "alias", ["Champion", "сhampion", "latest"]
)  # the second begins with a Cyrillic letter
def test_only_the_known_aliases_exist(shop: Shop, version: ModelVersion, alias: str) -> None:
    shop.client.set_registered_model_alias(
        "rides-late", alias, version.version
    ) if alias != "latest" else None

    assert shop.registry.version("champion") is None
    with pytest.raises(ConfigError, match="known are"):
        shop.registry.point(alias, version.version)


def test_blessings_and_their_reasons_are_tags_of_the_version(
    shop: Shop, version: ModelVersion
) -> None:
    shown = tags_of(judged(version, infra=False))

    shop.registry.show(version.version, shown)

    tags = shop.client.get_model_version("rides-late", version.version).tags
    again = shop.registry.version(version.version)
    assert again is not None
    assert {name: again.shown[name] for name in shown} == shown
    assert again.shown.items() <= tags.items()
    assert (tags["redeye.quality"], tags["redeye.infra"]) == ("passed", "refused")


def test_a_swapped_file_is_refused(shop: Shop, version: ModelVersion) -> None:
    other = next(model for model in shop.models if model.name != version.candidate)
    shop.file(version).write_bytes(pack(replace(other, name=version.candidate)))

    with pytest.raises(GateRefused, match="SHA-256"):
        load(shop.registry.fetch(version))


def test_a_truncated_file_is_refused(shop: Shop, version: ModelVersion) -> None:
    file = shop.file(version)
    file.write_bytes(file.read_bytes()[:-1])

    with pytest.raises(GateRefused, match="SHA-256"):
        load(shop.registry.fetch(version))


def test_a_missing_file_is_refused(shop: Shop, version: ModelVersion) -> None:
    shop.file(version).unlink()

    with pytest.raises(GateRefused, match="promote another version"):
        load(shop.registry.fetch(version))


def test_a_deleted_version_is_refused(shop: Shop, version: ModelVersion) -> None:
    shop.client.delete_model_version("rides-late", version.version)

    assert shop.registry.version(version.version) is None
    with pytest.raises(GateRefused, match="gone"):
        load(shop.registry.fetch(version))


class Spring:
    """What pickle would run on loading."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


def test_a_pickle_is_refused_before_it_is_read_whatever_its_name_and_tags_say(
    shop: Shop, version: ModelVersion, tmp_path: Path
) -> None:
    import hashlib

    trap = pickle.dumps(Spring(tmp_path / "sprung"))
    shop.file(version).write_bytes(trap)
    shop.client.set_model_version_tag(
        "rides-late", version.version, "sha256", hashlib.sha256(trap).hexdigest()
    )
    forged = shop.registry.version(version.version)

    assert forged is not None
    with pytest.raises(GateRefused, match="model file"):
        load(shop.registry.fetch(forged))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "name", ["model.pkl", "code/evil.py", "registered_model_meta", "model.ubj"]
)
def test_what_else_lies_in_the_folder_is_neither_read_nor_a_reason_to_refuse(
    shop: Shop, name: str
) -> None:
    version = shop.registry.register(
        shop.run_id, Fitted(shop.models[0], shop.models[0], {}, MEANINGS)
    )
    beside = shop.file(version).parent / name
    beside.parent.mkdir(exist_ok=True)
    beside.write_bytes(pickle.dumps(Spring(beside.with_name("sprung"))))

    loaded = load(shop.registry.fetch(version))

    assert (loaded.scores(rides(DAY)) == shop.models[0].scores(rides(DAY))).all()
    assert not beside.with_name("sprung").exists()


def test_loading_with_mlflow_leaves_the_champion_where_it_is(
    shop: Shop, version: ModelVersion
) -> None:
    import mlflow

    shop.registry.point("champion", version.version)
    address = "models:/rides-late@champion"

    by_alias = mlflow.pyfunc.load_model(address)
    flavour = mlflow.xgboost if version.candidate == "trees" else mlflow.sklearn
    flavour.load_model(address)

    folder = shop.file(version).parent
    assert (folder / "registered_model_meta").exists()  # MLflow's habit, not ours
    made = next(model for model in shop.models if model.name == version.candidate)
    assert (load(shop.registry.fetch(version)).scores(rides(DAY)) == made.scores(rides(DAY))).all()
    assert (by_alias.predict(rides(DAY)) == made.scores(rides(DAY))).all()


def frames() -> dict[str, Any]:
    """What people have: the same rides in many shapes."""
    plain = rides(DAY)[["wind", "line"]]
    whole = plain.assign(wind=plain["wind"].round())
    gaps = plain.assign(wind=plain["wind"].where(plain["wind"] > 0), line=None)
    return {
        "other order, and more": plain[["line", "wind"]].assign(colour="red"),
        "objects": plain.astype("object"),
        "whole numbers": whole.astype({"wind": "int64"}),
        "missing values": gaps,
        "nullable numbers": whole.astype({"wind": "Int64"}).where(plain["wind"] > 0),
        "never seen": plain.assign(line="Z"),
    }


@pytest.mark.parametrize("shape", frames())
def test_pyfunc_gives_the_scores_of_the_night(
    shop: Shop, version: ModelVersion, shape: str
) -> None:
    import mlflow

    frame = frames()[shape]
    if version.candidate == "linear":  # which has no place for a missing number
        frame = frame.fillna({"wind": 3})
    made = next(model for model in shop.models if model.name == version.candidate)

    loaded = mlflow.pyfunc.load_model(f"models:/rides-late/{version.version}")

    assert (loaded.predict(frame) == made.scores(frame)).all()


def test_mlflows_scoring_server_answers_as_the_night(shop: Shop, version: ModelVersion) -> None:
    import json

    import mlflow
    from mlflow.pyfunc.scoring_server import init
    from starlette.testclient import TestClient

    frame = rides(DAY)[["line", "wind"]].iloc[1:].head(5)
    made = next(model for model in shop.models if model.name == version.candidate)
    client = TestClient(init(mlflow.pyfunc.load_model(f"models:/rides-late/{version.version}")))
    asked = {"dataframe_split": json.loads(frame.to_json(orient="split", index=False))}

    answer = client.post("/invocations", json=asked)

    assert answer.json() == {"predictions": made.scores(frame).tolist()}


def test_pyfunc_says_in_a_sentence_what_is_wrong_with_a_frame(
    shop: Shop, version: ModelVersion
) -> None:
    import mlflow

    loaded = mlflow.pyfunc.load_model(f"models:/rides-late/{version.version}")

    with pytest.raises(DataError, match=r"its features \['wind'\] are not"):
        loaded.predict(rides(DAY)[["line"]])
    with pytest.raises(DataError, match="column 'wind': holds what is no number"):
        loaded.predict(rides(DAY).assign(wind="strong"))


def test_what_somebody_else_registered_is_unblessed_and_not_loaded(shop: Shop) -> None:
    made = shop.client.create_model_version("rides-late", source="file:///etc", run_id=None)

    foreign = shop.registry.version(str(made.version))

    assert foreign is not None
    assert (foreign.sha256, foreign.shown, foreign.unreadable) == ("", {}, "")
    assert foreign.trained_until.year == 9999
    with pytest.raises(GateRefused, match="not registered by Redeye"):
        load(shop.registry.fetch(foreign))


def test_a_run_left_by_a_dead_process_is_ended_and_taken_up_again(shop: Shop) -> None:
    client, experiment = shop.registry._store
    old = int((time.time() - 7 * 3600) * 1000)
    dead = client.create_run(
        experiment, start_time=old, tags={"redeye.day": "2013-03-31", "redeye.fingerprint": "f0"}
    )

    shop.registry.night(DAY, "f1", FACTS, INPUTS)
    assert client.get_run(dead.info.run_id).info.status == "KILLED"

    again = shop.registry.night(DAY, "f0", FACTS, INPUTS)
    assert again == dead.info.run_id
    assert client.get_run(again).info.status == "RUNNING"
    assert client.get_run(again).data.params == FACTS
    assert client.get_run(shop.run_id).info.status == "RUNNING"


def _open(places: Paths, barrier: Any, failures: Any) -> None:
    from pipelines.adapters.mlflow.registry import MlflowRegistry

    barrier.wait()
    try:
        run = MlflowRegistry(places, PROBLEM).night(DAY, "same", FACTS, INPUTS)
        failures.put(run)
    except TemporaryError as error:
        failures.put(f"failed: {error}")


def test_processes_that_open_a_new_store_at_once_all_succeed_and_share_one_run(
    tmp_path: Path,
) -> None:
    places = Paths(tmp_path, tmp_path, "", f"sqlite:///{tmp_path}/var/mlflow.db", "")
    spawn = multiprocessing.get_context("spawn")
    barrier, answers = spawn.Barrier(4), spawn.Queue()
    processes = [spawn.Process(target=_open, args=(places, barrier, answers)) for _ in range(4)]
    for process in processes:
        process.start()
    runs = [answers.get(timeout=300) for _ in processes]
    for process in processes:
        process.join()

    assert len(set(runs)) == 1, runs
    assert not runs[0].startswith("failed")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")


def down(places: Paths) -> MlflowRegistry:
    """A registry whose server is gone; port 9 answers nobody."""
    return MlflowRegistry(replace(places, tracking_uri="http://ada:secret@127.0.0.1:9"), PROBLEM)


@pytest.mark.usefixtures("impatient")
def test_a_server_that_is_down_is_temporary_and_keeps_its_password_to_itself(shop: Shop) -> None:
    registry = down(shop.places)

    with pytest.raises(TemporaryError, match="does not answer") as caught:
        registry.version("champion")

    assert "secret" not in str(caught.value)


@pytest.mark.usefixtures("impatient")
def test_a_verified_copy_serves_while_the_server_is_down(shop: Shop, version: ModelVersion) -> None:
    with pytest.raises(TemporaryError):
        load(down(shop.places).fetch(version))
    expected = load(shop.registry.fetch(version)).scores(rides(DAY))

    assert (load(down(shop.places).fetch(version)).scores(rides(DAY)) == expected).all()


@pytest.mark.usefixtures("impatient")
def test_the_champion_is_remembered_for_when_the_server_is_down(
    shop: Shop, version: ModelVersion
) -> None:
    assert down(shop.places).cached_champion() is None

    shop.registry.cache_champion(version)

    assert down(shop.places).cached_champion() == version


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe{}", b"[1]", b'{"version": "7"}', b"[" * 100_000]
)
def test_a_damaged_record_of_the_champion_is_refused_in_a_sentence(
    content: bytes, tmp_path: Path
) -> None:
    registry = MlflowRegistry(Paths(tmp_path, tmp_path, "", "", ""), PROBLEM)
    path = tmp_path / "var" / "models" / "champion.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)

    with pytest.raises(DataError, match=r"champion\.json: not a ModelVersion record"):
        registry.cached_champion()

    path.unlink()
    path.mkdir()
    with pytest.raises(DataError, match=r"champion\.json: cannot be read"):
        registry.cached_champion()


@pytest.mark.usefixtures("impatient")
def test_a_damaged_copy_does_not_serve(shop: Shop, version: ModelVersion) -> None:
    load(shop.registry.fetch(version))
    (copy,) = (shop.places.var / "models").iterdir()
    copy.write_bytes(b"rot")

    with pytest.raises(GateRefused, match="SHA-256"):
        load(down(shop.places).fetch(version))


@pytest.mark.parametrize("put", [os.mkfifo, partial(os.symlink, "/dev/zero")])
def test_an_artefact_that_is_no_file_is_refused_and_not_waited_for(
    shop: Shop, version: ModelVersion, put: Callable[[Path], None]
) -> None:
    (file,) = (shop.places.var / "artifacts").rglob("model.[us]*")
    file.unlink()
    put(file)

    with pytest.raises(GateRefused, match="it is no regular file; promote another version"):
        shop.registry.fetch(version)


def test_an_artefact_larger_than_may_be_read_is_refused(shop: Shop, version: ModelVersion) -> None:
    (file,) = (shop.places.var / "artifacts").rglob("model.[us]*")
    os.truncate(file, MOST_BYTES + 2**20)  # without a byte on the disk

    with pytest.raises(GateRefused, match="it is larger than 4,096 MB; promote another version"):
        shop.registry.fetch(version)


def test_a_store_that_is_no_database_is_temporary(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is no database at all, only a page of text\n" * 100)
    places = Paths(tmp_path, tmp_path, "", f"sqlite:///{tmp_path}/mlflow.db", "")

    with pytest.raises(TemporaryError, match="does not answer"):
        MlflowRegistry(places, PROBLEM).version("champion")


@contextmanager
def counting(*, hang: bool) -> Iterator[tuple[str, list[int]]]:
    """A server that takes connections and closes them, or never answers; its address, and how many came."""
    came: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        held = []

        def accept() -> None:
            while True:
                try:
                    taken, (_, port) = server.accept()
                except OSError:
                    return
                came.append(port)
                held.append(taken) if hang else taken.close()

        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}", came
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("hang", [False, True])
def test_a_database_that_does_not_answer_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, hang: bool
) -> None:
    monkeypatch.setattr("pipelines.adapters.mlflow.client.CONNECT_SECONDS", 2)
    with counting(hang=hang) as (address, came):
        uri = (
            f"postgresql+psycopg://ada:hunter2@{address}/mlflow?sslmode=disable&sslpassword=hunter3"
        )
        registry = MlflowRegistry(Paths(tmp_path, tmp_path, "", uri, ""), PROBLEM)

        with pytest.raises(RegistryAway) as failure:
            registry.version("champion")

    assert len(came) == 1  # MLflow alone tries ten times, for 100 seconds
    assert "hunter" not in str(failure.value)


@pytest.mark.parametrize("uri", ["mysql://db/x", "postgresql://db/x", "gopher://db/x"])
def test_a_store_that_cannot_be_used_is_refused_by_its_variable(tmp_path: Path, uri: str) -> None:
    registry = MlflowRegistry(Paths(tmp_path, tmp_path, "", uri, ""), PROBLEM)

    with pytest.raises((ConfigError, RegistryAway), match=r"MLFLOW_TRACKING_URI|registry"):
        registry.version("champion")
