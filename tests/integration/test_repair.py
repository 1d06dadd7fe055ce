"""`repair` mends what can be mended without inventing anything; done twice, it does nothing more."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from infra.scratch_copy import Server
from pipelines.adapters.dvc.versions import DvcVersions
from pipelines.adapters.lake.garbage import Folders
from pipelines.audit.repair import RepairContext, RepairStep, mend, plan
from pipelines.audit.repair import repair as carry_out
from pipelines.core.config import Paths
from pipelines.core.errors import DataError, TemporaryError
from pipelines.core.fault_injection import activate
from pipelines.serving.publication import shared_by
from tests.integration.small_night import DAY, Nights

TONIGHT = DAY + timedelta(days=1)
AT_ONCE = timedelta(seconds=-5)  # the database's clock may be behind


@pytest.fixture(scope="module")
def server(postgresql: str) -> Server:
    return Server(make_url(postgresql).set(drivername="postgresql+psycopg"))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def after_two_nights(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Path], Nights]:
    """Makes a root and a database of their own in which two nights were lived."""
    root, server = tmp_path_factory.mktemp("lived"), None
    if request.param == "postgresql":
        server = request.getfixturevalue("server")
    lived = Nights(root, server.make("lived") if server else "").found()
    for day in (DAY, TONIGHT):
        lived.run(day)

    def copy(to: Path) -> Nights:
        shutil.copytree(root, to, dirs_exist_ok=True)
        return Nights(to, server.make("copy", "lived") if server else "")

    return copy


@pytest.fixture
def nights(after_two_nights: Callable[[Path], Nights], tmp_path: Path) -> Nights:
    return after_two_nights(tmp_path)


def shop(nights: Nights, age: timedelta = AT_ONCE) -> RepairContext:
    validator, workers = (nights.services[name]() for name in ("validator", "workers"))
    return RepairContext(nights.stores, Folders(nights.places), age, validator, workers)


def repair(nights: Nights, age: timedelta = AT_ONCE) -> list[RepairStep]:
    steps = plan(shop(nights, age))
    mend(shop(nights, age), steps)
    return steps


def run_sql(nights: Nights, statement: str) -> None:
    engine = create_engine(nights.url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def file_of(nights: Nights, dataset: str, day: date) -> Path:
    (one,) = nights.stores.lake.find(dataset, day, day)
    return nights.places.data / one.file


def test_there_is_nothing_to_mend_in_a_whole_world(nights: Nights) -> None:
    before = nights.state()

    assert repair(nights) == []
    assert nights.state() == before


def test_rows_of_a_run_that_died_are_removed_once_they_are_old(nights: Nights) -> None:
    before = nights.state()
    nights.run(TONIGHT + timedelta(days=1), ["ingest", "validate", "features"])
    activate("publish.before_flip:error")
    with pytest.raises(TemporaryError):
        nights.run(TONIGHT + timedelta(days=1), ["score"])
    activate(None)

    young, steps = repair(nights, timedelta(hours=6)), repair(nights)

    assert young == []
    assert [step.kind for step in steps] == ["run"]
    assert nights.state()["tables"]["prediction"] == before["tables"]["prediction"]
    assert nights.broken() == {}
    assert repair(nights) == []
    nights.run(TONIGHT + timedelta(days=1))
    assert nights.broken() == {}


def test_files_half_written_and_files_of_nobody_are_removed(nights: Nights) -> None:
    day = nights.places.data / "raw" / "plan" / f"day={DAY}"
    half, orphan = day / f".{'a' * 16}.parquet.{'0' * 32}", day / f"{'b' * 16}.parquet"
    copy = nights.places.var / "models" / f"{'c' * 64}.skops"
    copy.parent.mkdir(exist_ok=True, parents=True)
    for path in (half, orphan, copy):
        path.write_bytes(b"half")
    champion = copy.with_name("champion.json")  # who serves while the registry is away
    champion.write_bytes(b"{}")
    before = nights.state()

    young, steps = repair(nights, timedelta(hours=6)), repair(nights)

    assert young == []
    assert {Path(step.path) for step in steps} == {half, orphan, copy}
    assert not any(path.exists() for path in (half, orphan, copy))
    assert champion.exists()
    assert nights.state() == before


ONE = "event_key = (SELECT min(event_key) FROM prediction_current WHERE day = '{day}')"
SPOILED = [
    "DELETE FROM prediction WHERE answers AND {one} AND {current}",
    "DELETE FROM prediction WHERE answers AND {current}",
    "UPDATE prediction SET score = 0.9 WHERE answers AND {current}",
    "UPDATE prediction SET model_version = '3' WHERE answers AND {one} AND {current}",
    "UPDATE prediction SET answers = (1 = 0) WHERE {one} AND {current}",
    "UPDATE scoring_run SET checksum = 'another' WHERE {current}",
]


@pytest.mark.parametrize("statement", SPOILED)
def test_a_damaged_day_is_made_whole_from_its_features_and_its_model(
    nights: Nights, statement: str
) -> None:
    nights.registry.aliases["champion"] = "1"
    nights.run(TONIGHT, ["score"])
    nights.registry.aliases["champion"] = "2"  # who serves now is another
    nights.run(TONIGHT + timedelta(days=1))
    whole = current(nights)
    one = ONE.format(day=TONIGHT)
    run_sql(nights, statement.format(one=one, current=_current()))
    left = rows_of(nights)
    assert set(nights.broken()) == {"I3"}

    repair(nights)

    if "scoring_run" in statement:  # what it published is known from its rows alone
        assert set(nights.broken()) == {"I4"}
    else:
        assert nights.broken() == {}
        assert current(nights) == whole
    assert left <= rows_of(nights)
    assert repair(nights) == [] or "scoring_run" in statement


def test_a_damaged_day_that_cannot_be_computed_anew_goes_back_to_its_last_whole_run(
    nights: Nights,
) -> None:
    good = nights.state()["tables"]["published"]
    nights.registry.aliases["champion"] = "1"
    nights.run(TONIGHT, ["score"])
    nights.registry.aliases["champion"] = "2"
    nights.run(TONIGHT + timedelta(days=1), ["ingest", "validate", "features", "score"])
    del nights.registry.versions["1"]
    run_sql(nights, f"UPDATE prediction SET score = 0.9 WHERE answers AND {_current()}")

    repaired = carry_out(shop(nights), plan(shop(nights)), nights.verify)

    assert set(good) <= set(nights.state()["tables"]["published"])
    assert [one.split(":")[0] for one in repaired.kept] == ["model version 1"]
    assert {one.invariant for one in repaired.left} >= {"I4"}
    assert [one.next for one in repaired.left if one.next.startswith("redeye repair")] == []


def current(nights: Nights) -> list[list[object]]:
    found = nights.services["warehouse"]().predictions(TONIGHT, TONIGHT)
    return found.drop(columns=["run_id", "label", "excluded"]).to_numpy().tolist()


def rows_of(nights: Nights) -> set[str]:
    return set(nights.state()["tables"]["prediction"])


def test_a_pointer_moved_by_hand_is_put_back_and_so_is_the_fence(nights: Nights) -> None:
    nights.registry.aliases["champion"] = "1"
    nights.run(TONIGHT, ["score"])
    before = nights.state()
    run_sql(
        nights,
        "UPDATE published SET run_id = (SELECT before FROM publication WHERE before IS NOT NULL) "
        f"WHERE day = '{TONIGHT}'",
    )
    run_sql(nights, "UPDATE fence SET token = 0")
    assert set(nights.broken()) == {"I7"}

    repair(nights)

    assert nights.broken() == {}
    assert nights.state() == before
    nights.run(TONIGHT, ["score"])


def leave_alone(nights: Nights) -> None:
    """Score tonight, unless it is published."""
    night = nights.night(TONIGHT)
    params = night.sections["score"].model_copy(update={"republish": False})
    replace(night, sections={**night.sections, "score": params}).run("score")


@pytest.mark.parametrize("statement", SPOILED)
def test_a_published_day_is_not_left_as_it_is_once_rows_of_it_are_gone_or_edited(
    nights: Nights, statement: str
) -> None:
    leave_alone(nights)
    run_sql(nights, statement.format(one=ONE.format(day=TONIGHT), current=_current()))

    with pytest.raises(DataError, match=f"predictions {TONIGHT}: .*`redeye repair` computes them"):
        leave_alone(nights)

    if "scoring_run" not in statement:
        repair(nights)
        leave_alone(nights)


BESIDE = [
    "UPDATE prediction SET score = 0.9 WHERE {one}",
    "DELETE FROM prediction WHERE {one}",
    "DELETE FROM prediction WHERE {mine}",
    (
        "INSERT INTO prediction (day, run_id, contender, event_key, score, answers) "
        "SELECT day, run_id, contender, event_key || '0', 0.9, answers FROM prediction WHERE {one}"
    ),
]


@pytest.mark.parametrize("statement", BESIDE)
def test_scores_beside_a_published_run_are_not_read_once_somebody_has_edited_them(
    nights: Nights, statement: str
) -> None:
    warehouse = nights.services["warehouse"]()
    whole = warehouse.scores(DAY, TONIGHT)
    assert set(whole["contender"]) == {"champion", "previous-champion", "baseline"}
    before = current(nights)
    mine = f"contender = 'previous-champion' AND {_current()}"
    keys = f"SELECT min(event_key) FROM prediction WHERE {mine}"
    run_sql(nights, statement.format(mine=mine, one=f"{mine} AND event_key = ({keys})"))

    with pytest.raises(DataError, match=f"{TONIGHT}.*previous-champion.*not those.*redeye repair"):
        warehouse.scores(DAY, TONIGHT)
    assert set(nights.broken()) == {"I4"}
    (step,) = [one for one in repair(nights) if one.day == TONIGHT]

    assert (step.kind, step.contender) == ("beside", "previous-champion")
    assert nights.broken() == {}
    assert current(nights) == before
    left = warehouse.scores(TONIGHT, TONIGHT)
    assert set(left["contender"]) == {"champion", "baseline"}
    nights.run(TONIGHT, ["score"])  # the same contenders give the same scores, and are kept anew
    assert warehouse.scores(DAY, TONIGHT).equals(whole)
    assert nights.broken() == {}


def share(nights: Nights, rollout: float) -> None:
    """Score tonight, by the challenger for a share of the keys."""
    nights.registry.aliases["challenger"] = "3"
    night = nights.night(TONIGHT)
    params = night.sections["score"].model_copy(update={"challenger_share": rollout})
    replace(night, sections={**night.sections, "score": params}).run("score")


def test_shared_answers_are_no_part_of_what_is_kept_beside_them(nights: Nights) -> None:
    share(nights, 0.5)
    scores = nights.services["warehouse"]().scores(TONIGHT, TONIGHT)
    for name in ("champion", "challenger"):
        assert set(scores.loc[scores["contender"] == name, "answers"]) == {True, False}
    assert nights.broken() == {}

    run_sql(
        nights,
        "UPDATE prediction SET score = 0.9 WHERE contender = 'challenger' AND NOT answers",
    )

    assert set(nights.broken()) == {"I4"}


SHARED = [
    *SPOILED[:3],
    "DELETE FROM prediction WHERE answers AND contender = 'challenger' AND {current}",
]


@pytest.mark.parametrize("statement", SHARED)
def test_a_damaged_day_that_two_contenders_shared_is_made_whole(
    nights: Nights, statement: str
) -> None:
    share(nights, 0.375)  # which no whole number of percent is
    whole = current(nights)
    assert {row[3] for row in whole} == {"champion", "challenger"}
    run = nights.services["warehouse"]().published(TONIGHT)
    assert shared_by(run.rollout) == ("3", 0.375)
    nights.registry.aliases |= {"champion": "1", "challenger": "1"}  # they serve no more
    mine = f"contender = 'challenger' AND {_current()}"
    one = f"event_key = (SELECT min(event_key) FROM prediction WHERE answers AND {mine})"
    run_sql(nights, statement.format(one=one, current=_current()))
    assert "I3" in nights.broken()

    repair(nights)

    assert set(nights.broken()) <= {"I6"}  # the alias was moved here, and nobody has looked
    assert current(nights) == whole


@pytest.mark.parametrize("dataset", ["features", "accepted/plan", "quarantine/plan"])
def test_a_damaged_file_that_can_be_made_again_is_made_again(nights: Nights, dataset: str) -> None:
    before = nights.state()
    file_of(nights, dataset, DAY).write_bytes(b"garbage")
    assert nights.broken()

    repair(nights)

    nights.run(TONIGHT)
    assert nights.broken() == {}
    assert nights.state() == before
    assert repair(nights) == []


def test_damaged_totals_are_made_again_when_they_are_needed(nights: Nights) -> None:
    path = file_of(nights, "history/late", DAY)
    content = path.read_bytes()
    path.write_bytes(b"garbage")
    assert set(nights.broken()) == {"I5"}

    repair(nights)

    assert nights.broken() == {}
    file_of(nights, "features", TONIGHT).unlink()
    nights.run(TONIGHT)
    assert path.read_bytes() == content


def test_rows_in_quarantine_are_counted_again(nights: Nights) -> None:
    before = nights.state()
    run_sql(nights, "DELETE FROM quarantine_log")
    assert set(nights.broken()) == {"I8"}

    repair(nights)

    assert nights.state() == before
    assert nights.broken() == {}


def test_a_damaged_raw_file_comes_back_from_its_version(tmp_path: Path) -> None:
    nights = Nights(tmp_path).found()
    places = Paths(tmp_path, tmp_path, nights.url, "", str(tmp_path / "remote"))
    (tmp_path / "remote").mkdir()
    versions = DvcVersions(places)
    nights.services["versions"] = lambda: versions
    nights.run(DAY)
    path = file_of(nights, "raw/plan", DAY)
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:100])  # a new file: its twin in the snapshot is another

    repair(nights)

    assert path.read_bytes() == content


def test_what_no_version_has_is_told_and_left_alone(nights: Nights) -> None:
    path = file_of(nights, "raw/plan", DAY)
    path.write_bytes(b"garbage")
    nights.services["versions"] = Empty

    with pytest.raises(DataError, match="no version of data/raw has it"):
        repair(nights)

    assert path.read_bytes() == b"garbage"


def test_to_plan_changes_nothing(nights: Nights) -> None:
    file_of(nights, "features", DAY).write_bytes(b"garbage")

    steps = plan(shop(nights))

    assert [step.kind for step in steps] == ["derived"]
    assert file_of(nights, "features", DAY).read_bytes() == b"garbage"


class Empty:
    """Versions without a version."""

    def log(self) -> list[dict[str, str]]:
        return []


def _current() -> str:
    return f"run_id = (SELECT run_id FROM published WHERE day = '{TONIGHT}')"


@pytest.fixture(autouse=True)
def nothing_armed() -> Iterator[None]:
    yield
    activate(None)
