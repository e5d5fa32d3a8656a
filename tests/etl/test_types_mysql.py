"""Every type of MariaDB, by the table of docs/reference/types.md, from a real server to a file read back."""

from __future__ import annotations

import datetime as dt
import struct
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest
from etl_process import Database, Etl

_POINT = struct.pack("<BIdd", 1, 1, 1.0, 2.0)
#: column type, SQL value, Arrow type, value read back
EXACT: list[tuple[str, str, str, Any]] = [
    ("tinyint(1)", "-128", "int8", -128),
    ("tinyint unsigned", "255", "uint8", 255),
    ("smallint", "-32768", "int16", -32768),
    ("smallint unsigned", "65535", "uint16", 65535),
    ("mediumint", "-8388608", "int32", -8388608),
    ("mediumint unsigned", "16777215", "uint32", 16777215),
    ("int", "-2147483648", "int32", -(2**31)),
    ("int unsigned", "4294967295", "uint32", 2**32 - 1),
    ("bigint", "-9223372036854775808", "int64", -(2**63)),
    ("bigint unsigned", "18446744073709551615", "uint64", 2**64 - 1),
    ("float", "16777216.1e-9", "float", struct.unpack("<f", struct.pack("<f", 16777216.1e-9))[0]),
    ("double", "0.1", "double", 0.1),
    ("decimal(10,2)", "-123.45", "decimal128(10, 2)", Decimal("-123.45")),
    ("decimal(10,2) unsigned", "99999999.99", "decimal128(10, 2)", Decimal("99999999.99")),
    ("decimal(38,0)", "9" * 38, "decimal128(38, 0)", Decimal("9" * 38)),
    ("decimal(65,30)", f"-{'9' * 35}.{'9' * 30}", "decimal256(65, 30)", Decimal(f"-{'9' * 35}.{'9' * 30}")),
    ("decimal(20,18)", "0.000000000000000001", "decimal128(20, 18)", Decimal("1e-18")),
    ("decimal(5,0)", "0", "decimal128(5, 0)", Decimal(0)),
    ("date", "'1000-01-01'", "date32[day]", dt.date(1000, 1, 1)),
    ("date", "'2024-02-29'", "date32[day]", dt.date(2024, 2, 29)),
    ("time(6)", "'23:59:59.999999'", "time64[us]", dt.time(23, 59, 59, 999999)),
    ("time", "'00:00:00'", "time64[us]", dt.time(0)),
    (
        "datetime(6)",
        "'1969-12-31 23:59:59.999999'",
        "timestamp[us]",
        dt.datetime(1969, 12, 31, 23, 59, 59, 999999),
    ),
    ("datetime", "'2026-11-22 00:00:00'", "timestamp[us]", dt.datetime(2026, 11, 22)),
    (
        "timestamp(3) null",
        "from_unixtime(1000000000.123)",
        "timestamp[us, tz=UTC]",
        dt.datetime(2001, 9, 9, 1, 46, 40, 123000, dt.UTC),
    ),
    ("year", "1901", "int16", 1901),
    ("bit(1)", "b'1'", "bool", True),
    ("bit(64)", "b'1000000000000000000000000000000000000000000000000000000000000001'", "uint64", 2**63 + 1),
    ("char(4)", "'ab'", "string", "ab"),
    ("varchar(20)", "''", "string", ""),
    ("varchar(20)", "'日本 😀'", "string", "日本 😀"),
    ("varchar(20) character set latin1", "'ü'", "string", "ü"),
    ("varchar(20)", "'a\\0b'", "string", "a\0b"),
    ("longtext", "repeat('x', 70000)", "string", "x" * 70000),
    ("json", """'{"b": 1}'""", "string", '{"b": 1}'),
    ("enum('happy','sad')", "'sad'", "string", "sad"),
    ("set('a','b','c')", "'a,c'", "string", "a,c"),
    ("binary(3)", "x'00ff'", "binary", b"\0\xff\0"),
    ("varbinary(10)", "x'00ff'", "binary", b"\0\xff"),
    ("longblob", "''", "binary", b""),
    ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "string", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("inet6", "'::1'", "string", "::1"),
    ("geometry", "st_geomfromtext('POINT(1 2)')", "binary", _POINT),
]


