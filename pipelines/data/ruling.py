"""What a rule that was asked of many frames at once says of each of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipelines.data.ports import RuleResult
from pipelines.data.expectations import Rule

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
