from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.adapters.lake.lake import LocalLake
from pipelines.core.errors import DataError
from pipelines.core.records import Partition

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


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("put", [pipe, loop, device])
@pytest.mark.parametrize("what", ["the rows", "the manifest"])
def test_what_is_no_file_is_refused_and_not_waited_for(
    tmp_path: Path, put: Callable[[Path], None], what: str
) -> None:
    kept = LocalLake(tmp_path).write("raw/flights", DAY, rows(1))
    path = tmp_path / kept.file
    put(path if what == "the rows" else path.parent / "manifest.json")
    lake = LocalLake(tmp_path)

    with pytest.raises(DataError, match="cannot be read"):
        lake.read(lake.find("raw/flights", DAY, DAY))

    if what == "the rows":
        assert lake.read([lake.write("raw/flights", DAY, rows(1))]) == rows(1)


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


def nights(lake: LocalLake, *known: date | None) -> list[list[int]]:
    found = [lake.find("raw/flights", DAY, DAY, one) for one in known]
    return [[p.revision for p in one] for one in found]


def night(n: int) -> date:
    return DAY + timedelta(days=n)


def test_a_revision_counts_from_the_night_on_that_made_it_current(tmp_path: Path) -> None:
    lake = LocalLake(tmp_path)
    for n, value in ((1, 1), (4, 2), (4, 3), (6, 4)):
        lake.write("raw/flights", DAY, rows(value), night=night(n))

    found = nights(lake, *(night(n) for n in (1, 3, 4, 5, 6, 9)), None)

    assert found == [[0], [0], [2], [2], [3], [3], [3]]


def test_the_first_revision_counts_for_every_earlier_night_too(tmp_path: Path) -> None:
    lake = LocalLake(tmp_path)
    lake.write("raw/flights", DAY, rows(1), night=night(300))
    lake.write("raw/flights", DAY, rows(2), night=night(301))

    assert nights(lake, night(1), night(301)) == [[0], [1]]


def test_what_was_not_to_be_had_does_not_creep_into_the_past(tmp_path: Path) -> None:
    lake = LocalLake(tmp_path)
    lake.write("raw/flights", DAY, None, night=night(1))
    absent = nights(lake, night(1), None)
    lake.write("raw/flights", DAY, rows(1), night=night(3))

    assert absent == [[], []]
    assert nights(lake, date.min, night(1), night(2), night(3), None) == [[], [], [], [1], [1]]


def test_nights_never_decrease(tmp_path: Path) -> None:
    lake = LocalLake(tmp_path)
    lake.write("raw/flights", DAY, rows(1), night=night(2))
    lake.write("raw/flights", DAY, rows(2), night=night(5))

    again = lake.write("raw/flights", DAY, rows(3), night=night(3))

    assert again.night == night(5)
    assert nights(lake, night(4), night(5)) == [[0], [2]]


def test_what_the_first_night_ended_with_counts_for_all_before_it(tmp_path: Path) -> None:
    lake = LocalLake(tmp_path)
    lake.write("raw/flights", DAY, None, night=night(5))
    lake.write("raw/flights", DAY, rows(2), night=night(5))
    lake.write("raw/flights", DAY, rows(3), night=night(6))

    assert nights(lake, night(4), night(5), night(6)) == [[1], [1], [2]]


def test_the_same_rows_keep_the_night_they_first_came_in(tmp_path: Path) -> None:
    lake = LocalLake(tmp_path)
    first = lake.write("raw/flights", DAY, rows(1), night=night(1))

    assert lake.write("raw/flights", DAY, rows(1), night=night(2)) == first


def many(data: Path) -> list[Partition]:
    lake = LocalLake(data)
    for n in range(20):
        lake.write("raw/flights", night(n), rows(n))
    return lake.find("raw/flights", DAY, night(30))


def memory(data: Path) -> Path:
    return data / ".manifests/raw/flights/2013.json"


