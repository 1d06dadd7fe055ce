"""The command line: every stage, the whole night, a backfill, and questions about them.

Data go to stdout (`--json` for machines), messages and progress to stderr. An error is one sentence
and an exit code of core/errors.py.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.logging import RichHandler

from pipelines.core.errors import GateRefused, RedeyeError, UsageError
from pipelines.runner import Night, run_chain
from pipelines.services import Redeye, open_redeye
from pipelines.summary import night_summary, show_night

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
Json = Annotated[bool, typer.Option("--json", help="Print a record for machines.")]

BACKFILL_STAGES = "ingest,validate,features,score,settle,monitor"


def main(argv: list[str], environ: Mapping[str, str]) -> int:
    """Run one command; its exit code."""
    handler = RichHandler(
        console=Console(stderr=True), show_path=False, show_level=False, markup=False
    )
    logging.basicConfig(
        level=logging.WARNING, format="%(message)s", datefmt="%X", handlers=[handler]
    )
    logging.getLogger("redeye").setLevel(logging.INFO)
    logging.getLogger("great_expectations").setLevel(logging.ERROR)  # it warns of its own folders
    command = " ".join(word for word in argv[:2] if not word.startswith("-"))
    try:
        app(argv, obj=dict(environ))
    except RedeyeError as error:
        typer.echo(f"redeye {command}: {error}", err=True)
        return error.exit_code
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


def parse_day(text: str) -> date:
    """The day in ISO form; raises UsageError for anything else, before a path is built from it."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text, flags=re.ASCII):
        raise UsageError(f"{text[:40]!r} is not a day; write it as YYYY-MM-DD, such as 2013-10-01")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"{text!r} is not a day of the calendar ({error}); write YYYY-MM-DD"
        ) from error


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
def features(ctx: typer.Context, day: Day, as_json: Json = False) -> None:
    """Compute what was knowable at the cutoff."""
    _run(ctx.obj, "features", day, as_json)


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
    """Judge the night's candidates; or, with --version, promote one by hand."""
    if version is None:
        if day is None:
            raise UsageError(
                "promote needs --day, to judge a night, or --version with --reason, to promote by hand"
            )
        _run(ctx.obj, "promote", day, as_json)
        return
    if not reason.strip():
        raise UsageError("promote --version needs --reason, which will stand in the ledger")
    _promote_by_hand(open_redeye(ctx.obj), version, reason)


def _promote_by_hand(redeye: Redeye, version: str, reason: str) -> None:
    from pipelines.core.records import LedgerEntry

    services = redeye.services
    registry, warehouse = services["registry"](), services["warehouse"]()
    wanted = registry.version(version) if re.fullmatch(r"[0-9]{1,9}", version) else None
    if wanted is None:
        raise UsageError(
            f"there is no version {version!r} of {services['problem']().model}; the MLflow UI lists them"
        )
    if not (wanted.quality and wanted.infra):
        raise GateRefused(
            f"version {version} has not passed both blessings (its tags in MLflow say why); it may not serve"
        )
    before = registry.version("champion")
    if before is not None and before.version != wanted.version:
        registry.point("previous-champion", before.version)
    registry.point("champion", wanted.version)
    entry = LedgerEntry(
        version=wanted.version,
        before=before.version if before else None,
        actor="command line",
        reason=reason,
    )
    warehouse.append(entry)
    typer.echo(f"version {wanted.version} is the champion; the next score uses it")


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
    if model is not None and not re.fullmatch(r"current|[1-9][0-9]{0,8}", model, flags=re.ASCII):
        raise UsageError(
            f"--model {model[:40]!r}: write `current`, or the number of a registered version"
        )
    options = {"model": model, "republish": republish}
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
    stages: Annotated[
        str, typer.Option(help="Which stages, separated by commas.")
    ] = BACKFILL_STAGES,
    model: Annotated[str, typer.Option(help="current, or a version number.")] = "current",
    republish: Annotated[bool, typer.Option(help="Replace what is published.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run stages for a range of days, one day after the other."""
    redeye = open_redeye(ctx.obj)
    days, chosen = _days(first, last), _stages(stages, redeye)
    options = _score_options(model, republish)
    plan = {"days": [str(day) for day in days], "stages": list(chosen), **options}
    typer.echo(
        f"backfill: {len(days)} days, {days[0]} to {days[-1]}; stages {' → '.join(chosen)}; model {model}; "
        f"days already published are {'replaced' if republish else 'left as they are'}",
        err=True,
    )
    if dry_run:
        typer.echo(json.dumps(plan, indent=2) if as_json else "dry run: nothing was done")
        return
    failed = [
        error
        for day in days
        for error in run_chain(redeye.night(day, {"score": options}), chosen).values()
        if error
    ]
    typer.echo(
        json.dumps({**plan, "errors": [str(error) for error in failed]}, indent=2)
        if as_json
        else f"{len(days)} days done"
    )
    if failed:
        raise failed[0]


def _days(first: str, last: str) -> list[date]:
    start, end = parse_day(first), parse_day(last)
    if end < start:
        raise UsageError(f"--from {first} is after --to {last}; swap them")
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]


def _stages(text: str, redeye: Redeye) -> tuple[str, ...]:
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in redeye.graph.names]
    if unknown or not wanted:
        raise UsageError(
            f"--stages {text[:60]!r}: known stages are {', '.join(redeye.graph.names)}"
        )
    return tuple(name for name in redeye.graph.names if name in wanted)


@data_app.command("log")
def data_log(ctx: typer.Context, as_json: Json = False) -> None:
    """Every version of data/raw, newest first."""
    from rich.table import Table

    versions = open_redeye(ctx.obj).services["versions"]().log()
    if as_json:
        typer.echo(json.dumps(versions, indent=2))
        return
    table = Table(*(versions[0] if versions else ["no version yet"]))
    for entry in versions:
        table.add_row(*entry.values())
    Console().print(table)


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
