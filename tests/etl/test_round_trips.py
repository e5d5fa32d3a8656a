"""Whatever a column may hold comes back: random values through real servers, both decoders, and DuckDB."""

from __future__ import annotations

import datetime as dt
import math
import struct
from decimal import Context, Decimal
from typing import Any

import duckdb
import psycopg
import pyarrow.parquet as pq
import pymysql
from etl_process import Database, Etl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
_FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False)
_FLOAT64 = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
_DATES = st.dates(dt.date(1000, 1, 1), dt.date(9999, 12, 31))
_TIMES = st.datetimes(dt.datetime(1000, 1, 1), dt.datetime(9999, 12, 31))


def _decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    most = 10**precision - 1
    return st.integers(-most, most).map(lambda number: Decimal(number).scaleb(-scale, _WIDE))


_WIDE = Context(prec=100)
_ROW = st.tuples(
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | _decimals(12, 3),
    st.none() | _decimals(38, 10),
    st.none() | _decimals(60, 30),
    st.none() | _FLOAT32,
    st.none() | _FLOAT64,
    st.none() | _TEXT,
    st.none() | st.binary(max_size=40),
    st.none() | _DATES,
    st.none() | _TIMES,
    st.none() | st.times(),
)
_BYTES = {"postgresql": "bytea", "mariadb": "varbinary(100)", "mysql": "varbinary(100)"}
_REAL = {
    "postgresql": ("real", "double precision", "timestamp", "time"),
    "mariadb": ("float", "double", "datetime(6)", "time(6)"),
    "mysql": ("float", "double", "datetime(6)", "time(6)"),
}


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(rows=st.lists(_ROW, min_size=1, max_size=30))
def test_random_rows_come_back_as_they_were(
    etl: Etl, each_database: Database, native_decoder: None, rows: list[tuple[Any, ...]]
) -> None:
    # Given
    real, double, moment, time = _REAL[each_database.engine]
    columns = f"a bigint, b decimal(12,3), c decimal(38,10), d decimal(60,30), e {real}, f {double}, g text"
    each_database.say("drop table if exists trip")
    each_database.say(
        f"create table trip (n int, {columns}, h {_BYTES[each_database.engine]}, i date, "
        f"j {moment}, k {time})"
    )
    _insert(each_database, rows)
    # When
    outcomes = {
        decoder: etl.run(
            each_database,
            query="select * from trip order by n",
            prefix=decoder,
            decimal_width=256,
            environment={"HYBRID_DECODER": decoder, "HYBRID_LAKE": f"file://{etl.directory}/{decoder}"},
        )
        for decoder in ("native", "python")
    }
    # Then
    tables = {}
    for decoder, outcome in outcomes.items():
        assert outcome.code == 0, outcome.lines
        outcome.lake = etl.directory / decoder
        tables[decoder] = pq.read_table(outcome.files[0])
    assert tables["native"].equals(tables["python"])
    read = [tuple(row.values())[1:] for row in tables["native"].to_pylist()]
    assert [_plain(row) for row in read] == [_plain(row) for row in rows]
    file = outcomes["native"].files[0]
    (counted,) = duckdb.sql(f"select count(*), count(b), sum(b) from '{file}'").fetchall()
    present = [row[1] for row in rows if row[1] is not None]
    assert counted == (len(rows), len(present), sum(present) if present else None)


def _insert(database: Database, rows: list[tuple[Any, ...]]) -> None:
    server = database.server
    arguments: dict[str, Any] = {"host": server.host, "port": server.port, "user": server.username}
    statement = f"insert into trip values ({', '.join(['%s'] * 12)})"
    numbered = [(number, *row) for number, row in enumerate(rows)]
    if database.engine == "postgresql":
        with psycopg.connect(password=server.password, dbname=server.dbname, **arguments) as connection:
            connection.cursor().executemany(statement, numbered)
        return
    connected = pymysql.connect(
        password=server.password, database=server.dbname, autocommit=True, **arguments
    )
    with connected, connected.cursor() as cursor:
        for row in numbered:
            cursor.execute(statement, row)


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    real = row[4]
    single = None if real is None else struct.unpack("<f", struct.pack("<f", real))[0]
    assert single is None or not math.isnan(single)
    return (*row[:4], single, *row[5:])
