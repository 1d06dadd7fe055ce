"""The nine verbs of the chain, one command each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

import typer

from pipelines.app.services import Redeye, open_redeye
from pipelines.commands.app import Day, Force, Json, app, check_day
from pipelines.core.backfill import parse_model
from pipelines.core.dates import parse_day
from pipelines.core.errors import UsageError
from pipelines.data.refetch import Span, refetch


def run_stage(
    environ: Mapping[str, str],
    stage: str,
    day: str,
    how: tuple[bool, bool],
    overrides: Mapping[str, object] | None = None,
) -> None:
    """Run one stage and print its record, or the short of it; how: --force, --json."""
    force, as_json = how
    redeye, on = open_redeye(environ), parse_day(day)
    if not force:
        check_day(redeye, on)
    record = redeye.night(on, {stage: overrides} if overrides else None).run(stage)
    text = record.to_json() if as_json else _first_lines(record.model_dump(mode="json"))
    typer.echo(text, nl=not as_json)


def _first_lines(record: dict[str, Any]) -> str:
    short = {key: value for key, value in record.items() if not isinstance(value, list | dict)}
    return "  ".join(f"{key} {value}" for key, value in short.items())


@app.command(rich_help_panel="Stages")
def ingest(
    ctx: typer.Context,
    day: Day,
    table: Annotated[
        str | None,
        typer.Option(
            "--refetch",
            metavar="TABLE",
            help="First land its history again, for all nights: its known_at says who knew what.",
        ),
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="First day of --refetch.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day of --refetch.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Land what the source has, and version all raw data."""
    if table is None and (first or last):
        raise UsageError("ingest: --from and --to are days of --refetch; say its TABLE too")
    if table is not None:
        redeye, on = open_redeye(ctx.obj), parse_day(day)
        if not force:
            check_day(redeye, on)
        _refetch(
            redeye, Span(on, table, *(parse_day(one) if one else None for one in (first, last)))
        )
    run_stage(ctx.obj, "ingest", day, (force, as_json))


def _refetch(redeye: Redeye, span: Span) -> None:
    services = (redeye.services[name]() for name in ("problem", "source", "lake"))
    found = refetch(span, *services)
    typer.echo(f"{span.table}: {len(found.changed)} of {found.asked} days changed", err=True)
    if found.missing:
        typer.echo(
            f"no longer to be had, and left as they are: {', '.join(map(str, found.missing))}",
            err=True,
        )


@app.command(rich_help_panel="Stages")
def validate(ctx: typer.Context, day: Day, force: Force = False, as_json: Json = False) -> None:
    """Judge what landed; put bad rows into quarantine."""
    run_stage(ctx.obj, "validate", day, (force, as_json))


@app.command(rich_help_panel="Stages")
def features(
    ctx: typer.Context,
    day: Day,
    known: Annotated[
        Literal["then", "now"],
        typer.Option(help="then: what the night knew; now: corrections since, kept apart."),
    ] = "then",
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Compute what was knowable at the cutoff."""
    if known == "then":
        run_stage(ctx.obj, "features", day, (force, as_json))
    else:
        _features_known_now(open_redeye(ctx.obj), parse_day(day), as_json)


def _features_known_now(redeye: Redeye, day: date, as_json: bool) -> None:
    from pipelines.data.partitions import differing
    from pipelines.stages.features import features_known_now

    problem, lake, engine = (redeye.services[name]() for name in ("problem", "lake", "engine"))
    made = features_known_now(day, problem, lake, engine)
    typer.echo(made.to_json() if as_json else lake.path(made), nl=not as_json)
    for then in lake.find("features", day, day):
        found = differing(lake.read([then]), lake.read([made]))
        told = ", ".join(f"{name} of {rows:,} rows" for name, rows in found.items())
        typer.echo(f"otherwise than on the night: {told or 'nothing'}", err=True)


@app.command(rich_help_panel="Stages")
def train(ctx: typer.Context, day: Day, force: Force = False, as_json: Json = False) -> None:
    """Fit the candidates."""
    run_stage(ctx.obj, "train", day, (force, as_json))


@app.command(rich_help_panel="Stages")
def evaluate(ctx: typer.Context, day: Day, force: Force = False, as_json: Json = False) -> None:
    """Put candidates and champion on the same unseen days."""
    run_stage(ctx.obj, "evaluate", day, (force, as_json))


@app.command(rich_help_panel="Stages")
def score(
    ctx: typer.Context,
    day: Day,
    model: Annotated[
        str | None, typer.Option(help="current, as-of (who answered then), or a version number.")
    ] = None,
    republish: Annotated[
        bool | None, typer.Option(help="Replace what is published.", show_default="params.yaml")
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Score the day's events and publish one contender's answers."""
    run_stage(ctx.obj, "score", day, (force, as_json), _score_options(model, republish))


def _score_options(model: str | None, republish: bool | None) -> dict[str, object]:
    options = {"model": model and parse_model(model), "republish": republish}
    return {name: value for name, value in options.items() if value is not None}


@app.command(rich_help_panel="Stages")
def settle(ctx: typer.Context, day: Day, force: Force = False, as_json: Json = False) -> None:
    """Join outcomes that arrived to what was predicted."""
    run_stage(ctx.obj, "settle", day, (force, as_json))


@app.command(rich_help_panel="Stages")
def monitor(ctx: typer.Context, day: Day, force: Force = False, as_json: Json = False) -> None:
    """Compare what was promised with what came; write the report."""
    run_stage(ctx.obj, "monitor", day, (force, as_json))
