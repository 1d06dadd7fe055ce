"""Whole nights: one, a range of days, and what one did."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import typer

from pipelines.app.run_folder import missing_nights, nights_left, overdue
from pipelines.app.services import Redeye, open_redeye
from pipelines.app.summary import night_summary, show_night
from pipelines.commands.app import Day, Force, Json, app, check_day, tell_people
from pipelines.core.backfill import STAGES, Backfill
from pipelines.core.command_text import as_typed
from pipelines.core.dates import parse_day
from pipelines.core.errors import DataError, RedeyeError
from pipelines.core.text import mask
from pipelines.runner import Night, run_chain

log = logging.getLogger("redeye")


@app.command(rich_help_panel="Nights")
def night(ctx: typer.Context, day: Day, force: Force = False, as_json: Json = False) -> None:
    """The whole chain for one day, without a scheduler."""
    redeye = open_redeye(ctx.obj)
    tonight = redeye.night(parse_day(day))
    if not force:
        check_day(redeye, tonight.day)

    def tell(stage: str, error: RedeyeError) -> None:
        try:
            told = tell_people(redeye, tonight.day, stage, str(error))
        except Exception as failed:  # noqa: BLE001  the rest of the night is worth more than a message
            told = mask(f"{type(failed).__name__}: {failed}")[:300]
        log.info("%s %s failed; people: %s", tonight.day, stage, told)

    _finish(tonight, redeye, as_json, run_chain(tonight, redeye.graph.names, tell))


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


@app.command(rich_help_panel="Nights")
def status(ctx: typer.Context, day: Day, as_json: Json = False) -> None:
    """What a night did: rows, models, verdict, who answered, where to look."""
    redeye, asked = open_redeye(ctx.obj), parse_day(day)
    left = [one.day for one in nights_left(redeye.places, redeye.graph) if one.notes]
    if asked not in left:
        raise DataError(
            f"runs/{asked}: no night ran for this day; the newest that ran is "
            f"{max(left, default='none')}; run `redeye night --day {asked}`"
        )
    _finish(redeye.night(asked), redeye, as_json, {})
    if told := missing_nights(left):
        typer.echo(as_typed(told), err=True)
    if late := overdue(redeye.places, datetime.now(UTC), redeye.params.schedule):
        raise DataError(late)


@app.command(rich_help_panel="Nights")
def backfill(
    ctx: typer.Context,
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day.")],
    last: Annotated[
        str, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day, itself included.")
    ],
    stages: Annotated[str, typer.Option(help="Which stages, separated by commas.")] = ",".join(
        STAGES
    ),
    model: Annotated[
        str, typer.Option(help="current, as-of (who answered then), or a version number.")
    ] = "current",
    republish: Annotated[bool, typer.Option(help="Replace what is published.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Run stages for a range of days, one day after the other."""
    from pipelines.app.backfill_plan import plan_answers, plan_lines

    redeye = open_redeye(ctx.obj)
    asked = {
        "from": first,
        "to": last,
        "stages": [name.strip() for name in stages.split(",")],
        "model": model,
        "republish": republish,
        "dry_run": dry_run,
        "force": force,
    }
    plan = Backfill.of(asked, redeye.graph.names)
    if not plan.force:
        check_day(redeye, plan.days[-1])
    typer.echo(plan.in_words(), err=True)
    answers = plan_answers(plan, redeye)
    for line in plan_lines(answers):
        typer.echo(as_typed(line), err=True)
    failed = [] if dry_run else _fill(plan, redeye)
    if as_json:
        done = {
            "days": [day.isoformat() for day in plan.days],
            "answers": {one.day.isoformat(): one.answer for one in answers},
            "errors": [str(error) for error in failed],
        }
        typer.echo(json.dumps({**asked, **done}, indent=2))
    elif not dry_run:
        typer.echo(f"{len(plan.days)} days done, {len(failed)} stages failed")
    if failed:
        raise failed[0]


def _fill(plan: Backfill, redeye: Redeye) -> list[RedeyeError]:
    options = {"score": {"model": plan.model, "republish": plan.republish}}
    nights = [redeye.night(day, options) for day in plan.days]
    return [e for night_ in nights for e in run_chain(night_, plan.stages).values() if e]
