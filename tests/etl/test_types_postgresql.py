"""Every type of PostgreSQL, by the table of docs/reference/types.md, from a server to a file read back."""

from __future__ import annotations

from decimal import Decimal

import pyarrow.parquet as pq
import pytest
from etl_process import Database, Etl
from type_tables import POSTGRESQL as EXACT


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
