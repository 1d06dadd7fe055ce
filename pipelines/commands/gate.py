"""Evidence for a challenger, from a file of losses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.app import Json, gate_app


@gate_app.callback()
def gate() -> None:
    """Questions about the gate."""  # so that `replay` stays a command of its own


@gate_app.command("replay")
def replay_losses(
    file: Annotated[Path, typer.Argument(help="Columns day, champion_loss, challenger_loss.")],
    alpha: Annotated[
        float,
        typer.Option(help="Probability, at most, that one of two equal models is ever promoted."),
    ] = 0.05,
    min_lift: Annotated[
        float, typer.Option(help="Share of the champion's loss that a gain must exceed.")
    ] = 0.0,
    as_json: Json = False,
) -> None:
    """Evidence after each settled day that the challenger is better, and the day that decides."""
    from pipelines.app.replay import replay

    found = replay(file, alpha, min_lift)
    promoted = found.promoted_on.isoformat() if found.promoted_on else None
    curve = [
        {"day": day.isoformat(), "evidence": step}
        for day, step in zip(found.days, found.evidence, strict=True)
    ]
    if as_json:
        told = {"promoted_on": promoted, "evidence": found.evidence[-1], "days": len(found.days)}
        typer.echo(json.dumps({**told, "curve": curve}))
        return
    for one in curve:
        typer.echo(f"{one['day']}  {one['evidence']:.4g}")
    needed, days = 1 / alpha, f"{len(found.days)} day{'s' * (len(found.days) != 1)}"
    typer.echo(
        f"promoted on {promoted}: the evidence has reached {needed:g} after {days}"
        if promoted
        else f"not promoted: the evidence is {found.evidence[-1]:.3g} of {needed:g} after {days}"
    )
