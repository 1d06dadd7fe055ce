"""Versions of data/raw, by real DVC, real git and a real S3 server."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.adapters.dvc.git_branch import Branch
from pipelines.adapters.dvc.snapshot import take_snapshot
from pipelines.adapters.dvc.versions import DvcVersions
from pipelines.adapters.lake.garbage import Folders
from pipelines.adapters.lake.lake import LocalLake
from pipelines.core.config import Paths, find_places
from pipelines.core.errors import (
    BusyError,
    ConfigError,
    DataError,
    RedeyeError,
    TemporaryError,
    UsageError,
)
from pipelines.core.fault_injection import POINTS, activate
from tests.integration.interleaving import every_order
from tests.integration.killing import Killer

DAY = date(2020, 1, 9)
SOON = timedelta(seconds=-5)
NEXT = date(2020, 1, 10)
BRANCH = "refs/heads/data"  # data is a folder, too


def git(root: Path, *command: str) -> str:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    who = ["-c", "user.name=Ann", "-c", "user.email=ann@localhost"]
    answer = subprocess.run(
        ["git", *who, *command], cwd=root, env=clean, capture_output=True, text=True, check=True
    )
    return answer.stdout


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def land(places: Paths, day: date, *values: int) -> None:
    rows = pa.table({"day": pa.array([day] * len(values), pa.date32()), "n": list(values)})
    LocalLake(places.data).write("raw/flights", day, rows)


@pytest.fixture
def outside(tmp_path: Path) -> Paths:
    """A root without git."""
    root = tmp_path / "root"
    root.mkdir()
    places = replace(find_places({"REDEYE_ROOT": str(root)}), repository=root)
    land(places, DAY, 1, 2, 3)
    return places


@pytest.fixture
def places(outside: Paths) -> Paths:
    """A root that is a repository, in which nobody has set a name."""
    root = outside.root
    git(root, "init", "--quiet", "--initial-branch=main")
    (root / ".gitignore").write_text("/data/\n/var/\n/.dvc/cache\n/.dvc/tmp\n/.dvc/.gitignore\n")
    (root / ".dvc").mkdir()
    (root / ".dvc" / "config").write_text("[core]\n    analytics = false\n")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "Begin")
    return outside


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], dict[str, bytes]]]:
    """A bucket on moto's S3 server; tells what is in it."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    client = boto3.Session().client("s3")
    client.create_bucket(Bucket="remote")

    def objects() -> dict[str, bytes]:
        keys = [item["Key"] for item in client.list_objects_v2(Bucket="remote")["Contents"]]
        return {k: client.get_object(Bucket="remote", Key=k)["Body"].read() for k in keys}

    yield objects
    server.stop()


# Recording.


def test_a_version_is_pushed_and_its_pointer_is_on_the_branch(places: Paths) -> None:
    version, recorded = DvcVersions(places).record(DAY)

    commit = git(places.root, "rev-parse", BRANCH).strip()
    assert recorded == f"commit {commit[:12]} of branch data"
    assert git(places.root, "log", "-1", "--format=%s|%an", BRANCH).strip() == (
        f"Data of the night 2020-01-09: {version}|Redeye"
    )
    assert f"{version}.dir" in git(places.root, "show", "data:data/raw.dvc")
    remote = places.var / "dvc-remote" / "files" / "md5"
    assert (remote / version[:2] / f"{version[2:]}.dir").exists()


def test_the_same_data_again_is_the_same_version_and_no_commit(places: Paths) -> None:
    first = DvcVersions(places).record(DAY)

    assert DvcVersions(places).record(NEXT) == first
    assert git(places.root, "rev-list", "--count", BRANCH).strip() == "1"


@pytest.mark.parametrize("detached", [False, True])
def test_index_head_and_working_tree_take_no_notice(places: Paths, detached: bool) -> None:
    root = places.root
    if detached:
        git(root, "checkout", "--quiet", "--detach")
    (root / "new.txt").write_text("staged")
    git(root, "add", "new.txt")
    (root / ".gitignore").write_text((root / ".gitignore").read_text() + "/x\n")
    before = (
        git(root, "status", "--porcelain=v2", "--branch"),
        (root / ".git/index").read_bytes(),
        (root / ".git/HEAD").read_bytes(),
        content(places.data),
    )

    DvcVersions(places).record(DAY)

    assert before == (
        git(root, "status", "--porcelain=v2", "--branch"),
        (root / ".git/index").read_bytes(),
        (root / ".git/HEAD").read_bytes(),
        content(places.data),
    )


