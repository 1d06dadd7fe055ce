from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.config import find_places, read_params
from pipelines.core.errors import ConfigError

PARAMS = Path(__file__).parents[2] / "params.yaml"
PROBLEMS = Path(__file__).parents[1] / "problems"


def params_with(tmp_path: Path, old: str, new: str) -> Path:
    text = PARAMS.read_text()
    assert old in text
    path = tmp_path / "params.yaml"
    path.write_text(text.replace(old, new))
    return path


def test_the_projects_own_settings_are_accepted() -> None:
    assert read_params(PARAMS).train.gap_days >= 0


def test_an_unknown_key_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    path = params_with(tmp_path, "history_days:", "histroy_days:")

    with pytest.raises(
        ConfigError, match=r"ingest\.histroy_days: unknown key; did you mean 'history_days'"
    ):
        read_params(path)


def test_an_unknown_section_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    path = params_with(tmp_path, "\nmonitor:", "\nmoniter:")

    with pytest.raises(ConfigError, match=r"moniter: unknown key; did you mean 'monitor'"):
        read_params(path)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("quarantine_budget: 0.10", "quarantine_budget: 1.5", "validate.quarantine_budget"),
        ("quarantine_budget: 0.10", "quarantine_budget: .nan", "validate.quarantine_budget"),
        ("quarantine_budget: 0.10", "quarantine_budget: true", "validate.quarantine_budget"),
        ("policy: ask", "policy: maybe", "promote.policy"),
        ("model: current", 'model: "latest; rm"', "score.model"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_its_key(
    tmp_path: Path, old: str, new: str, key: str
) -> None:
    path = params_with(tmp_path, old, new)

    with pytest.raises(ConfigError, match=rf"params\.yaml: {key}: "):
        read_params(path)


def test_a_day_that_is_in_no_calendar_is_refused(tmp_path: Path) -> None:
    path = params_with(tmp_path, 'day: "2013-10-01"', 'day: "2013-13-45"')

    with pytest.raises(ConfigError, match=r"params\.yaml: day: "):
        read_params(path)


def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("train: [1, 2")

    with pytest.raises(ConfigError, match="cannot be read"):
        read_params(path)


def test_every_place_has_an_embedded_default_below_the_root(tmp_path: Path) -> None:
    places = find_places({"REDEYE_ROOT": str(tmp_path)})

    assert places.database_url == f"sqlite:///{tmp_path}/var/redeye.db"
    assert places.tracking_uri == f"sqlite:///{tmp_path}/var/mlflow.db"
    assert places.dvc_remote == str(tmp_path / "var" / "dvc-remote")


def test_the_environment_decides_where_things_are(tmp_path: Path) -> None:
    places = find_places({"REDEYE_ROOT": str(tmp_path), "REDEYE_DATABASE_URL": "postgresql://db/x"})

    assert places.database_url == "postgresql://db/x"


@pytest.mark.parametrize(
    "params", sorted(PROBLEMS.glob("*/params.yaml")), ids=lambda p: p.parent.name
)
def test_the_settings_of_the_other_problems_are_complete(params: Path) -> None:
    assert read_params(params).problem == "pipelines.problem"
