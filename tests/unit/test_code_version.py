"""The hash of the source that decides a model: any line of it counts, and no line of the rest."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import pipelines
from pipelines.adapters.code_version import code_version, features_sha256, source_sha256

SOURCE = Path(pipelines.__file__).parent


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ignore = shutil.ignore_patterns("__pycache__")
    return shutil.copytree(SOURCE, tmp_path_factory.mktemp("code") / "pipelines", ignore=ignore)


def _sha256_with_a_line_more(copy: Path, name: str) -> str:
    """The hash when one file of the copy has another last line; the file is put back."""
    file = copy / name
    content = file.read_text()
    file.write_text(content + "CHANGED = 1\n")
    try:
        return source_sha256(copy, copy / "problem")
    finally:
        file.write_text(content)


@pytest.mark.parametrize(
    "name",
    [
        "core/dates.py",
        "define/aggregations.py",
        "metrics/performance_estimation.py",
        "data/refetch.py",
        "features/windows.py",
        "training/labels.py",
        "stages/train.py",
        "problem/label.py",
        "problem/source.py",
    ],
)
def test_a_line_of_what_decides_a_model_counts(copy: Path, name: str) -> None:
    before = source_sha256(copy, copy / "problem")

    assert _sha256_with_a_line_more(copy, name) != before
    assert source_sha256(copy, copy / "problem") == before


def test_a_module_that_is_added_counts_as_well(copy: Path) -> None:
    before = source_sha256(copy)

    (copy / "metrics" / "another.py").write_text("")
    added = source_sha256(copy)
    (copy / "metrics" / "another.py").unlink()

    assert added != before


@pytest.mark.parametrize(
    "name",
    ["core/text.py", "promotion/gate.py", "monitoring/drift.py", "reports/render.py", "cli.py"],
)
def test_a_line_of_what_judges_or_reports_does_not_count(copy: Path, name: str) -> None:
    assert _sha256_with_a_line_more(copy, name) == source_sha256(copy, copy / "problem")


def test_the_problems_own_package_counts_wherever_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "elsewhere" / "elsewhere_shop"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(package.parent))
    before = code_version(SOURCE.parent, "elsewhere_shop")

    (package / "helper.py").write_text("CUT = 1\n")

    assert code_version(SOURCE.parent, "elsewhere_shop")["source_sha256"] != before["source_sha256"]


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("features/day_tables.py", True),
        ("define/sql.py", True),
        ("adapters/engines/duckdb.py", True),
        ("core/dates.py", True),
        ("training/model.py", False),
    ],
)
def test_a_line_of_what_computes_features_makes_them_again(
    copy: Path, name: str, counts: bool
) -> None:
    before = features_sha256.__wrapped__(copy)

    (copy / name).write_text((copy / name).read_text() + "CHANGED = 1\n")

    assert (features_sha256.__wrapped__(copy) != before) == counts
