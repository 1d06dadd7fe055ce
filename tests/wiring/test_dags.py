"""The DAGs say what dvc.yaml says, and their policy is written out."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from copy import copy
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import pytest
from airflow.dag_processing.dagbag import BundleDagBag
from airflow.exceptions import InvalidPartitionKeyError
from airflow.sdk import DAG, TriggerRule
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization

from pipelines.core.config import read_params
from pipelines.core.graph import read_graph

ROOT = Path(__file__).parents[2]
DAGS = ROOT / "dags"
GRAPH = read_graph(ROOT / "dvc.yaml")
DOORS = ["redeye_approval", "redeye_promotion"]
WATCH = "redeye_monitor"
BAD_DAYS = [
    "2013-13-45",
    "../../etc",
    "2013-10-01\n",
    "２０１３-10-01",
    " 2013-10-01",
    20131001,
    "",
]


@pytest.fixture(scope="module")
def bag() -> BundleDagBag:
    bag = BundleDagBag(DAGS, bundle_path=DAGS, bundle_name="dags-folder")
    assert bag.import_errors == {}
    return bag


@pytest.fixture(scope="module", params=["redeye_nightly", "redeye_backfill"])
def dag(request: pytest.FixtureRequest, bag: BundleDagBag) -> DAG:
    return bag.dags[request.param]


@pytest.fixture(scope="module", params=["redeye_nightly", "redeye_backfill", WATCH, *DOORS])
def any_dag(request: pytest.FixtureRequest, bag: BundleDagBag) -> DAG:
    return bag.dags[request.param]


@pytest.fixture(scope="module")
def nightly(bag: BundleDagBag) -> DAG:
    return bag.dags["redeye_nightly"]


@pytest.fixture(scope="module")
def backfill(bag: BundleDagBag) -> DAG:
    return bag.dags["redeye_backfill"]


def test_the_dags_folder_holds_these_dags_and_no_other(bag: BundleDagBag) -> None:
    assert set(bag.dags) == {"redeye_nightly", "redeye_backfill", WATCH, *DOORS}


def test_a_scheduler_parses_the_dags_in_half_a_second_without_pandas_or_mlflow() -> None:
    program = (
        "import json, sys, time; sys.path += ['dags', 'plugins']; import airflow.sdk; t = time.process_time();"
        "import redeye_nightly, redeye_backfill, redeye_monitor, redeye_promotion, redeye_approval; print(json.dumps([time.process_time() - t,"
        "[m for m in ('pandas', 'numpy', 'mlflow', 'duckdb', 'great_expectations', 'dvc', 'typer')"
        " if m in sys.modules]]))"
    )

    told = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    seconds, heavy = json.loads(told.stdout.splitlines()[-1])

    assert heavy == []
    assert seconds < 0.5


def test_every_stage_is_a_task_with_the_arrows_of_dvc_yaml(nightly: DAG) -> None:
    arrows = {name: sorted(nightly.get_task(name).upstream_task_ids) for name in GRAPH.names}

    assert arrows == {name: sorted(GRAPH.upstream[name]) for name in GRAPH.names}
    assert set(nightly.task_ids) == {*GRAPH.names, "watcher"}


def test_a_backfilled_day_has_the_same_arrows_after_the_plan(backfill: DAG) -> None:
    for name in GRAPH.names:
        task = backfill.get_task(f"days.{name}")

        assert task.upstream_task_ids == {"plan", *(f"days.{up}" for up in GRAPH.upstream[name])}


@pytest.mark.parametrize("name", GRAPH.names)
def test_a_task_takes_pool_timeout_and_retries_from_its_stage(nightly: DAG, name: str) -> None:
    task, stage = nightly.get_task(name), GRAPH[name]

    assert task.pool == (stage.pool or "default_pool")
    assert task.execution_timeout == timedelta(minutes=stage.timeout_minutes)
    assert task.retries == stage.retries


def test_a_stage_that_survives_runs_when_one_before_it_failed_and_another_did_not(
    nightly: DAG,
) -> None:
    rules = {name: TriggerRule(nightly.get_task(name).trigger_rule).value for name in GRAPH.names}

    assert {name for name, rule in rules.items() if rule == "all_done_min_one_success"} == {
        stage.name for stage in GRAPH.stages if stage.survives
    }
    assert set(rules.values()) == {"all_done_min_one_success", "all_success"}


def test_a_failed_stage_fails_the_night_though_later_ones_survived(nightly: DAG) -> None:
    watcher = nightly.get_task("watcher")

    assert watcher.upstream_task_ids == set(GRAPH.names)
    assert TriggerRule(watcher.trigger_rule).value == "one_failed"
    assert [task.task_id for task in nightly.leaves] == ["watcher"]


def test_every_stage_of_a_night_tells_people_when_it_is_given_up(
    nightly: DAG, bag: BundleDagBag
) -> None:
    watched = [bag.dags[WATCH].get_task(name) for name in ("settle", "monitor")]
    stages = [nightly.get_task(name) for name in GRAPH.names] + watched

    for task in stages:
        (notifier,) = task.on_failure_callback
        assert type(notifier).__name__ == "TellFailure"


def test_the_morning_looks_at_the_day_whatever_became_of_its_night(bag: BundleDagBag) -> None:
    watch = bag.dags[WATCH]

    assert watch.get_task("monitor").upstream_task_ids == {"settle"}
    assert TriggerRule(watch.get_task("monitor").trigger_rule).value == "all_done"
    assert watch.get_task("settle").upstream_task_ids == set()


def test_a_morning_in_which_nothing_could_be_settled_is_red(bag: BundleDagBag) -> None:
    watcher = bag.dags[WATCH].get_task("watcher")

    assert watcher.upstream_task_ids == {"settle", "monitor"}
    assert TriggerRule(watcher.trigger_rule).value == "one_failed"
    assert [task.task_id for task in bag.dags[WATCH].leaves] == ["watcher"]


def test_a_failed_day_fails_the_backfill_and_the_tally_always_runs(backfill: DAG) -> None:
    assert [task.task_id for task in backfill.leaves] == ["tally"]
    assert TriggerRule(backfill.get_task("tally").trigger_rule).value == "all_done"


def test_policy_is_written_out(any_dag: DAG) -> None:
    text = (DAGS / f"{any_dag.dag_id}.py").read_text()

    assert any_dag.catchup is (
        any_dag.dag_id == "redeye_nightly"
    )  # as far back as params.yaml says
    assert any_dag.start_date is not None
    assert any_dag.doc_md is not None
    assert "When it fails" in any_dag.doc_md
    assert any(tag.startswith("tier-") for tag in any_dag.tags)
    for word in ("owner", "retries", "retry_delay", "max_active_runs", "catchup", "schedule"):
        assert word in text
    for task in any_dag.tasks:
        assert task.owner == "redeye"


def test_an_approval_is_not_lost_to_one_bad_moment_of_the_database_or_mlflow(
    bag: BundleDagBag,
) -> None:
    tries = {task.task_id: task.retries for task in bag.dags["redeye_approval"].tasks}

    assert tries == {"propose": 3, "approve": 3, "promote": 3}


def test_a_command_in_airflows_texts_works_as_it_stands(bag: BundleDagBag) -> None:
    question = bag.dags["redeye_approval"].get_task("approve").body
    texts = [question, *(dag.doc_md or "" for dag in bag.dags.values())]

    hints = re.findall(r"`(\S*redeye [^`]+)`", " ".join(" ".join(texts).split()))

    assert len(hints) >= 4
    assert {hint.split()[0] for hint in hints} == {f"{Path(sys.executable).parent}/redeye"}


def test_each_dag_has_its_schedule_and_no_other(bag: BundleDagBag) -> None:
    """As the scheduler reads it back: without one, a DAG never runs by itself."""
    schedule, told = read_params(ROOT / "params.yaml").schedule, {}
    night, watch, zone = schedule.night, schedule.watch, schedule.zone
    for name, dag in bag.dags.items():
        timetable = DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable
        expression = getattr(timetable, "_expression", None)
        place = str(getattr(timetable, "_timezone", "").name if expression else "")
        told[name] = (timetable.can_be_scheduled, expression, place)

    assert told == {
        "redeye_nightly": (True, f"{night.minute} {night.hour} * * *", zone),
        "redeye_monitor": (True, f"{watch.minute} {watch.hour} * * *", zone),
        "redeye_promotion": (True, "*/5 * * * *", "UTC"),
        "redeye_approval": (True, f"{watch.minute} {watch.hour} * * *", zone),
        "redeye_backfill": (False, None, ""),
    }


@pytest.mark.parametrize("file", sorted(DAGS.glob("*.py")), ids=lambda file: file.stem)
def test_no_dag_names_a_place_or_an_hour(file: Path) -> None:
    text = file.read_text()

    assert not [zone for zone in available_timezones() if "/" in zone and zone in text]
    assert 'Timetable("' not in text
    assert not re.search(r'schedule="\d', text)


def test_the_schedule_of_another_problem_is_its_own_without_a_change_of_code(
    tmp_path: Path,
) -> None:
    for name in ("dags", "dvc.yaml", "plugins", "pipelines"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "dags").unlink()
    shutil.copytree(DAGS, tmp_path / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    params = (ROOT / "tests" / "problems" / "returns" / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(params.replace('night: "03:00"', 'night: "04:45"'))
    program = (
        "import sys; sys.path[:0] = ['dags', 'plugins'];"
        "import redeye_nightly, redeye_monitor; from airflow.sdk import DAG;"
        "print([m.AT_NIGHT.summary for m in [redeye_nightly]], redeye_monitor.IN_THE_MORNING.summary)"
    )

    told = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert told.stdout.splitlines()[-1] == "['04:45 Asia/Kolkata'] 09:00 Asia/Kolkata"


def test_a_dag_file_is_policy_only(any_dag: DAG) -> None:
    text = (DAGS / f"{any_dag.dag_id}.py").read_text()

    assert len(text.splitlines()) <= 30
    assert not any(
        line.lstrip().startswith(("def ", "if ", "for ", "while ")) for line in text.splitlines()
    )


def test_every_task_of_a_stage_ends_some_time(dag: DAG) -> None:
    stages = [task for task in dag.tasks if task.task_id.split(".")[-1] in GRAPH.names]

    assert len(stages) == len(GRAPH.names)
    assert all(task.execution_timeout for task in stages)


def test_every_pool_of_the_graph_is_made(dag: DAG) -> None:
    made = json.loads((ROOT / "infra" / "pools.json").read_text())

    assert {task.pool for task in dag.tasks} - {"default_pool"} == set(made)
    assert all(pool["slots"] == 1 for pool in made.values())


def test_no_parameter_of_a_run_is_a_template(dag: DAG) -> None:
    for task in dag.tasks:
        assert set(task.template_fields) <= {"day"}
        assert "params" not in json.dumps(getattr(task, "day", None), default=str)


def test_the_dags_survive_the_way_into_the_database(dag: DAG) -> None:
    kept = DagSerialization.from_dict(DagSerialization.to_dict(dag))

    assert set(kept.task_dict) == set(dag.task_dict)
    assert kept.timetable == dag.timetable or kept.timetable.summary == dag.timetable.summary


@pytest.mark.parametrize("day", BAD_DAYS)
def test_the_form_refuses_what_is_no_day(nightly: DAG, backfill: DAG, day: object) -> None:
    for name in ("from", "to"):
        with pytest.raises(ParamValidationError):
            filled(backfill, {"from": "2013-10-01", "to": "2013-10-02"} | {name: day})
    with pytest.raises((InvalidPartitionKeyError, TypeError)):
        started(nightly, day)


def test_an_empty_form_is_refused_before_there_is_a_run(bag: BundleDagBag, backfill: DAG) -> None:
    for name in ("redeye_nightly", WATCH):
        with pytest.raises(
            InvalidPartitionKeyError, match=r"say which day: .* `/.*/redeye night --day"
        ):
            started(bag.dags[name], None)
    with pytest.raises(ParamValidationError):
        filled(backfill, {})


def test_the_form_of_a_night_takes_a_day_and_nothing_else_that_is_text(nightly: DAG) -> None:
    assert started(nightly, "2013-10-01").isoformat() == "2013-10-01T00:00:00+00:00"
    assert set(nightly.params) == {"force"}
    assert filled(nightly, {}) == {"force": False}


def test_a_question_for_the_morning_may_be_asked_at_any_time(bag: BundleDagBag) -> None:
    assert started(bag.dags["redeye_approval"], None) is None


def started(dag: DAG, key: Any) -> Any:
    """What Airflow asks when somebody starts a run: the instant of its partition."""
    kept = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    kept.validate_partition_key(key)
    return kept.timetable.resolve_partition_date(key)


def test_the_assets_of_the_chain_follow_from_one_another(nightly: DAG) -> None:
    made = {name: [asset.name for asset in nightly.get_task(name).outlets] for name in GRAPH.names}
    read = {asset.name for asset in nightly.get_task("score").inlets}

    assert {name: names for name, names in made.items() if names} == {
        "ingest": ["redeye_raw"],
        "validate": ["redeye_accepted"],
        "features": ["redeye_features"],
        "train": ["redeye_model"],
        "score": ["redeye_predictions"],
        "settle": ["redeye_outcomes"],
    }
    assert read == {"redeye_features"}


def test_the_backfill_form_offers_the_stages_of_the_graph(backfill: DAG) -> None:
    form = backfill.params.get_param("stages").schema

    assert form["items"]["enum"] == list(GRAPH.names)
    with pytest.raises(ParamValidationError):
        filled(backfill, {"from": "2013-10-01", "to": "2013-10-02", "stages": ["rm"]})


def filled(dag: DAG, conf: dict[str, Any]) -> dict[str, Any]:
    """The form as Airflow fills it in for a run."""
    params = ParamsDict({name: copy(dag.params.get_param(name)) for name in dag.params})
    params.update(conf)
    return dict(params.validate())
