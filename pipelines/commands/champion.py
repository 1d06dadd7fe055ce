"""Who is champion: judged, promoted, rolled back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from pipelines.app.services import Redeye, open_redeye
from pipelines.commands.app import Force, Json, app
from pipelines.commands.stages import run_stage
from pipelines.core.backfill import parse_model
from pipelines.core.dates import parse_day
from pipelines.core.errors import GateRefused, UsageError
from pipelines.core.records import ModelVersion
from pipelines.monitoring.ports import Warehouse
from pipelines.promotion.ports import Registry

CHALLENGER_SAYS = {"version", "candidate", "trained_until"}


@app.command(rich_help_panel="Champion")
def promote(
    ctx: typer.Context,
    day: Annotated[
        str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="The night to judge.")
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="Make this version the champion, by hand.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; it stands in the ledger.")] = "",
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Judge a night (--day), promote by hand (--version), or see whether the alias was moved in MLflow."""
    if version is not None:
        _promote_by_hand(open_redeye(ctx.obj), version, reason)
    elif day is not None:
        run_stage(ctx.obj, "promote", day, (force, as_json))
    else:
        _see_promotion(open_redeye(ctx.obj), as_json)


def _promote_by_hand(redeye: Redeye, version: str, reason: str) -> None:
    from pipelines.features.meaning import meanings
    from pipelines.promotion.champion import promote_by_hand

    if not reason.strip():
        raise UsageError("promote --version needs --reason, which will stand in the ledger")
    registry, warehouse = redeye.services["registry"](), redeye.services["warehouse"]()
    declared = meanings(redeye.services["problem"]())
    promote_by_hand(parse_model(version), reason, registry, warehouse, declared)
    typer.echo(f"version {version} is the champion; the next score uses it")


def _see_promotion(redeye: Redeye, as_json: bool) -> None:
    from pipelines.audit.tags import mend_tags
    from pipelines.features.meaning import meanings
    from pipelines.promotion.champion import sync_champion

    registry, warehouse = redeye.services["registry"](), redeye.services["warehouse"]()
    declared = meanings(redeye.services["problem"]())
    throne = sync_champion(registry, warehouse, declared)
    serving = throne.serving
    told: dict[str, Any] = {
        "serving": serving.version if serving else None,
        "refusal": throne.refusal,
        "new": throne.entry.model_dump() if throne.entry else None,
        "challenger": waiting(registry, warehouse, declared, serving),
        "mended": [*map(str, mend_tags(registry, warehouse))],
    }
    for mended in told["mended"]:
        typer.echo(mended, err=True)
    typer.echo(json.dumps(told) if as_json else f"champion: version {told['serving'] or 'none'}")
    if throne.refusal and throne.champion:
        sentence = (
            f"the alias `champion` is on version {throne.champion.version}, which may not serve: "
            f"{throne.refusal}; version {told['serving']} goes on, move the alias to a blessed version"
        )
        if throne.entry:  # seen for the first time
            _tell(redeye, sentence, told["serving"])
        raise GateRefused(sentence)


def waiting(
    registry: Registry,
    warehouse: Warehouse,
    declared: Mapping[str, str],
    serving: ModelVersion | None,
) -> dict[str, Any] | None:
    """The challenger that a person may promote, with the gate's reason; None when there is none."""
    from pipelines.promotion.eligibility import ineligibility, read_blessed

    challenger = read_blessed("challenger", registry, warehouse.blessing)
    if challenger is None or (serving and challenger.version == serving.version):
        return None
    blessing = warehouse.blessing(challenger)
    if blessing is None or ineligibility(challenger, declared, warehouse.blessing):
        return None
    told = challenger.model_dump(mode="json", include=CHALLENGER_SAYS)
    return {**told, "reason": blessing.quality.reason}


def _tell(redeye: Redeye, sentence: str, serving: str | None) -> None:
    """Tell people that somebody's promotion was refused, where they get their messages."""
    from pipelines.monitoring.alerts import Alarm
    from pipelines.monitoring.incidents import tell_failure

    problem, warehouse, notifier = (
        redeye.services[name]() for name in ("problem", "warehouse", "notifier")
    )
    today = datetime.now(ZoneInfo(problem.zone)).date()
    back = serving and f"redeye promote --version {serving} --reason 'the alias was refused'"
    command = back or f"redeye night --day {today}"
    alarm = Alarm("promotion refused", sentence, command, urgent=True, kind="promotion refused")
    tell_failure(alarm, today, f"Redeye {problem.model}", (warehouse, notifier))


@app.command(rich_help_panel="Champion")
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
    from pipelines.features.meaning import meanings
    from pipelines.promotion.champion import roll_back

    registry, declared = redeye.services["registry"](), meanings(redeye.services["problem"]())
    entry = roll_back(reason or "rolled back by hand", registry, warehouse, declared)
    typer.echo(f"version {entry.version} is champion again, in place of {entry.before}")
