"""What becomes of a partition's rows once every rule has spoken: accepted, put aside, or all blocked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.data.ports import RuleResult

BUDGET = "max_quarantined_share"


@dataclass(frozen=True)
class Decision:
    """Which rows may be used, why the others may not, and what was noticed."""

    broken: tuple[RuleResult, ...]  # every rule that was not met, in order
    blocked: str  # why nothing of the partition may be used; empty if it may
    bad: np.ndarray  # a row each: True if it is put aside


def decide(results: Sequence[RuleResult], n_rows: int, budget: float) -> Decision:
    """Block on a critical rule, or when more than `budget` of the rows are bad; else put these aside.

    A warning about the table as a whole has no rows to put aside: it is reported.
    """
    broken = tuple(result for result in results if not result.passed)
    bad = np.zeros(n_rows, dtype=bool)
    for result in broken:
        if result.severity == "warning":
            bad[list(result.bad_rows)] = True
    fatal = [result for result in broken if result.severity == "critical"]
    share = bad.sum() / n_rows if n_rows else 0.0
    if not fatal and share > budget:
        fatal = [_over_budget(broken, int(bad.sum()), n_rows, budget)]
        broken = (*fatal, *broken)
    blocked = "; ".join(_sentence(result, n_rows) for result in fatal)
    return Decision(broken, blocked, np.ones(n_rows, dtype=bool) if blocked else bad)


def _over_budget(
    broken: Sequence[RuleResult], n_bad: int, n_rows: int, budget: float
) -> RuleResult:
    """The rule that a partition breaks when too many of its rows are bad."""
    most = max((r for r in broken if r.severity == "warning"), key=lambda r: len(r.bad_rows))
    return critical(
        BUDGET,
        f"{n_bad} of {n_rows} rows are bad ({n_bad / n_rows:.1%}), "
        f"{len(most.bad_rows)} of them by {most.rule}",
        f"at most {budget:.1%}",
    )


def critical(rule: str, observed: str, expected: str) -> RuleResult:
    """The result of a rule about a whole partition that is not met."""
    return RuleResult(
        rule=rule,
        severity="critical",
        passed=False,
        bad_rows=(),
        observed=observed,
        expected=expected,
    )


def put_aside(landed: pa.Table, decision: Decision) -> pa.Table:
    """The rows that are not accepted, as they landed, each with `rule` and `reason`.

    Several rules are joined with " + " and their reasons with "; ". Rows of a blocked partition that
    break no rule themselves name what blocked it. A column that landed as `rule` or `reason` gives way.
    """
    rules: list[list[str]] = [[] for _ in range(landed.num_rows)]
    reasons: list[list[str]] = [[] for _ in range(landed.num_rows)]
    for result in decision.broken:
        if result.severity == "info":
            continue
        for row in result.bad_rows:
            rules[row].append(result.rule)
            reasons[row].append(f"{result.rule}: expected {result.expected}")
    kept = landed.drop_columns([name for name in ("rule", "reason") if name in landed.column_names])
    positions = np.flatnonzero(decision.bad)
    return (
        kept.take(positions)
        .append_column(
            "rule", pa.array([" + ".join(rules[p]) or "partition" for p in positions], pa.string())
        )
        .append_column(
            "reason",
            pa.array(["; ".join(reasons[p]) or decision.blocked for p in positions], pa.string()),
        )
    )


def counts(rows: pa.Table) -> dict[str, int]:
    """Rows put aside, by what `rule` says of them."""
    pairs = rows.column("rule").value_counts().to_pylist()
    return {
        pair["values"]: pair["counts"] for pair in sorted(pairs, key=lambda pair: pair["values"])
    }


def _sentence(result: RuleResult, n_rows: int) -> str:
    broken = (
        f"{len(result.bad_rows)} of {n_rows} rows break it" if result.bad_rows else result.observed
    )
    return f"{result.rule}: {broken}, expected {result.expected}"
