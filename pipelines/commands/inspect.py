"""Questions about scores and data."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pipelines.app.services import open_redeye
from pipelines.app.terminal import plain
from pipelines.commands.app import Day, Json, app, data_app
from pipelines.core.backfill import parse_model
from pipelines.core.dates import parse_day
from pipelines.core.errors import DataError, UsageError
from pipelines.core.records import Candidates


@app.command(rich_help_panel="Questions")
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
    from pipelines.app.explain import as_record, show_story
    from pipelines.audit.lineage import LineageSources, tell_event, trace

    services = open_redeye(ctx.obj).services
    names = ("problem", "lake", "registry", "warehouse", "workers")
    archive = LineageSources(**{name: services[name]() for name in names})
    lineage = trace(parse_day(day), archive)
    told = tell_event(event, lineage, archive) if event else None
    if as_json:
        typer.echo(json.dumps(as_record(lineage, told), indent=2))
    else:
        show_story(lineage, told, archive.problem.features.dictionary)


@app.command(rich_help_panel="Questions")
def reproduce(
    ctx: typer.Context,
    version: Annotated[str, typer.Argument(help="A registered version, by its number.")],
    python: Annotated[
        str, typer.Option(metavar="PATH", help="The interpreter of an environment of its lock.")
    ] = sys.executable,
    as_json: Json = False,
) -> None:
    """Train a version again from its commit, data, settings and seed; whether it is the same."""
    from pipelines.app.reproduce import reproduce as train_again

    redeye = open_redeye(ctx.obj)
    found = train_again(_number(version), redeye, ctx.obj, python)
    if as_json:
        typer.echo(json.dumps(found.as_record(), indent=2))
    if found.equal == "nothing":
        raise DataError(found.in_words())
    if not as_json:
        typer.echo(found.in_words())


def _number(text: str) -> str:
    number = parse_model(text)
    if not number.isdigit():
        raise UsageError(f"reproduce {number}: write the number of a version, as MLflow shows it")
    return number


@app.command(rich_help_panel="Questions")
def scoreboard(ctx: typer.Context, day: Day, as_json: Json = False) -> None:
    """How a night's candidates compare: quality, time, size; and which is the simplest that is not beaten."""
    from rich.table import Table

    from pipelines.metrics.task import task_of
    from pipelines.reports.scoreboard import scoreboard as compared

    redeye, asked = open_redeye(ctx.obj), parse_day(day)
    found = redeye.night(asked).record("candidates")
    if not isinstance(found, Candidates):
        raise DataError(
            f"scoreboard {asked}: no models were trained for this day; run `redeye night --day {asked}`"
        )
    if as_json:
        lines = [one.model_dump(mode="json") for one in found.scoreboard]
        told = {
            "day": asked.isoformat(),
            "chosen": found.chosen,
            "reason": found.reason,
            "candidates": lines,
        }
        typer.echo(json.dumps({**told, "failed": found.failed}, indent=2))
        return
    heads, rows = compared(found, task_of(redeye.services["problem"]().task))
    table = Table(*heads, title=plain(found.reason), title_justify="left")
    for row in rows:
        table.add_row(*(plain("\n".join(filter(None, cell))) for cell in row))
    Console(width=None if Console().is_terminal else 160).print(table)


@app.command(rich_help_panel="Questions")
def dictionary(ctx: typer.Context, as_json: Json = False) -> None:
    """What every feature means, in Markdown."""
    from pipelines.define.dictionary import entries, page

    problem = open_redeye(ctx.obj).services["problem"]()
    told = json.dumps(entries(problem), indent=2, ensure_ascii=False) if as_json else page(problem)
    typer.echo(told, nl=as_json)


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
        table.add_row(*map(plain, [entry["version"][:12], *list(entry.values())[1:]]))
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


@data_app.command("push")
def data_push(ctx: typer.Context) -> None:
    """Put data/raw onto the DVC remote again, where that has lost some of it."""
    pointer = open_redeye(ctx.obj).services["versions"]().push()
    typer.echo(f"all {pointer.files} files of version {pointer.version[:12]} are on the remote")