@pytest.mark.parametrize("content", [None, b"", b'{"seen": {', b'{"seen": {}}', b"\xff"])
def test_what_is_remembered_of_manifests_may_be_lost(tmp_path: Path, content: bytes | None) -> None:
    expected = many(tmp_path)
    memory(tmp_path).unlink() if content is None else memory(tmp_path).write_bytes(content)

    assert LocalLake(tmp_path).find("raw/flights", DAY, night(30)) == expected
    assert memory(tmp_path).stat().st_size > 1000


def test_what_is_remembered_is_never_believed_of_a_manifest_that_has_changed(
    tmp_path: Path,
) -> None:
    many(tmp_path)
    other = LocalLake(tmp_path)
    other.find("raw/flights", DAY, night(30))
    new = LocalLake(tmp_path).write("raw/flights", night(3), rows(99))
    (tmp_path / f"raw/flights/day={night(4)}/manifest.json").unlink()

    for lake in (other, LocalLake(tmp_path)):
        found = lake.find("raw/flights", DAY, night(30))

        assert [p.day for p in found] == [night(n) for n in range(20) if n != 4]
        assert found[3] == new


def test_a_manifest_is_read_from_memory_and_not_again(tmp_path: Path) -> None:
    expected = many(tmp_path)
    told = json.loads(memory(tmp_path).read_text())
    told["seen"][f"day={DAY}"]["revisions"][0]["rows"] = 777  # as no manifest says
    memory(tmp_path).write_text(json.dumps(told))

    found = LocalLake(tmp_path).find("raw/flights", DAY, night(30))

    assert found[0].rows == 777
    assert found[1:] == expected[1:]


def test_folders_that_are_no_days_are_left_alone(tmp_path: Path) -> None:
    lake = LocalLake(tmp_path)
    kept = lake.write("raw/flights", DAY, rows(1))
    for name in ("day=2013-10-01.bak", "day=2013-W40-2", "day=20131001", "2013-10-01", "day=junk"):
        (tmp_path / "raw/flights" / name).mkdir()
        (tmp_path / "raw/flights" / name / "manifest.json").write_text("{")

    assert lake.find("raw/flights", date.min, date.max) == [kept]


def damaged(data: Path, partition: Partition, *, unnoticed: bool = False) -> None:
    """Change a byte of a partition's file; unnoticed: as a disk does, and nobody who writes."""
    path = data / partition.file
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content)
    if unnoticed:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def cut(data: Path, partition: Partition) -> None:
    path = data / partition.file
    path.write_bytes(path.read_bytes()[:-20])


def removed(data: Path, partition: Partition) -> None:
    (data / partition.file).unlink()


@pytest.mark.parametrize("damage", [damaged, cut, removed])
@pytest.mark.parametrize("checked_before", [True, False])
def test_a_file_that_is_relied_upon_and_was_changed_is_refused(
    tmp_path: Path, damage: Callable[[Path, Partition], None], checked_before: bool
) -> None:
    partitions = many(tmp_path)
    if checked_before:
        LocalLake(tmp_path).check(partitions)
    damage(tmp_path, partitions[7])

    for _ in range(2):
        with pytest.raises(DataError, match=f"{partitions[7].day}.*redeye verify"):
            LocalLake(tmp_path).check(partitions)


def test_a_file_that_was_right_is_not_read_again_to_be_relied_upon_but_to_be_read(
    tmp_path: Path,
) -> None:
    partitions = many(tmp_path)
    LocalLake(tmp_path).check(partitions)
    damaged(tmp_path, partitions[7], unnoticed=True)

    LocalLake(tmp_path).check(partitions)

    with pytest.raises(DataError, match="SHA-256 differs"):
        LocalLake(tmp_path).read(partitions)


@pytest.mark.parametrize("content", [None, b"", b'{"raw', b"[]", b'{"raw/flights": 3}', b"\xff"])
def test_what_is_remembered_of_checksums_may_be_lost(tmp_path: Path, content: bytes | None) -> None:
    partitions = many(tmp_path)
    LocalLake(tmp_path).check(partitions)
    kept = tmp_path / ".manifests/raw/flights/files.json"
    kept.unlink() if content is None else kept.write_bytes(content)
    damaged(tmp_path, partitions[7], unnoticed=True)

    with pytest.raises(DataError, match="SHA-256 differs"):
        LocalLake(tmp_path).check(partitions)
