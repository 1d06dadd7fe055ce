"""Evidence for people outside: in files, and whether those are as they were written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.app.services import open_redeye
from pipelines.commands.app import Json, evidence_app
from pipelines.core.command_text import as_typed
from pipelines.core.dates import parse_days


@evidence_app.command("export")
def evidence_export(
    ctx: typer.Context,
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First day.")],
    last: Annotated[
        str, typer.Option("--to", metavar="YYYY-MM-DD", help="Last day, itself included.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new folder for the files.")],
) -> None:
    """Write verdicts, ledger, lineage and metrics as lines in a chain of hashes, and the tables as Parquet."""
    from pipelines.app.evidence_files import export

    sha256 = export(open_redeye(ctx.obj), parse_days(first, last), out)
    typer.echo(f"{out}: SHA-256 {sha256}; keep that number elsewhere")
    typer.echo(as_typed(f"next: redeye evidence check {out} --sha256 {sha256}"), err=True)


@evidence_app.command("check")
def evidence_check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="An export.")],
    sha256: Annotated[
        str | None,
        typer.Option(help="What the export printed; without it only its parts are compared."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Find a line of an export that was edited, added or taken away."""
    from pipelines.app.evidence_files import check

    manifest = check(folder, sha256)
    if as_json:
        typer.echo(manifest.to_json(), nl=False)
        return
    typer.echo(f"{folder}: all {sum(manifest.lines.values()):,} lines are as they were written")
