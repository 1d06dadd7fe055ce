"""Bringing the tables of a database to what this program expects."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from pipelines.core.errors import ConfigError

LATEST = "0010"  # the newest step of migrations/; a test holds the two together
STEPS = Path(__file__).parent / "migrations"
MARK = "alembic_version"


def step(connection: Connection) -> str | None:
    """The step at which the tables are; None without a mark."""
    if not inspect(connection).has_table(MARK):
        return None
    return connection.execute(text(f"SELECT version_num FROM {MARK}")).scalar()


def upgrade(connection: Connection, where: str) -> None:
    """Take every step that is missing, within the connection's transaction.

    Raises ConfigError when the database is ahead of this program: its tables are left alone.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(STEPS))
    at = step(connection)
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    if at is not None and at not in known:
        raise ConfigError(
            f"{where}: its tables are at step {at}, this program knows them up to {LATEST}; "
            f"update Redeye (`git pull && make install`), or give another REDEYE_DATABASE_URL"
        )
    command.upgrade(config, "head")
