"""What is pruned is needed by nothing that is kept, and a prune that was cut short is ended by the same again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.adapters.dvc.versions import DvcVersions
from pipelines.adapters.retention import OF_A_DAY, Root
from pipelines.app.services import Redeye
from pipelines.audit import retention
from pipelines.audit.lineage import LineageSources, tell_event, trace
from pipelines.audit.retention import Needs, PruneContext, Pruned, prune
from pipelines.cli import main
from pipelines.commands import prune as commands
from pipelines.core.config import find_places
from pipelines.core.errors import ConfigError, DataError, RedeyeError, UsageError
from pipelines.core.fault_injection import activate, counted
from tests.integration import small_night
from tests.integration.flights import PROBLEM as FLIGHTS
from tests.integration.small_night import DAY, GRAPH, PARAMS, PROBLEM, Nights
from tests.integration.test_roles import login  # noqa: F401  a fixture

OLD = [DAY, DAY + timedelta(days=1)]
NEW = [date(2013, 12, 1), date(2013, 12, 2), date(2013, 12, 3)]
KEEP = 30
FIRST_KEPT = NEW[-1] - timedelta(days=KEEP - 1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    """Two nights of March and three of December."""
    nights = Nights(tmp_path_factory.mktemp("made") / "root").found()
    for day in (*OLD, *NEW):
        nights.run(day)
    assert nights.broken() == {}
    return nights


@pytest.fixture
def nights(made: Nights, tmp_path: Path) -> Nights:
    """A copy of them."""
    shutil.copytree(made.root, tmp_path / "root")
    return Nights(tmp_path / "root", registry=made.registry)


def context(nights: Nights, versions: Any = None) -> PruneContext:
    services = nights.services
    sections = nights.night(NEW[-1]).sections
    needs = Needs(*(sections[name] for name in ("ingest", "features", "settle", "monitor")))  # type: ignore[arg-type]
    return PruneContext(
        PROBLEM,
        needs,
        Root(nights.places),
        services["lake"](),
        versions or services["versions"](),
    )


def pruned(nights: Nights, *, dry_run: bool = False) -> Pruned:
    return prune(KEEP, context(nights), dry_run=dry_run)


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def of_day(told: str, days: list[date]) -> bool:
    return any(day.isoformat() in told for day in days)


def old_days() -> list[date]:
    return [DAY - timedelta(days=7) + timedelta(days=n) for n in range(12)]


def told_of(nights: Nights, day: date) -> Any:
    """Everything that `redeye explain` tells of a day and of its first event."""
    services = nights.services
    names = ("problem", "lake", "registry", "warehouse", "workers")
    sources = LineageSources(**{name: services[name]() for name in names})
    lineage = trace(day, sources)
    key = services["warehouse"]().predictions(day, day)["event_key"].iloc[0]
    return asdict(lineage), repr(tell_event(key, lineage, sources))


def test_without_yes_all_is_told_and_nothing_changes(nights: Nights) -> None:
    before = files(nights.root / "data"), files(nights.root / "runs"), nights.state()

    told = pruned(nights, dry_run=True)

    assert (files(nights.root / "data"), files(nights.root / "runs"), nights.state()) == before
    assert {one.kind for one in told.removed} >= {"predictions", "partitions", "night"}
    assert told.first_kept == FIRST_KEPT
    assert all(one.size > 0 for one in told.removed)


def test_what_is_old_goes_and_every_invariant_holds(nights: Nights) -> None:
    told = pruned(nights)

    assert nights.broken() == {}
    left = [*files(nights.root / "data"), *files(nights.root / "runs")]
    assert [one for one in left if of_day(one, old_days()) and ".manifests" not in one] == []
    kept = nights.state()["tables"]
    dated = [table.name for table in (*OF_A_DAY, retention_log())]
    assert [
        row for name in dated if name != "fence" for row in kept[name] if "2013-03" in row
    ] == []
    assert pruned(nights).removed == ()
    assert {one.day for one in told.removed} <= set(old_days())


def retention_log() -> Any:
    from pipelines.adapters.database.tables import quarantine_log

    return quarantine_log


def test_the_bytes_that_are_told_are_those_that_are_freed(nights: Nights) -> None:
    def total() -> int:
        return sum(
            len(content)
            for folder in ("data", "runs")
            for name, content in files(nights.root / folder).items()
            if ".manifests" not in name
        )

    before = total()

    told = pruned(nights)

    of_files = [one.size for one in told.removed if one.kind in ("partitions", "night")]
    assert before - total() == sum(of_files) > 0


def test_what_is_kept_stays_to_the_byte(nights: Nights) -> None:
    def kept() -> dict[str, Any]:
        state = nights.state()
        tables = {
            name: [row for row in rows if "2013-03" not in row or "2013-12" in row]
            for name, rows in state["tables"].items()
        }
        lake = {name: one for name, one in state["lake"].items() if "day=2013-03" not in name}
        return {
            "tables": tables,
            "lake": lake,
            "records": {n: r for n, r in state["records"].items() if n.startswith("2013-12")},
        }

    before = kept()

    pruned(nights)

    assert kept() == before


@pytest.mark.parametrize("day", NEW)
def test_a_kept_day_is_explained_and_scored_as_before(nights: Nights, day: date) -> None:
    before, run = told_of(nights, day), nights.services["warehouse"]().published(day)

    pruned(nights)

    assert told_of(nights, day) == before
    nights.run(day)
    assert nights.services["warehouse"]().published(day) == run
    assert told_of(nights, day) == before
    assert nights.broken() == {}


def test_the_next_night_runs_after_it(nights: Nights) -> None:
    pruned(nights)

    nights.run(NEW[-1] + timedelta(days=1))

    assert nights.broken() == {}


def test_the_ledger_blessings_evidence_and_metrics_stay(nights: Nights) -> None:
    warehouse = nights.services["warehouse"]()
    warehouse.write_metrics(DAY, {"champion": {"log_loss": 0.25}})
    before = nights.state()["tables"]

    pruned(nights)

    after = nights.state()["tables"]
    for name in ("ledger", "blessing", "evidence", "daily_metric", "incident", "event_key"):
        assert after[name] == before[name]


# Cut short


POINTS = (
    "prune.before_remove",
    "prune.after_manifest",
    "prune.after_aside",
    "database.before_commit",
)


def cuts(made: Nights, tmp_path: Path) -> Iterator[tuple[str, int]]:
    """Each time that a prune reaches one of the points."""
    shutil.copytree(made.root, tmp_path / "counted")
    activate("settle.before_write:error:99999")
    pruned(Nights(tmp_path / "counted", registry=made.registry))
    met = counted()
    activate(None)
    for point in POINTS:
        assert met[point] > 1
        step = max(1, met[point] // 6)
        yield from ((point, nth) for nth in range(1, met[point] + 1, step))


def test_cut_short_anywhere_every_invariant_holds_and_the_same_again_ends_it(
    made: Nights, tmp_path: Path
) -> None:
    whole = Nights(Path(shutil.copytree(made.root, tmp_path / "whole")), registry=made.registry)
    pruned(whole)
    for number, (point, nth) in enumerate(cuts(made, tmp_path)):
        root = Path(shutil.copytree(made.root, tmp_path / f"cut{number}"))
        nights = Nights(root, registry=made.registry)
        activate(f"{point}:error:{nth}")
        with pytest.raises((RedeyeError, OSError)):
            pruned(nights)
        activate(None)

        assert nights.broken() == {}, (point, nth)
        pruned(nights)
        assert nights.state() == whole.state(), (point, nth)
        left = [path for path in files(root) if of_day(path, old_days())]
        assert [one for one in left if not one.startswith(("data/.manifests", "spill"))] == []
        shutil.rmtree(root)


# What goes can be had back


def test_raw_data_that_go_are_a_version_that_can_be_checked_out(tmp_path: Path) -> None:
    nights = Nights(tmp_path / "root").found()
    versions = DvcVersions(find_places({"REDEYE_ROOT": str(nights.root)}))
    nights.services["versions"] = lambda: versions
    nights.run(OLD[0])
    nights.run(NEW[0])
    before = files(nights.root / "data" / "raw")

    prune(KEEP, context(nights, versions), dry_run=False)
    nights.run(NEW[1])

    whole = [one["version"] for one in versions.log()]
    versions.checkout(whole[1], tmp_path / "back")
    assert files(tmp_path / "back") == before != files(nights.root / "data" / "raw")


def test_damaged_raw_data_are_not_made_the_version_that_is_kept(nights: Nights) -> None:
    path = next((nights.root / "data" / "raw" / "plan" / f"day={DAY}").glob("*.parquet"))
    path.write_bytes(b"other rows")
    before = files(nights.root / "data" / "raw"), nights._tables()

    with pytest.raises(DataError, match="not those that were written"):
        pruned(nights)

    assert (files(nights.root / "data" / "raw"), nights._tables()) == before


# Refused


def test_fewer_days_than_nights_read_are_refused(nights: Nights) -> None:
    least = context(nights).needs.least(PROBLEM)

    with pytest.raises(UsageError, match=f"keep at least {least}"):
        prune(least - 1, context(nights), dry_run=True)

    assert least > PARAMS.monitor.lookback_days
    prune(least, context(nights), dry_run=True)


def test_without_a_published_day_nothing_is_removed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no day is published"):
        pruned(Nights(tmp_path / "root").found())


def test_a_role_that_may_not_remove_rows_removes_nothing(
    nights: Nights,
    login: Callable[[str], str],  # noqa: F811
) -> None:
    before = files(nights.root / "data"), files(nights.root / "runs")
    of = context(nights)
    refusing = Root(replace(nights.places, database_url=login("gate")))
    assert refusing.refusal()
    of.stores.refusal = refusing.refusal  # type: ignore[method-assign]

    with pytest.raises(ConfigError, match="may not remove rows"):
        prune(KEEP, of, dry_run=False)

    assert (files(nights.root / "data"), files(nights.root / "runs")) == before
    assert of.stores.rows(FIRST_KEPT) != []


def test_a_dimension_table_is_never_pruned() -> None:
    datasets = retention._datasets(FLIGHTS)

    assert "raw/flights" in datasets
    assert not [one for one in datasets if "planes" in one]


def test_the_command_says_what_it_would_do_and_then_does_it(
    nights: Nights, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    redeye = Redeye(nights.places, PARAMS, GRAPH, nights.services)
    monkeypatch.setattr(commands, "open_redeye", lambda _: redeye)
    keep = context(nights).needs.least(PROBLEM)

    assert main(["prune", "--keep", f"{keep}"], {}) == 0
    said = capsys.readouterr()
    assert "would be removed" in said.out
    following = said.err.rpartition("redeye prune ")[2].split()
    assert main(["prune", *following], {}) == 0
    assert "was removed" in capsys.readouterr().out
    assert not (nights.root / "runs" / f"{DAY}").exists()
    assert main(["prune", "--keep", "3"], {}) == 2
    assert small_night.FIRST < FIRST_KEPT
