"""Hostile commands, settings, environments and sources: a code of the closed list, one sentence, no
traceback, no secret, nothing changed. Seeded, so that a case that fails can be run again.
"""

from __future__ import annotations

import hashlib
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer.main
import yaml

from pipelines import cli
from pipelines.adapters.sources.open import open_source
from pipelines.commands.app import app
from pipelines.core.config import find_places, read_params
from pipelines.core.errors import ConfigError, RedeyeError
from pipelines.core.graph import read_chain
from pipelines.problem import PROBLEM
from tests.integration.learning import empty_store

REPOSITORY = Path(__file__).parents[2]
SECRET = "hunter2hunter2"
CODES = {0, 2, 3, 4, 5, 75, 78}
BATCHES, EACH = 10, 200  # 2,200 cases in all: a quarter are commands, a tenth environments

DAYS = (
    "2013-10-01",
    "2013-01-01",
    "1900-02-29",
    "0001-01-01",
    "9999-12-31",
    "2200-12-31",
    "1800-01-01",
)
TEXTS = (
    "", " ", "x", "-1", "0", "99999", "1e308", "inf", "nan", "-inf", "1_000", "٣", "２０１３-１０-０１",
    "2013-10-01\n", "../../etc/passwd", "'; DROP TABLE published; --", "{{ 7*7 }}", "$(id)", "`id`",
    "%s%n", "\u202e", "a\u0301", "🛩", "\ud800", "x" * 5000, "null", "True", "champion", "current", "=1+1",
    "|", ",", ",,", "--", "--help", "-", "[bold]", "\x1b[31m", f"postgresql://ada:{SECRET}@db/x",
)  # fmt: skip
VALUES = (
    None, True, False, 0, -1, 1, 2**63, 10**400, -0.0, 1e308, float("nan"), float("inf"), "", "x",
    "x" * 5000, [], [1], {}, {"a": 1}, "${day}", "../x", ".x", "a/../../b", "2013-02-30", "ask; id",
)  # fmt: skip
PLACES = (
    "REDEYE_DATABASE_URL", "MLFLOW_TRACKING_URI", "REDEYE_SOURCE_URL", "REDEYE_DVC_REMOTE", "REDEYE_ROOT",
    "REDEYE_FAULT", "REDEYE_ALERT_WEBHOOK", "REDEYE_SMTP_URL", "REDEYE_ALERT_HOSTS",
)  # fmt: skip
URLS = (
    "", "x", "://", "sqlite://", "sqlite:///", "sqlite:///:memory:", "mysql://db/x", "gopher://x",
    f"postgresql+psycopg://ada:{SECRET}@127.0.0.1:9/x", f"postgresql+psycopg://127.0.0.1:9/x?password={SECRET}",
    f"mssql://ada:{SECRET}@db/x", "http://[::1", "http://", f"http://ada:{SECRET}@x@[::1/", "s3://",
    "file://", "any:explode", "nowhere:kill", "any:error:0", "x" * 300, "x" * 5000, "\x01",
    f"smtp://ada:{SECRET}@h", "https://127.0.0.1:port/x", "ftp://x", "sqlite:////proc/self/mem/x.db",
)  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "var").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "var" / "mlflow.db").write_bytes(empty_store().read_bytes())
    return root


def environ_of(root: Path) -> dict[str, str]:
    return {
        "REDEYE_ROOT": str(root),
        "REDEYE_SOURCE_URL": str(root / "empty"),
        "REDEYE_DVC_REMOTE": str(root / "var" / "dvc-remote"),
        "PATH": "/usr/bin:/bin",
    }


def leaves(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[Any, Any]]:
    """Every command, by the words that call it."""
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            yield from leaves(one, (*words, name))
    else:
        yield words, command


COMMANDS = list(leaves(typer.main.get_command(app)))


def an_argv(chance: random.Random) -> list[str]:
    """A command with options of its own, and values that are hostile or plausible."""
    words, command = chance.choice(COMMANDS)
    argv = list(words)
    for option in command.params:
        if not option.opts or chance.random() < 0.35:
            continue
        is_path = any(word in option.name for word in ("to", "rows", "path", "target", "out"))
        named = [] if isinstance(option, click.Argument) else [chance.choice(option.opts)]
        if getattr(option, "is_flag", False):
            argv += named
        elif is_path and option.name not in ("to", "last"):
            argv += [*named, chance.choice(("", "x" * 300, "no/such/file.csv", "a\0b"))]
        elif chance.random() < 0.4:
            argv += [*named, chance.choice(DAYS)]
        else:
            argv += [*named, chance.choice(TEXTS)]
    if chance.random() < 0.15:
        argv.insert(chance.randrange(len(argv) + 1), chance.choice(TEXTS))
    return [word.replace("/etc/passwd", "/no/such/place") for word in argv]


def state_of(root: Path) -> dict[str, str]:
    """What must not change: data, and what was published, promoted or learned."""
    kept = {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((root / "data").rglob("*"))
        if path.is_file()
    }
    database = root / "var" / "redeye.db"
    if database.exists():
        with closing(sqlite3.connect(database)) as connection:
            for table in ("published", "prediction", "ledger", "outcome"):
                found = connection.execute(
                    "SELECT name FROM sqlite_master WHERE name = ?", (table,)
                )
                if found.fetchone():
                    count = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
                    kept |= {table: str(count[0])} if count[0] else {}
    return kept


