"""Whether whole nights can run from here."""

from __future__ import annotations

import typer

from pipelines.commands.app import Json, app
from pipelines.core.config import find_places
from pipelines.core.errors import ConfigError


@app.command(rich_help_panel="Care")
def doctor(ctx: typer.Context, as_json: Json = False) -> None:
    """Look at packages, database, registry, remote, disk, ports and nights; change nothing."""
    from pipelines.app.doctor import diagnose, show_diagnosis
    from pipelines.app.health import Health

    diagnosis = diagnose(Health(find_places(ctx.obj), ctx.obj).probes())
    if as_json:
        typer.echo(diagnosis.to_json(), nl=False)
    else:
        show_diagnosis(diagnosis)
    if diagnosis.red:
        first = diagnosis.red[0]
        raise ConfigError(
            f"{len(diagnosis.red)} of {len(diagnosis.findings)} lines are red; first {first.probe}: "
            f"{first.what}; next: {first.next}"
        )
