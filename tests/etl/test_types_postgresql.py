"""Every type of PostgreSQL, by the table of docs/reference/types.md, from a server to a file read back."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest
from etl_process import Database, Etl

#: expression, Arrow type, value read back
EXACT: list[tuple[str, str, Any]] = [
    ("true", "bool", True),
    ("(-32768)::int2", "int16", -32768),
    ("(-2147483648)::int4", "int32", -2147483648),
    ("(-9223372036854775808)::int8", "int64", -(2**63)),
    ("4294967295::oid", "uint32", 4294967295),
    ("1.1::float4", "float", 1.100000023841858),
    ("'Infinity'::float8", "double", float("inf")),
    ("0.1::float8", "double", 0.1),
    ("123.45::numeric(10,2)", "decimal128(10, 2)", Decimal("123.45")),
    ("(-0.01)::numeric(10,2)", "decimal128(10, 2)", Decimal("-0.01")),
    ("0::numeric(10,2)", "decimal128(10, 2)", Decimal("0.00")),
    (f"{'9' * 38}::numeric(38,0)", "decimal128(38, 0)", Decimal("9" * 38)),
    (f"(-{'9' * 20}.{'9' * 18})::numeric(38,18)", "decimal128(38, 18)", Decimal(f"-{'9' * 20}.{'9' * 18}")),
    (f"{'9' * 76}::numeric(76,0)", "decimal256(76, 0)", Decimal("9" * 76)),
    (f"(-0.{'9' * 76})::numeric(76,76)", "decimal256(76, 76)", Decimal(f"-0.{'9' * 76}")),
    (f"{'9' * 77}::numeric(77,0)", "string", "9" * 77),
    ("12300::numeric(3,-2)", "decimal128(5, 0)", Decimal("12300")),
    ("0.00123::numeric(3,5)", "decimal128(5, 5)", Decimal("0.00123")),
    ("1.5::numeric", "decimal128(38, 18)", Decimal("1.5")),
    ("10000::numeric", "decimal128(38, 18)", Decimal("10000")),
    ("0.000000000000000001::numeric", "decimal128(38, 18)", Decimal("1e-18")),
    ("'$-1,234.56'::money", "decimal128(21, 2)", Decimal("-1234.56")),
    ("date '1969-12-31'", "date32[day]", dt.date(1969, 12, 31)),
    ("date '0001-01-01'", "date32[day]", dt.date(1, 1, 1)),
    ("time '23:59:59.999999'", "time64[us]", dt.time(23, 59, 59, 999999)),
    (
        "timestamp '1969-12-31 23:59:59.999999'",
        "timestamp[us]",
        dt.datetime(1969, 12, 31, 23, 59, 59, 999999),
    ),
    (
        "timestamptz '2026-03-29 02:30:00+02'",
        "timestamp[us, tz=UTC]",
        dt.datetime(2026, 3, 29, 0, 30, tzinfo=dt.UTC),
    ),
    ("timetz '12:00:00+02'", "string", "12:00:00+02"),
    ("interval '1 year 2 days -3.5 seconds'", "string", "P1Y2DT-3.5S"),
    ("b'0101'::bit(4)", "string", "0101"),
    ("b'011'::varbit", "string", "011"),
    (
        "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid",
        "string",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    ),
    ("""'{"b": 1,  "a":"ü"}'::json""", "string", '{"b": 1,  "a":"ü"}'),
    ("""'{"b": 1,  "a":"ü"}'::jsonb""", "string", '{"a": "ü", "b": 1}'),
    (r"'\x00ff10'::bytea", "binary", b"\x00\xff\x10"),
    ("''::bytea", "binary", b""),
    ("''::text", "string", ""),
    ("'日本 😀'::text", "string", "日本 😀"),
    ("'ab'::char(4)", "string", "ab  "),
    ("array[1, null, 3]::int4[]", "list<element: int32>", [1, None, 3]),
    ("array['a', '', null]::text[]", "list<element: string>", ["a", "", None]),
    ("array[1.25, null]::numeric(5,2)[]", "list<element: decimal128(5, 2)>", [Decimal("1.25"), None]),
    ("array[]::int4[]", "list<element: int32>", []),
    ("array[true, false, null]", "list<element: bool>", [True, False, None]),
    ("inet '10.0.0.1/8'", "string", "10.0.0.1/8"),
    ("int4range(1, 5)", "string", "[1,5)"),
    ("point(1, 2)", "string", "(1,2)"),
    ("row(1, 'a')", "string", "(1,a)"),
    ("'a b'::tsvector", "string", "'a' 'b'"),
    ("null::int4", "int32", None),
]


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_each_type_arrives_exactly_as_the_table_says(
    etl: Etl, postgresql: Database, decoder: str, native_decoder: None
) -> None:
    # Given a value of each type between two rows of nulls
    values = ", ".join(f"{expression} as c{number}" for number, (expression, _, _) in enumerate(EXACT))
    query = (
        "select t.* from generate_series(1, 3) n "
        f"left join (select 2 as n, {values}) t on t.n = n.n order by n.n"
    )
    # When
    outcome = etl.run(postgresql, query=query, environment={"HYBRID_DECODER": decoder})
    # Then
    assert outcome.code == 0, outcome.lines
    assert outcome.manifest["decoder"] == decoder
    assert [field["type"] for field in outcome.manifest["schema"]][1:] == [kind for _, kind, _ in EXACT]
    before, row, after = pq.read_table(outcome.files[0]).to_pylist()
    assert list(row.values())[1:] == [value for _, _, value in EXACT]
    assert set(before.values()) == set(after.values()) == {None}


REFUSED = [
    ("'NaN'::numeric(10,2)", "NaN"),
    ("'Infinity'::numeric", "Infinity"),
    ("'-Infinity'::numeric", "-Infinity"),
    ("1e-19::numeric", "more than 18 decimal places"),
    ("1e20::numeric", "more than 20 digits before the point"),
    ("date 'infinity'", "infinity"),
    ("date '-infinity'", "infinity"),
    ("timestamp 'infinity'", "infinity"),
    ("timestamptz '-infinity'", "infinity"),
    ("timestamp '294276-12-31 23:59:59'", "294246"),
    ("time '24:00:00'", "24:00:00"),
    ("array[[1,2],[3,4]]", "several dimensions"),
    ("'[0:1]={1,2}'::int[]", "does not begin at 1"),
    ("array['NaN'::numeric(5,2), 1]", "NaN"),
]


@pytest.mark.parametrize("decoder", ["native", "python"])
@pytest.mark.parametrize(("expression", "reason"), REFUSED)
def test_what_no_type_can_hold_ends_the_run_by_default(
    etl: Etl, postgresql: Database, expression: str, reason: str, decoder: str, native_decoder: None
) -> None:
    outcome = etl.run(
        postgresql,
        query=f"select 1 as id, {expression} as amount",
        environment={"HYBRID_DECODER": decoder},
    )
    assert outcome.code == 2
    assert "amount" in outcome.message
    assert "row 1" in outcome.message
    assert reason in outcome.message
    assert outcome.manifests == []


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_with_the_policy_null_it_is_counted_in_the_receipt(
    etl: Etl, postgresql: Database, decoder: str, native_decoder: None
) -> None:
    fields = ", ".join(f"{expression} as c{number}" for number, (expression, _) in enumerate(REFUSED))
    outcome = etl.run(
        postgresql,
        query=f"select {fields}, 7 as kept from generate_series(1, 2)",
        unrepresentable="null",
        environment={"HYBRID_DECODER": decoder},
    )
    assert outcome.code == 0, outcome.lines
    assert outcome.manifest["refused"] == {f"c{number}": 2 for number in range(len(REFUSED))}
    rows = pq.read_table(outcome.files[0]).to_pylist()
    assert rows == [{f"c{number}": None for number in range(len(REFUSED))} | {"kept": 7}] * 2


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_with_the_policy_string_it_arrives_as_the_database_writes_it(
    etl: Etl, postgresql: Database, decoder: str, native_decoder: None
) -> None:
    fields = ", ".join(f"{expression} as c{number}" for number, (expression, _) in enumerate(REFUSED))
    outcome = etl.run(
        postgresql,
        query=f"select {fields}, 7 as kept",
        unrepresentable="string",
        environment={"HYBRID_DECODER": decoder},
    )
    assert outcome.code == 0, outcome.lines
    (row,) = pq.read_table(outcome.files[0]).to_pylist()
    assert list(row.values()) == [
        "NaN",
        "Infinity",
        "-Infinity",
        "0.0000000000000000001",
        "100000000000000000000",
        "infinity",
        "-infinity",
        "infinity",
        "-infinity",
        "294276-12-31 23:59:59",
        "24:00:00",
        "{{1,2},{3,4}}",
        "[0:1]={1,2}",
        "{NaN,1}",
        7,
    ]
    assert outcome.manifest["refused"] == {}


def test_an_enumeration_a_domain_and_a_geometry_are_carried(etl: Etl, postgresql: Database) -> None:
    """The geometry is a stand-in of PostGIS's name and function: the extension is not needed for the path."""
    # Given
    for statement in (
        "drop schema if exists gis cascade",
        "create schema gis",
        "create type gis.mood as enum ('happy', 'sad')",
        "create domain gis.price as numeric(8,2) check (value > 0)",
        "create type gis.geometry as (wkb bytea)",
        "create function gis.st_asbinary(gis.geometry) returns bytea language sql as 'select $1.wkb'",
    ):
        postgresql.say(statement)
    # When
    outcome = etl.run(
        postgresql,
        query="select 'sad'::gis.mood as mood, 3.50::gis.price as price, "
        r"row('\x0101')::gis.geometry as shape",
    )
    # Then
    assert outcome.code == 0, outcome.lines
    assert pq.read_table(outcome.files[0]).to_pylist() == [
        {"mood": "sad", "price": Decimal("3.50"), "shape": b"\x01\x01"}
    ]
