"""Suites of expectations/*.json, in Great Expectations' own JSON, and what their rules say of each frame."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pipelines.core.errors import ConfigError
from collections.abc import Sequence
import numpy as np
import pandas as pd
from pipelines.data.ports import RuleResult

ROW_COUNT = "expect_table_row_count_to_be_between"


class Rule(BaseModel):
    """One expectation of a suite."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    kwargs: dict[str, Any]
    severity: Literal["critical", "warning", "info"]
    meta: dict[str, Any] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is about, in the order in which it names them."""
        named = [self.kwargs.get(key) for key in ("column", "column_A", "column_B")]
        return tuple(name for name in (*named, *self.kwargs.get("column_list", ())) if name)

    @property
    def name(self) -> str:
        """E.g. expect_column_values_to_be_between(distance): in findings, logs and quarantine."""
        return f"{self.type}({', '.join(self.columns)})" if self.columns else self.type

    @property
    def key(self) -> str:
        """Its name in its suite: a column may have wide limits that block and narrow ones that warn."""
        return f"{self.severity} {self.name}"

    @property
    def notes(self) -> str:
        return str(self.meta.get("notes", ""))

    @property
    def expected(self) -> str:
        """What the rule asks for, in words."""
        phrase = PHRASES.get(self.type)
        limits = {k: v for k, v in self.kwargs.items() if k not in NAMES}
        plain = ", ".join(f"{key} {value}" for key, value in limits.items())
        return phrase(self) if phrase else plain or self.type.replace("_", " ")


class _Meta(BaseModel):
    """Redeye's part of a suite: what is checked before Great Expectations sees a row."""

    model_config = ConfigDict(extra="forbid")

    notes: str = ""
    columns: dict[str, str] = {}
    instants: dict[str, tuple[int, int]] = {}


class _File(BaseModel):
    """A suite as it stands in its file."""

    model_config = ConfigDict(extra="forbid")

    name: str
    expectations: list[Rule] = Field(min_length=1)
    meta: _Meta = _Meta()


@dataclass(frozen=True)
class Suite:
    """Everything that is expected of one table."""

    name: str
    notes: str
    rules: tuple[Rule, ...]
    columns: Mapping[str, str]  # column → Arrow type; empty: any columns will do
    instants: Mapping[
        str, tuple[int, int]
    ]  # column → first and last day, counted from the partition's
    fingerprint: str  # SHA-256 over all that decides; notes may be reworded


def read_suite(name: str, text: str) -> Suite:
    """The suite in the text of expectations/<name>.json.

    Raises ConfigError when it is no suite, when it could be met by an empty table (Great Expectations'
    row-level rules all are, so a critical minimum of rows is asked for), or when two rules are one.
    """
    where = f"expectations/{name}.json"
    try:
        file = _File.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigError(
            f"{where}: {at}: {first['msg']}; correct it, or restore it from git"
        ) from error
    _check(where, name, file)
    return Suite(
        name=name,
        notes=file.meta.notes,
        rules=tuple(file.expectations),
        columns=file.meta.columns,
        instants=file.meta.instants,
        fingerprint=_fingerprint(file),
    )


def _check(where: str, name: str, file: _File) -> None:
    if file.name != name:
        raise ConfigError(f"{where}: is named {file.name!r}; a suite has the name of its file")
    keys = [rule.key for rule in file.expectations]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise ConfigError(f"{where}: has {twice[0]} twice; make one rule of the two")
    if not any(_counts(rule) for rule in file.expectations):
        raise ConfigError(
            f"{where}: an empty table would pass, as every row-level rule passes on no rows; "
            f"add a critical {ROW_COUNT} with min_value"
        )
    if lost := sorted(set(file.meta.instants) - set(file.meta.columns)):
        raise ConfigError(f"{where}: meta.instants: {lost[0]!r} is not one of meta.columns")
    for column, alias in file.meta.columns.items():
        _arrow_type(where, column, alias)


def _counts(rule: Rule) -> bool:
    return rule.type == ROW_COUNT and rule.severity == "critical" and "min_value" in rule.kwargs


def _arrow_type(where: str, column: str, alias: str) -> None:
    try:
        pa.type_for_alias(alias)
    except ValueError as error:
        raise ConfigError(
            f"{where}: meta.columns: {column}: {alias!r} is no Arrow type; "
            f"write one such as string, int32, float64, date32 or timestamp[us]"
        ) from error


