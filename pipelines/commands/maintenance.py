"""What keeps a deployment whole: checked, mended, let back in, told."""

from __future__ import annotations

import math
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, cast

import typer

from pipelines.app.run_folder import nights_left
from pipelines.app.services import Redeye, open_redeye, stores_of
from pipelines.app.summary import show_repaired, show_verification
from pipelines.commands.app import Day, Json, app, tell_people
from pipelines.core.command_text import as_typed
from pipelines.core.dates import parse_day, parse_days
from pipelines.core.errors import DataError, UsageError
from pipelines.core.records import LedgerEntry, Validation

FORSAKEN_HOURS = 6.0  # no night takes so long
MOST_HOURS = 87_600.0  # ten years


@app.command(rich_help_panel="Care")
def verify(
    ctx: typer.Context,
    day: Annotated[
        str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="Only this day.")
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="Only days from this one …")
    ] = None,
    last: Annotated[
        str | None,
        typer.Option("--to", metavar="YYYY-MM-DD", help="… to this one, itself included."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check on the real stores that what must always be true is true; change nothing."""
    from pipelines.audit.verify import verify as verify_stores

    days = _between(day, first, last)
    verification = verify_stores(stores_of(open_redeye(ctx.obj), ctx.obj), *days)
    if as_json:
        typer.echo(verification.to_json(), nl=False)
    else:
        show_verification(verification)
    if not verification.held:
        first_breach = verification.broken[0].breaches[0]
        raise DataError(
            f"{', '.join(one.name for one in verification.broken)} broken; first {first_breach.where}: "
            f"{first_breach.what}; next: {first_breach.next}"
        )


def _between(day: str | None, first: str | None, last: str | None) -> tuple[date, date]:
    """One day, a range of days, or all of them."""
    if day is not None and (first or last):
        raise UsageError("give either --day, or --from and --to")
    if day is not None:
        first = last = day
    if (first is None) != (last is None):
        raise UsageError("a range needs both --from and --to")
    days = parse_days(first, last) if first else [date.min, date.max]
    return days[0], days[-1]


@app.command(rich_help_panel="Care")
def repair(
    ctx: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be mended, and change nothing.")
    ] = False,
    older_than: Annotated[
        float,
        typer.Option(
            min=0.0, max=MOST_HOURS, help="Hours; what is younger may be somebody's work."
        ),
    ] = FORSAKEN_HOURS,
    as_json: Json = False,
) -> None:
    """Mend what can be mended without inventing anything; what cannot is told, with the next command."""
    from pipelines.audit.repair import RepairContext, Repaired, plan
    from pipelines.audit.repair import repair as carry_out
    from pipelines.audit.verify import verify as verify_stores

    if math.isnan(older_than):
        raise UsageError("--older-than nan: give a number of hours, such as 6")
    redeye = open_redeye(ctx.obj)
    attic, validator, workers = (
        redeye.services[name]() for name in ("attic", "validator", "workers")
    )
    shop = RepairContext(
        stores_of(redeye, ctx.obj), attic, timedelta(hours=older_than), validator, workers
    )
    steps = plan(shop)
    if dry_run:
        repaired = Repaired(dry_run=True, mended=tuple(steps))
    else:
        repaired = carry_out(shop, steps, lambda: verify_stores(stores_of(redeye, ctx.obj)))
    if as_json:
        typer.echo(repaired.to_json(), nl=False)
    else:
        show_repaired(repaired)
    if repaired.left:
        first = repaired.left[0]
        raise DataError(
            f"{len(repaired.left)} breaches are left; first {first.where}: {first.what}; next: {first.next}"
        )


@app.command(rich_help_panel="Care")
def backup(
    ctx: typer.Context,
    to: Annotated[Path, typer.Option(help="A new folder for the copy.")],
    as_json: Json = False,
) -> None:
    """Copy the warehouse, the registry and its models, also while a night runs."""
    from pipelines.adapters.backup import back_up

    made = back_up(open_redeye(ctx.obj).places, to)
    if as_json:
        typer.echo(made.to_json(), nl=False)
        return
    typer.echo(f"{made.to}: {', '.join(made.copied) or 'nothing'}; put it in place of what is lost")
    for told in made.elsewhere:
        typer.echo(f"not in it: {told}")


@app.command(rich_help_panel="Care")
def release(
    ctx: typer.Context,
    table: Annotated[str, typer.Option("--table", "--dataset", help="The table, such as flights.")],
    day: Annotated[str, typer.Option("--day", metavar="YYYY-MM-DD", help="The partition's day.")],
    rows: Annotated[
        Path | None, typer.Option(help="The repaired rows: Parquet or CSV, in quarantine's order.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="Write what is in quarantine there, to be repaired.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; it stands in the ledger.")] = "",
    night: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The night from which on they count.")
    ] = None,
) -> None:
    """Judge repaired rows again; what passes is accepted from tonight on."""
    from pipelines.adapters.sources.rowsfile import read_rows, write_rows
    from pipelines.data.release import find_aside
    from pipelines.data.release import release as release_rows

    redeye = open_redeye(ctx.obj)
    problem = redeye.services["problem"]()
    known = [one.name for one in problem.tables]
    if table not in known:
        raise UsageError(f"there is no table {table[:40]!r}; known are {', '.join(known)}")
    lake, of = redeye.services["lake"](), parse_day(day)
    aside = find_aside(lake, table, of)
    if to is not None:
        write_rows(aside.rows, to)
        typer.echo(f"{aside.rows.num_rows} rows are in {to}; repair them, then give them as --rows")
        return
    if rows is None or not reason.strip():
        raise UsageError("release needs --rows and --reason, or --to")
    asks = table == problem.events  # events are what their own night is asked, not what it knows
    on = parse_day(night) if night else of if asks else _last_night(redeye, of)
    release_rows(lake, table, aside, read_rows(rows, lake.read([aside.raw]).schema), on)
    who = ctx.obj.get("USER", "command line")
    told = LedgerEntry(
        version=f"{table} {of}", before=None, actor=who, reason=reason, kind="released"
    )
    redeye.services["warehouse"]().append(told)
    judged = cast("Validation", redeye.night(on).run("validate"))
    check = next(c for c in judged.checks if (c.table, c.day) == (table, of))
    again = f"redeye backfill --from {of} --to {of} --republish"
    catching_up = again if asks else f"redeye night --day {on}"
    typer.echo(
        f"{table} {of}: {check.accepted} of {check.landed} rows are accepted from the night of {on} on, "
        f"{check.quarantined} are in quarantine; next: {as_typed(catching_up)}"
    )


def _last_night(redeye: Redeye, day: date) -> date:
    """The newest night that there was: the one that can still catch up."""
    return max([left.day for left in nights_left(redeye.places, redeye.graph)], default=day)


@app.command(rich_help_panel="Care")
def alert(
    ctx: typer.Context,
    day: Day,
    stage: Annotated[str, typer.Option(help="The stage that failed.")],
    sentence: Annotated[str, typer.Option(help="The last thing that it said.")],
) -> None:
    """Tell people, once, that a stage failed: what a scheduler runs when it gives up."""
    redeye, failed_on = open_redeye(ctx.obj), parse_day(day)
    if stage not in redeye.graph.names:
        raise UsageError(f"there is no stage {stage!r}; there are {', '.join(redeye.graph.names)}")
    typer.echo(tell_people(redeye, failed_on, stage, sentence))
