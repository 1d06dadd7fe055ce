"""Everything that Airflow is told on this machine: places, secrets, ports, and what makes it quick."""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
from collections.abc import Mapping
from configparser import RawConfigParser
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from pipelines.core.atomic_files import write_whole
from pipelines.core.config import Paths
from pipelines.core.errors import ConfigError

REPOSITORY = Path(__file__).resolve().parents[1]
LOOPBACK = "127.0.0.1"
LOGIN = "admin"
# Seconds. Airflow's own deadlines of 5 to 50 fail tasks on a machine that is merely busy; whether a part
# of it has died is seen by its process.
PATIENT = "300"
POOLS = json.loads((Path(__file__).parent / "pools.json").read_text())


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


def open_home(places: Paths) -> Home:
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
        return Secrets(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(
            f"{path} cannot be read ({error}); delete it, new keys are made"
        ) from error


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


def write_config(home: Home, keys: Secrets, database: str, api: str, *, schedule: bool) -> None:
    """Write airflow.cfg; `AIRFLOW_HOME=<home> airflow …` works by it. `api` is the API's address."""
    host, port = api.removeprefix("http://").split(":")
    sections = {
        "core": {
            "dags_folder": str(REPOSITORY / "dags"),
            "plugins_folder": str(REPOSITORY / "plugins"),
            "load_examples": "False",
            "executor": "LocalExecutor",
            "parallelism": "12",
            "dagbag_import_timeout": PATIENT,
            # A failed task that is still telling people would be killed after 20 s, and then tried again.
            "task_success_overtime": PATIENT,
            "fernet_key": keys.fernet,
            "simple_auth_manager_users": f"{LOGIN}:admin",
            "simple_auth_manager_passwords_file": str(home.path / "passwords.json"),
            "execution_api_server_url": f"{api}/execution/",
        },
        "database": {"sql_alchemy_conn": database},
        "api": {
            "host": host,
            "port": port,
            "base_url": api,
            "secret_key": keys.session,
            "workers": "1",
        },
        "api_auth": {"jwt_secret": keys.jwt},
        "logging": {"base_log_folder": str(home.path / "logs" / "tasks")},
        "scheduler": {
            "use_job_schedule": str(schedule),
            # Looking for work more often takes the processor from the stages.
            "scheduler_idle_sleep_time": "0.25",
            "scheduler_health_check_threshold": PATIENT,
        },
        "triggerer": {"triggerer_health_check_threshold": PATIENT},
        "dag_processor": {
            "print_stats_interval": "0",
            "dag_file_processor_timeout": PATIENT,
            "health_check_threshold": PATIENT,
        },
        "workers": {"execution_api_timeout": PATIENT, "max_failed_heartbeats": "20"},
        "usage_data_collection": {"enabled": "False"},
    }
    config = RawConfigParser()
    config.read_dict(_escaped(sections))
    text = StringIO()
    config.write(text)
    _write_private(home.path / "airflow.cfg", text.getvalue())
    _write_private(home.path / "passwords.json", json.dumps({LOGIN: keys.password}))


def _escaped(sections: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Airflow reads a percent sign as the beginning of a reference."""
    return {
        section: {name: value.replace("%", "%%") for name, value in values.items()}
        for section, values in sections.items()
    }


def component_environ(home: Home, environ: Mapping[str, str]) -> dict[str, str]:
    """What every component gets: the caller's environment, its home, calm threads, no telemetry."""
    kept = {name: value for name, value in environ.items() if not name.startswith("AIRFLOW_")}
    return {
        # In a process that was forked, a pool of threads hangs or spins.
        "OMP_NUM_THREADS": "1",
        **kept,
        "AIRFLOW_HOME": str(home.path),
        "OMP_WAIT_POLICY": "PASSIVE",
        "NO_PROXY": f"{LOOPBACK},localhost,{kept.get('NO_PROXY', '')}".rstrip(","),
        "DO_NOT_TRACK": "1",
        "SCARF_ANALYTICS": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PYTHONUNBUFFERED": "1",
    }