def test_a_root_that_dvc_never_saw_is_not_littered(places: Paths) -> None:
    shutil.rmtree(places.root / ".dvc")
    (places.root / ".gitignore").write_text("/data/\n/var/\n")
    before = git(places.root, "status", "--porcelain")

    DvcVersions(places).record(DAY)

    assert git(places.root, "status", "--porcelain") == before


def test_a_hook_that_runs_a_night_does_not_lend_it_its_index(
    places: Paths, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))

    _, recorded = DvcVersions(places).record(DAY)

    assert "of branch data" in recorded


RECORD = """
import sys
from datetime import date
from dataclasses import replace
from pathlib import Path
from pipelines.adapters.dvc.versions import DvcVersions
from pipelines.core.config import find_places
root = Path(sys.argv[1])
places = replace(find_places({"REDEYE_ROOT": str(root)}), repository=root)
(places.data / "raw" / f"{sys.argv[2]}.txt").write_text(sys.argv[2])
print(*DvcVersions(places).record(date.fromisoformat(sys.argv[2])))
"""


def test_two_nights_at_once_are_both_versioned(places: Paths) -> None:
    nights = [
        subprocess.Popen(
            [sys.executable, "-c", RECORD, str(places.root), day],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for day in ("2020-01-11", "2020-01-12", "2020-01-13")
    ]

    told = [night.communicate(timeout=120) for night in nights]

    assert [night.returncode for night in nights] == [0, 0, 0], told
    versions = {out.split()[0] for out, _ in told}
    known = DvcVersions(places).log()
    assert versions == {entry["version"] for entry in known}
    assert known[0]["version"] == DvcVersions(places).record(NEXT)[0]


def test_somebody_who_moves_the_branch_meanwhile_is_not_overwritten(places: Paths) -> None:
    branch = Branch(places.root, "data")
    first = branch.commit(None, {"a": "1"}, "one")
    second = branch.commit(first, {"b": "2"}, "two")

    assert branch.commit(first, {"c": "3"}, "late") is None
    assert branch.commit(None, {"c": "3"}, "later") is None
    assert branch.tip() == second


def test_a_branch_with_a_stale_lock_is_busy(places: Paths) -> None:
    DvcVersions(places).record(DAY)
    (places.root / ".git/refs/heads/data.lock").touch()
    land(places, NEXT, 4)

    with pytest.raises(BusyError, match="stale lock"):
        DvcVersions(places).record(NEXT)


def test_a_branch_data_of_somebody_else_is_left_alone(places: Paths) -> None:
    git(places.root, "branch", "data")
    before = git(places.root, "rev-parse", BRANCH)

    with pytest.raises(ConfigError, match=r"holds no data/raw.dvc, so it is not Redeye's"):
        DvcVersions(places).record(DAY)

    assert git(places.root, "rev-parse", BRANCH) == before


def test_a_branch_that_is_checked_out_is_not_changed_behind_your_back(places: Paths) -> None:
    DvcVersions(places).record(DAY)
    git(places.root, "checkout", "--quiet", "data")
    land(places, NEXT, 4)

    with pytest.raises(ConfigError, match="is checked out"):
        DvcVersions(places).record(NEXT)


def test_a_fresh_clone_goes_on_from_the_branch_of_its_origin(places: Paths, tmp_path: Path) -> None:
    version, _ = DvcVersions(places).record(DAY)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(places.root), str(clone))
    there = replace(find_places({"REDEYE_ROOT": str(clone)}), repository=clone)
    assert [entry["version"] for entry in DvcVersions(there).log()] == [version]

    land(there, NEXT, 9)
    DvcVersions(there).record(NEXT)

    assert len(DvcVersions(there).log()) == 2
    git(clone, "merge-base", "--is-ancestor", "origin/data", BRANCH)


def test_nothing_landed_is_nothing_to_version(places: Paths) -> None:
    shutil.rmtree(places.data)

    with pytest.raises(DataError, match="nothing has landed"):
        DvcVersions(places).record(DAY)


