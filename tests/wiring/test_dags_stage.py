"""What a task runs, and what Airflow does with the way it ends."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.api.datamodels._generated import DagRunType
from airflow.sdk.definitions.retry_policy import RetryAction
from airflow.sdk.exceptions import AirflowSkipException

from builders import GRAPH, Plan, Summarise
from command import Command, Ending, find_executable
from failure_alert import alert_argv
from operators import ByExitCode, StageOperator, TaskFailed, failure, night_of, stage_environ
from pipelines.core.backfill import Backfill
from pipelines.core.errors import ConfigError, UsageError

BAD_DAYS = [
    "2013-13-45",
    "../../etc",
    "2013-10-01\n",
    "２０１３-10-01",
    20131001,
    "",
    ["2013-10-01"],
]
RANGE = {"from": "2013-10-01", "to": "2013-10-02"}


def run(
    conf: dict[str, object] | None, key: str | None = None, kind: str = "manual"
) -> dict[str, Any]:
    """What a task sees of its run."""
    told = SimpleNamespace(conf=conf, partition_key=key, run_type=DagRunType(kind))
    return {"dag_run": told, "params": {}}


def task(name: str, day: str | None = None) -> StageOperator:
    return StageOperator(stage=GRAPH[name], day=day)


@pytest.mark.parametrize("name", GRAPH.names)
def test_a_task_runs_the_stages_own_command(name: str) -> None:
    argv = task(name)._argv(run({"day": "2013-10-01"}))

    assert argv == ["redeye", name, "--day", "2013-10-01"]


def test_a_scheduled_night_takes_its_day_from_the_schedule() -> None:
    argv = task("train")._argv(run(None, "2013-10-02", "scheduled"))

    assert argv[:4] == ["redeye", "train", "--day", "2013-10-02"]


def test_a_scheduled_day_is_never_refused_and_a_day_by_hand_only_forced() -> None:
    by_hand = {"day": "2031-01-01"}

    for kind in ("scheduled", "backfill"):
        assert task("train")._argv(run(None, "2031-01-01", kind))[-1] == "--force"
    assert "--force" not in task("train")._argv(run(None, "2031-01-01"))
    assert "--force" not in task("train")._argv(run(by_hand))
    assert task("train")._argv(run({**by_hand, "force": True}))[-1] == "--force"
    assert "--force" not in task("score", "2013-10-01")._argv(run(RANGE))
    assert (
        task("train", "2031-01-01")._argv(run({**RANGE, "stages": ["train"], "force": True}))[-1]
        == "--force"
    )


@pytest.mark.parametrize("day", BAD_DAYS)
def test_no_command_is_built_from_what_is_no_day(day: object) -> None:
    with pytest.raises(UsageError):
        night_of({"day": day}, None)


@pytest.mark.parametrize(
    ("conf", "key"), [({}, None), ({"day": None}, None), ({"day": "2013-10-01"}, "2013-10-02")]
)
def test_a_run_that_is_told_no_day_or_two_is_refused(
    conf: dict[str, object], key: str | None
) -> None:
    with pytest.raises(UsageError, match="the run is told"):
        night_of(conf, key)


def test_what_the_form_does_not_ask_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown parameter 'dya'"):
        night_of({"day": "2013-10-01", "dya": "2013-10-02"}, None)
    with pytest.raises(UsageError, match="unknown parameter 'shell'"):
        task("score", "2013-10-01")._argv(run({**RANGE, "shell": "rm"}))


def test_a_stage_that_was_not_chosen_is_skipped() -> None:
    with pytest.raises(AirflowSkipException):
        task("train", "2013-10-01")._argv(run(RANGE))


def test_a_backfilled_score_is_told_the_model_and_leaves_what_is_published() -> None:
    asked = {**RANGE, "model": "3"}

    argv = task("score", "2013-10-01")._argv(run(asked))

    assert argv == [
        *["redeye", "score", "--day", "2013-10-01", "--model", "3", "--no-republish"],
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": "2013-09-30"},
        {"to": "2113-09-30"},
        {"from": "../../etc"},
        {"model": "1; rm -rf /"},
        {"model": "1\n"},
        {"model": "latest"},
        {"stages": []},
        {"stages": ["rm"]},
        {"stages": "score"},
        {"republish": "false"},
    ],
)
def test_a_backfill_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Backfill.of({**RANGE, **wrong}, GRAPH.names)


def test_a_backfill_runs_its_stages_in_the_order_of_the_graph_and_says_so_before() -> None:
    backfill = Backfill.of({**RANGE, "stages": ["score", "ingest"]}, GRAPH.names)

    assert backfill.stages == ("ingest", "score")
    assert backfill.in_words() == (
        "backfill of 2 days, 2013-10-01 to 2013-10-02: ingest → score; model current; "
        "days already published are left as they are"
    )


def test_the_plan_of_a_backfill_is_the_commands_own_dry_run() -> None:
    """It knows the registry, so a version that there is not is refused before any day starts."""
    asked = {**RANGE, "model": "99", "stages": ["score"], "republish": True}

    argv = Plan(task_id="plan")._argv(run(asked))

    assert argv == [
        *["redeye", "backfill", "--from", "2013-10-01", "--to", "2013-10-02"],
        *["--stages", "score", "--dry-run", "--model", "99", "--republish"],
    ]


def again(code: int, try_number: int) -> RetryAction:
    """Whether Airflow tries a command again that ended so."""
    policy = task("score").retry_policy
    assert isinstance(policy, ByExitCode)
    return policy.evaluate(failure(Ending(code, "why")), try_number, max_tries=3).action


@pytest.mark.parametrize("code", [2, 3, 4, 78])
def test_what_does_not_pass_by_itself_is_not_tried_again(code: int) -> None:
    assert again(code, 1) is RetryAction.FAIL


@pytest.mark.parametrize("code", [5, 75])
@pytest.mark.parametrize("try_number", [1, 2, 3])
def test_busy_and_temporary_are_tried_again(code: int, try_number: int) -> None:
    assert again(code, try_number) is RetryAction.DEFAULT


@pytest.mark.parametrize("code", [1, 137, 143])
def test_what_nobody_foresaw_is_tried_once_more(code: int) -> None:
    assert again(code, 1) is RetryAction.DEFAULT
    assert again(code, 2) is RetryAction.FAIL


def test_the_commands_last_sentence_is_in_the_exception() -> None:
    said = str(failure(Ending(3, "redeye validate: 3 rows have no date; mend the source")))

    assert said == "exit 3: redeye validate: 3 rows have no date; mend the source"


def test_an_error_of_airflows_own_is_tried_once_more() -> None:
    policy = ByExitCode()

    assert policy.evaluate(OSError(), 1, 3).action is RetryAction.DEFAULT
    assert policy.evaluate(OSError(), 2, 3).action is RetryAction.FAIL


def test_airflow_logs_the_sentence_of_a_failure_and_no_traceback() -> None:
    """Its task runner does so for an exit; for any other exception it logs the traceback after it."""
    error = failure(Ending(3, "redeye validate: no rows; land some"))

    assert isinstance(error, SystemExit)
    assert error.code == str(error) == "exit 3: redeye validate: no rows; land some"


def test_what_a_stage_made_names_its_day_and_the_checksum_of_its_record(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REDEYE_ROOT", str(tmp_path))
    monkeypatch.setattr(StageOperator, "_run", lambda *_: Ending(0, ""))
    folder = tmp_path / "runs" / "2013-10-02"
    folder.mkdir(parents=True)
    (folder / "publication.json").write_text("{}")
    events: dict[Any, Any] = defaultdict(SimpleNamespace)

    for name in GRAPH.names:
        context = run(None, "2013-10-02", "scheduled") | {"outlet_events": events}
        task(name).execute(context)

    assert {asset.name: event.extra for asset, event in events.items()} == {
        "redeye_raw": {"day": "2013-10-02"},
        "redeye_accepted": {"day": "2013-10-02"},
        "redeye_features": {"day": "2013-10-02"},
        "redeye_model": {"day": "2013-10-02"},
        "redeye_predictions": {
            "day": "2013-10-02",
            "record": "publication.json",
            "sha256": hashlib.sha256(b"{}").hexdigest(),
        },
        "redeye_outcomes": {"day": "2013-10-02"},
    }


def test_a_stage_that_fails_made_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> str:
        raise TaskFailed("exit 3: no")

    monkeypatch.setattr(StageOperator, "command", fail)
    events: dict[Any, Any] = {}

    with pytest.raises(TaskFailed):
        task("score").execute(run(None, "2013-10-02") | {"outlet_events": events})

    assert events == {}


def test_a_stage_does_not_see_airflows_secrets() -> None:
    seen = stage_environ(
        {"AIRFLOW__CORE__FERNET_KEY": "s", "AIRFLOW_HOME": "h", "REDEYE_ROOT": "r"}
    )

    assert "s" not in seen.values()
    assert "h" not in seen.values()
    assert seen["REDEYE_ROOT"] == "r"


def program(text: str) -> Command:
    return Command([sys.executable, "-c", text], Path.cwd(), dict(os.environ))


def test_a_command_is_heard_line_by_line_while_it_runs() -> None:
    heard: list[tuple[float, str]] = []
    started = time.monotonic()

    ending = program(
        "import time; print('one', flush=True); time.sleep(0.7); print('two', end='')"
    ).follow(lambda line: heard.append((time.monotonic() - started, line)))

    assert [line for _, line in heard] == ["one", "two"]
    assert heard[1][0] - heard[0][0] > 0.4
    assert ending == Ending(0, "two", "two")


def test_the_error_of_a_command_is_its_own_sentence_not_the_noise_after_it(tmp_path: Path) -> None:
    script = tmp_path / "redeye"
    script.write_text("#!/bin/sh\necho 'redeye train: no rows; land some' >&2\necho bye; exit 3\n")
    script.chmod(0o755)

    ending = Command([str(script), "train"], tmp_path, os.environ).follow(lambda _: None)

    assert ending == Ending(3, "redeye train: no rows; land some", "bye")


@pytest.mark.parametrize("last", ["print('{}')", "print('{}', end='')"])
def test_what_a_library_warns_of_after_the_answer_is_not_the_answer(last: str) -> None:
    heard: list[str] = []
    warn = "print('UserWarning: {}[', file=sys.stderr, flush=True)"

    ending = program(f"import sys\nprint('first')\n{last}\nsys.stdout.flush()\n{warn}").follow(
        heard.append
    )

    assert ending.answer == "{}"
    assert sorted(heard) == ["UserWarning: {}[", "first", "{}"]


MALFORMED: list[Any] = [[], ["day"], "2013-10-01", 7, {"day": {"a": 1}}, {"from": 1, "to": [2]}]


@pytest.mark.parametrize("conf", MALFORMED)
@pytest.mark.parametrize("told", ["night", "backfill", "plan"])
def test_a_malformed_conf_ends_a_task_in_one_sentence(conf: Any, told: str) -> None:
    pushed: dict[str, Any] = {}
    instance = SimpleNamespace(xcom_push=pushed.__setitem__, try_number=1)
    operator = Plan(task_id="plan") if told == "plan" else task("score", "x" * (told != "night"))
    operator.day = None if told == "night" else "2013-10-01"  # type: ignore[union-attr]

    with pytest.raises(TaskFailed, match=r"\Aexit 2: .{20,}\Z"):
        operator.execute(run(conf) | {"ti": instance})

    assert pushed["failure"]["exit_code"] == 2


def test_the_failure_of_a_run_with_a_malformed_conf_is_told_without_a_traceback() -> None:
    context = run(["day"]) | {"ti": SimpleNamespace(task_id="score")}

    with pytest.raises(UsageError, match=r"unknown parameter|cannot be read"):
        alert_argv(context)


@pytest.mark.parametrize("plan", [7, [], {"a": 1}, ["2013-10-01"]])
def test_a_tally_of_a_malformed_plan_ends_in_one_sentence(plan: Any) -> None:
    instance = SimpleNamespace(
        xcom_pull=lambda task_ids: plan,
        get_task_states=lambda *_, **__: {"r": {"plan": "success", "days.score_3": "failed"}},
    )
    context = {"dag_run": SimpleNamespace(dag_id="d", run_id="r"), "ti": instance}

    with pytest.raises(TaskFailed, match=r"\Aexit 2: what this task was told"):
        Summarise(task_id="tally").execute(context)


@pytest.mark.parametrize("state", ["failed", "upstream_failed", "skipped", None])
def test_a_backfill_without_a_plan_is_no_success(state: str | None) -> None:
    """The days that there is no plan for leave no failed stage behind."""
    states: dict[str, Any] = {"days.score": "upstream_failed", **({"plan": state} if state else {})}
    instance = SimpleNamespace(
        xcom_pull=lambda task_ids: None, get_task_states=lambda *_, **__: {"r": states}
    )
    context = {"dag_run": SimpleNamespace(dag_id="d", run_id="r"), "ti": instance}

    with pytest.raises(TaskFailed, match="nothing was done: the task `plan`"):
        Summarise(task_id="tally").execute(context)


def test_words_of_a_command_are_never_read_by_a_shell(tmp_path: Path) -> None:
    heard: list[str] = []
    word = f"$(touch {tmp_path}/made); touch {tmp_path}/made"

    Command(["echo", word], tmp_path, os.environ).follow(heard.append)

    assert heard == [word]
    assert not (tmp_path / "made").exists()


def test_a_killed_command_ends_with_the_number_of_its_signal() -> None:
    ending = program("import os; os.kill(os.getpid(), 9)").follow(lambda _: None)

    assert ending.exit_code == 128 + signal.SIGKILL


def test_what_a_command_left_running_is_stopped_and_not_waited_for() -> None:
    heard: list[str] = []
    started = time.monotonic()

    program(
        "import subprocess; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True)"
    ).follow(heard.append)

    assert time.monotonic() - started < 10
    assert gone(int(heard[0]))


def test_stopping_a_command_asks_it_first_and_takes_its_children_along() -> None:
    heard: list[str] = []
    command = program(
        "import signal, subprocess, sys, time\n"
        "def leave(*_):\n    print('leaving', flush=True); sys.exit(143)\n"
        "signal.signal(signal.SIGTERM, leave)\n"
        "print(subprocess.Popen(['sleep', '60']).pid, flush=True)\n"
        "time.sleep(60)"
    )
    threading.Timer(1.5, command.stop).start()

    ending = command.follow(heard.append)

    assert heard[1] == "leaving"
    assert ending.exit_code == 143
    assert gone(int(heard[0]))


def test_a_command_that_does_not_listen_is_gone_before_airflow_loses_patience() -> None:
    command = program(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('deaf', flush=True)\nwhile True: time.sleep(1)"
    )
    ready = threading.Event()
    ended: list[Ending] = []
    listener = threading.Thread(target=lambda: ended.append(command.follow(lambda _: ready.set())))
    listener.start()
    ready.wait(timeout=20)
    started = time.monotonic()

    command.stop()
    listener.join(timeout=10)

    assert time.monotonic() - started < 5
    assert ended[0].exit_code == 128 + signal.SIGKILL


def test_sigterm_to_a_task_reaches_the_stage() -> None:
    """Airflow calls on_kill in the task's own process, from the handler of SIGTERM."""
    text = (
        "import sys; sys.path[:0] = ['dags', '.']\n"
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from command import Command\n"
        "stage = \"trap 'echo stopped; exit 143' TERM; echo started; while :; do sleep 0.1; done\"\n"
        "command = Command(['sh', '-c', stage], Path.cwd(), dict(os.environ))\n"
        "signal.signal(signal.SIGTERM, lambda *_: command.stop())\n"
        "print(command.follow(lambda line: print(line, flush=True)).exit_code, flush=True)\n"
    )
    task = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
    assert task.stdout is not None
    assert task.stdout.readline() == "started\n"

    task.send_signal(signal.SIGTERM)

    assert task.communicate(timeout=20)[0].splitlines()[-2:] == ["stopped", "143"]


def test_a_missing_command_is_a_sentence() -> None:
    with pytest.raises(ConfigError, match="neither beside"):
        find_executable("redeye-that-is-not-there")


def gone(pid: int) -> bool:
    """Whether a process has ended; a zombie that init has not reaped yet has."""
    for _ in range(50):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False