def check(code: int, said: str, case: object) -> None:
    assert code in CODES, (case, code, said[-2000:])
    assert "Traceback" not in said, (case, said[-2000:])
    assert SECRET not in said, (case, said[-2000:])
    if code not in (0, 2):
        sentences = [line for line in said.splitlines() if line.startswith("redeye ")]
        assert len(sentences) == 1, (case, said[-2000:])


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_hostile_command_ends_in_one_sentence(
    batch: int, root: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root / "empty")
    chance = random.Random(f"commands {batch}")
    for _ in range(EACH // 4):
        argv, environ = an_argv(chance), environ_of(root)

        code = cli.main(argv, environ)

        said = "".join(capfd.readouterr())
        if SECRET in "".join(argv):  # the parser of the command line repeats what it was given
            said = said.replace(SECRET, "")
        check(code, said, argv)
    assert state_of(root) == {}
    assert not list((root / "runs").rglob("crash.log"))
    texts = [path.read_text() for path in (root / "runs").rglob("*.jsonl")]
    assert not [text for text in texts if SECRET in text]


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_hostile_environment_ends_in_one_sentence(
    batch: int, root: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root / "empty")
    chance = random.Random(f"environment {batch}")
    commands = (["status", "--day", "2013-10-01"], ["settle", "--day", "2013-10-01"], ["explain", "--day", "2013-10-01"],
                ["ingest", "--day", "2013-10-01"], ["rollback", "--day", "2013-10-01"])  # fmt: skip
    for _ in range(EACH // 10):
        hostile = {
            name: chance.choice(URLS) for name in chance.sample(PLACES, chance.randint(1, 2))
        }
        argv = chance.choice(commands)

        code = cli.main(argv, environ_of(root) | hostile)

        check(code, "".join(capfd.readouterr()), (argv, hostile))
    assert state_of(root) == {}


def refusal_of(read: Callable[[], object]) -> RedeyeError | None:
    """How it is refused, if it is; any other error is one of the test."""
    try:
        read()
    except RedeyeError as error:
        return error
    return None


def mutated(told: Any, chance: random.Random) -> Any:
    """The settings with one thing wrong somewhere."""
    if isinstance(told, dict) and told and chance.random() < 0.8:
        key = chance.choice(list(told))
        if chance.random() < 0.15:
            return {chance.choice(("retrys", "", "x" * 300, key + "s")): told[key], **told}
        if chance.random() < 0.1:
            return {name: value for name, value in told.items() if name != key}
        return told | {key: mutated(told[key], chance)}
    return chance.choice(VALUES)


@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.parametrize(("name", "read"), [("params.yaml", read_params), ("dvc.yaml", read_chain)])
def test_a_hostile_setting_is_refused_in_one_sentence_or_can_be_meant(
    batch: int, tmp_path: Path, name: str, read: Any
) -> None:
    chance, path = random.Random(f"{name} {batch}"), tmp_path / name
    told = yaml.safe_load((REPOSITORY / name).read_text())
    for _ in range(EACH // 4):
        text = yaml.safe_dump(mutated(told, chance))
        if chance.random() < 0.2:  # and as bytes that are no YAML, or only just
            place = chance.randrange(len(text))
            text = (
                text[:place]
                + chance.choice(("[" * 2000, "\t", "\0", "&a *a", ": :", "\n- "))
                + text[place:]
            )
        path.write_text(text)
        error = refusal_of(partial(read, path))
        if error is not None:
            assert isinstance(error, ConfigError), (text, error)
            assert str(error).startswith(name), (text, error)
            assert "\n" not in str(error), (text, error)
            assert len(str(error)) < 600, (text, error)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_hostile_file_of_a_source_is_refused_or_read(batch: int, tmp_path: Path) -> None:
    chance, day = random.Random(f"source {batch}"), date(2013, 10, 1)
    rows = pa.table({"day": [day] * 3, "carrier": ["UA", "", None], "n": [1, 2, None]})
    whole = tmp_path / "whole.parquet"
    pq.write_table(rows, whole)
    good = {"parquet": whole.read_bytes(), "csv": b"day,carrier,n\n2013-10-01,UA,1\n2013-10-01,,\n"}
    folder = tmp_path / "in" / "flights"
    folder.mkdir(parents=True)
    source = open_source(PROBLEM, str(folder.parent))
    for _ in range(EACH // 4):
        extension = chance.choice(("csv", "parquet"))
        content = bytearray(good[extension])
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(content))
            junk = chance.choice(
                (b"", b"\0", b'"', b",", b"\n", b"\xff\xfe", b"a,a\n", b"9" * 400, b"day,")
            )
            content[place : place + chance.randint(0, 3)] = junk
        path = folder / f"{day}.{extension}"
        path.write_bytes(content)
        error = refusal_of(partial(source.read, "flights", day))
        if error is not None:
            assert error.exit_code in (3, 75, 78), (bytes(content), error)
            assert "\n" not in str(error), (bytes(content), error)
        path.unlink()


def test_the_places_of_a_test_are_not_those_of_the_project(root: Path) -> None:
    assert find_places(environ_of(root)).root == root.resolve()
