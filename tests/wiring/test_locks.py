"""pyproject.toml and its two locks say the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-spark.lock")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins(lock: str) -> dict[str, str]:
    text = (ROOT / lock).read_text()
    return dict(re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==(\S+)", text, flags=re.MULTILINE))


def test_what_the_project_needs_is_pinned_within_its_limits() -> None:
    project = PYPROJECT["project"]
    wanted = {
        LOCKS[0]: project["dependencies"],
        LOCKS[1]: project["optional-dependencies"]["spark"],
    }

    for lock, requirements in wanted.items():
        pinned = pins(lock)
        for text in requirements:
            requirement = Requirement(text)
            assert requirement.specifier.contains(pinned[requirement.name.lower()]), (lock, text)


def test_a_night_installs_no_spark_and_the_locks_agree_on_what_they_share() -> None:
    night, spark = (pins(lock) for lock in LOCKS)

    assert "pyspark" not in night
    assert {name: night[name] for name in night.keys() & spark} == {
        name: spark[name] for name in night.keys() & spark
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_a_hash_for_every_package_and_names_no_index(lock: str) -> None:
    text = (ROOT / lock).read_text()

    assert text.count("==") == len(re.findall(r"==\S+( ; .*)? \\\n +--hash=sha256:", text))
    assert not re.search(r"https?://|--(extra-)?index-url", text)
