"""Evidence in files is what the stores hold, and whatever is done to a line of it is found."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.app.evidence_files import check, export
from pipelines.app.hash_chain import Chain, Manifest, sha256_of
from pipelines.app.services import Redeye
from pipelines.cli import main
from pipelines.commands import evidence as commands
from pipelines.core.errors import DataError, TemporaryError, UsageError
from pipelines.core.fault_injection import activate
from tests.integration.small_night import DAY, GRAPH, PARAMS, Nights

DAYS = [DAY, DAY + timedelta(days=1)]
Harm = Callable[[Path], None]


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    nights = Nights(tmp_path_factory.mktemp("evidence") / "root").found()
    for day in (*DAYS, DAYS[-1] + timedelta(days=1)):
        nights.run(day)
    warehouse = nights.services["warehouse"]()
    warehouse.write_metrics(DAY, {"champion": {"log_loss": 0.25}})
    return nights


def redeye_of(nights: Nights) -> Redeye:
    return Redeye(nights.places, PARAMS, GRAPH, nights.services)


@pytest.fixture(scope="module")
def exported(nights: Nights, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("export") / "evidence"
    return folder, export(redeye_of(nights), DAYS, folder)


@pytest.fixture
def folder(exported: tuple[Path, str], tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported[0], tmp_path / "copy"))


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def told(folder: Path, kind: str) -> list[dict[str, object]]:
    found = [json.loads(line) for path in folder.glob("*.jsonl") for line in lines(path)]
    return [one["what"] for one in found if one["kind"] == kind]


def test_an_export_holds_what_the_stores_hold_of_its_days(
    exported: tuple[Path, str], nights: Nights
) -> None:
    folder, sha256 = exported

    manifest = check(folder, sha256)

    warehouse = nights.services["warehouse"]()
    ledger = told(folder, "ledger")
    assert [one["version"] for one in ledger] == [one.version for one in warehouse.ledger()]
    assert all(one["written_at"] for one in ledger)
    assert [one["run"]["day"] for one in told(folder, "lineage")] == [f"{day}" for day in DAYS]  # type: ignore[index]
    assert [one["day"] for one in told(folder, "publication")][-2:] == [f"{day}" for day in DAYS]
    assert 0.25 in [one["value"] for one in told(folder, "metric")]
    assert len(told(folder, "blessing")) == 3
    assert sum(manifest.lines.values()) == sum(len(lines(one)) for one in folder.glob("*.jsonl"))


def test_predictions_ledger_and_metrics_are_there_for_any_other_program(
    exported: tuple[Path, str], nights: Nights
) -> None:
    folder, _ = exported
    kept = nights.services["warehouse"]().predictions(DAYS[0], DAYS[-1])

    rows = pq.read_table(folder / "predictions.parquet").to_pandas()

    assert len(rows) == len(kept) > 0
    for name in ("event_key", "score", "answered_by", "run_id"):
        assert rows[name].tolist() == kept[name].tolist()
    assert rows["label"].dropna().tolist() == kept["label"].dropna().tolist() != []
    metrics, own = pq.read_table(folder / "metrics.parquet").to_pandas(), told(folder, "metric")
    assert metrics["value"].tolist() == [one["value"] for one in own]
    assert metrics["metric"].tolist() == [one["metric"] for one in own]
    assert pq.read_table(folder / "ledger.parquet").column("version").to_pylist() == ["1", "2"]


def test_the_same_days_give_the_same_bytes(
    exported: tuple[Path, str], nights: Nights, tmp_path: Path
) -> None:
    folder, sha256 = exported

    assert export(redeye_of(nights), DAYS, tmp_path / "again") == sha256
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def edit(name: str, number: int, change: Callable[[list[str]], list[str]]) -> Harm:
    def harm(folder: Path) -> None:
        path = folder / name
        found = lines(path)
        at = number % len(found)
        path.write_text("".join(f"{one}\n" for one in [*found[:at], *change(found[at:])]))

    return harm


def one_word(rest: list[str]) -> list[str]:
    return [rest[0].replace('"kind": "', '"kind": "x', 1), *rest[1:]]


def numbered_anew(rest: list[str]) -> list[str]:
    """A line more, and all after it with the number that they would have."""
    later = [json.loads(one) for one in [rest[0], *rest]]
    return [
        json.dumps({**one, "line": later[0]["line"] + n}, sort_keys=True)
        for n, one in enumerate(later)
    ]


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (edit("ledger.jsonl", 0, one_word), "ledger.jsonl, line 2: the line before it was edited"),
        (edit("lineage.jsonl", 1, one_word), "lineage.jsonl, line 3: the line before"),
        (edit("verdicts.jsonl", 2, lambda rest: rest[1:]), "verdicts.jsonl, line 3: 1 lines"),
        (edit("verdicts.jsonl", 2, lambda rest: [rest[0], *rest]), "line 4: it, or a line before"),
        (edit("verdicts.jsonl", 2, numbered_anew), "verdicts.jsonl, line 4: the line before"),
        (edit("verdicts.jsonl", 2, lambda r: [r[1], r[0], *r[2:]]), "verdicts.jsonl, line 3: 1"),
        (edit("verdicts.jsonl", -1, lambda _: []), "verdicts.jsonl: has"),
        (edit("metrics.jsonl", -1, lambda _: []), "metrics.jsonl: has"),
        (edit("metrics.jsonl", -1, one_word), "was edited: it is the last one"),
        (edit("ledger.jsonl", 1, lambda rest: ["{}", *rest[1:]]), "ledger.jsonl, line 2: is no"),
        (edit("ledger.jsonl", 1, lambda rest: ["[" * 99999]), "ledger.jsonl, line 2: is no"),
        (lambda folder: (folder / "ledger.jsonl").unlink(), "ledger.jsonl: is missing"),
        (lambda folder: (folder / "more.jsonl").touch(), "more.jsonl: is none of"),
        (lambda folder: (folder / "ledger.parquet").write_bytes(b""), "ledger.parquet: was edited"),
        (lambda folder: (folder / "manifest.json").unlink(), "the export is not whole"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), "manifest.json"),
        (lambda folder: (folder / "lineage.jsonl").write_bytes(b"\xff\n"), "is no text"),
    ],
)
def test_what_was_edited_added_or_taken_away_is_named(folder: Path, harm: Harm, words: str) -> None:
    harm(folder)

    with pytest.raises(DataError) as refused:
        check(folder)

    assert words in str(refused.value)


def test_no_byte_of_any_file_can_be_changed_unseen(
    folder: Path, exported: tuple[Path, str]
) -> None:
    chance = random.Random(7)
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        for _ in range(60):
            at = chance.randrange(len(content))
            other = bytes([content[at] ^ (1 << chance.randrange(8))])
            path.write_bytes(content[:at] + other + content[at + 1 :])

            with pytest.raises(DataError):
                check(folder, exported[1])
        path.write_bytes(content)
    check(folder, exported[1])


def test_a_chain_that_was_written_anew_is_found_by_the_number_that_was_printed(
    folder: Path, exported: tuple[Path, str]
) -> None:
    manifest = Manifest.from_json((folder / "manifest.json").read_bytes(), "")
    chain = Chain()
    for name in manifest.lines:
        found = [json.loads(line) for line in lines(folder / name)]
        for one in found:
            if one["kind"] == "ledger":
                one["what"]["reason"] = "better in every respect"
        anew = [chain.link(one["kind"], one["what"]) for one in found]
        (folder / name).write_text("".join(f"{line}\n" for line in anew))
    forged = manifest.model_copy(update={"head": chain.head})
    (folder / "manifest.json").write_text(forged.to_json())

    assert check(folder).head == chain.head
    with pytest.raises(DataError, match="not the one that was printed"):
        check(folder, exported[1])


def test_an_export_that_was_cut_short_is_not_taken_for_one(nights: Nights, tmp_path: Path) -> None:
    activate("files.before_rename:error:4")
    with pytest.raises(TemporaryError):
        export(redeye_of(nights), DAYS, tmp_path / "cut")
    activate(None)

    with pytest.raises(DataError, match="the export is not whole"):
        check(tmp_path / "cut")
    with pytest.raises(UsageError, match="name a new folder"):
        export(redeye_of(nights), DAYS, tmp_path / "cut")


def test_the_commands_work_as_they_are_printed(
    nights: Nights,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(commands, "open_redeye", lambda _: redeye_of(nights))
    words = ["evidence", "export", "--from", f"{DAYS[0]}", "--to", f"{DAYS[-1]}", "--out"]
    folder = tmp_path / "out"

    assert main([*words, str(folder)], {}) == 0
    printed = capsys.readouterr()
    assert sha256_of((folder / "manifest.json").read_text()) in printed.out
    following = printed.err.rpartition("redeye evidence check ")[2].split()
    assert main(["evidence", "check", *following], {}) == 0
    assert "are as they were written" in capsys.readouterr().out

    (folder / "ledger.jsonl").write_text("")
    assert main(["evidence", "check", *following], {}) == 3
    assert "ledger.jsonl" in capsys.readouterr().err
