from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from pipelines.app.services import check_settings, load_problem
from pipelines.core.config import find_places, read_params
from pipelines.core.errors import ConfigError
from pipelines.core.refused_settings import REMOVED, RENAMED

PARAMS = Path(__file__).parents[2] / "params.yaml"
PROBLEMS = Path(__file__).parents[1] / "problems"


def params_with(tmp_path: Path, old: str, new: str) -> Path:
    text = PARAMS.read_text()
    assert old in text
    path = tmp_path / "params.yaml"
    path.write_text(text.replace(old, new))
    return path


def test_the_projects_own_settings_are_accepted() -> None:
    assert read_params(PARAMS).train.embargo_days >= 0


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
        (
            "max_quarantined_share: 0.10",
            "max_quarantined_share: 1.5",
            "validate.max_quarantined_share",
        ),
        (
            "max_quarantined_share: 0.10",
            "max_quarantined_share: .nan",
            "validate.max_quarantined_share",
        ),
        (
            "max_quarantined_share: 0.10",
            "max_quarantined_share: true",
            "validate.max_quarantined_share",
        ),
        ("policy: ask", "policy: maybe", "promote.policy"),
        ("model: current", 'model: "latest; rm"', "score.model"),
        ("seed: 20131001", "seed: -1", "train.seed"),
        ("seed: 28", "seed: 4294967296", "evaluate.seed"),
        ("memory_limit_gb: 4.0", "memory_limit_gb: 1.0e+308", "features.memory_limit_gb"),
        ("deadline_seconds: 120", "deadline_seconds: 1.0e+18", "score.deadline_seconds"),
        ('day: "2013-10-01"', "day: 0", "day"),
        ('day: "2013-10-01"', "day: 2013-10-01", "day"),
        ('day: "2013-10-01"', 'day: "0001-01-01"', "day"),
        ("problem: pipelines.problem", "problem: ''", "problem"),
        ("problem: pipelines.problem", "problem: .x", "problem"),
        ("problem: pipelines.problem", "problem: ../x", "problem"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_its_key(
    tmp_path: Path, old: str, new: str, key: str
) -> None:
    path = params_with(tmp_path, old, new)

    with pytest.raises(ConfigError, match=rf"params\.yaml: {key}: "):
        read_params(path)


def integers() -> list[tuple[str, str]]:
    told = yaml.safe_load(PARAMS.read_text())
    sections = {name: body for name, body in told.items() if isinstance(body, dict)}
    return [
        (section, key)
        for section, body in sections.items()
        for key, value in body.items()
        if type(value) is int and key not in ("seed", "max_model_mb")
    ]


@pytest.mark.parametrize(("section", "key"), integers())
@pytest.mark.parametrize("value", [1_000_000_000, -1])
def test_every_number_has_bounds(tmp_path: Path, section: str, key: str, value: int) -> None:
    told = yaml.safe_load(PARAMS.read_text())
    told[section][key] = value
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(told))

    with pytest.raises(ConfigError, match=rf"params\.yaml: {section}\.{key}: "):
        read_params(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 3000, "nested too deeply"),
        ("a: &x [1]\nb: *x\n", r"line 2: cannot be read \(aliases"),
        ("seed: 1\nseed: 2\n", r"line 2: cannot be read \(the key 'seed' is there twice"),
        ("train:\n  seed: 1\n  seed: 2\n", r"line 3: .*twice"),
        ("a: " + "x" * 1_000_001, "more than 1,000,000 bytes"),
        ("\x00", "cannot be read"),
        ("- 1\n", "the file: "),
        ("", "the file: "),
    ],
)
def test_yaml_that_hides_a_mistake_or_never_ends_is_refused(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)

    with pytest.raises(ConfigError, match=said):
        read_params(path)


@pytest.mark.parametrize("root", ["a-file", "x" * 300, "a/\0b", "a-file/below"])
def test_a_root_that_is_no_folder_is_refused(tmp_path: Path, root: str) -> None:
    (tmp_path / "a-file").write_text("")

    with pytest.raises(ConfigError, match=r"^REDEYE_ROOT: .* name a folder"):
        find_places({"REDEYE_ROOT": f"{tmp_path}/{root}"})


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


def test_labels_that_take_two_weeks_need_no_setting_of_their_own() -> None:
    """What the nights of test_returns.py show, they show with the project's own settings."""
    ours, shop = (
        read_params(path).model_dump(exclude={"day", "schedule"})
        for path in (PARAMS, PROBLEMS / "returns" / "params.yaml")
    )

    assert shop == ours


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_name_of_a_setting_is_refused_with_the_new_one(
    tmp_path: Path, old: str, new: str
) -> None:
    section, key = old.split(".")
    before, after = PARAMS.read_text().split(f"\n{section}:\n")
    path = tmp_path / "params.yaml"
    path.write_text(f"{before}\n{section}:\n{after.replace(f'  {new}:', f'  {key}:', 1)}")

    said = re.escape(f"{old}: is called {new} now; rename it")
    with pytest.raises(ConfigError, match=said):
        read_params(path)


@pytest.mark.parametrize(("old", "why"), REMOVED.items())
def test_a_setting_that_is_gone_is_refused_with_what_decides_now(
    tmp_path: Path, old: str, why: str
) -> None:
    section, key = old.split(".")
    path = tmp_path / "params.yaml"
    path.write_text(PARAMS.read_text().replace(f"\n{section}:\n", f"\n{section}:\n  {key}: auc\n"))

    with pytest.raises(ConfigError, match=re.escape(f"{old}: is no setting any more: {why}")):
        read_params(path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('night: "03:00"', 'night: "25:00"', "schedule.night: '25:00' is no time of the day"),
        ('night: "03:00"', "night: 12:30", "schedule.night: '750' is no time of the day"),
        ('night: "03:00"', 'night: "3:00"', "schedule.night: '3:00' is no time of the day"),
        ('night: "03:00"', 'night: "０3:00"', "schedule.night: '０3:00' is no time of the day"),
        ('night: "03:00"', "night:", "schedule.night: 'None' is no time of the day"),
        ('watch: "09:00"', 'watch: "09:00:00"', "schedule.watch: '09:00:00' is no time"),
        ('watch: "09:00"', 'watch: "03:00"', "must be later than schedule.night, which is 03:00"),
        ("zone: America/New_York", "zone: America/New_Yorck", "did you mean 'America/New_York'?"),
        ("zone: America/New_York", "zone: ../../etc/passwd", "is no zone of the IANA database"),
        ("zone: America/New_York", "zone: 5", "'5' is no zone of the IANA database; write one such as"),
        ("zone: America/New_York", "zone: America", "'America' is no zone of the IANA database"),
        ("catch_up_nights: 7", "catch_up_nights: -1", "schedule.catch_up_nights: "),
        ("catch_up_nights: 7", "catch_up_nights: 400", "schedule.catch_up_nights: "),
    ],
)  # fmt: skip
def test_a_schedule_that_cannot_be_is_refused_in_one_sentence(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)) as refused:
        read_params(params_with(tmp_path, old, new))

    assert str(refused.value).startswith("params.yaml: schedule.")
    assert "\n" not in str(refused.value)


def test_a_schedule_in_another_zone_than_the_problems_is_refused(tmp_path: Path) -> None:
    """Its nights would take their days from another calendar."""
    params = read_params(params_with(tmp_path, "zone: America/New_York", "zone: Asia/Kolkata"))

    with pytest.raises(
        ConfigError, match=r"schedule\.zone: Asia/Kolkata .*; write America/New_York"
    ):
        check_settings(load_problem(params.problem), params)
