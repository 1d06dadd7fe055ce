from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.adapters.lake import LocalLake
from pipelines.core.errors import DataError

DAY = date(2013, 10, 1)


def rows(*values: int) -> pa.Table:
    return pa.table({"value": list(values)})


def test_the_same_rows_again_change_nothing(tmp_path: Path) -> None:
    lake = LocalLake(tmp_path)
    first = lake.write("raw/flights", DAY, rows(1, 2))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    again = lake.write("raw/flights", DAY, rows(1, 2))

    assert again == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_correction_is_a_new_revision_and_the_old_one_stays_readable(tmp_path: Path) -> None:
    lake = LocalLake(tmp_path)
    old = lake.write("raw/flights", DAY, rows(1, 2))

    new = lake.write("raw/flights", DAY, rows(1, 3))

    assert (old.revision, new.revision) == (0, 1)
    assert lake.find("raw/flights", DAY, DAY) == [new]
    assert lake.read([old])["value"].to_pylist() == [1, 2]


def test_a_file_that_no_manifest_names_is_nobodys_data(tmp_path: Path) -> None:
    lake = LocalLake(tmp_path)
    kept = lake.write("raw/flights", DAY, rows(1))
    (tmp_path / "raw/flights/day=2013-10-01/junk.parquet").write_bytes(b"junk")
    (tmp_path / "raw/flights/day=2013-10-02").mkdir()

    assert lake.find("raw/flights", DAY, date(2013, 10, 5)) == [kept]


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[:60] + b"\0" + b[61:]])
def test_a_damaged_file_is_never_read(tmp_path: Path, damage: object) -> None:
    lake = LocalLake(tmp_path)
    kept = lake.write("raw/flights", DAY, rows(*range(100)))
    path = tmp_path / kept.file
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]  # one of the two above

    with pytest.raises(DataError, match="SHA-256 differs"):
        LocalLake(tmp_path).read([kept])


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    lake = LocalLake(tmp_path)
    kept = lake.write("raw/flights", DAY, rows(1))
    (tmp_path / kept.file).unlink()

    with pytest.raises(DataError, match="is gone"):
        lake.path(kept)


def test_a_damaged_manifest_is_refused_and_not_taken_for_an_empty_day(tmp_path: Path) -> None:
    lake = LocalLake(tmp_path)
    lake.write("raw/flights", DAY, rows(1))
    (tmp_path / "raw/flights/day=2013-10-01/manifest.json").write_text('{"revisions": [')

    with pytest.raises(DataError, match=r"manifest\.json"):
        lake.find("raw/flights", DAY, DAY)


def test_another_datasets_partition_is_adopted_without_a_copy(tmp_path: Path) -> None:
    lake = LocalLake(tmp_path)
    raw = lake.write("raw/flights", DAY, rows(1, 2))

    accepted = lake.adopt("accepted/flights", raw)

    assert (accepted.dataset, accepted.file) == ("accepted/flights", raw.file)
    assert lake.read(lake.find("accepted/flights", DAY, DAY)) == rows(1, 2)
