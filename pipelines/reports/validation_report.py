"""What validation.html shows: the record of a night's validation, laid out table by table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from pipelines.core.records import Finding, TableCheck, Validation
from pipelines.data.expectations import Suite

SAMPLE_DAYS = 5  # of each table, the newest days whose bad rows are shown
SAMPLE_ROWS = 5  # of each of them
LISTED_DAYS = 60  # of each table, the newest days with findings that are listed
LONGEST = 60  # characters of a value that is shown


@dataclass(frozen=True)
class RuleLine:
    """One rule, and how all days together did."""

    rule: str
    severity: str
    expected: str
    notes: str
    days: int
    rows: int
    observed: str


@dataclass(frozen=True)
class DayLine:
    """One day of a table that had findings."""

    check: TableCheck
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Section:
    """One table."""

    name: str
    notes: str
    first: date
    last: date
    checks: int
    landed: int
    accepted: int
    quarantined: int
    blocked: int
    rules: tuple[RuleLine, ...]
    columns: Mapping[str, str]
    days: tuple[DayLine, ...]
    unlisted: int
    sample_names: tuple[str, ...]
    sample: tuple[tuple[str, ...], ...]


def view(
    validation: Validation, suites: Mapping[str, Suite | None], samples: Mapping[str, pa.Table]
) -> dict[str, object]:
    """The values of the template validation.html; `samples` are rows put aside, by table."""
    tables = dict.fromkeys(check.table for check in validation.checks)
    sections = [_section(name, validation, suites.get(name), samples.get(name)) for name in tables]
    return {
        "day": validation.day,
        "passed": validation.passed,
        "reason": validation.reason,
        "sections": sections,
        "landed": sum(section.landed for section in sections),
        "accepted": sum(section.accepted for section in sections),
        "quarantined": sum(section.quarantined for section in sections),
        "blocked": sum(section.blocked for section in sections),
        "checks": len(validation.checks),
    }


def _section(
    name: str, validation: Validation, suite: Suite | None, sample: pa.Table | None
) -> Section:
    checks = [check for check in validation.checks if check.table == name]
    findings = [finding for finding in validation.findings if finding.table == name]
    days = _days(checks, findings)
    return Section(
        name=name,
        notes=suite.notes
        if suite
        else "Nobody wrote a suite for this table: it is taken as it is.",
        first=min(check.day for check in checks),
        last=max(check.day for check in checks),
        checks=len(checks),
        landed=sum(check.landed for check in checks),
        accepted=sum(check.accepted for check in checks),
        quarantined=sum(check.quarantined for check in checks),
        blocked=sum(not check.passed for check in checks),
        rules=tuple(_rules(suite, findings)),
        columns=suite.columns if suite else {},
        days=tuple(days[:LISTED_DAYS]),
        unlisted=max(0, len(days) - LISTED_DAYS),
        sample_names=tuple(sample.column_names) if sample else (),
        sample=tuple(_cells(sample)) if sample else (),
    )


def _days(checks: Sequence[TableCheck], findings: Sequence[Finding]) -> list[DayLine]:
    """Newest first; blocked days before all others."""
    by_day: dict[date, list[Finding]] = {}
    for finding in findings:
        by_day.setdefault(finding.day, []).append(finding)
    lines = [
        DayLine(check, tuple(by_day.get(check.day, ())))
        for check in checks
        if check.day in by_day or check.quarantined
    ]
    newest = sorted(lines, key=lambda line: line.check.day, reverse=True)
    return sorted(newest, key=lambda line: line.check.passed)


def _rules(suite: Suite | None, findings: Sequence[Finding]) -> Iterable[RuleLine]:
    """The contract's own checks, then the suite's rules, then what was found beyond both."""
    known: list[tuple[str, str, str, str]] = []
    if suite and suite.columns:
        known += [(f"column({name})", "critical", kind, "") for name, kind in suite.columns.items()]
    if suite:
        known += [(rule.name, rule.severity, rule.expected, rule.notes) for rule in suite.rules]
    told = {(rule, severity) for rule, severity, _, _ in known}
    # What is expected of a calendar differs from day to day: the newest speaks for all.
    extra = {(f.rule, f.severity): f.expected for f in findings}
    beyond = [(*which, expected, "") for which, expected in extra.items() if which not in told]
    for rule, severity, expected, notes in (*known, *beyond):
        broken = [f for f in findings if (f.rule, f.severity) == (rule, severity)]
        if rule.startswith("column(") and not broken:
            continue  # the contract's columns have a list of their own
        yield RuleLine(
            rule=rule,
            severity=severity,
            expected=expected,
            notes=notes,
            days=len(broken),
            rows=sum(finding.rows for finding in broken),
            observed=broken[-1].observed if broken else "",
        )


def _cells(rows: pa.Table) -> Iterable[tuple[str, ...]]:
    for row in rows.to_pylist():
        yield tuple(_short(value) for value in row.values())


def _short(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
