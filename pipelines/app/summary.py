"""The table that a night ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.app.run_folder import last_tries
from pipelines.app.terminal import labelled, plain
from pipelines.core.command_text import as_typed
from pipelines.core.config import Paths
from pipelines.core.records import (
    Candidates,
    Evaluation,
    IngestResult,
    Publication,
    Report,
    Settlement,
    Validation,
    Verdict,
)
from pipelines.core.text import mask
from pipelines.metrics.task import TASKS
from pipelines.runner import Night

if TYPE_CHECKING:
    from pipelines.audit.invariants import Verification
    from pipelines.audit.repair import Repaired

SHOWN = 3  # breaches of one invariant


def night_summary(night: Night) -> dict[str, Any]:
    """Every record of the night by its stem, and how each stage went."""
    stems = (
        "landed",
        "validation",
        "candidates",
        "evaluation",
        "verdict",
        "publication",
        "settlement",
        "report",
    )
    records = {stem: night.record(stem) for stem in stems}
    return {
        "day": night.day.isoformat(),
        "stages": last_tries(night.folder),
        **{
            stem: record.model_dump(mode="json") if record else None
            for stem, record in records.items()
        },
    }


def show_night(night: Night, places: Paths) -> None:
    """Print the night for a person."""
    table = labelled(f"The night of {night.day:%A, %d %B %Y}")
    for stem, rows in ROWS.items():
        record = night.record(stem)
        for label, text in rows(record) if record else []:
            table.add_row(plain(label), text if isinstance(text, Text) else plain(text))
        table.add_section()
    for note in last_tries(night.folder).values():
        if note["error"]:
            error = plain(as_typed(str(note["error"])))
            table.add_row(
                plain(f"{note['stage']} failed", "red"),
                plain(f"exit {note['exit_code']}: ", "red").append_text(error),
            )
    table.add_section()
    for label, text in _where_next(night, places):
        table.add_row(label, plain(text))
    Console().print(table)


def show_verification(verification: Verification) -> None:
    """Print every invariant on a line, and under a broken one what is wrong and what to do."""
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for one in verification.invariants:
        state = "[green]held[/]" if one.held else f"[red]{len(one.breaches)} broken[/]"
        table.add_row(one.name, state, plain(f"{one.promise} ({one.checked:,} checked)"))
        for breach in one.breaches[:SHOWN]:
            table.add_row("", "", plain(breach.where, "red") + plain(f": {breach.what}"))
            table.add_row("", "", plain(f"  next: {as_typed(breach.next)}"))
        if len(one.breaches) > SHOWN:
            table.add_row("", "", f"… and {len(one.breaches) - SHOWN} more: --json tells all")
    Console().print(table)


def show_repaired(repaired: Repaired) -> None:
    """Print what was mended, and what is left to do."""
    console, verb = Console(), "would be" if repaired.dry_run else "was"
    if not repaired.mended:
        console.print("nothing to mend")
    for step in repaired.mended:
        how = MENDED[step.kind].format(verb)
        console.print(plain(how, "bold"), plain(f"{step.where}: {step.what}"))
        if step.next:
            console.print(plain(f"  next: {as_typed(step.next)}"))
    for why in repaired.kept:
        console.print(plain("not mended", "yellow"), plain(why))
    for breach in repaired.left:
        console.print(plain("left", "red"), plain(f"{breach.where}: {breach.what}"))
        console.print(plain(f"  next: {as_typed(breach.next)}"))


MENDED = {
    "pointer": "{} moved",
    "run": "{} removed",
    "rows": "{} staged anew",
    "file": "{} removed",
    "derived": "{} removed, to be made again:",
    "raw": "{} restored",
    "log": "{} mended",
}


def _landed(record: IngestResult) -> list[tuple[str, str]]:
    rows = ", ".join(f"{count:,} {table}" for table, count in record.rows.items() if count)
    return [
        ("landed", f"{rows or 'nothing new'}"),
        ("data version", f"{record.version[:12]} ({record.recorded})"),
    ]


def _validation(record: Validation) -> list[tuple[str, str]]:
    checks = record.checks
    accepted, quarantined = sum(c.accepted for c in checks), sum(c.quarantined for c in checks)
    return [
        ("validated", f"{accepted:,} rows accepted, {quarantined:,} quarantined: {record.reason}")
    ]


def _evaluation(record: Evaluation) -> list[tuple[str, str]]:
    lines = []
    for model in record.models:
        scores = "  ".join(
            f"{name} {model.metrics[name].mid:.4f}"
            for name in TASKS[record.task].told
            if name in model.metrics
        )
        mark = " ← chosen" if model.name == record.chosen else ""
        lines.append((f"  {model.name}", f"{scores}{mark}"))
    return [
        ("tested", f"on {record.first_test_day} to {record.last_test_day}, {record.rows:,} events"),
        *lines,
        ("leaks", "; ".join(c.reason for c in record.leaks if not c.passed) or "none found"),
    ]


def _candidates(record: Candidates) -> list[tuple[str, str]]:
    names = ", ".join(
        f"{c.name} (version {c.version}, {c.seconds:.0f} s)" for c in record.candidates
    )
    return [("trained", names), *(("not trained", why) for why in record.failed.values())]


def _verdict(record: Verdict) -> list[tuple[str, str | Text]]:
    outcome = plain(record.outcome, "bold") + plain(f": {record.reason}")
    told: list[tuple[str, str | Text]] = [("verdict", outcome)]
    told += [("evidence", f"{one.of}: {one}") for one in record.claims]
    told += [("harm", plain(f"{one.of} is better: {one}", "red")) for one in record.harm]
    return told + [("tags mended", plain(mended, "red")) for mended in record.mended]


def _publication(record: Publication) -> list[tuple[str, str]]:
    how = "published" if record.republished else "already published, nothing to do:"
    return [
        ("scored", f"{record.scored:,} of {record.events:,} events, {how} {record.checksum[:12]}"),
        ("answer", "; ".join(filter(None, (record.reason, record.rollout)))),
    ]


def _settlement(record: Settlement) -> list[tuple[str, str]]:
    missing = ", ".join(f"{count} {reason}" for reason, count in record.unlabelled.items() if count)
    told = f"{sum(record.settled.values()):,} outcomes"
    told += f"; without a label: {missing}" if missing else ""
    rows = [("settled", told)]
    if record.late:
        more = f"; {record.waiting} more days follow in the next nights" if record.waiting else ""
        late = f"{len(record.late)} days from {record.late[0]} to {record.late[-1]}, which no night had"
        rows.append(("settled late", f"{late} settled{more}"))
    return rows


def _report(record: Report) -> list[tuple[str, str]]:
    strongest, more = record.alerts[:1], len(record.alerts) - 1
    told = (*strongest, f"And {more} more in the report.") if more > 0 else strongest
    return [("alerts", as_typed(" ".join(told)) or "none")]


ROWS: dict[str, Any] = {
    "landed": _landed,
    "validation": _validation,
    "candidates": _candidates,
    "evaluation": _evaluation,
    "verdict": _verdict,
    "publication": _publication,
    "settlement": _settlement,
    "report": _report,
}


def _where_next(night: Night, places: Paths) -> list[tuple[str, str]]:
    report = night.folder / "report.html"
    pages = [("report", str(report))] if report.exists() else []
    check = night.folder / "validation.html"
    pages += [("data checks", str(check))] if check.exists() else []
    return [
        *pages,
        (
            "predictions",
            "SELECT * FROM prediction_current in " + mask(places.database_url),
        ),
        ("MLflow and Airflow", "`make up`, then http://127.0.0.1:5000 and http://127.0.0.1:8080"),
    ]
