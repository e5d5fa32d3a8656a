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


#: Types of the server itself that no one can make a value of.
_WITHOUT_VALUES = {"gtsvector", "pg_node_tree", "pg_ndistinct", "pg_dependencies", "pg_mcv_list"} | {
    "pg_brin_bloom_summary",
    "pg_brin_minmax_multi_summary",
}
_EXAMPLES = {
    "bit": "101", "varbit": "101", "box": "(1,1),(0,0)", "circle": "<(1,2),3>", "line": "{1,2,3}",
    "lseg": "[(0,0),(1,1)]", "path": "((0,0),(1,1))", "point": "(1,2)", "polygon": "((0,0),(1,1),(2,0))",
    "inet": "10.0.0.1", "cidr": "10.0.0.0/8", "macaddr": "08:00:2b:01:02:03",
    "macaddr8": "08:00:2b:01:02:03:04:05", "pg_lsn": "16/B374D848", "tid": "(0,1)", "xid": "7", "xid8": "7",
    "cid": "7", "uuid": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "json": "[1]", "jsonb": "[1]",
    "jsonpath": "$.a", "xml": "<a/>", "tsvector": "'a'", "tsquery": "'a' & 'b'", "interval": "1 day",
    "date": "2026-11-01", "time": "12:00", "timetz": "12:00+00", "timestamp": "2026-11-01 12:00",
    "timestamptz": "2026-11-01 12:00+00", "money": "1.50", "bool": "true", "bytea": "\\x00ff",
    "aclitem": "=r/etl", "refcursor": "c", "txid_snapshot": "10:20:10,14", "pg_snapshot": "10:20:10,14",
    "regproc": "pg_catalog.now", "regprocedure": "pg_catalog.now()", "regoper": "pg_catalog.||/",
    "regoperator": "+(integer,integer)", "regclass": "pg_class", "regcollation": '"C"', "regtype": "integer",
    "regconfig": "simple", "regdictionary": "simple", "regnamespace": "pg_catalog", "regrole": "etl",
    "int2vector": "1 2", "oidvector": "1 2", "int4range": "[1,5)", "int8range": "[1,5)", "numrange": "[1,5)",
    "tsrange": "[2026-11-01,2026-11-02)", "tstzrange": "[2026-11-01,2026-11-02)",
    "daterange": "[2026-11-01,2026-11-02)", "int4multirange": "{[1,5)}", "int8multirange": "{[1,5)}",
    "nummultirange": "{[1,5)}", "tsmultirange": "{[2026-11-01,2026-11-02)}",
    "tstzmultirange": "{[2026-11-01,2026-11-02)}", "datemultirange": "{[2026-11-01,2026-11-02)}",
}  # fmt: skip


def test_every_type_of_the_server_lands_as_the_server_writes_it(
    etl: Etl, postgresql: Database, native_decoder: None
) -> None:
    # Given a value of every type that the server has itself, single and in an array
    names = [
        name
        for (name,) in postgresql.say(
            "select typname::text from pg_type where typnamespace = 'pg_catalog'::regnamespace "
            "and typtype in ('b', 'r', 'm') and typcategory <> 'A' and typelem = 0 order by 1"
        )
        if name not in _WITHOUT_VALUES
    ]
    names += ["int2vector", "oidvector"]
    values = {
        name: f"""'{_EXAMPLES.get(name, "1").replace("'", "''")}'::pg_catalog."{name}\"""" for name in names
    }
    texts = ", ".join(f'{value} as "{name}_", array[{value}] as "{name}_s"' for name, value in values.items())
    output = ", ".join(
        f"pg_catalog.concat({value}), pg_catalog.concat(array[{value}])" for value in values.values()
    )
    [written] = postgresql.say(f"select {output}")

    # When they land
    outcome = etl.run(postgresql, query=f"select {texts}")

    # Then what lands as text is what the server writes, in the settings of the run
    assert outcome.code == 0, outcome.lines
    [row] = pq.read_table(outcome.files[0]).to_pylist()
    kinds = [field["type"] for field in outcome.manifest["schema"]]
    wrong = {
        name: (found, wanted)
        for (name, found), kind, wanted in zip(row.items(), kinds, written, strict=True)
        if kind == "string" and found != wanted and name not in {"interval_", "interval_s"}
    }
    assert wrong == {}
    assert len(names) > 60
