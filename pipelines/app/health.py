"""The probes of `redeye doctor`: what whole nights need of this machine, the database, the registry and the remote."""

from __future__ import annotations

import os
import platform
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipelines.app.doctor import Finding, Probe
from pipelines.app.run_folder import nights_left, overdue
from pipelines.app.services import load_problem
from pipelines.core.config import Params, Paths, read_params
from pipelines.core.dates import find_gaps, spell_gaps
from pipelines.core.graph import read_chain
from pipelines.define.problem import Problem

CLOCK_SECONDS = 60.0  # two clocks may differ so far
NIGHTS_OF_ROOM = 7
LEAST_BYTES = 2**30
SHOWN = 5  # packages that differ, or gaps
AIRFLOW = ("AIRFLOW_PORT", 8080, "/api/v2/monitor/health", "metadatabase")
MLFLOW = ("MLFLOW_PORT", 5000, "/health", "OK")


@dataclass(frozen=True)
class Health:
    """What is looked at."""

    places: Paths
    environ: Mapping[str, str]

    def probes(self) -> list[Probe]:
        """Everything that there is to look at, in the order in which it is told."""
        repository, places = shlex.quote(str(self.places.repository)), self.places
        restored = f"git -C {repository} checkout params.yaml dvc.yaml"
        root = shlex.quote(str(places.root))
        database = "export REDEYE_DATABASE_URL=postgresql+psycopg://USER:PASSWORD@HOST/NAME"
        return [
            Probe("settings", self.settings, restored),
            Probe("packages", self.packages, self._install()),
            Probe("database", self.database, database),
            Probe("registry", self.registry, "export MLFLOW_TRACKING_URI=http://HOST:PORT"),
            Probe("DVC remote", self.remote, "export REDEYE_DVC_REMOTE=s3://BUCKET/PREFIX"),
            Probe("disk", self.disk, f"df -h {root}"),
            Probe("ports", self.ports, "ss -ltnp"),
            Probe("nights", self.nights, f"ls -l {root}/runs"),
        ]

    def settings(self) -> Iterator[Finding]:
        """params.yaml, dvc.yaml and the problem's package can be read."""
        params, problem = self._params(), self._problem()
        read_chain(self.places.repository / "dvc.yaml")
        yield _green("settings", f"problem {params.problem}: {problem.model}, zone {problem.zone}")

    def packages(self) -> Iterator[Finding]:
        """What is installed is what the lock names."""
        from pipelines.adapters.code_version import commit_of
        from pipelines.adapters.probes.machine import differing_packages

        repository = self.places.repository
        locks = ["requirements.lock"]
        if self._params().features.engine == "spark":
            locks.append("requirements-spark.lock")
        for lock in locks:
            count, wrong = differing_packages(repository / lock)
            if wrong:
                more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
                told = f"{'; '.join(wrong[:SHOWN])}{more}"
                yield _red("packages", told, self._install(lock))
            else:
                version, commit = platform.python_version(), commit_of(repository)[:12]
                told = f"Python {version}, {count} packages as {lock} names them, commit {commit}"
                yield _green("packages", told)

    def database(self) -> Iterator[Finding]:
        """It answers, its tables are this program's, and this role may write them."""
        from pipelines.adapters.database.migration import LATEST
        from pipelines.adapters.probes.database import look

        seen = look(self.places.database_url)
        if seen.step is not None and seen.step > LATEST:
            newer = (
                f"{seen.where}: its tables are of a newer Redeye (step {seen.step}, not {LATEST})"
            )
            yield _red("database", newer, f"git -C {self._repository} pull; {self._install()}")
        elif seen.lacking:
            lacks = f"{seen.where}: {seen.login or 'this user'} lacks {', '.join(seen.lacking)}"
            yield _red("database", lacks, self._grant(seen.login))
        elif seen.step is None:
            yield _green("database", f"{seen.where}: no tables yet; the first command makes them")
        elif seen.step < LATEST:
            older = (
                f"{seen.where}: its tables are at step {seen.step}, and this program needs {LATEST}"
            )
            yield _red("database", older, "redeye verify")
        else:
            yield _green("database", f"{seen.where}: {seen.days:,} days published, may be written")
        yield from _clock("clock of the database", seen.now)

    def registry(self) -> Iterator[Finding]:
        """It answers whoever is configured."""
        from pipelines.adapters.probes.registry import look

        seen = look(self.places, self._problem().model)
        if seen.lacking:
            lacks = f"{seen.where}: this user lacks {', '.join(seen.lacking)}"
            yield _red("registry", lacks, self._grant(""))
            return
        counted = "" if seen.versions is None else f": {seen.versions:,} versions"
        yield _green("registry", f"{seen.where}{counted or ' answers, and may be read'}")
        yield from _clock("clock of the registry", seen.now)

    def remote(self) -> Iterator[Finding]:
        """It can be reached, and the newest version of the raw data is whole there."""
        from pipelines.adapters.dvc.remote import find_remote
        from pipelines.adapters.dvc.versions import DvcVersions
        from pipelines.adapters.probes.remote import look

        known = DvcVersions(self.places).log()
        settings = find_remote(self.places.dvc_remote, self.places.repository)
        seen = look(settings, known[0]["version"] if known else None)
        if not known:
            yield _green("DVC remote", f"{seen.where}: can be reached; no version is known yet")
            return
        version = f"version {known[0]['version'][:12]}"
        if not (seen.missing or seen.damaged):
            told = f"{seen.where}: all {seen.files:,} objects of {version} are there"
            yield _green("DVC remote", told)
            return
        again = "redeye data push"
        if seen.damaged:
            away = "aws s3 rm" if "://" in str(settings["url"]) else "rm"
            path = seen.damaged.removeprefix("file://")
            told = f"{seen.where}: the list of the files of {version} is damaged"
            yield _red("DVC remote", told, f"{away} {shlex.quote(path)}; {again}")
        else:
            told = (
                f"{seen.where}: {seen.missing:,} of {seen.files:,} objects of {version} are missing"
            )
            yield _red("DVC remote", told, again)

    def disk(self) -> Iterator[Finding]:
        """There is room for some more nights as large as those before, and for making a version again."""
        from pipelines.adapters.probes.machine import free_bytes, used_bytes

        places = self.places
        nights = max(len(list((places.root / "runs").glob("????-??-??"))), 1)
        folders = (places.data, places.root / "runs", places.var, places.root / ".dvc")
        a_night = sum(map(used_bytes, folders)) // nights
        wanted, free = max(LEAST_BYTES, NIGHTS_OF_ROOM * a_night), free_bytes(places.root)
        told = f"{places.root}: {_gigabytes(free)} free; a night took {_gigabytes(a_night)}"
        if free < wanted:
            cleared = f"du -xh --max-depth=2 {shlex.quote(str(places.root))}"
            yield _red("disk", f"{told}, and {_gigabytes(wanted)} are wanted", cleared)
        else:
            yield _green("disk", told)
        scratch = Path(tempfile.gettempdir())
        wanted, free = 2 * used_bytes(places.data / "raw"), free_bytes(scratch)
        told = f"{scratch}: {_gigabytes(free)} free for scratch files"
        if free < wanted:
            needs = f"{told}, and `redeye reproduce` needs {_gigabytes(wanted)}"
            yield _red("disk", needs, "export TMPDIR=FOLDER")
        else:
            yield _green("disk", told)

    def ports(self) -> Iterator[Finding]:
        """The ports that `make up` serves on are free, or its own."""
        from pipelines.adapters.probes.machine import listener

        served = [("Airflow", *AIRFLOW)]
        if not self.places.tracking_uri.startswith("http"):
            served.append(("MLflow", *MLFLOW))
        for who, variable, usual, path, says in served:
            port = int(self.environ.get(variable, usual))
            heard = listener(port, path, says)
            if heard:
                told = f"{port}, for {who}: another program listens there: {heard}"
                other = f"{variable}={port + 1} make -C {self._repository} up"
                yield _red("ports", told, other)
            else:
                state = "free" if heard is None else f"{who} answers"
                yield _green("ports", f"{port}, for {who}: {state}")

    def nights(self) -> Iterator[Finding]:
        """No night is missing between the first and the last, and the last is not overdue."""
        graph = read_chain(self.places.repository / "dvc.yaml")
        ran = [left.day for left in nights_left(self.places, graph) if left.notes]
        gaps = find_gaps(ran)
        for first, last in gaps[-SHOWN:]:
            missing = f"no night ran for {spell_gaps([(first, last)])}"
            yield _red("nights", missing, f"redeye backfill --from {first} --to {last}")
        if len(gaps) > SHOWN:
            first, last = gaps[0][0], gaps[-SHOWN - 1][1]
            missing = f"nights are missing in {len(gaps) - SHOWN} more gaps, {first} to {last}"
            yield _red("nights", missing, f"redeye backfill --from {first} --to {last}")
        late = overdue(self.places, datetime.now(UTC), self._params().schedule)
        if late:
            what, _, command = late.partition("; run ")
            yield _red("nights", what, command.strip("`"))
        if not gaps and not late:
            between = (
                f"{len(ran)} nights, {min(ran)} to {max(ran)}, none missing" if ran else "none yet"
            )
            yield _green("nights", between)

    def _params(self) -> Params:
        return read_params(self.places.repository / "params.yaml")

    def _problem(self) -> Problem:
        return load_problem(self._params().problem)

    @property
    def _repository(self) -> str:
        return shlex.quote(str(self.places.repository))

    def _install(self, lock: str = "requirements.lock") -> str:
        """The command that makes this environment what the lock names."""
        own = self.places.repository / ".venv"
        if lock == "requirements.lock" and Path(sys.prefix).resolve() == own.resolve():
            return f"make -B -C {self._repository} install"
        python, path = shlex.quote(sys.executable), shlex.quote(str(self.places.repository / lock))
        return f"{python} -m pip install --require-hashes -r {path}"

    def _grant(self, login: str) -> str:
        if not login:
            return f"sudo chown -R {os.getuid()} {shlex.quote(str(self.places.root))}"
        roles = shlex.quote(str(self.places.repository / "infra" / "roles.sql"))
        name = login.replace('"', '""')
        granted = shlex.quote(f'GRANT redeye_gate TO "{name}"')
        return f'psql "$OWNER_URL" -f {roles} -c {granted}'


def _clock(probe: str, theirs: datetime | None) -> Iterator[Finding]:
    if theirs is None:
        return
    apart = abs((datetime.now(UTC) - theirs).total_seconds())
    if apart > CLOCK_SECONDS:
        told = f"{apart:,.0f} seconds from this machine's"
        yield _red(probe, told, "sudo timedatectl set-ntp true")
    else:
        yield _green(probe, f"within {CLOCK_SECONDS:g} seconds of this machine's")


def _gigabytes(size: int) -> str:
    return f"{size / 2**30:,.1f} GB" if size >= 2**30 else f"{size / 2**20:,.0f} MB"


def _green(probe: str, what: str) -> Finding:
    return Finding(probe=probe, green=True, what=what)


def _red(probe: str, what: str, mend: str) -> Finding:
    return Finding(probe=probe, green=False, what=what, next=mend)
