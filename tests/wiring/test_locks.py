"""pyproject.toml and its two locks say the same, for every Python that is supported."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata, requires
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-spark.lock")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEMS = {"linux": "Linux", "darwin": "Darwin"}


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

    assert len(pins(lock)) == len(re.findall(r"==\S+( ; .*)? \\\n +--hash=sha256:", text))
    assert not re.search(r"https?://|--(extra-)?index-url", text)


def lines() -> list[str]:
    """What both locks pin, without the hashes."""
    text = "".join((ROOT / lock).read_text() for lock in LOCKS)
    return re.findall(r"^([a-z0-9].*?) \\$", text, re.MULTILINE)


def locked(there: Mapping[str, str]) -> dict[str, str]:
    """Name → the version that an installer takes there."""
    return {
        canonicalize_name(pin.name): next(iter(pin.specifier)).version
        for pin in map(Requirement, lines())
        if pin.marker is None or pin.marker.evaluate(there)
    }


def asked_directly() -> set[Requirement]:
    project, dev = PYPROJECT["project"], PYPROJECT["dependency-groups"]["dev"]
    spark = project["optional-dependencies"]["spark"]
    return {Requirement(word) for word in (*project["dependencies"], *spark, *dev)}


@cache
def about(name: str) -> tuple[str, list[Requirement]]:
    """Which Pythons the installed distribution is for, and what it asks for."""
    try:
        told = metadata(name)
    except PackageNotFoundError:  # it is for another Python or system than this one
        return "", []
    return told.get("Requires-Python") or "", [Requirement(word) for word in requires(name) or ()]


def asked_by(asked: Requirement, there: Mapping[str, str]) -> Iterator[Requirement]:
    """What the installed distribution asks for, were it there."""
    for one in about(asked.name)[1]:
        extras = [{"extra": extra} for extra in (*asked.extras, "")]
        if one.marker is None or any(one.marker.evaluate({**there, **extra}) for extra in extras):
            yield one


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_holds_all_that_is_needed(python: str, system: str) -> None:
    there = {name: str(value) for name, value in default_environment().items()} | {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": system,
        "platform_system": SYSTEMS[system],
    }
    versions, waiting, seen = locked(there), asked_directly(), set[Requirement]()

    while waiting:
        asked = waiting.pop()
        seen.add(asked)
        waiting |= set(asked_by(asked, there)) - seen

    names = {canonicalize_name(asked.name) for asked in seen}
    assert names - set(versions) == set()
    assert [
        f"{asked}, not {version}"
        for asked in seen
        if (version := versions[canonicalize_name(asked.name)])
        and not asked.specifier.contains(version, prereleases=True)
    ] == []
    assert [n for n in names if f"{python}.0" not in SpecifierSet(about(n)[0])] == []
    assert len(names) > 200


def test_a_package_has_one_version_on_every_python() -> None:
    names = [Requirement(line).name for line in lines()]

    assert sorted(names) == sorted(set(names))


def test_what_is_said_of_pythons_is_one_and_the_same() -> None:
    makefile = (ROOT / "Makefile").read_text()
    admitted = SpecifierSet(PYPROJECT["project"]["requires-python"])

    assert [v for v in (f"3.{n}" for n in range(30)) if v in admitted] == list(PYTHONS)
    assert "SUPPORTED := (3, 11) <= sys.version_info[:2] <= (3, 14)\n" in makefile
    assert all(f"python{version} " in makefile for version in PYTHONS)
