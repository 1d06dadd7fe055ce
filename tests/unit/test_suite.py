from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import ConfigError
from pipelines.data.expectations import read_suite

COUNT = {
    "type": "expect_table_row_count_to_be_between",
    "kwargs": {"min_value": 1},
    "severity": "critical",
}
BETWEEN = {
    "type": "expect_column_values_to_be_between",
    "kwargs": {"column": "distance", "min_value": 10, "max_value": 6000},
    "severity": "warning",
    "meta": {"notes": "Miles."},
}
REPOSITORY = Path(__file__).parents[2]


def a_suite(*rules: dict[str, Any], name: str = "flights", **meta: Any) -> str:
    return json.dumps({"name": name, "expectations": [COUNT, *rules], "meta": meta})


def test_a_suite_that_an_empty_table_would_pass_is_refused() -> None:
    text = json.dumps({"name": "flights", "expectations": [BETWEEN]})

    with pytest.raises(ConfigError, match="an empty table would pass"):
        read_suite("flights", text)


@pytest.mark.parametrize("change", [{"severity": "warning"}, {"kwargs": {"max_value": 9}}])
def test_a_row_count_that_does_not_block_an_empty_table_is_no_row_count(
    change: dict[str, Any],
) -> None:
    text = json.dumps({"name": "flights", "expectations": [{**COUNT, **change}]})

    with pytest.raises(ConfigError, match="an empty table would pass"):
        read_suite("flights", text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "EOF"),
        ("{]", "the file"),
        ("[]", "object"),
        ('{"name": "flights", "expectations": []}', "expectations"),
        (a_suite({**BETWEEN, "severity": "fatal"}), "expectations.1.severity"),
        (a_suite({"type": "x", "kwargs": {}}), "expectations.1.severity"),
        (a_suite({**BETWEEN, "kwarg": {}}), "expectations.1.kwarg"),
        (a_suite(BETWEEN, BETWEEN), "twice"),
        (a_suite(name="weather"), "name of its file"),
        (a_suite(columns={"distance": "miles"}), "'miles' is no Arrow type"),
        (a_suite(colums={}), "meta.colums"),
        (a_suite(instants={"known_at": [0, 1]}), "'known_at' is not one of meta.columns"),
    ],
)
def test_a_broken_suite_is_a_sentence_that_names_the_file(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"expectations/flights\.json: ") as refusal:
        read_suite("flights", text)

    assert said in str(refusal.value)


def test_a_column_may_have_wide_limits_that_block_and_narrow_ones_that_warn() -> None:
    suite = read_suite("flights", a_suite(BETWEEN, {**BETWEEN, "severity": "critical"}))

    assert len(suite.rules) == 3


def test_rewording_a_note_is_no_other_suite_but_moving_a_limit_is() -> None:
    suite = read_suite("flights", a_suite(BETWEEN))
    reworded = read_suite("flights", a_suite({**BETWEEN, "meta": {"notes": "Statute miles."}}))
    kwargs = {"column": "distance", "min_value": 10, "max_value": 5000}
    moved = read_suite("flights", a_suite({**BETWEEN, "kwargs": kwargs}))
    typed = read_suite("flights", a_suite(BETWEEN, columns={"distance": "int32"}))

    assert reworded.fingerprint == suite.fingerprint
    assert len({suite.fingerprint, moved.fingerprint, typed.fingerprint}) == 3


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({**BETWEEN}, "10 to 6000"),
        ({**BETWEEN, "kwargs": {"column": "a", "min_value": 1}}, "at least 1"),
        (
            {**BETWEEN, "kwargs": {"column": "a", "max_value": 1, "strict_max": True}},
            "below 1",
        ),
        (
            {
                "type": "expect_column_values_to_be_in_set",
                "kwargs": {"column": "a", "value_set": ["x", 1]},
                "severity": "info",
            },
            "one of x, 1",
        ),
        (
            {
                "type": "expect_column_pair_values_a_to_be_greater_than_b",
                "kwargs": {"column_A": "a", "column_B": "b", "or_equal": True},
                "severity": "info",
            },
            "a ≥ b",
        ),
        (
            {
                "type": "expect_column_stdev_to_be_between",
                "kwargs": {"column": "a", "min_value": 2},
                "severity": "info",
            },
            "min_value 2",
        ),
        (
            {"type": "expect_column_to_exist", "kwargs": {"column": "a"}, "severity": "info"},
            "expect column to exist",
        ),
    ],
)
def test_a_rule_says_in_words_what_it_expects(rule: dict[str, Any], expected: str) -> None:
    assert read_suite("flights", a_suite(rule)).rules[1].expected == expected


def test_every_suite_of_the_repository_can_be_read() -> None:
    suites = sorted((REPOSITORY / "expectations").glob("*.json"))

    assert {path.stem for path in suites} >= {
        "flights",
        "weather",
        "schedule",
        "features",
    }
    for path in suites:
        read_suite(path.stem, path.read_text())
