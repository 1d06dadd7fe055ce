"""validate: judges what landed, accepts good rows, puts bad ones aside, blocks what is broken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import pyarrow as pa

from pipelines.core.config import ValidateParams
from pipelines.core.errors import DataError, RedeyeError
from pipelines.core.fault_injection import fault_point
from pipelines.core.records import IngestResult, Partition, Validation
from pipelines.data.acceptance import (
    AcceptanceCheck,
    accept,
    current_of,
    generations,
    leave_out,
    named_raws,
    recall_all,
)
from pipelines.data.ports import Lake, RuleResult, Validator
from pipelines.data.quarantine import counts, critical, decide, put_aside
from pipelines.data.release import released, with_repaired
from pipelines.data.schema_contract import (
    Additions,
    conform,
    lacking,
    long_texts,
    off_calendar,
    stray_numbers,
)
from pipelines.data.validation import (
    PartitionDecision,
    close_night,
    conclude,
    findings_table,
)
from pipelines.define.problem import Problem, Table
from pipelines.monitoring.ports import Warehouse
from pipelines.reports.ports import RunFiles
from pipelines.reports.render import render
from pipelines.reports.validation_report import SAMPLE_DAYS, SAMPLE_ROWS, view


@dataclass(frozen=True)
class PartitionUnderTest:
    """One partition on its way through the door."""

    raw: Partition
    landed: pa.Table | None  # its rows as they are; None: they cannot be read
    conformed: pa.Table | None  # in the columns of the contract; None: they are not all there
    results: tuple[RuleResult, ...]


def validate(
    day: date,
    params: ValidateParams,
    problem: Problem,
    landed: IngestResult,
    lake: Lake,
    validator: Validator,
    warehouse: Warehouse,
    pages: RunFiles,
) -> Validation:
    """Judge every raw partition that nobody has judged yet under the suite as it stands.

    A blocked partition stops the night if the night needs it for itself: the events of the day, the
    facts of the day before, the newest of a dimension table. An older one is left out and reported, its
    earlier accepted revision, if any, stays: it is one day of a year, and a history that stopped every
    night for as long as it is remembered would be the greater harm. But when more than
    `max_quarantined_share` of a table's days are blocked, the history is not what it should be.

    Accepted partitions name what they were made from, so that judging again costs nothing and is safe
    while other nights do the same; they are pointed to last, so a run that dies before judges anew.
    """
    suites = {table.name: validator.suite(table.name) for table in problem.tables}
    needs = {table.name: _needs(problem, table) for table in problem.tables}
    judgements: list[PartitionDecision] = []
    for name, suite in suites.items():
        repaired = lake.revisions(released(name), date.min, date.max)
        budget = params.max_quarantined_share
        door = AcceptanceCheck(name, needs[name], suite, budget, problem.cutoff, day, repaired)
        raws = named_raws(lake, door, landed)
        known = recall_all(lake, door, raws)
        asked = generations(lake, door, [raw for raw in raws if raw.day not in known])
        for arrival in _judge(door, validator, asked, Additions(lake, raws)):
            known[arrival.raw.day] = _keep(lake, warehouse, door, arrival)
        judgements += [known[raw.day] for raw in raws]
    validation = close_night(day, problem, judgements, params.max_quarantined_share)
    page = render("validation.html", view(validation, suites, _samples(lake, validation)))
    pages.write("validation.html", page)
    if not validation.passed:
        raise DataError(f"validate {day}: {validation.reason}", evidence=validation)
    return validation


def _needs(problem: Problem, table: Table) -> dict[str, str]:
    keyed = table.name in (problem.events, problem.outcomes)
    known = {"known_at": "when each fact became known"} if table.kind == "facts" else {}
    return dict.fromkeys(problem.key if keyed else (), "a part of the key") | known


def _judge(
    door: AcceptanceCheck, validator: Validator, raws: Sequence[Partition], additions: Additions
) -> list[PartitionUnderTest]:
    """The contract first, then the rules of the suite, of all that keep the contract in one go."""
    arrivals = [_open(door, raw, additions) for raw in raws]
    frames = {
        arrival.raw: arrival.conformed.to_pandas(date_as_object=False)
        for arrival in arrivals
        if door.suite and arrival.conformed is not None
    }
    if not frames:
        return arrivals
    ruled = dict(zip(frames, validator.judge_each(door.table, list(frames.values())), strict=True))
    return [replace(a, results=(*a.results, *ruled.get(a.raw, ()))) for a in arrivals]


def _open(door: AcceptanceCheck, raw: Partition, additions: Additions) -> PartitionUnderTest:
    """Read a partition and hold it against its contract: columns, numbers, calendar."""
    try:
        landed = with_repaired(additions.lake, raw, door.repaired(raw))
    except DataError as error:
        return PartitionUnderTest(
            raw, None, None, (critical("readable", str(error), "a whole file"),)
        )
    contract = door.suite.columns if door.suite else {}
    absent = {*contract}.difference(landed.column_names, door.needs)
    added = {name for name in absent if additions.since(raw, name)}
    conformed, results = conform(landed, contract, added) if contract else (landed, [])
    told = {result.rule for result in results if result.severity == "critical"}
    results += [one for one in lacking(conformed, door.needs) if one.rule not in told]
    if any(result.severity == "critical" for result in results):
        return PartitionUnderTest(raw, landed, None, tuple(results))
    if door.suite is None or not contract:
        return PartitionUnderTest(raw, landed, landed, ())
    stray = stray_numbers(conformed)
    long = long_texts(conformed, door.needs)
    off = off_calendar(conformed, door.suite, raw.day, door.cutoff)
    return PartitionUnderTest(raw, landed, conformed, (*results, *stray, *long, *off))


def _keep(
    lake: Lake, warehouse: Warehouse, door: AcceptanceCheck, arrival: PartitionUnderTest
) -> PartitionDecision:
    """Put every row where it belongs; what is accepted is pointed to when all else is safe."""
    raw, landed, origin = arrival.raw, arrival.landed, door.origin(arrival.raw)
    decision = decide(arrival.results, raw.rows, door.budget)
    judgement = conclude(door.table, raw, decision)
    if decision.blocked:
        leave_out(lake, door, raw)
    if landed is None:
        return judgement
    aside = put_aside(landed, decision)
    if aside.num_rows or current_of(lake, f"quarantine/{door.table}", [raw.day]):
        lake.write(f"quarantine/{door.table}", raw.day, aside, origin)
        warehouse.quarantine(raw.day, door.table, counts(aside))
    if decision.blocked or arrival.conformed is None:
        return judgement
    if judgement.findings:
        notes = findings_table(judgement.findings)
        lake.write(f"findings/{door.table}", raw.day, notes, origin)
    good = arrival.conformed.filter(pa.array(~decision.bad))
    if good.num_rows + aside.num_rows != landed.num_rows:
        raise RedeyeError(
            f"validate: {door.table} of {raw.day}: {landed.num_rows} rows landed, but {good.num_rows} "
            f"are accepted and {aside.num_rows} quarantined; nothing was accepted, report this"
        )
    fault_point("validate.before_accept")
    accept(lake, door, raw, landed, good)
    return judgement


def _samples(lake: Lake, validation: Validation) -> dict[str, pa.Table]:
    """Each table's newest rows that were put aside."""
    samples = {}
    for table in dict.fromkeys(check.table for check in validation.checks):
        days = [c.day for c in validation.checks if c.table == table and c.quarantined]
        found = current_of(lake, f"quarantine/{table}", days[-SAMPLE_DAYS:])
        rows = [lake.read([found[day]]).slice(0, SAMPLE_ROWS) for day in days if day in found]
        if rows:
            samples[table] = _joined(rows)
    return samples


def _joined(rows: Sequence[pa.Table]) -> pa.Table:
    """Rows of several days in one table; a column whose type changed between them, as text."""
    try:
        return pa.concat_tables(rows, promote_options="permissive")
    except pa.ArrowException:
        texts = (
            one.cast(pa.schema([(name, pa.string()) for name in one.column_names])) for one in rows
        )
        return pa.concat_tables(texts, promote_options="permissive")