def test_a_snapshot_leaves_out_unfinished_files_and_outlives_what_replaces_them(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "manifest.json").write_text("old")
    (folder / ".manifest.json.123").write_text("half")
    (folder / "link").symlink_to("/etc/passwd")

    take_snapshot(folder, tmp_path / "snapshot")
    (folder / "new").write_text("new")
    (folder / "new").replace(folder / "manifest.json")

    assert content(tmp_path / "snapshot") == {"manifest.json": b"old"}


def test_a_snapshot_of_what_has_changed_is_as_if_it_were_the_first(tmp_path: Path) -> None:
    folder, snapshot = tmp_path / "raw", tmp_path / "snapshot"
    for name in ("same/a", "changed/a", "gone/a", "file-then-folder", "folder-then-file/a"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("before")
    take_snapshot(folder, snapshot)
    shutil.rmtree(folder / "gone")
    (folder / "changed" / "new").write_text("after!")
    (folder / "changed" / "new").replace(folder / "changed" / "a")
    (folder / "file-then-folder").unlink()
    (folder / "file-then-folder").mkdir()
    (folder / "file-then-folder" / "a").write_text("after")
    shutil.rmtree(folder / "folder-then-file")
    (folder / "folder-then-file").write_text("after")

    take_snapshot(folder, snapshot)

    assert content(snapshot) == content(folder)


def test_landed_files_keep_their_own_bytes_and_permissions(places: Paths) -> None:
    before = {path: path.stat().st_mode for path in places.data.rglob("*")}

    DvcVersions(places).record(DAY)

    assert {path: path.stat().st_mode for path in places.data.rglob("*")} == before
    assert not any(path.is_symlink() for path in before)


# Without git.


def test_without_git_it_versions_and_pushes_and_says_what_is_missing(outside: Paths) -> None:
    version, recorded = DvcVersions(outside).record(DAY)
    land(outside, NEXT, 4)
    DvcVersions(outside).record(NEXT)
    shutil.rmtree(outside.data)
    shutil.rmtree(outside.root / ".dvc")

    assert recorded == "var/versions only, on no branch: the folder is not a git repository"
    assert {entry["day"] for entry in DvcVersions(outside).log()} == {"2020-01-09", "2020-01-10"}
    assert DvcVersions(outside).checkout(version, outside.data / "raw") == 2


def test_without_git_the_same_data_again_changes_nothing(outside: Paths) -> None:
    first = DvcVersions(outside).record(DAY)
    before = content(outside.var / "versions")

    assert DvcVersions(outside).record(NEXT) == first
    assert content(outside.var / "versions") == before


def test_a_root_inside_another_repository_does_not_write_there(places: Paths) -> None:
    inner = places.root / "var" / "inner"
    shutil.copytree(places.data, inner / "data")
    there = replace(find_places({"REDEYE_ROOT": str(inner)}), repository=inner)

    _, recorded = DvcVersions(there).record(DAY)

    assert "not the top of one" in recorded
    assert git(places.root, "branch", "--list", "data") == ""


def test_a_machine_without_git_versions_too(
    places: Paths, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    _, recorded = DvcVersions(places).record(DAY)

    assert recorded.endswith("git is not installed")


# Finding and restoring.


def test_the_log_tells_every_version_newest_first(places: Paths) -> None:
    versions = DvcVersions(places)
    first, _ = versions.record(DAY)
    land(places, NEXT, 4)
    second, _ = versions.record(NEXT)

    log = versions.log()

    assert [entry["version"] for entry in log] == [second, first]
    assert [entry["day"] for entry in log] == ["2020-01-10", "2020-01-09"]
    assert [entry["files"] for entry in log] == ["4", "2"]
    size = sum(len(file) for file in content(places.data / "raw").values())
    assert log[0]["bytes"] == str(size)
    assert log[0]["commit"] == git(places.root, "rev-parse", BRANCH)[:12]
    assert log[0]["when"] == git(places.root, "log", "-1", "--format=%cI", BRANCH).strip()


def test_nothing_recorded_is_an_empty_log(places: Paths) -> None:
    assert DvcVersions(places).log() == []


def test_an_old_version_comes_back_byte_for_byte(places: Paths) -> None:
    versions, raw = DvcVersions(places), places.data / "raw"
    before = content(raw)
    old, _ = versions.record(DAY)
    land(places, DAY, 99)
    land(places, NEXT, 4)
    new, _ = versions.record(NEXT)
    after = content(raw)

    assert versions.checkout(old[:6], raw) == len(before)
    assert content(raw) == before
    versions.checkout(new, raw)
    assert content(raw) == after
    assert [path.name for path in places.data.iterdir()] == ["raw"]


def test_it_comes_back_from_the_remote_when_the_cache_is_gone(places: Paths) -> None:
    old, _ = DvcVersions(places).record(DAY)
    before = content(places.data / "raw")
    shutil.rmtree(places.root / ".dvc" / "cache")
    shutil.rmtree(places.data)

    DvcVersions(places).checkout(old, places.data / "raw")

    assert content(places.data / "raw") == before


def test_what_was_not_versioned_becomes_a_version_before_it_is_replaced(places: Paths) -> None:
    versions, raw = DvcVersions(places), places.data / "raw"
    old, _ = versions.record(DAY)
    land(places, NEXT, 4)
    unversioned = content(raw)

    versions.checkout(old, raw)

    kept = versions.log()[0]["version"]
    assert kept != old
    versions.checkout(kept, raw)
    assert content(raw) == unversioned


CHECKOUT = sorted(point for point in POINTS if point.startswith("checkout."))


def check_out(places: Paths, version: str, fault: str) -> None:
    activate(fault)
    DvcVersions(places).checkout(version, places.data / "raw")


@pytest.mark.parametrize("point", CHECKOUT)
def test_a_checkout_that_is_killed_leaves_the_old_tree_or_the_new_one(
    places: Paths, point: str, killer: Killer
) -> None:
    versions, raw = DvcVersions(places), places.data / "raw"
    old, _ = versions.record(DAY)
    before = content(raw)
    land(places, NEXT, 4)
    unversioned = content(raw)

    process = killer.context.Process(target=check_out, args=(places, old, f"{point}:kill"))
    process.start()
    process.join()

    assert process.exitcode == -signal.SIGKILL
    LocalLake(places.data).revisions("raw/flights", DAY, NEXT)  # whoever reads next
    assert content(raw) == (before if point == "checkout.before_clean" else unversioned)
    land(places, date(2020, 1, 11), 5)
    attic = Folders(places)
    attic.sweep([path for path, _ in attic.litter(SOON, ())], SOON, ())
    assert [path.name for path in places.data.iterdir()] == ["raw"]
    versions.checkout(old, raw)
    assert content(raw) == before
    kept = {entry["version"] for entry in versions.log()}
    assert len(kept) >= 2  # what was there is a version


def test_a_night_that_lands_during_a_checkout_waits_for_it(
    places: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In every order of their steps, what landed is there, or a version has it."""
    versions, raw = DvcVersions(places), places.data / "raw"
    old, _ = versions.record(DAY)

    def works(number: int) -> list[Callable[[], None]]:
        versions.checkout(old, raw)
        return [
            lambda: versions.checkout(old, raw) and None,
            lambda: land(places, NEXT, number + 10),
        ]

    n_orders = 0
    for order in every_order(monkeypatch, (*CHECKOUT, "lake.before_manifest"), works):
        there = bool(LocalLake(places.data).find("raw/flights", NEXT, NEXT))
        newest = versions.log()[0]["version"]
        assert there or newest != old, order
        n_orders += 1

    assert n_orders > 3


def test_what_cannot_be_versioned_now_is_not_replaced(places: Paths) -> None:
    versions, raw = DvcVersions(places), places.data / "raw"
    old, _ = versions.record(DAY)
    land(places, NEXT, 4)
    unversioned = content(places.data)
    remote = places.var / "dvc-remote"
    remote.rename(places.var / "away")
    remote.write_text("no folder")

    with pytest.raises(TemporaryError, match="dvc-remote"):
        versions.checkout(old, raw)

    assert content(places.data) == unversioned


def test_it_may_be_restored_elsewhere_beside_the_present(places: Paths, tmp_path: Path) -> None:
    old, _ = DvcVersions(places).record(DAY)
    before = content(places.data / "raw")
    land(places, NEXT, 4)
    present = content(places.data / "raw")

    DvcVersions(places).checkout(old, tmp_path / "new" / "place")

    assert content(tmp_path / "new" / "place") == before
    assert content(places.data / "raw") == present


def test_a_folder_with_something_in_it_is_never_overwritten(places: Paths, tmp_path: Path) -> None:
    old, _ = DvcVersions(places).record(DAY)
    (tmp_path / "mine").write_text("precious")

    with pytest.raises(UsageError, match="is not empty"):
        DvcVersions(places).checkout(old, tmp_path)
    with pytest.raises(UsageError, match="is not empty"):
        DvcVersions(places).checkout(old, tmp_path / "mine")

    assert (tmp_path / "mine").read_text() == "precious"


@pytest.mark.parametrize("asked", ["", "zz", "../../etc/passwd", "0" * 32])
def test_a_version_that_is_not_there_names_the_nearest(places: Paths, asked: str) -> None:
    version, _ = DvcVersions(places).record(DAY)

    with pytest.raises(UsageError, match=f"the nearest is {version}; `redeye data log`"):
        DvcVersions(places).checkout(asked, places.data / "raw")


def test_a_beginning_of_several_versions_is_not_guessed_at(places: Paths) -> None:
    versions, begun = DvcVersions(places), set[str]()
    for number in range(20):  # of 17 versions, two begin with the same of 16 letters
        land(places, NEXT, number)
        version, _ = versions.record(NEXT)
        if version[0] in begun:
            break
        begun.add(version[0])

    with pytest.raises(UsageError, match="begins several versions"):
        versions.checkout(version[0], places.data / "raw")


# Garbage collection, damage, and remotes.


def dvc(root: Path, *command: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "dvc", *command],
        cwd=root,
        check=True,
        capture_output=True,
        env={**os.environ, "DVC_NO_ANALYTICS": "1"},
    )


def test_a_collection_of_garbage_with_all_branches_keeps_every_version(places: Paths) -> None:
    versions, raw = DvcVersions(places), places.data / "raw"
    config = places.root / ".dvc" / "config"
    config.write_text(
        "[core]\n    remote = local\n['remote \"local\"']\n    url = ../var/dvc-remote\n"
    )
    contents = {}
    for day in (DAY, NEXT, date(2020, 1, 11)):
        land(places, day, day.day)
        land(places, DAY, day.day)
        contents[versions.record(day)[0]] = content(raw)
    shutil.rmtree(places.var / "dvc")

    dvc(places.root, "gc", "--all-branches", "--force", "--cloud")
    shutil.rmtree(places.root / ".dvc" / "cache")

    assert len(contents) == 3
    for version, files in contents.items():
        versions.checkout(version, raw)
        assert content(raw) == files


def test_the_branch_checked_out_is_a_dvc_repository_that_pulls_itself(
    places: Paths, tmp_path: Path
) -> None:
    (places.root / ".dvc" / "config").unlink()
    remote = replace(places, dvc_remote=str(tmp_path / "remote"))
    DvcVersions(remote).record(DAY)
    git(places.root, "worktree", "add", str(tmp_path / "tree"), "data")

    dvc(tmp_path / "tree", "pull", "data/raw.dvc")

    assert content(tmp_path / "tree" / "data" / "raw") == content(places.data / "raw")
    assert git(tmp_path / "tree", "status", "--porcelain") == ""


def spoil(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(bytes(byte ^ 1 for byte in path.read_bytes()))


@pytest.mark.parametrize("what", ["file", "list of files"])
def test_a_damaged_object_of_the_remote_is_refused_and_changes_nothing(
    places: Paths, what: str
) -> None:
    version, _ = DvcVersions(places).record(DAY)
    shutil.rmtree(places.root / ".dvc" / "cache")
    objects = [path for path in (places.var / "dvc-remote").rglob("*") if path.is_file()]
    spoil(next(p for p in objects if (p.suffix == ".dir") == (what != "file")))
    before = content(places.data)

    for _ in range(2):  # the second time must not find it in the cache
        with pytest.raises(DataError, match=r"damaged"):
            DvcVersions(places).checkout(version, places.data / "raw")

    assert content(places.data) == before


def test_a_list_of_files_that_was_swapped_is_refused(places: Paths, tmp_path: Path) -> None:
    version, _ = DvcVersions(places).record(DAY)
    shutil.rmtree(places.root / ".dvc" / "cache")
    (listing,) = (places.var / "dvc-remote").rglob("*.dir")
    listing.chmod(0o644)
    listing.write_text("[]")

    with pytest.raises(DataError, match="damaged"):
        DvcVersions(places).checkout(version, tmp_path / "to")

    assert not (tmp_path / "to").exists()


def test_a_damaged_object_of_the_cache_is_not_restored(places: Paths) -> None:
    version, _ = DvcVersions(places).record(DAY)
    before = content(places.data / "raw")
    cached = [p for p in (places.root / ".dvc" / "cache").rglob("*") if p.is_file()]
    spoil(next(path for path in cached if path.suffix != ".dir"))

    with suppress(DataError):  # it is found out now, or was before
        DvcVersions(places).checkout(version, places.data / "raw")
    assert content(places.data / "raw") == before

    DvcVersions(places).checkout(version, places.data / "raw")

    assert content(places.data / "raw") == before


def test_a_bucket_keeps_versions_like_a_folder(
    places: Paths, bucket: Callable[[], dict[str, bytes]]
) -> None:
    versions = DvcVersions(replace(places, dvc_remote="s3://remote/raw"))
    before = content(places.data / "raw")

    version, _ = versions.record(DAY)
    shutil.rmtree(places.root / ".dvc" / "cache")
    shutil.rmtree(places.data)
    versions.checkout(version, places.data / "raw")

    assert content(places.data / "raw") == before
    assert set(before.values()) < set(bucket().values())
    assert "s3://remote/raw" in git(places.root, "show", "data:.dvc/config")
    assert "very-secret" not in git(places.root, "log", "-p", BRANCH)


def test_a_damaged_object_in_a_bucket_is_refused(
    places: Paths, bucket: Callable[[], dict[str, bytes]]
) -> None:
    import boto3

    versions = DvcVersions(replace(places, dvc_remote="s3://remote/raw"))
    version, _ = versions.record(DAY)
    shutil.rmtree(places.root / ".dvc" / "cache")
    key = next(key for key in bucket() if not key.endswith(".dir"))
    boto3.Session().client("s3").put_object(Bucket="remote", Key=key, Body=b"rot")

    with pytest.raises(DataError, match=f"version {version} is missing or damaged"):
        versions.checkout(version, places.data / "raw")


def test_a_bucket_that_is_not_there_is_a_matter_of_settings(
    places: Paths, bucket: Callable[[], dict[str, bytes]]
) -> None:
    with pytest.raises(ConfigError, match="s3://no-such-bucket"):
        DvcVersions(replace(places, dvc_remote="s3://no-such-bucket")).record(DAY)

    assert git(places.root, "branch", "--list", "data") == ""


def test_an_s3_that_does_not_answer_may_come_back_and_leaves_no_pointer(
    places: Paths,
    bucket: Callable[[], dict[str, bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    with pytest.raises(TemporaryError, match="s3://remote"):
        DvcVersions(replace(places, dvc_remote="s3://remote")).record(DAY)

    assert git(places.root, "branch", "--list", "data") == ""


def test_a_remote_may_be_named_as_in_dvc_s_own_settings(places: Paths, tmp_path: Path) -> None:
    (places.root / ".dvc" / "config").write_text(
        f"['remote \"vault\"']\n    url = {tmp_path}/vault\n    verify = false\n"
    )

    DvcVersions(replace(places, dvc_remote="vault")).record(DAY)

    assert any((tmp_path / "vault").rglob("*.dir"))
    assert "verify = true" in git(places.root, "show", "data:.dvc/config")


@pytest.mark.parametrize(
    ("remote", "told"),
    [("valt", "no remote 'valt' in .dvc/config"), ("http://u:hunter2@host/", "holds a password")],
)
def test_a_remote_that_cannot_be_is_refused(places: Paths, remote: str, told: str) -> None:
    with pytest.raises(RedeyeError, match=told) as refused:
        DvcVersions(replace(places, dvc_remote=remote)).record(DAY)

    assert refused.value.exit_code == ConfigError.exit_code
    assert "hunter2" not in str(refused.value)
