"""Every command that `verify` and `repair` can name is typed here as it stands, and mends what it was named for."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sqlalchemy import create_engine, text
from typer.main import get_command

import pipelines.cli  # noqa: F401  the commands add themselves
from pipelines import audit
from pipelines.adapters.lake.garbage import Folders
from pipelines.audit.invariants import Breach
from pipelines.audit.repair import RepairContext, plan, repair
from pipelines.audit.tags import tags_of
from pipelines.commands.app import app
from pipelines.core.records import FeatureTable
from pipelines.promotion.champion import promote_by_hand, roll_back, sync_champion
from tests.integration.serving import judged
from tests.integration.small_night import DAY, STAGES, FileVersions, Nights

TONIGHT = DAY + timedelta(days=1)
AT_ONCE = timedelta(seconds=-5)  # the database's clock may be behind


@dataclass(frozen=True)
class CopiedVersions(FileVersions):
    """Versions of raw data, each a copy of the folder."""

    def record(self, day: date) -> tuple[str, str]:
        version, where = super().record(day)
        kept = self.root / "kept" / version
        if not kept.exists():
            shutil.copytree(self.root / "data" / "raw", kept)
        return version, where

    def checkout(self, version: str, to: Path) -> int:
        (kept,) = (self.root / "kept").glob(f"{version}*")
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(kept, to)
        return 1


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    """Two nights, of which the second was answered by version 1 first."""
    nights = Nights(tmp_path).found()
    versions = CopiedVersions(tmp_path)
    nights.services["versions"] = lambda: versions
    nights.run(DAY)
    nights.registry.aliases["champion"] = "1"
    nights.run(TONIGHT)
    nights.registry.aliases["champion"] = "2"
    sync_champion(nights.registry, nights.services["warehouse"]())
    nights.run(TONIGHT, ["score"])
    assert nights.broken() == {}
    return nights


def parsed(command: str) -> tuple[list[str], dict[str, Any]]:
    """The names of a command, and its options as the command line itself takes them."""
    program, *words = shlex.split(command)
    assert program == "redeye"
    found: Any = get_command(app)
    names = []
    while hasattr(found, "commands"):
        names.append(words.pop(0))
        found = found.commands[names[-1]]
    return names, found.make_context(names[-1], words, parent=click.Context(found)).params


def typed(nights: Nights, commands: str) -> None:
    """Do what the commands do, one after the other, to the stores of the small world."""
    for command in commands.split("; "):
        names, options = parsed(command)
        DO[names[0]](nights, options)


def carry_out(nights: Nights, _options: dict[str, Any]) -> None:
    validator, workers = (nights.services[name]() for name in ("validator", "workers"))
    shop = RepairContext(nights.stores, Folders(nights.places), AT_ONCE, validator, workers)
    repaired = repair(shop, plan(shop), nights.verify)
    told = [one.next for one in (*repaired.mended, *repaired.left) if one.next]
    assert not any("redeye repair" in one for one in (*told, *repaired.kept))
    for one in dict.fromkeys(one.next for one in repaired.mended if one.next):
        typed(nights, one)


def run_stage(stage: str) -> Callable[[Nights, dict[str, Any]], None]:
    def run(nights: Nights, options: dict[str, Any]) -> None:
        night = nights.night(date.fromisoformat(options["day"]))
        asked = {name: options[name] for name in ("republish",) if options.get(name) is not None}
        params = night.sections[stage].model_copy(update=asked)
        replace(night, sections={**night.sections, stage: params}).run(stage)

    return run


def promote(nights: Nights, options: dict[str, Any]) -> None:
    registry, warehouse = nights.registry, nights.services["warehouse"]()
    if options["version"] is None:
        assert sync_champion(registry, warehouse).refusal is None
    else:
        promote_by_hand(options["version"], options["reason"], registry, warehouse)


def roll(nights: Nights, options: dict[str, Any]) -> None:
    roll_back(options["reason"] or "by hand", nights.registry, nights.services["warehouse"]())


def check_out(nights: Nights, options: dict[str, Any]) -> None:
    nights.services["versions"]().checkout(options["version"], nights.root / "data" / "raw")


DO: dict[str, Callable[[Nights, dict[str, Any]], None]] = {
    **{stage: run_stage(stage) for stage in STAGES},
    "night": lambda nights, options: nights.run(date.fromisoformat(options["day"])),
    "repair": carry_out,
    "promote": promote,
    "rollback": roll,
    "data": check_out,
}


# What breaks


def run_sql(*statements: str) -> Callable[[Nights], None]:
    def run(nights: Nights) -> None:
        engine = create_engine(nights.url)
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()

    return run


def cut(dataset: str) -> Callable[[Nights], None]:
    def run(nights: Nights) -> None:
        (one,) = nights.stores.lake.find(dataset, TONIGHT, TONIGHT)
        path = nights.root / "data" / one.file
        content = path.read_bytes()
        path.unlink()  # a new file: its twin in the lake may be a link
        path.write_bytes(content[: len(content) // 2])

    return run


def more_landed(nights: Nights) -> None:
    """A row of the plan that came after the features were computed."""
    rows = nights.source.read("plan", TONIGHT)
    late = rows.slice(0, 1).set_column(1, "ride", [[99]]).cast(rows.schema)
    nights.stores.lake.write("raw/plan", TONIGHT, pa.concat_tables([rows, late]), night=TONIGHT)
    nights.registry.aliases["champion"] = "3"
    promote(nights, {"version": None})
    nights.run(TONIGHT, ["score"])


def forget_features(nights: Nights) -> None:
    shutil.rmtree(nights.root / "data" / "features" / f"day={TONIGHT}")


def less_is_accepted(nights: Nights) -> None:
    (one,) = nights.stores.lake.find("accepted/plan", TONIGHT, TONIGHT)
    fewer = nights.stores.lake.read([one]).slice(1)
    nights.stores.lake.write("accepted/plan", TONIGHT, fewer, one.origin, TONIGHT)


def as_of_another_time(nights: Nights) -> None:
    """Features that somebody made in another way, published."""
    (one,) = nights.stores.lake.find("features", TONIGHT, TONIGHT)
    rows = nights.stores.lake.read([one])
    place = rows.column_names.index("cutoff")
    later = pc.add(rows["cutoff"], pa.scalar(timedelta(hours=1)))
    nights.stores.lake.write("features", TONIGHT, rows.set_column(place, "cutoff", later))
    made = nights.places.run(TONIGHT) / "feature_table.json"
    told = FeatureTable.from_json(made.read_bytes(), str(made))
    (now,) = nights.stores.lake.find("features", TONIGHT, TONIGHT)
    made.write_text(told.model_copy(update={"partition": now}).to_json())
    nights.run(TONIGHT, ["score"])


def lose_reasons(nights: Nights) -> None:
    (one,) = nights.stores.lake.find("quarantine/plan", TONIGHT, TONIGHT)
    rows = nights.stores.lake.read([one]).drop_columns(["reason"])
    nights.stores.lake.write("quarantine/plan", TONIGHT, rows, one.origin)


def lose_manifest(nights: Nights) -> None:
    (nights.root / "data" / "raw" / "rides" / f"day={DAY}" / "manifest.json").unlink()


def spoil_manifest(nights: Nights) -> None:
    (nights.root / "data" / "raw" / "rides" / f"day={DAY}" / "manifest.json").write_text("{")


def lose_version(nights: Nights) -> None:
    del nights.registry.versions["2"]
    nights.registry.aliases["champion"] = "3"
    promote(nights, {"version": None})


def move_alias(nights: Nights) -> None:
    nights.registry.aliases["champion"] = "3"


def lose_alias(nights: Nights) -> None:
    del nights.registry.aliases["champion"]


def unbless(nights: Nights) -> None:
    refused = judged(nights.registry.versions["2"], passed=False)
    nights.services["warehouse"]().bless(refused)
    nights.registry.show("2", tags_of(refused))


def lose_record(nights: Nights) -> None:
    (nights.places.run(TONIGHT) / "settlement.json").unlink()


CURRENT = f"run_id = (SELECT run_id FROM published WHERE day = '{TONIGHT}')"
OF_ANOTHER_KEY = (
    "INSERT INTO outcome (day, event_key, label, known_at) "
    "SELECT day, event_key || '|more', label, known_at FROM outcome"
)
CASES: dict[str, tuple[Callable[[Nights], None], str]] = {
    "rows edited": (run_sql(f"UPDATE prediction SET score = 0.9 WHERE {CURRENT}"), "redeye repair"),
    "outcomes of another key": (run_sql(OF_ANOTHER_KEY), "redeye repair"),
    "an outcome known before": (
        run_sql("UPDATE outcome SET known_at = '2013-03-01 12:00:00.000000'"),
        "redeye repair",
    ),
    "a model that saw the day": (
        run_sql(f"UPDATE scoring_run SET trained_until = '{TONIGHT}' WHERE {CURRENT}"),
        "redeye score --day {} --republish",
    ),
    "more rows landed": (more_landed, "redeye night --day {}"),
    "features are gone": (forget_features, "redeye night --day {}"),
    "less is accepted": (less_is_accepted, "redeye repair; redeye validate --day {}"),
    "features as of another time": (as_of_another_time, "redeye night --day {}"),
    "a features file is cut": (cut("features"), "redeye repair; redeye features --day {}"),
    "an accepted file is cut": (cut("accepted/plan"), "redeye repair; redeye validate --day {}"),
    "a file of quarantine is cut": (
        cut("quarantine/plan"),
        "redeye repair; redeye validate --day {}",
    ),
    "a raw file is cut": (cut("raw/plan"), "redeye repair"),
    "reasons are lost": (lose_reasons, "redeye repair; redeye validate --day {}"),
    "a raw manifest is lost": (lose_manifest, "redeye data checkout {}"),
    "a raw manifest is garbage": (spoil_manifest, "redeye data checkout {}"),
    "the version that answered is gone": (lose_version, "redeye score --day {} --republish"),
    "the alias was moved": (move_alias, "redeye promote"),
    "the alias is gone": (
        lose_alias,
        "redeye promote --version {} --reason 'the alias was lost'",
    ),
    "the champion is not proven": (unbless, "redeye rollback"),
    "a record is missing": (lose_record, "redeye {} --day {}"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_verify_names_works_as_typed_and_mends(nights: Nights, case: str) -> None:
    spoil, shape = CASES[case]
    spoil(nights)
    breach = first(nights)
    assert fits(breach.next, shape), breach.next

    typed(nights, breach.next)

    assert breach not in breaches(nights)
    for one in breaches(nights):  # the same of other days
        typed(nights, one.next)
    assert nights.broken() == {}


def breaches(nights: Nights) -> list[Breach]:
    return [one for invariant in nights.verify().broken for one in invariant.breaches]


def first(nights: Nights) -> Breach:
    return breaches(nights)[0]


def fits(command: str, shape: str) -> bool:
    return re.fullmatch(re.escape(shape).replace(r"\{\}", r"[\w-]+"), command) is not None


SOURCES = ("verify.py", "predictions.py", "lake.py", "models.py", "runs.py")


def test_every_command_that_stands_in_the_code_is_run() -> None:
    folder = Path(str(audit.__file__)).parent
    code = "".join((folder / name).read_text() for name in (*SOURCES, "repair.py", "restore.py"))
    named = {
        re.sub(r"\{[^}]*\}", "{}", one).rstrip()
        for one in re.findall(r"[\"`](redeye [^\"`]+)[\"`]", code)
    }
    shapes = {one for _, shape in CASES.values() for one in (shape, *shape.split("; "))}
    in_two = {"redeye repair; redeye {} --day {}"}  # by features or validate, as in the cases
    after = {"redeye settle --day {}"}  # which repair names, and `carry_out` types

    assert in_two | after < named
    assert named - in_two - after <= shapes
