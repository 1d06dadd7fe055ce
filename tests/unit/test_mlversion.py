"""What MLflow says of a version is anybody's: it is a record, or a refusal that names tag and value."""

from __future__ import annotations

import json
import random
import re
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.adapters.mlflow.versions import read_version
from pipelines.core.records import ModelVersion
from pipelines.promotion.eligibility import ineligibility

RIGHT = {
    "candidate": "linear",
    "sha256": "ab" * 32,
    "trained_until": "2013-09-29",
    "features": '["wind", "hour"]',
    "features_declared": '{"wind": "0123"}',
    "held_out_sha256": "cd" * 32,
    "held_out_until": "2013-09-01",
    "redeye.quality": "passed",
    "redeye.quality.reason": "gains much",
}


def a_version(**changes: Any) -> Any:
    facts = {"version": "7", "run_id": "0" * 32, "status": "READY", "tags": dict(RIGHT)}
    return SimpleNamespace(**facts | changes)


def read(**changes: Any) -> ModelVersion:
    return read_version(a_version(**changes), "1364774400000", "rides-late")


def test_a_version_of_ours_is_read_whole() -> None:
    version = read()

    assert version.unreadable == ""
    assert (version.version, version.store, version.model) == ("7", "1364774400000", "rides-late")
    assert (version.trained_until, version.held_out_until) == (date(2013, 9, 29), date(2013, 9, 1))
    assert (version.features, version.meanings) == (("wind", "hour"), {"wind": "0123"})
    assert version.shown == {name: value for name, value in RIGHT.items() if name != "sha256"}


@pytest.mark.parametrize(
    ("tag", "value", "told"),
    [
        ("trained_until", "soon", "the tag trained_until is soon"),
        ("trained_until", "2013-02-30", "the tag trained_until is 2013-02-30, which is no day"),
        ("held_out_until", "0", "the tag held_out_until is 0"),
        ("features", "{", "the tag features is {"),
        ("features", "[" * 50_000, "the tag features is ["),
        ("features", '"wind"', "the tag features is"),
        ("features", "[1, 2]", "the tag features is [1, 2]"),
        ("features_declared", "[]", "the tag features_declared is []"),
        ("features_declared", '{"wind": 1}', "the tag features_declared is"),
        ("sha256", "../../etc/passwd", "the tag sha256 is ../../etc/passwd"),
        ("sha256", "AB" * 32, "the tag sha256 is ABAB"),
        ("candidate", "li\u202enear", r"the tag candidate is li\u202enear"),
        ("candidate", "x\x00", r"the tag candidate is x\x00"),
        ("anything", "\ud800", r"anything is \ud800, which is no text"),
        ("anything", 7, "anything is 7, which is no text"),
        ("trained_until", "http://ada:hunter2@db/", "the tag trained_until is http://ada:***@db/"),
    ],
)
def test_a_tag_that_cannot_be_is_refused_by_name_and_value(tag: str, value: Any, told: str) -> None:
    version = read(tags=RIGHT | {tag: value})

    assert told in version.unreadable
    assert len(version.unreadable) < 200
    assert version.unreadable.isprintable()
    assert ineligibility(version, {}, lambda _: None) == f"cannot be read: {version.unreadable}"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"version": "../7"}, "its number is ../7"),
        ({"version": None}, "its number is None"),
        ({"version": "0"}, "its number is 0"),
        ({"version": "٧"}, r"its number is \u0667"),
        ({"run_id": "../../x"}, "the tag run_id is ../../x"),
        ({"status": "FAILED_REGISTRATION"}, "its status is FAILED_REGISTRATION, not READY"),
        ({"status": 3}, "its status is 3, not READY"),
    ],
)
def test_an_attribute_that_cannot_be_is_refused_as_well(changes: dict[str, Any], told: str) -> None:
    assert told in read(**changes).unreadable


def test_what_somebody_else_registered_is_read_as_knowing_nothing() -> None:
    for tags in ({}, None):
        version = read(tags=tags, run_id=None)

        assert version.unreadable == ""
        assert (version.sha256, version.features, version.shown) == ("", (), {})
        assert version.trained_until == date.max


PIECES = [
    "", " ", "soon", "{", "}", "[", "]", '"', "[]", "{}", "null", "NaN", "1e999", "-1", "\x00", "\n",
    "\u202e", "\ud800", "💥", "é", "2013-10-01", "2013-10-01T00:00", "20131001", "0000-00-00",
    "99999-01-01", "passed", "../..", "/dev/zero", "file:///etc/passwd", "%s%n", "{{7*7}}",
    "<script>alert(1)</script>", "[/bold]", "[red]", "' OR 1=1 --", "a" * 300, "[" * 3000, "9" * 5000,
    '{"wind": {"wind": []}}', '["wind", null]', "=cmd|' /C calc'!A0",
]  # fmt: skip


def mutated(chance: random.Random) -> Any:
    """A version with some of its facts replaced, cut or mixed, as a fuzzer would type them."""
    tags: dict[Any, Any] = dict(RIGHT)
    for _ in range(chance.randint(1, 3)):
        name = chance.choice([*RIGHT, "other", chance.choice(PIECES)])
        old = str(tags.get(name, ""))
        tags[name] = chance.choice(
            [
                chance.choice(PIECES),
                chance.choice(PIECES) + chance.choice(PIECES),
                old[: chance.randint(0, len(old))],
                old + chance.choice(PIECES),
                json.dumps(chance.choice([None, 1, True, [1], {"a": None}, [[]], "x"])),
                chance.choice([None, 1, 1.5, b"x", ["x"], {}]),
            ]
        )
    facts: dict[str, Any] = {"tags": tags}
    if chance.random() < 0.3:
        fact = chance.choice(["version", "run_id", "status"])
        facts[fact] = chance.choice([*PIECES, None, 0, -1, 2**70, b"7"])
    return a_version(**facts)


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_typed_a_version_is_a_record_or_a_refusal(seed: int) -> None:
    chance = random.Random(seed)
    refused = 0

    for _ in range(200):
        version = read_version(mutated(chance), "1", "rides-late")

        assert ModelVersion.from_json(version.to_json(), "here") == version
        assert (ineligibility(version, {}, lambda _: None) or "").isprintable()
        if version.unreadable:
            assert version.features == ()
            assert re.fullmatch("([0-9a-f]{64})?", version.sha256)
        refused += bool(version.unreadable)

    assert 100 < refused < 200
