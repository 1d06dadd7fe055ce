"""The command line: every stage, the whole night, a backfill, and questions about them.

Data go to stdout (`--json` for machines), messages and progress to stderr. An error is one sentence
and an exit code of core/errors.py.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer
from rich.console import Console
from rich.logging import RichHandler

from pipelines.core.backfill import STAGES, Backfill, parse_model
from pipelines.core.day import parse_day, parse_days
from pipelines.core.errors import DataError, GateRefused, RedeyeError, UsageError
from pipelines.core.faults import VARIABLE, arm
from pipelines.core.records import LedgerEntry, Validation
from pipelines.nights import nights_left
from pipelines.runner import Night, run_chain
from pipelines.services import Redeye, open_redeye, stores_of
from pipelines.story import as_record, show_story
from pipelines.summary import night_summary, show_night, show_repaired, show_verification

FORSAKEN_HOURS = 6.0  # no night takes so long

app = typer.Typer(
    name="redeye",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=__doc__,
)
data_app = typer.Typer(no_args_is_help=True, help="Versions of the raw data.")
app.add_typer(data_app, name="data")

Day = Annotated[
    str, typer.Option("--day", metavar="YYYY-MM-DD", help="The day whose events are scored.")
]
CHALLENGER_SAYS = {"version", "candidate", "trained_until", "reason"}
Json = Annotated[bool, typer.Option("--json", help="Print a record for machines.")]


def main(argv: list[str], environ: Mapping[str, str]) -> int:
    """Run one command; its exit code."""
    handler = RichHandler(
        console=Console(stderr=True), show_path=False, show_level=False, markup=False
    )
    logging.basicConfig(
        level=logging.WARNING, format="%(message)s", datefmt="%X", handlers=[handler]
    )
    logging.getLogger("redeye").setLevel(logging.INFO)
    command = " ".join(word for word in argv[:2] if not word.startswith("-"))
    try:
        arm(environ.get(VARIABLE))
        app(argv, obj=dict(environ))
    except RedeyeError as error:
        typer.echo(f"redeye {command}: {error}", err=True)
        return error.exit_code
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


def _run(
    environ: Mapping[str, str],
    stage: str,
    day: str,
    as_json: bool,
    overrides: Mapping[str, object] | None = None,
) -> None:
    night = open_redeye(environ).night(parse_day(day), {stage: overrides} if overrides else None)
    record = night.run(stage)
    text = record.to_json() if as_json else _first_lines(record.model_dump(mode="json"))
    typer.echo(text, nl=not as_json)


def _first_lines(record: dict[str, Any]) -> str:
    short = {key: value for key, value in record.items() if not isinstance(value, list | dict)}
    return "  ".join(f"{key} {value}" for key, value in short.items())


@app.command()
def ingest(ctx: typer.Context, day: Day, as_json: Json = False) -> None:
    """Land what the source has, and version all raw data."""
    _run(ctx.obj, "ingest", day, as_json)


@app.command()
def validate(ctx: typer.Context, day: Day, as_json: Json = False) -> None:
    """Judge what landed; put bad rows into quarantine."""
    _run(ctx.obj, "validate", day, as_json)


@app.command()
def features(
    ctx: typer.Context,
    day: Day,
    known: Annotated[
        Literal["then", "now"],
        typer.Option(help="then: what the night knew; now: corrections since, kept apart."),
    ] = "then",
    as_json: Json = False,
) -> None:
    """Compute what was knowable at the cutoff."""
    if known == "then":
        _run(ctx.obj, "features", day, as_json)
    else:
        _features_known_now(open_redeye(ctx.obj), parse_day(day), as_json)


def _features_known_now(redeye: Redeye, day: date, as_json: bool) -> None:
    from pipelines.stages.features import features_known_now

    problem, lake, engine = (redeye.services[name]() for name in ("problem", "lake", "engine"))
    made = features_known_now(day, problem, lake, engine)
    typer.echo(made.to_json() if as_json else lake.path(made), nl=not as_json)


@app.command()
def train(ctx: typer.Context, day: Day, as_json: Json = False) -> None:
    """Fit the candidates."""
    _run(ctx.obj, "train", day, as_json)


@app.command()
def evaluate(ctx: typer.Context, day: Day, as_json: Json = False) -> None:
    """Put candidates and champion on the same unseen days."""
    _run(ctx.obj, "evaluate", day, as_json)


@app.command()
def promote(
    ctx: typer.Context,
    day: Annotated[
        str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="The night to judge.")
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="Make this version the champion, by hand.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; it stands in the ledger.")] = "",
    as_json: Json = False,
) -> None:
    """Judge a night's candidates (--day), promote a version by hand (--version), or, with neither, see
    whether the alias was moved in MLflow, and check it.
    """
    if version is not None:
        _promote_by_hand(open_redeye(ctx.obj), version, reason)
    elif day is not None:
        _run(ctx.obj, "promote", day, as_json)
    else:
        _see_promotion(open_redeye(ctx.obj), as_json)


def _promote_by_hand(redeye: Redeye, version: str, reason: str) -> None:
    from pipelines.methods.succession import promote_by_hand

    if not reason.strip():
        raise UsageError("promote --version needs --reason, which will stand in the ledger")
    registry, warehouse = redeye.services["registry"](), redeye.services["warehouse"]()
    promote_by_hand(parse_model(version), reason, registry, warehouse)
    typer.echo(f"version {version} is the champion; the next score uses it")


def _see_promotion(redeye: Redeye, as_json: bool) -> None:
    from pipelines.methods.succession import look

    registry = redeye.services["registry"]()
    throne, challenger = (
        look(registry, redeye.services["warehouse"]()),
        registry.version("challenger"),
    )
    serving = throne.serving
    told: dict[str, Any] = {
        "serving": serving.version if serving else None,
        "refusal": throne.refusal,
        "new": throne.entry.model_dump() if throne.entry else None,
        "challenger": None,
    }
    if challenger is not None and challenger.version != told["serving"]:
        told["challenger"] = challenger.model_dump(mode="json", include=CHALLENGER_SAYS)
    typer.echo(json.dumps(told) if as_json else f"champion: version {told['serving'] or 'none'}")
    if throne.refusal and throne.champion:
        raise GateRefused(
            f"the alias `champion` is on version {throne.champion.version}, which may not serve: "
            f"{throne.refusal}; version {told['serving']} goes on, move the alias to a blessed version"
        )


@app.command()
def rollback(
    ctx: typer.Context,
    day: Annotated[
        str | None,
        typer.Option(
            "--day", metavar="YYYY-MM-DD", help="Go back to what was published before of this day."
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; it stands in the ledger.")] = "",
) -> None:
    """Give the place back to the champion before; or, with --day, a day back to its publication before."""
    redeye = open_redeye(ctx.obj)
    warehouse = redeye.services["warehouse"]()
    if day is not None:
        run = warehouse.roll_back(parse_day(day))
        typer.echo(f"{run.day} is answered by run {run.run_id} again: {run.reason}")
        return
    from pipelines.methods.succession import roll_back

    entry = roll_back(reason or "rolled back by hand", redeye.services["registry"](), warehouse)
    typer.echo(f"version {entry.version} is champion again, in place of {entry.before}")


@app.command()
def score(
    ctx: typer.Context,
    day: Day,
    model: Annotated[str | None, typer.Option(help="current, or a version number.")] = None,
    republish: Annotated[
        bool | None, typer.Option(help="Replace what is published.", show_default="params.yaml")
    ] = None,
    as_json: Json = False,
) -> None:
    """Score the day's events and publish one contender's answers."""
    _run(ctx.obj, "score", day, as_json, _score_options(model, republish))


def _score_options(model: str | None, republish: bool | None) -> dict[str, object]:
    options = {"model": model and parse_model(model), "republish": republish}
    return {name: value for name, value in options.items() if value is not None}


@app.command()
def settle(ctx: typer.Context, day: Day, as_json: Json = False) -> None:
    """Join outcomes that arrived to what was predicted."""
    _run(ctx.obj, "settle", day, as_json)


@app.command()
def monitor(ctx: typer.Context, day: Day, as_json: Json = False) -> None:
    """Compare what was promised with what came; write the report."""
    _run(ctx.obj, "monitor", day, as_json)


@app.command()
def alert(
    ctx: typer.Context,
    day: Day,
    stage: Annotated[str, typer.Option(help="The stage that failed.")],
    sentence: Annotated[str, typer.Option(help="The last thing that it said.")],
) -> None:
    """Tell people, once, that a stage failed: what a scheduler runs when it gives up."""
    from pipelines.methods.alarms import stage_failed
    from pipelines.methods.incidents import tell_failure

    redeye, failed_on = open_redeye(ctx.obj), parse_day(day)
    if stage not in redeye.graph.names:
        raise UsageError(f"there is no stage {stage!r}; there are {', '.join(redeye.graph.names)}")
    problem, warehouse, notifier = (
        redeye.services[name]() for name in ("problem", "warehouse", "notifier")
    )
    title = f"Redeye {problem.model}, {failed_on}"
    alarm = stage_failed(stage, failed_on, sentence)
    typer.echo(tell_failure(alarm, failed_on, title, (warehouse, notifier)))


@app.command()
def night(ctx: typer.Context, day: Day, as_json: Json = False) -> None:
    """The whole chain for one day, without a scheduler."""
    redeye = open_redeye(ctx.obj)
    tonight = redeye.night(parse_day(day))
    _finish(tonight, redeye, as_json, run_chain(tonight, redeye.graph.names))


def _finish(
    night_: Night, redeye: Redeye, as_json: bool, outcome: Mapping[str, RedeyeError | None]
) -> None:
    if as_json:
        typer.echo(json.dumps(night_summary(night_), indent=2))
    else:
        show_night(night_, redeye.places)
    failed = [error for error in outcome.values() if error is not None]
    if failed:
        raise failed[0]


@app.command()
def status(ctx: typer.Context, day: Day, as_json: Json = False) -> None:
    """What a night did: rows, models, verdict, who answered, where to look."""
    redeye = open_redeye(ctx.obj)
    _finish(redeye.night(parse_day(day)), redeye, as_json, {})


@app.command()
def backfill(
    ctx: typer.Context,
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day.")],
    last: Annotated[
        str, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day, itself included.")
    ],
    stages: Annotated[str, typer.Option(help="Which stages, separated by commas.")] = ",".join(
        STAGES
    ),
    model: Annotated[str, typer.Option(help="current, or a version number.")] = "current",
    republish: Annotated[bool, typer.Option(help="Replace what is published.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run stages for a range of days, one day after the other."""
    redeye = open_redeye(ctx.obj)
    asked = {
        "from": first,
        "to": last,
        "stages": [name.strip() for name in stages.split(",")],
        "model": model,
        "republish": republish,
        "dry_run": dry_run,
    }
    plan = Backfill.of(asked, redeye.graph.names)
    typer.echo(plan.in_words(), err=True)
    failed = [] if dry_run else _fill(plan, redeye)
    if as_json:
        days = [day.isoformat() for day in plan.days]
        typer.echo(
            json.dumps({**asked, "days": days, "errors": [str(e) for e in failed]}, indent=2)
        )
    elif not dry_run:
        typer.echo(f"{len(plan.days)} days done, {len(failed)} stages failed")
    if failed:
        raise failed[0]


