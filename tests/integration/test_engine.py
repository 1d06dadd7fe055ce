from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlglot
from sqlglot import exp

from pipelines.adapters.engines.duckdb import DuckEngine
from pipelines.core.errors import ConfigError, DataError, TemporaryError
from pipelines.features.portable import portable
from pipelines.features.ports import Engine

DAY = date(2013, 10, 1)


def query(text: str) -> exp.Query:
    parsed = sqlglot.parse_one(text, dialect="duckdb")
    assert isinstance(parsed, exp.Query)
    return parsed


def test_tables_and_files_are_read_by_name(tmp_path: Path, engine: Engine) -> None:
    folder = tmp_path / "day=2013-10-02"  # a folder's name is no column
    folder.mkdir()
    files = [folder / "a.parquet", folder / "b.parquet"]
    for n, file in enumerate(files):
        pq.write_table(pa.table({"day": [DAY], "n": [n]}), file)

    rows = engine.run(
        query("SELECT f.day, f.n, t.word FROM f JOIN t ON f.n = t.n ORDER BY f.n"),
        {"f": files, "t": pa.table({"n": [0, 1], "word": ["zero", "one"]})},
    )

    assert rows.to_pylist() == [
        {"day": DAY, "n": 0, "word": "zero"},
        {"day": DAY, "n": 1, "word": "one"},
    ]


def test_a_local_variable_of_the_process_is_no_table(engine: Engine) -> None:
    secret = pa.table({"n": [1]})

    with pytest.raises(ConfigError, match="secret"):
        engine.run(query("SELECT n FROM secret"), {})
    assert secret.num_rows == 1


def test_no_extension_is_fetched_from_anywhere(duck: DuckEngine) -> None:
    with pytest.raises((ConfigError, DataError, TemporaryError)):
        duck.run(query("SELECT * FROM read_parquet('https://127.0.0.1:9/x.parquet')"), {})


def test_memory_threads_and_clock_are_those_that_were_asked_for(duck: DuckEngine) -> None:
    names = ("memory_limit", "threads", "autoload_known_extensions", "python_enable_replacements")
    settings = ", ".join(f"current_setting('{name}')::VARCHAR AS {name}" for name in names)

    assert list(duck.run(query(f"SELECT {settings}"), {}).to_pylist()[0].values()) == [
        "476.8 MiB",
        "2",
        "false",
        "false",
    ]


def test_what_does_not_fit_into_memory_is_spilled(tmp_path: Path) -> None:
    small = DuckEngine(0.1, tmp_path / "spill", threads=1)

    rows = small.run(
        query(
            "SELECT count(*) AS n FROM (SELECT i, md5(i::VARCHAR) AS m FROM range(2000000) t(i) ORDER BY m)"
        ),
        {},
    )

    assert rows.to_pylist() == [{"n": 2000000}]


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path, engine: Engine) -> None:
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"not a table")

    with pytest.raises(DataError, match=r"broken\.parquet"):
        engine.run(query("SELECT * FROM f"), {"f": [broken]})


def test_a_value_that_cannot_be_computed_is_the_datas_fault(engine: Engine) -> None:
    with pytest.raises(DataError, match="land the tables again"):
        engine.run(query("SELECT n::INTEGER FROM t"), {"t": pa.table({"n": ["many"]})})


