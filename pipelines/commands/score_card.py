"""The ML Test Score of this installation, looked up and told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from pipelines.app.run_folder import nights_left
from pipelines.app.services import Redeye, open_redeye
from pipelines.app.terminal import plain
from pipelines.commands.app import Json, app
from pipelines.core.command_text import as_typed

if TYPE_CHECKING:
    from pipelines.audit.score_card.scoring import ScoreCard

REACHES = ("REDEYE_ALERT_WEBHOOK", "REDEYE_SMTP_URL")


@app.command("score-card", rich_help_panel="Questions")
def ml_test_score(ctx: typer.Context, as_json: Json = False) -> None:
    """The ML Test Score: 28 questions about this installation, each with its tests and its evidence."""
    card = score_card(open_redeye(ctx.obj), ctx.obj)
    if as_json:
        typer.echo(json.dumps(as_record(card), indent=2))
    else:
        show_score_card(card)


def score_card(redeye: Redeye, environ: Mapping[str, str]) -> ScoreCard:
    """Every item, with what the settings, the records of the nights, the registry and the database show."""
    from pipelines.audit.score_card.items import ITEMS
    from pipelines.audit.score_card.scoring import Facts, score

    services = {name: redeye.services[name]() for name in ("problem", "registry", "warehouse")}
    facts = Facts(
        params=redeye.params,
        repository=redeye.places.repository,
        nights=nights_left(redeye.places, redeye.graph),
        reached=[name for name in REACHES if environ.get(name)],
        **services,
    )
    return score(ITEMS, facts)


def as_record(card: ScoreCard) -> dict[str, Any]:
    """For machines."""
    items = [
        {
            "section": one.item.section,
            "asks": one.item.asks,
            "score": one.points,
            "evidence": one.evidence,
            "lacks": one.item.lacks,
            "tests": list(one.item.tests),
            "missing_tests": list(one.missing),
        }
        for one in card.items
    ]
    return {"score": card.score, "sums": card.sums, "items": items}


def show_score_card(card: ScoreCard) -> None:
    """Print a table for each section, its sum, and the least of the sums."""
    from rich.table import Table

    console = Console(width=None if Console().is_terminal else 160)
    for section in card.sums:
        table = Table(title=f"{section}: {card.sums[section]:g} of 7", title_justify="left")
        for head in ("points", "asks", "evidence", "tests"):
            table.add_column(head, overflow="fold")
        for one in card.items:
            if one.item.section != section:
                continue
            tests = [f"{name} (gone)" if name in one.missing else name for name in one.item.tests]
            cells = (f"{one.points:g}", one.item.asks, as_typed(one.evidence), "\n".join(tests))
            table.add_row(*map(plain, cells))
        console.print(table)
    console.print(f"ML Test Score: {card.score:g}, the least of the four sums")