def _fingerprint(file: _File) -> str:
    rules = [rule.model_dump(exclude={"meta"}) for rule in file.expectations]
    decides = [rules, list(file.meta.columns.items()), sorted(file.meta.instants.items())]
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def _between(rule: Rule) -> str:
    low, high = rule.kwargs.get("min_value"), rule.kwargs.get("max_value")
    strict_low, strict_high = rule.kwargs.get("strict_min"), rule.kwargs.get("strict_max")
    if low is not None and high is not None and not strict_low and not strict_high:
        return f"{low} to {high}"
    above = "" if low is None else f"{'above' if strict_low else 'at least'} {low}"
    below = "" if high is None else f"{'below' if strict_high else 'at most'} {high}"
    return " and ".join(part for part in (above, below) if part)


def _one_of(rule: Rule) -> str:
    values = [str(value) for value in rule.kwargs.get("value_set", [])]
    return f"one of {', '.join(values)}"


def _pair(rule: Rule) -> str:
    a, b = rule.columns[:2]
    return f"{a} {'≥' if rule.kwargs.get('or_equal') else '>'} {b}"


NAMES = ("column", "column_A", "column_B", "column_list")
PHRASES: dict[str, Callable[[Rule], str]] = {
    ROW_COUNT: lambda rule: f"{_between(rule)} rows",
    "expect_column_values_to_be_between": _between,
    "expect_column_values_to_be_in_set": _one_of,
    "expect_column_values_to_not_be_null": lambda _: "never missing",
    "expect_column_values_to_be_unique": lambda _: "each value once",
    "expect_compound_columns_to_be_unique": lambda _: "each key once",
    "expect_column_values_to_match_regex": lambda rule: f"matches {rule.kwargs.get('regex')}",
    "expect_column_value_lengths_to_be_between": lambda rule: f"{_between(rule)} characters",
    "expect_column_pair_values_a_to_be_greater_than_b": _pair,
}
UNIQUE = {"expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique"}
EXAMPLES = 3
LONGEST = 40  # characters of a value that is shown


def rule_each(rule: Rule, bad: Sequence[int], frames: Sequence[pd.DataFrame]) -> list[RuleResult]:
    """One result a frame, from positions in the frames laid end to end."""
    ends = np.cumsum([0, *(len(frame) for frame in frames)])
    positions = np.sort(np.asarray(bad, dtype=np.int64))
    cuts = np.searchsorted(positions, ends)
    return [
        rule_rows(rule, positions[cuts[n] : cuts[n + 1]] - ends[n], frame)
        for n, frame in enumerate(frames)
    ]


def rule_rows(rule: Rule, bad: np.ndarray, frame: pd.DataFrame) -> RuleResult:
    """The result of a rule that these rows of the frame break.

    Of rows that share a key the first is good: a table delivered twice keeps every event once.
    """
    if rule.type in UNIQUE and len(bad):
        bad = bad[frame.iloc[bad].duplicated(list(rule.columns), keep="first").to_numpy()]
    return RuleResult(
        rule=rule.name,
        severity=rule.severity,
        passed=not len(bad),
        bad_rows=tuple(bad.tolist()),
        observed=_examples(rule, frame.iloc[bad]) if len(bad) else "",
        expected=rule.expected,
    )


def rule_count(rule: Rule, n_rows: int) -> RuleResult:
    """The result of a rule about the number of rows."""
    low, high = rule.kwargs.get("min_value"), rule.kwargs.get("max_value")
    passed = (low is None or n_rows >= low) and (high is None or n_rows <= high)
    return rule_whole(rule, f"{n_rows} rows", passed=passed)


def rule_whole(rule: Rule, observed: str, *, passed: bool) -> RuleResult:
    """The result of a rule about a whole frame, which names no rows."""
    return RuleResult(
        rule=rule.name,
        severity=rule.severity,
        passed=passed,
        bad_rows=(),
        observed=observed,
        expected=rule.expected,
    )


def _examples(rule: Rule, rows: pd.DataFrame) -> str:
    columns = [name for name in rule.columns if name in rows.columns]
    seen = rows[columns].drop_duplicates().head(EXAMPLES).itertuples(index=False)
    return ", ".join(" · ".join(_short(value) for value in row) for row in seen)


def _short(value: object) -> str:
    text = "missing" if pd.isna(value) is True else str(value)  # type: ignore[call-overload]  # any scalar
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
