"""A search of settings by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Annotated

import typer

from pipelines.app.services import Redeye, open_redeye
from pipelines.commands.app import Day, Force, Json, app, check_day
from pipelines.core.dates import parse_day
from pipelines.core.errors import DataError
from pipelines.core.records import FeatureTable, Tuning


@app.command(rich_help_panel="Models")
def tune(
    ctx: typer.Context,
    day: Day,
    trials: Annotated[
        int | None,
        typer.Option(min=2, max=100_000, help="Of a spec, at most.", show_default="params.yaml"),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=1_000_000, help="Of all specs together.", show_default="params.yaml"
        ),
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Search the settings that model specs declare; what is found is a candidate from this night on."""
    redeye, on = open_redeye(ctx.obj), parse_day(day)
    if not force:
        check_day(redeye, on)
    asked = {"trials": trials, "minutes": minutes}
    given = {name: value for name, value in asked.items() if value is not None}
    found = _search(redeye, on, given)
    if as_json:
        typer.echo(found.to_json(), nl=False)
        return
    for spec, told in found.told.items():
        typer.echo(f"{spec}: {told}")
    for one in found.tuned:
        typer.echo(f"a candidate from the night {found.day} on: {one.name}")


def _search(redeye: Redeye, day: date, given: dict[str, int | float]) -> Tuning:
    from pipelines.stages.tune import TuningNight, tune

    table = redeye.night(day).record("feature_table")
    if not isinstance(table, FeatureTable):
        raise DataError(
            f"tune {day}: there are no features of this night; run `redeye night --day {day}`"
        )
    tuner = redeye.services["tuner"]()
    tuner = replace(tuner, params=tuner.params.model_copy(update=given))
    problem, lake, registry, code = (
        redeye.services[name]() for name in ("problem", "lake", "registry", "code")
    )
    night = TuningNight(day, redeye.params.train, problem, table, lake, registry, tuner, code)
    return tune(night, strict=True)
