"""`make install`, run from wheels that are put together here, so that no registry is asked."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
# What `make install` works with: uv, and what makes an editable install.
NEEDED = ("hatchling", "packaging", "pathspec", "pluggy", "tomlkit", "trove-classifiers", "uv")


def make(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A target of the Makefile, as it is called by somebody who has no environment active."""
    callers = ("PIP_", "MAKE", "MFLAGS")  # what `make test` itself was called with among them
    kept = {name: value for name, value in os.environ.items() if not name.startswith(callers)}
    return subprocess.run(
        ["make", "--file", str(PROJECT / "Makefile"), *words],
        cwd=folder,
        env={**kept, "PYTHON": sys.executable, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """What of a fresh clone an installation looks at."""
    for name in ("pyproject.toml", "requirements.lock", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, tmp_path)
    (tmp_path / "pipelines").mkdir()
    return tmp_path


def test_the_installer_is_found_in_a_lock_that_no_pipe_holds(fresh: Path) -> None:
    (fresh / ".venv" / "bin").mkdir(parents=True)
    (fresh / ".venv" / "bin" / "python").symlink_to(sys.executable)
    lock = fresh / "requirements.lock"
    long = "uvi==1 \\\n" + f"    # {'z' * 9999}\n" * 100  # more than a pipe holds
    lock.write_text(lock.read_text().replace("\nuvicorn==", f"\n{long}uvicorn=="))

    done = make(fresh, ".venv/uv.lock")

    assert done.returncode == 0, done.stderr
    first, *hashes = (fresh / ".venv" / "uv.lock").read_text().splitlines()
    assert first.startswith("uv==")
    assert sum("--hash=" in line for line in hashes) > 5
    assert all(line.startswith("    ") for line in hashes)


def test_the_target_makes_the_environment_and_says_what_it_does(fresh: Path) -> None:
    wheels = [wheel_of(distribution(name), fresh / "wheels") for name in NEEDED]
    lock = [
        f"{name}=={distribution(name).version} \\\n    --hash=sha256:{digest}\n"
        for name, digest in zip(NEEDED, wheels, strict=True)
    ]
    (fresh / "requirements.lock").write_text("".join(lock))
    of_another_python(fresh / ".venv")
    here = str(fresh / "wheels")

    done = make(
        fresh,
        "install",
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=here,
        UV_NO_INDEX="1",
        UV_FIND_LINKS=here,
        UV_CACHE_DIR=str(fresh / "cache"),
    )

    assert done.returncode == 0, done.stderr
    steps = ("making the environment in .venv with Python 3.", "installing uv", "installing what")
    said = [line for line in done.stderr.splitlines() if line.startswith(steps)]
    assert len(said) == len(steps)
    assert "hatchling" in done.stderr  # uv tells what it does while it does it
    installed = (fresh / ".venv" / "bin" / "redeye").read_text()
    assert "pipelines.__main__" in installed
    assert make(fresh, "install").stdout.startswith("make: Nothing to be done")


def of_another_python(venv: Path) -> None:
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").write_text("#!/bin/sh\necho Python 3.9.1\n")
    (venv / "bin" / "python").chmod(0o755)


def wheel_of(installed: Distribution, folder: Path) -> str:
    """The wheel from which something was installed, put together again; its SHA-256."""
    folder.mkdir(exist_ok=True)
    tag = re.search(r"^Tag: (\S+)", installed.read_text("WHEEL") or "", re.MULTILINE)
    assert tag is not None
    stem = f"{installed.name.replace('-', '_')}-{installed.version}"
    file = folder / f"{stem}-{tag[1]}.whl"
    record = f"{stem}.dist-info/RECORD"
    names = []
    with zipfile.ZipFile(file, "w") as wheel:
        for name, content in contents(installed, stem):
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            names.append(f"{name},sha256={digest.decode()},{len(content)}")
            wheel.writestr(zipped(name), content)
        wheel.writestr(record, "\n".join([*names, f"{record},,", ""]))
    return hashlib.sha256(file.read_bytes()).hexdigest()


def zipped(name: str) -> zipfile.ZipInfo:
    """An entry that may be executed, as a script must be."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o100755 << 16
    return entry


def contents(installed: Distribution, stem: str) -> Iterator[tuple[str, bytes]]:
    scripts = {entry.name for entry in installed.entry_points}
    made = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
    for path in installed.files or ():
        if path.name in made or path.suffix == ".pyc" or "__pycache__" in path.parts:
            continue
        script = path.parts[0] == ".."
        if script and path.name in scripts:
            continue
        name = f"{stem}.data/scripts/{path.name}" if script else str(path)
        yield name, Path(str(path.locate())).read_bytes()


@pytest.mark.parametrize("version", ["2.7.18", "3.10.13", "3.15.0"])
def test_another_python_is_refused_in_a_sentence(fresh: Path, version: str) -> None:
    numbers = tuple(int(number) for number in version.split("."))
    python = fresh / "python"
    program = f"import sys; code = sys.argv.pop(1); sys.version_info = {numbers}; exec(code)"
    python.write_text(f"#!/bin/sh\nshift\nexec {sys.executable} -c '{program}' \"$@\"\n")
    python.chmod(0o755)

    done = make(fresh, "install", PYTHON=str(python))

    short = ".".join(version.split(".")[:2])
    assert done.returncode == 2
    assert f"Python 3.11, 3.12, 3.13 or 3.14 is needed, and {python} is {short};" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (fresh / ".venv").exists()


def test_no_python_at_all_is_told_how_to_get_one(fresh: Path) -> None:

    done = make(fresh, "install", PYTHON="python3.99")

    assert done.returncode == 2
    assert "python3.99 cannot be used. On Debian: apt-get install python3" in done.stderr