def test_a_file_that_is_gone_is_looked_for_again_later(tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(TemporaryError, match=r"gone\.parquet"):
        engine.run(query("SELECT * FROM f"), {"f": [tmp_path / "gone.parquet"]})


def test_files_leave_nothing_behind_and_may_have_any_name(tmp_path: Path, engine: Engine) -> None:
    file = tmp_path / "it's.parquet"
    pq.write_table(pa.table({"n": [7]}), file)

    assert engine.run(query("SELECT n FROM f"), {"f": [file]}).to_pylist() == [{"n": 7}]

    with pytest.raises(ConfigError, match="f"):
        engine.run(query("SELECT n FROM f"), {})


def test_a_table_leaves_nothing_behind(engine: Engine) -> None:
    engine.run(query("SELECT n FROM once"), {"once": pa.table({"n": [1]})})

    with pytest.raises(ConfigError, match="once"):
        engine.run(query("SELECT n FROM once"), {})


def test_columns_keep_their_types_and_their_values(tmp_path: Path, engine: Engine) -> None:
    moment = datetime(1969, 12, 31, 23, 59, 59, 999999)  # noqa: DTZ001  the lake's are UTC, without zone
    rows = pa.table(
        {
            "day": pa.array([DAY, None], pa.date32()),
            "at": pa.array([moment, None], pa.timestamp("us")),
            "small": pa.array([-3, None], pa.int16()),
            "whole": pa.array([2**53 + 1, None], pa.int64()),
            "real": pa.array([0.1, None], pa.float64()),
            "text": pa.array(["é", None], pa.string()),
            "yes": pa.array([True, None], pa.bool_()),
        }
    )
    pq.write_table(rows, tmp_path / "f.parquet")

    for given in (rows, [tmp_path / "f.parquet"]):
        assert engine.run(query("SELECT * FROM f ORDER BY whole"), {"f": given}).equals(rows)


MEANINGS = {
    "n // 2": [-4, 3, None],
    "n % 3": [2, 1, None],
    "n / 2": [-3.5, 3.5, None],
    "n // zero": [None, None, None],
    "n % zero": [None, None, None],
    "n / zero": [None, None, None],
    "half // 2": [-4, 3, None],
    "half % 2": [0.5, 1.5, None],
    "round(half)": [-8.0, 8.0, None],
    "0.1 + 0.2": [0.1 + 0.2] * 3,
    "greatest(n, zero)": [0, 7, 0],
    "least(n, zero)": [-7, 0, 0],
    "isodow(day)": [7, 6, None],
    "year(day)": [2013, 2013, None],
    "n * 10000": [-70000, 70000, None],
    "date_diff('hour', at, TIMESTAMP '2013-03-11 01:00:00')": [2, 378602, None],
    "date_diff('minute', at, TIMESTAMP '2013-03-11 00:00:00')": [1, 22716060, None],
    "date_diff('month', at, TIMESTAMP '2013-04-01 00:00:00')": [1, 520, None],
    "date_diff('day', at, TIMESTAMP '2013-03-11 00:00:00')": [1, 15776, None],
    "epoch(at)": [1362959999, -3600, None],
    "date_diff('day', day, DATE '2013-03-20')": [10, 4, None],
    "cast(at AS DATE)": [date(2013, 3, 10), date(1969, 12, 31), None],
    "cast(day AS TIMESTAMP) <= at": [True, False, None],
    "text < 'a'": [False, True, None],
    "not_a_number = not_a_number": [True, True, True],
    "not_a_number > half": [True, True, None],
    "n > 0 AND NULL": [False, None, None],
    "row_number() OVER (ORDER BY n)": [1, 2, 3],
    "row_number() OVER (ORDER BY n DESC)": [2, 1, 3],
    "sum(n) OVER ()": [0, 0, 0],
}


def test_expressions_mean_the_same(engine: Engine) -> None:
    rows = pa.table(
        {
            "id": [1, 2, 3],
            "n": pa.array([-7, 7, None], pa.int16()),
            "zero": pa.array([0, 0, 0], pa.int32()),
            "half": [-7.5, 7.5, None],
            "not_a_number": [float("nan")] * 3,
            "day": pa.array([date(2013, 3, 10), date(2013, 3, 16), None]),
            "at": pa.array(
                [
                    datetime.fromisoformat(at)
                    for at in ("2013-03-10T23:59:59.999999", "1969-12-31T23:00")
                ]
                + [None],
                pa.timestamp("us"),
            ),
            "text": ["é", "Z", None],
        }
    )
    asked = ", ".join(f"{text} AS c{n}" for n, text in enumerate(MEANINGS))

    found = engine.run(portable(query(f"SELECT {asked} FROM t ORDER BY id")), {"t": rows})

    assert dict(zip(MEANINGS, found.to_pydict().values(), strict=True)) == MEANINGS


def test_what_overflows_is_refused_rather_than_wrong(engine: Engine) -> None:
    with pytest.raises(DataError, match="verflow"):
        engine.run(query("SELECT n * n AS n FROM t"), {"t": pa.table({"n": [2**62]})})


@pytest.mark.parametrize("newest_first", [False, True])
def test_files_of_a_table_whose_columns_grew_are_read_together(
    tmp_path: Path, engine: Engine, newest_first: bool
) -> None:
    days = [tmp_path / f"day=2013-03-0{n}" / "a.parquet" for n in (1, 2, 3)]
    tables = (
        pa.table({"n": pa.array([1], pa.int32())}),
        pa.table({"gate": ["A1"], "n": [2**40]}),
        pa.table({"n": pa.array([3], pa.int32()), "gate": ["B2"], "late": [0.5]}),
    )
    for path, table in zip(days, tables, strict=True):
        path.parent.mkdir()
        pq.write_table(table, path)

    rows = engine.run(
        query("SELECT n, gate, late FROM f ORDER BY n"),
        {"f": days[::-1] if newest_first else days},
    )

    assert rows.schema.field("n").type == pa.int64()
    assert rows.to_pylist() == [
        {"n": 1, "gate": None, "late": None},
        {"n": 3, "gate": "B2", "late": 0.5},
        {"n": 2**40, "gate": "A1", "late": None},
    ]
