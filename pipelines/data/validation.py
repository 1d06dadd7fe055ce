"""From decisions about partitions to what they mean for the night."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa

from pipelines.define.problem import Problem, Table
from pipelines.core.records import Finding, Partition, TableCheck, Validation
from pipelines.data.quarantine import Decision

SCHEMA = pa.schema(
    {
        "table": pa.string(),
        "day": pa.date32(),
        "rule": pa.string(),
        "severity": pa.string(),
        "rows": pa.int64(),
        "observed": pa.string(),
        "expected": pa.string(),
    }
)


@dataclass(frozen=True)
class PartitionDecision:
    """What was decided about one partition, as records tell it."""

    check: TableCheck
    findings: tuple[Finding, ...]


def conclude(table: str, partition: Partition, decision: Decision) -> PartitionDecision:
    """The records of a decision; of a blocked partition every row counts as quarantined."""
    n_bad = partition.rows if decision.blocked else int(decision.bad.sum())
    findings = tuple(
        Finding(
            table=table,
            day=partition.day,
            rule=result.rule,
            severity=result.severity,
            rows=len(result.bad_rows),
            observed=result.observed,
            expected=result.expected,
        )
        for result in decision.broken
    )
    return PartitionDecision(_check(table, partition, n_bad, passed=not decision.blocked), findings)


def recall(table: str, raw: Partition, accepted: Partition, kept: pa.Table | None) -> PartitionDecision:
    """The records of an earlier decision, from what it left in the lake."""
    findings = tuple(Finding.model_validate(row) for row in kept.to_pylist()) if kept else ()
    return PartitionDecision(_check(table, raw, raw.rows - accepted.rows, passed=True), findings)


def findings_table(findings: Sequence[Finding]) -> pa.Table:
    """Findings as rows, for `recall`."""
    return pa.Table.from_pylist([finding.model_dump() for finding in findings], schema=SCHEMA)


def close_night(
    day: date, problem: Problem, judgements: Sequence[PartitionDecision], budget: float
) -> Validation:
    """Whether the night may go on, and why."""
    checks = tuple(judgement.check for judgement in judgements)
    stops = [
        stop
        for table in problem.tables
        if (
            stop := _stop(
                table, day, problem, [j for j in judgements if j.check.table == table.name], budget
            )
        )
    ]
    left_out = sum(not check.passed for check in checks)
    good = f"{len(checks) - left_out} of {len(checks)} partitions may be used"
    return Validation(
        day=day,
        passed=not stops,
        reason="; ".join(stops)
        or good
        + (f", {left_out} older {'is' if left_out == 1 else 'are'} left out" if left_out else ""),
        checks=checks,
        findings=tuple(finding for judgement in judgements for finding in judgement.findings),
    )


def _stop(
    table: Table, day: date, problem: Problem, judgements: Sequence[PartitionDecision], budget: float
) -> str | None:
    """Why the night cannot go on with what this table has become, or None."""
    wanted = _wanted(table, day, problem, judgements)
    found = next((j for j in judgements if j.check.day == wanted), None)
    if wanted and not found:
        return (
            f"{table.name} of {wanted} has not landed, and the night needs it; "
            f"run `redeye ingest --day {day}` when the source has it"
        )
    if found and not found.check.passed:
        return (
            f"{table.name} of {wanted} is blocked ({_why(found)}); have the source corrected, then run "
            f"`redeye ingest --day {day}` and this again; the rows are in data/quarantine/{table.name}"
        )
    blocked = [j for j in judgements if not j.check.passed]
    if len(blocked) > budget * len(judgements):
        return (
            f"{table.name}: {len(blocked)} of {len(judgements)} days are blocked, more than the "
            f"{budget:.0%} of validate.max_quarantined_share (the newest, {blocked[-1].check.day}: "
            f"{_why(blocked[-1])}); correct the source, or the suite if the world has changed"
        )
    return None


def _wanted(
    table: Table, day: date, problem: Problem, judgements: Sequence[PartitionDecision]
) -> date | None:
    """The day of the table without which there is no night."""
    if table.kind == "events":
        return day
    if table.kind == "facts":
        before = day - timedelta(days=1)
        return before if before >= problem.first_day else None
    return max((j.check.day for j in judgements), default=None)


def _why(judgement: PartitionDecision) -> str:
    return "; ".join(
        f"{f.rule}: {f'{f.rows} of {judgement.check.landed} rows break it' if f.rows else f.observed}, "
        f"expected {f.expected}"
        for f in judgement.findings
        if f.severity == "critical"
    )


def _check(table: str, partition: Partition, n_bad: int, *, passed: bool) -> TableCheck:
    return TableCheck(
        table=table,
        day=partition.day,
        landed=partition.rows,
        accepted=partition.rows - n_bad,
        quarantined=n_bad,
        passed=passed,
        source=partition.sha256,
    )
