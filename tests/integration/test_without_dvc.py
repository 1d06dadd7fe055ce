"""A night's raw data come back by the recipe of docs/operate.md, from pointer and remote, without DVC."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from pipelines.adapters.dvc.versions import DvcVersions
from pipelines.adapters.lake.lake import LocalLake
from pipelines.core.config import find_places
from tests.integration.small_night import DAY, REPOSITORY, Nights

GUIDE = (REPOSITORY / "docs" / "operate.md").read_text()
BLOCKED = ("dvc", "dvc_data", "dvc_objects", "pipelines", "pyarrow", "yaml")
FIRST = ["ingest", "validate"]


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    nights = Nights(tmp_path / "root").found()
    versions = DvcVersions(find_places({"REDEYE_ROOT": str(nights.root)}))
    nights.services["versions"] = lambda: versions
    nights.run(DAY, FIRST)
    return nights


def restore(tmp_path: Path, version: str, root: Path) -> subprocess.CompletedProcess[str]:
    """Run the recipe where none of these can be imported."""
    (recipe,) = re.findall(r"```python\n# restore\.py.*?\n(.*?)```", GUIDE, re.DOTALL)
    refused = "".join(f"sys.modules[{name!r}] = None\n" for name in BLOCKED)
    script = tmp_path / "restore.py"
    script.write_text(f"import sys\n{refused}{recipe}")
    pointer = root / "var" / "versions" / "versions" / version / "raw.dvc"
    words = [str(pointer), str(root / "var" / "dvc-remote"), str(tmp_path / "back" / "raw")]
    return subprocess.run(
        [sys.executable, "-I", str(script), *words], capture_output=True, text=True, check=False
    )


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_nights_raw_data_come_back_without_dvc(nights: Nights, tmp_path: Path) -> None:
    before = content(nights.root / "data" / "raw")
    version = nights.services["versions"]().log()[0]["version"]
    nights.run(DAY + timedelta(days=1), FIRST)  # what is there now is another version

    done = restore(tmp_path, version, nights.root)

    assert done.returncode == 0, done.stderr
    assert content(tmp_path / "back" / "raw") == before != content(nights.root / "data" / "raw")
    again = LocalLake(tmp_path / "back")
    plan = again.find("raw/plan", date.min, date.max)
    assert max(one.day for one in plan) == DAY
    assert again.read(plan).num_rows == sum(one.rows for one in plan) > 0


def test_what_is_damaged_on_the_remote_is_not_given_out(nights: Nights, tmp_path: Path) -> None:
    version = nights.services["versions"]().log()[0]["version"]
    objects = nights.root / "var" / "dvc-remote" / "files" / "md5"
    some = next(path for path in objects.rglob("*") if path.is_file() and path.suffix != ".dir")
    some.chmod(0o644)
    some.write_bytes(b"other rows")

    done = restore(tmp_path, version, nights.root)

    assert done.returncode == 1
    assert "is damaged on the remote" in done.stderr
