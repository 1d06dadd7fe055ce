"""What a task links to, and what Airflow's server shows of a night, to whom."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from builders import GRAPH
from links import mlflow_pages
from operators import StageOperator

ROOT = Path(__file__).parents[2]
DAY = "2013-10-02"


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("REDEYE_ROOT", str(tmp_path))
    monkeypatch.delenv("REDEYE_MLFLOW_PAGES", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    night = tmp_path / "runs" / DAY
    night.mkdir(parents=True)
    (night / "candidates.json").write_text('{"run_id": "abc"}')
    (night / "report.html").write_text("<h1>The night</h1>")
    return night


def links(stage: str, day: str = DAY) -> dict[str, str]:
    task = StageOperator(stage=GRAPH[stage])
    task.made_of = day
    return {link.name: link.get_link(task, ti_key=None) for link in task.operator_extra_links}


def test_a_task_links_to_what_it_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDEYE_MLFLOW_PAGES", "http://127.0.0.1:5000")
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/")
    pages = f"https://airflow.example.com/redeye/nights/{DAY}"

    assert {name: told for name in GRAPH.names if (told := links(name))} == {
        "validate": {"Report": f"{pages}/validation.html"},
        "train": {"MLflow run": "http://127.0.0.1:5000/#/runs/abc"},
        "evaluate": {"MLflow run": "http://127.0.0.1:5000/#/runs/abc"},
        "promote": {"MLflow run": "http://127.0.0.1:5000/#/runs/abc"},
        "score": {"Predictions": f"{pages}/publication.json"},
        "monitor": {"Report": f"{pages}/report.html"},
    }


def test_a_task_that_was_told_no_day_has_no_link(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDEYE_MLFLOW_PAGES", "http://127.0.0.1:5000")

    assert {told for name in GRAPH.names for told in links(name, "").values()} == {""}


def test_a_run_that_nobody_can_see_has_no_link(folder: Path) -> None:
    assert links("train") == {"MLflow run": ""}


@pytest.mark.parametrize(
    ("environ", "pages"),
    [
        ({}, ""),
        ({"MLFLOW_TRACKING_URI": "sqlite:///x.db"}, ""),
        ({"MLFLOW_TRACKING_URI": "https://ada:hunter2@ml.example.com/m/"}, "https://ml.example.com/m"),
        ({"MLFLOW_TRACKING_URI": "http://inside:5000", "REDEYE_MLFLOW_PAGES": "https://ml"}, "https://ml"),
        ({"REDEYE_MLFLOW_PAGES": "javascript:alert(1)"}, ""),
    ],
)  # fmt: skip
def test_the_pages_of_mlflow_are_named_without_a_password(
    environ: dict[str, str], pages: str
) -> None:
    assert mlflow_pages(environ) == pages


@pytest.fixture
def server(folder: Path) -> Any:
    from night_pages import pages

    pages.cache_clear()
    return pages()


def test_a_night_is_shown_to_nobody_who_has_not_signed_in(server: Any) -> None:
    assert TestClient(server).get(f"/nights/{DAY}/report.html").status_code == 401


def test_who_may_see_runs_sees_pages_in_which_nothing_runs(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for route in server.routes:
        for needed in route.dependant.dependencies:
            server.dependency_overrides[needed.call] = lambda: None
    seen = TestClient(server).get(f"/nights/{DAY}/report.html")

    assert (seen.status_code, seen.text) == (200, "<h1>The night</h1>")
    assert seen.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none';")


@pytest.mark.parametrize(
    "path",
    [
        "2013-10-03/report.html",
        f"{DAY}/publication.json",
        "2013-13-45/report.html",
        "..%2F..%2Fvar/report.html",
        f"{DAY}/..%2F..%2F..%2Fparams.yaml",
        f"{DAY}/candidates.json",
    ],
)
def test_what_is_no_page_of_a_night_is_not_there(server: Any, path: str) -> None:
    for route in server.routes:
        for needed in route.dependant.dependencies:
            server.dependency_overrides[needed.call] = lambda: None

    assert TestClient(server).get(f"/nights/{path}").status_code in (404, 422)


def test_a_task_does_not_load_a_web_server() -> None:
    program = (
        "import sys; sys.path += ['dags', 'plugins']; import night_pages, night_timetable, redeye_nightly;"
        "print([m for m in ('fastapi', 'airflow.api_fastapi.core_api.security') if m in sys.modules])"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert told.stdout.splitlines()[-1] == "[]"
