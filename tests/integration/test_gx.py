from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.adapters.great_expectations import GxValidator
from pipelines.core.errors import ConfigError

COUNT = ("table_row_count_to_be_between", "critical", {"min_value": 1, "max_value": 4})


def a_validator(folder: Path, *rules: tuple[str, str, dict[str, Any]]) -> GxValidator:
    expectations = [
        {"type": f"expect_{kind}", "severity": severity, "kwargs": kwargs}
        for kind, severity, kwargs in (COUNT, *rules)
    ]
    suite = {"name": "flights", "expectations": expectations}
    (folder / "flights.json").write_text(json.dumps(suite))
    return GxValidator(folder)


def between(column: str, low: object, high: object, **more: Any) -> tuple[str, str, dict[str, Any]]:
    kwargs = {"column": column, "min_value": low, "max_value": high, **more}
    return ("column_values_to_be_between", "warning", kwargs)


def a_frame(*n: float | None, day: int = 1) -> pd.DataFrame:
    return pd.DataFrame(
        {"n": pd.array(n, dtype="float64"), "day": day}, index=range(50, 50 + len(n))
    )


def test_each_severity_comes_back_with_its_rows_in_declared_order(tmp_path: Path) -> None:
    validator = a_validator(
        tmp_path,
        between("n", 0, 10),
        ("column_values_to_not_be_null", "info", {"column": "n"}),
        ("column_values_to_be_in_set", "critical", {"column": "day", "value_set": [1]}),
    )

    count, limits, null, days = validator.judge("flights", a_frame(1, 11, None, -1))

    assert (count.severity, count.passed, count.bad_rows) == ("critical", True, ())
    assert (limits.severity, limits.passed, limits.bad_rows) == ("warning", False, (1, 3))
    assert (limits.observed, limits.expected) == ("11.0, -1.0", "0 to 10")
    assert (null.severity, null.bad_rows, null.observed) == ("info", (2,), "missing")
    assert (days.severity, days.passed) == ("critical", True)


def test_frames_judged_together_are_judged_as_each_alone(tmp_path: Path) -> None:
    validator = a_validator(
        tmp_path,
        between("n", 0, 10),
        between("day", 0, 10, mostly=0.5),
        ("compound_columns_to_be_unique", "warning", {"column_list": ["n", "day"]}),
        ("column_values_to_be_unique", "info", {"column": "n"}),
        ("column_mean_to_be_between", "critical", {"column": "n", "max_value": 5}),
        ("column_values_to_be_increasing", "info", {"column": "n"}),
        ("column_pair_values_a_to_be_greater_than_b", "info", {"column_A": "n", "column_B": "day"}),
    )
    frames = [
        a_frame(1, 1, 2),
        a_frame(),
        a_frame(9, 11, 9, day=2),
        a_frame(3, 2, day=99),
        a_frame(1, 1, 2, 4, 5),
    ]

    together = validator.judge_each("flights", frames)

    assert together == [validator.judge("flights", frame) for frame in frames]


def test_of_rows_that_share_a_key_the_first_is_good(tmp_path: Path) -> None:
    unique = ("compound_columns_to_be_unique", "warning", {"column_list": ["n", "day"]})
    validator = a_validator(tmp_path, unique)

    one, other = validator.judge_each("flights", [a_frame(7, 8, 7, 7), a_frame(7)])

    assert one[1].bad_rows == (2, 3)
    assert other[1].passed


def test_an_empty_frame_breaks_the_count_and_nothing_else(tmp_path: Path) -> None:
    validator = a_validator(tmp_path, between("n", 0, 10))

    count, limits = validator.judge("flights", a_frame())

    assert (count.passed, count.observed, count.expected) == (False, "0 rows", "1 to 4 rows")
    assert limits.passed


def test_a_share_that_is_tolerated_puts_no_row_aside(tmp_path: Path) -> None:
    validator = a_validator(tmp_path, between("n", 0, 10, mostly=0.6))

    some, most = validator.judge_each("flights", [a_frame(1, 2, 11), a_frame(1, 11, 12)])

    assert (some[1].passed, some[1].bad_rows) == (True, ())
    assert (most[1].passed, most[1].bad_rows) == (False, (1, 2))


def test_nan_passes_a_range_and_an_infinity_an_open_one(tmp_path: Path) -> None:
    """Why the contract looks at numbers, and suites say what may be missing."""
    validator = a_validator(
        tmp_path, ("column_values_to_be_between", "info", {"column": "n", "min_value": 0})
    )

    assert validator.judge("flights", a_frame(np.nan, np.inf))[1].passed


def test_an_aggregate_says_what_it_saw(tmp_path: Path) -> None:
    mean = ("column_mean_to_be_between", "critical", {"column": "n", "max_value": 5})

    result = a_validator(tmp_path, mean).judge("flights", a_frame(9, 11))[1]

    assert (result.passed, result.bad_rows, result.observed) == (False, (), "10.0")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (between("nope", 0, 1), 'column "nope"'),
        (
            between("n", "2013-01-01", None),
            "expect_column_values_to_be_between(n): cannot be applied",
        ),
        (("column_mean_to_be_between", "info", {"column": "nope", "min_value": 1}), '"nope"'),
        (between("n", 0, 1, typo=3), "extra fields not permitted"),
        (
            ("column_values_to_be_betwen", "info", {"column": "n"}),
            "expect_column_values_to_be_betwen",
        ),
        (("column_values_to_not_be_null", "info", {}), "field required"),
    ],
)
def test_a_rule_that_crashes_is_a_broken_suite_and_never_broken_data(
    tmp_path: Path, rule: tuple[str, str, dict[str, Any]], said: str
) -> None:
    validator = a_validator(tmp_path, rule)

    with pytest.raises(ConfigError, match=r"expectations/flights\.json: expect_") as refusal:
        validator.judge("flights", a_frame(1, 2))

    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_suite_that_nobody_wrote_is_none_and_judges_nothing(tmp_path: Path) -> None:
    validator = GxValidator(tmp_path)

    assert validator.suite("planes") is None
    with pytest.raises(ConfigError, match=r"expectations/planes\.json is missing"):
        validator.judge("planes", a_frame(1))


def test_a_suite_that_is_no_text_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "flights.json").write_bytes(b"\xff\xfe")

    with pytest.raises(ConfigError, match="cannot be read"):
        GxValidator(tmp_path).suite("flights")


def test_hostile_values_are_shortened_and_never_crash(tmp_path: Path) -> None:
    regex = ("column_values_to_match_regex", "warning", {"column": "dest", "regex": "^[A-Z]{3}\\Z"})
    values = ["JFK", "JFK\n", "\0", "x" * 10_000, "\u202eKFJ", "NA", None, "é", ""]
    frame = pd.DataFrame({"dest": pd.array(values, dtype="str")})

    result = a_validator(tmp_path, regex).judge("flights", frame)[1]

    assert result.bad_rows == (1, 2, 3, 4, 5, 7, 8)
    assert len(result.observed) < 130


def test_great_expectations_is_imported_only_to_judge(tmp_path: Path) -> None:
    a_validator(tmp_path)
    code = (
        "import sys, pathlib; from pipelines.adapters.great_expectations import GxValidator; "
        f"GxValidator(pathlib.Path({str(tmp_path)!r})).suite('flights'); "
        "sys.exit('great_expectations' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