def _fill(plan: Backfill, redeye: Redeye) -> list[RedeyeError]:
    options = {"score": {"model": plan.model, "republish": plan.republish}}
    nights = [redeye.night(day, options) for day in plan.days]
    return [e for night_ in nights for e in run_chain(night_, plan.stages).values() if e]


@app.command()
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
    from pipelines.methods.verify import verify as verify_stores

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


@app.command()
def explain(
    ctx: typer.Context,
    day: Day,
    event: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="One event, such as 2013-10-01|UA|1545|EWR|515."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Where a day's published scores come from: model, features, raw data, code; and why one is as it is."""
    from pipelines.methods.lineage import Archive, tell_event, trace

    services = open_redeye(ctx.obj).services
    names = ("problem", "lake", "registry", "warehouse")
    archive = Archive(**{name: services[name]() for name in names})
    lineage = trace(parse_day(day), archive)
    told = tell_event(event, lineage, archive) if event else None
    if as_json:
        typer.echo(json.dumps(as_record(lineage, told), indent=2))
    else:
        show_story(lineage, told, archive.problem.features.dictionary)


@app.command()
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
    from pipelines.adapters.rowsfile import read_rows, write_rows
    from pipelines.methods.release import find_aside
    from pipelines.methods.release import release as release_rows

    redeye = open_redeye(ctx.obj)
    known = [one.name for one in redeye.services["problem"]().tables]
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
    on = parse_day(night) if night else _last_night(redeye, of)
    release_rows(lake, table, aside, read_rows(rows, lake.read([aside.raw]).schema), on)
    who = ctx.obj.get("USER", "command line")
    told = LedgerEntry(
        version=f"{table} {of}", before=None, actor=who, reason=reason, kind="released"
    )
    redeye.services["warehouse"]().append(told)
    judged = cast("Validation", redeye.night(on).run("validate"))
    check = next(c for c in judged.checks if (c.table, c.day) == (table, of))
    typer.echo(
        f"{table} {of}: {check.accepted} of {check.landed} rows are accepted from the night of {on} on, "
        f"{check.quarantined} are in quarantine; next: redeye night --day {on}"
    )


def _last_night(redeye: Redeye, day: date) -> date:
    """The newest night that there was: the one that can still catch up."""
    return max([left.day for left in nights_left(redeye.places, redeye.graph)], default=day)


@app.command()
def repair(
    ctx: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be mended, and change nothing.")
    ] = False,
    older_than: Annotated[
        float, typer.Option(min=0.0, help="Hours; what is younger may be somebody's work.")
    ] = FORSAKEN_HOURS,
    as_json: Json = False,
) -> None:
    """Mend what can be mended without inventing anything; what cannot is told, with the next command."""
    from pipelines.methods.repair import Repaired, Workshop, mend, plan
    from pipelines.methods.verify import verify as verify_stores

    redeye = open_redeye(ctx.obj)
    stores, attic = stores_of(redeye, ctx.obj), redeye.services["attic"]()
    shop = Workshop(stores, attic, timedelta(hours=older_than))
    steps = plan(shop)
    if not dry_run:
        mend(shop, steps)
    broken = verify_stores(stores_of(redeye, ctx.obj)).broken
    left = tuple(breach for one in broken for breach in one.breaches)
    repaired = Repaired(dry_run=dry_run, mended=tuple(steps), left=left)
    if as_json:
        typer.echo(repaired.to_json(), nl=False)
    else:
        show_repaired(repaired)
    if left and not dry_run:
        raise DataError(
            f"{len(left)} breaches are left; first {left[0].where}: {left[0].what}; next: {left[0].next}"
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


@data_app.command("log")
def data_log(ctx: typer.Context, as_json: Json = False) -> None:
    """Every version of data/raw, newest first."""
    from rich.table import Table

    versions = open_redeye(ctx.obj).services["versions"]().log()
    if as_json:
        typer.echo(json.dumps(versions, indent=2))
        return
    table = Table("version", "day", "commit", "when", "files", "bytes")
    for entry in versions:
        table.add_row(entry["version"][:12], *list(entry.values())[1:])
    Console(width=None if Console().is_terminal else 120).print(table)


@data_app.command("checkout")
def data_checkout(
    ctx: typer.Context,
    version: Annotated[str, typer.Argument(help="A version, or the beginning of one.")],
    to: Annotated[
        Path | None, typer.Option(help="Where to restore it; default is data/raw.")
    ] = None,
) -> None:
    """Restore one version of data/raw, byte for byte."""
    redeye = open_redeye(ctx.obj)
    target = to or redeye.places.data / "raw"
    count = redeye.services["versions"]().checkout(version, target)
    typer.echo(f"{count} files of version {version} are in {target}")
