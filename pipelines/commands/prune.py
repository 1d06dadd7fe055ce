"""What is older than what is kept, and needed by nothing that is."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated

import typer

from pipelines.app.services import open_redeye
from pipelines.commands.app import Json, app
from pipelines.core.command_text import as_typed


@app.command(rich_help_panel="Care")
def prune(
    ctx: typer.Context,
    keep: Annotated[
        int, typer.Option(min=1, max=36_500, help="Days up to the newest published one that stay.")
    ],
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it; without it, it is only said what would be done.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove old predictions, partitions and night folders that nothing which is kept needs."""
    from pipelines.adapters.retention import Root
    from pipelines.audit.retention import Needs, PruneContext
    from pipelines.audit.retention import prune as carry_out

    redeye = open_redeye(ctx.obj)
    params, services = redeye.params, redeye.services
    needs = Needs(params.ingest, params.features, params.settle, params.monitor)
    root, problem = Root(redeye.places), services["problem"]()
    context = PruneContext(problem, needs, root, services["lake"](), services["versions"]())
    pruned = carry_out(keep, context, dry_run=not yes)
    if as_json:
        typer.echo(pruned.to_json(), nl=False)
        return
    verb = "was removed" if yes else "would be removed"
    for dataset, found in groupby(pruned.removed, key=lambda one: one.where.rpartition(" ")[0]):
        of = list(found)
        days, size = f"{of[0].day} to {of[-1].day}", sum(one.size for one in of)
        rows = f", {sum(one.rows for one in of):,} rows" if of[0].rows else ""
        typer.echo(f"{dataset or 'night folders'}: {len(of)} days, {days}{rows}, {size:,} bytes")
    typer.echo(
        f"{pruned.size:,} bytes {verb}; scores are kept from {pruned.first_kept} on, data from "
        f"{pruned.lake_from} on"
    )
    if not yes and pruned.removed:
        typer.echo(as_typed(f"next: redeye prune --keep {keep} --yes"), err=True)
