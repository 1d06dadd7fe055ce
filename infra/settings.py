"""Everything that Airflow is told on this machine: places, secrets, ports, and what makes it quick."""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.config import Places
from pipelines.core.errors import ConfigError
from pipelines.core.files import write_whole

LOOPBACK = "127.0.0.1"
LOGIN = "admin"
POOLS = {"dvc": "DVC has one lock", "training": "training takes the whole machine"}


@dataclass(frozen=True)
class Secrets:
    """Keys of this machine alone, made once, readable by their owner only."""

    fernet: str
    jwt: str
    session: str
    password: str


@dataclass(frozen=True)
class Home:
    """AIRFLOW_HOME, and where in it things are."""

    path: Path

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def state(self) -> Path:
        return self.path / "stack.json"

    def log(self, component: str) -> Path:
        return self.path / "logs" / f"{component}.log"


def open_home(places: Places) -> Home:
    """The folder of Airflow's state, made if it is missing."""
    home = Home(places.var / "airflow")
    try:
        (home.path / "logs").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{home.path} cannot be made ({error.strerror}); make it writable, or set REDEYE_ROOT"
        ) from error
    return home


def open_secrets(home: Home) -> Secrets:
    """The keys in secrets.json; new ones if there are none."""
    path = home.path / "secrets.json"
    if not path.exists():
        fresh = {
            "fernet": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "jwt": secrets.token_hex(32),
            "session": secrets.token_hex(32),
            "password": secrets.token_urlsafe(12),
        }
        _write_private(path, json.dumps(fresh))
    try:
        kept = Secrets(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(
            f"{path} cannot be read ({error}); delete it, new keys are made"
        ) from error
    _write_private(home.path / "passwords.json", json.dumps({LOGIN: kept.password}))
    return kept


def _write_private(path: Path, text: str) -> None:
    previous = os.umask(0o077)
    try:
        write_whole(path, text.encode())
    finally:
        os.umask(previous)
    path.chmod(0o600)


def is_free(port: int) -> bool:
    """Whether nobody listens on the port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def any_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def airflow_environ(
    home: Home, keys: Secrets, database: str, api: str, *, schedule: bool
) -> dict[str, str]:
    """Airflow's settings, as environment variables; `api` is the address of its API server."""
    host, port = api.removeprefix("http://").split(":")
    dags = Path(__file__).resolve().parents[1] / "dags"
    settings = {
        "CORE__DAGS_FOLDER": str(dags),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "12",
        "CORE__FERNET_KEY": keys.fernet,
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{LOGIN}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home.path / "passwords.json"),
        "CORE__EXECUTION_API_SERVER_URL": f"{api}/execution/",
        "DATABASE__SQL_ALCHEMY_CONN": database,
        "API__HOST": host,
        "API__PORT": port,
        "API__BASE_URL": api,
        "API__SECRET_KEY": keys.session,
        "API__WORKERS": "1",
        "API_AUTH__JWT_SECRET": keys.jwt,
        "LOGGING__BASE_LOG_FOLDER": str(home.path / "logs" / "tasks"),
        "SCHEDULER__USE_JOB_SCHEDULE": str(schedule),
        # Looking for work more often takes the processor from the stages.
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.25",
        "DAG_PROCESSOR__PRINT_STATS_INTERVAL": "0",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    return {
        "AIRFLOW_HOME": str(home.path),
        **{f"AIRFLOW__{name}": value for name, value in settings.items()},
    }


def quiet_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """What every component gets besides: the caller's environment, calm threads, no telemetry."""
    kept = {name: value for name, value in environ.items() if not name.startswith("AIRFLOW_")}
    return {
        # In a process that was forked, a pool of threads hangs or spins.
        "OMP_NUM_THREADS": "1",
        **kept,
        "OMP_WAIT_POLICY": "PASSIVE",
        "NO_PROXY": f"{LOOPBACK},localhost,{kept.get('NO_PROXY', '')}".rstrip(","),
        "DO_NOT_TRACK": "1",
        "SCARF_ANALYTICS": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PYTHONUNBUFFERED": "1",
    }