@pytest.fixture(scope="module")
def everything(mariadb: Database) -> Database:
    """A table with a column of each type: a row of values between two of nulls."""
    columns = ", ".join(
        f"c{n} {kind if ' null' in kind else kind + ' null'}" for n, (kind, _, _, _) in enumerate(EXACT)
    )
    mariadb.say("drop table if exists everything")
    mariadb.say(f"create table everything (n int, {columns}) character set utf8mb4")
    mariadb.say("insert into everything (n) values (1), (3)")
    mariadb.say("set time_zone = '+00:00'; ".rstrip("; "))
    mariadb.say(f"insert into everything values (2, {', '.join(value for _, value, _, _ in EXACT)})")
    return mariadb


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_each_type_of_mysql_arrives_exactly_as_the_table_says(
    etl: Etl, everything: Database, decoder: str, native_decoder: None
) -> None:
    # When
    outcome = etl.run(
        everything, query="select * from everything order by n", environment={"HYBRID_DECODER": decoder}
    )
    # Then
    assert outcome.code == 0, outcome.lines
    assert outcome.manifest["decoder"] == decoder
    assert [field["type"] for field in outcome.manifest["schema"]][1:] == [kind for _, _, kind, _ in EXACT]
    before, row, after = pq.read_table(outcome.files[0]).to_pylist()
    assert list(row.values())[1:] == [value for _, _, _, value in EXACT]
    assert set(list(before.values())[1:]) == set(list(after.values())[1:]) == {None}


REFUSED = [
    ("date", "'0000-00-00'", "a zero or impossible date", "0000-00-00"),
    ("date", "'2026-11-00'", "a zero or impossible date", "2026-11-00"),
    ("datetime", "'0000-00-00 00:00:00'", "a zero or impossible date", "0000-00-00 00:00:00"),
    ("timestamp null", "'0000-00-00 00:00:00'", "a zero or impossible date", "0000-00-00 00:00:00"),
    ("time", "'-00:00:01'", "a time outside of one day", "-00:00:01"),
    ("time", "'838:59:59'", "a time outside of one day", "838:59:59"),
    ("time", "'24:00:00'", "a time outside of one day", "24:00:00"),
]


@pytest.fixture(scope="module")
def zeros(mariadb: Database) -> Database:
    columns = ", ".join(f"c{number} {kind}" for number, (kind, _, _, _) in enumerate(REFUSED))
    mariadb.say("drop table if exists zeros")
    mariadb.say(f"create table zeros ({columns})")
    mariadb.say("set global sql_mode = ''")
    mariadb.say(f"insert into zeros values ({', '.join(value for _, value, _, _ in REFUSED)})")
    mariadb.say("set global sql_mode = default")
    return mariadb


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_a_zero_date_or_a_long_time_ends_the_run_becomes_null_or_text(
    etl: Etl, zeros: Database, decoder: str, native_decoder: None
) -> None:
    environment = {"HYBRID_DECODER": decoder}
    # The default policy ends the run and says where
    for number, (_, _, reason, _) in enumerate(REFUSED):
        if decoder == "python" and number % 3:
            continue
        outcome = etl.run(zeros, query=f"select c{number} from zeros", environment=environment)
        assert outcome.code == 2
        assert f"c{number}" in outcome.message
        assert reason in outcome.message
        assert outcome.manifests == []
    # null counts
    outcome = etl.run(
        zeros, query="select * from zeros", unrepresentable="null", environment=environment, prefix="n"
    )
    assert outcome.code == 0, outcome.lines
    assert outcome.manifest["refused"] == {f"c{number}": 1 for number in range(len(REFUSED))}
    (row,) = pq.read_table(outcome.files[0]).to_pylist()
    assert set(row.values()) == {None}
    # string keeps the database's own text
    (etl.lake / "n").rename(etl.directory / "n")
    outcome = etl.run(zeros, query="select * from zeros", unrepresentable="string", environment=environment)
    assert outcome.code == 0, outcome.lines
    (row,) = pq.read_table(outcome.files[0]).to_pylist()
    assert list(row.values()) == [text for _, _, _, text in REFUSED]


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_a_row_longer_than_a_packet_of_the_protocol_arrives_whole(
    etl: Etl, mariadb: Database, decoder: str, native_decoder: None
) -> None:
    """A packet ends at 16 MiB - 1; a longer row comes in pieces, and one of exactly that length in two."""
    mariadb.say("set global max_allowed_packet = 268435456")
    lengths = [1, 2**24 - 20, *range(2**24 - 12, 2**24 - 4), 2**24 + 5, 2**25 + 3]
    query = " union all ".join(f"select {n} as n, repeat('x', {n}) as long_text" for n in lengths)
    outcome = etl.run(mariadb, query=query, environment={"HYBRID_DECODER": decoder})
    assert outcome.code == 0, outcome.lines
    table = pq.read_table(outcome.files[0])
    assert table.column("n").to_pylist() == lengths
    assert [len(text) for text in table.column("long_text").to_pylist()] == lengths
