"""How a database URL becomes an engine that waits, never for ever, and loses nothing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url

from pipelines.core.errors import ConfigError
from pipelines.core.fault_injection import fault_point
from pipelines.core.text import MASK, mask, secrets_in_url

WAIT_SECONDS = 30  # for a lock that somebody else holds
CONNECT_SECONDS = 10
STATEMENT_SECONDS = 600  # what takes longer hangs


def parse_url(url: str) -> URL:
    """The URL of a SQLite file or of PostgreSQL; raises ConfigError for any other."""
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (exc.ArgumentError, ValueError) as error:
        raise ConfigError(
            "REDEYE_DATABASE_URL: not a database URL; write sqlite:///folder/file.db "
            "or postgresql+psycopg://user:password@host/name"
        ) from error
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise ConfigError(
            f"REDEYE_DATABASE_URL: {shown(parsed)} is neither a SQLite "
            f"file nor PostgreSQL; write sqlite:///folder/file.db or postgresql+psycopg://…"
        )
    return parsed


def shown(url: URL) -> str:
    """The URL without its password and without the secrets of its query."""
    return mask(url.render_as_string(hide_password=True))


def hide(url: URL, text: str) -> str:
    """A driver's message without the secrets of the URL, however the driver quotes them."""
    for secret in secrets_in_url(url.render_as_string(hide_password=False)):
        text = text.replace(secret, MASK)
    return mask(text)


def open_engine(url: URL) -> Engine:
    """An engine that waits for locks, for a while, and whose SQLite is safe against lost updates."""
    if url.get_backend_name() == "postgresql":
        engine = create_engine(url, pool_pre_ping=True, connect_args=_limits(url))
        event.listen(engine, "before_cursor_execute", _on_statement)
        return engine
    engine = create_engine(url, connect_args={"timeout": WAIT_SECONDS})
    event.listen(engine, "before_cursor_execute", _on_statement)
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _limits(url: URL) -> dict[str, Any]:
    """No call waits for ever; what the URL says itself stands."""
    told = url.query.get("options", ())
    options = [told] if isinstance(told, str) else told
    ours = f"-c lock_timeout={WAIT_SECONDS}s -c statement_timeout={STATEMENT_SECONDS}s"
    limits: dict[str, Any] = {"options": " ".join([ours, *options])}  # the last one counts
    if "connect_timeout" not in url.query:
        limits["connect_timeout"] = CONNECT_SECONDS
    return limits


def _on_statement(*_: object) -> None:
    fault_point("database.before_statement")


def _on_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver would begin transactions by rules of its own
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    # Every commit goes into the file itself: whoever copies it alone does not get an empty one.
    connection.execute("PRAGMA wal_autocheckpoint=1")
    connection.execute("PRAGMA foreign_keys=ON")


def _on_begin(connection: Connection) -> None:
    # A transaction that reads and then writes loses updates unless it is a writer from the start.
    writes = connection.get_execution_options().get("writes", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
