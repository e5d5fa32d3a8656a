"""Every type of PostgreSQL itself, and contrib's: what lands as text is what the output function writes."""

from __future__ import annotations

from decimal import Decimal

import psycopg
import pyarrow.parquet as pq
import pytest
from etl_process import Database, Etl

_VALUES = {
    "aclitem": "{me}=r/{me}",
    "bit": "1",
    "box": "(1,1),(0,0)",
    "char": "\\201",
    "cid": "7",
    "cidr": "10.0.0.0/8",
    "circle": "<(0,0),1>",
    "daterange": "[2026-01-01,2026-02-01)",
    "datemultirange": "{[2026-01-01,2026-02-01)}",
    "inet": "1.2.3.4",
    "int2vector": "1 2 3",
    "int4multirange": "{[1,2),[4,5)}",
    "int4range": "[1,5)",
    "int8multirange": "{[1,2)}",
    "int8range": "[1,5)",
    "interval": "P1Y2DT-3.5S",
    "jsonpath": '$."a"',
    "line": "{1,2,3}",
    "lseg": "[(0,0),(1,1)]",
    "macaddr": "08:00:2b:01:02:03",
    "macaddr8": "08:00:2b:01:02:03:04:05",
    "nummultirange": "{[1.5,2.5)}",
    "numrange": "[1.5,2.5)",
    "oidvector": "1 2",
    "path": "((0,0),(1,1))",
    "pg_lsn": "16/B374D848",
    "pg_snapshot": "10:20:10,14",
    "point": "(1,2)",
    "polygon": "((0,0),(1,1))",
    "refcursor": "a",
    "regclass": "pg_class",
    "regcollation": '"C"',
    "regconfig": "english",
    "regdictionary": "simple",
    "regnamespace": "pg_catalog",
    "regoper": "|/",
    "regoperator": "+(integer,integer)",
    "regproc": "now",
    "regprocedure": "sum(integer)",
    "regrole": "{me}",
    "regtype": "integer",
    "tid": "(0,1)",
    "timetz": "12:00:00+02",
    "tsmultirange": '{["2026-01-01 00:00:00","2026-01-02 00:00:00")}',
    "tsquery": "'a' & 'b'",
    "tsrange": '["2026-01-01 00:00:00","2026-01-02 00:00:00")',
    "tstzmultirange": '{["2026-01-01 00:00:00+00","2026-01-02 00:00:00+00")}',
    "tstzrange": '["2026-01-01 00:00:00+00","2026-01-02 00:00:00+00")',
    "tsvector": "'a' 'b'",
    "txid_snapshot": "10:20:10,14",
    "varbit": "011",
    "xid": "7",
    "xid8": "8",
}
_OWN = "bool bytea date float4 float8 int2 int4 int8 json jsonb money name numeric oid text time timestamp"
_OF_THEIR_OWN = {*_OWN.split(), *["timestamptz", "bpchar", "varchar", "uuid", "xml"]}
"""Types that do not land as the server's text; type_tables.py has them."""
_STATISTICS = ("pg_node_tree", "pg_ndistinct", "pg_dependencies", "pg_mcv_list", "pg_brin_bloom_summary")
_NO_INPUT = {*_STATISTICS, "pg_brin_minmax_multi_summary", "gtsvector"}


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_every_type_by_text_lands_as_the_server_writes_it(
    etl: Etl, postgresql: Database, decoder: str, native_decoder: None
) -> None:
    # Given every base type, range and multirange of the server, and the array of each
    me = str(postgresql.secret["username"])
    found = postgresql.say(
        "select typname::text from pg_type where typnamespace = 'pg_catalog'::regnamespace "
        "and typtype in ('b', 'r', 'm') and typcategory <> 'A' or typname in ('int2vector', 'oidvector')"
    )
    names = sorted({name for (name,) in found if name not in _OF_THEIR_OWN | _NO_INPUT})
    assert [name for name in names if name not in _VALUES] == []
    fields = []
    for name in names:
        value = _VALUES[name].replace("{me}", me).replace("'", "''")
        fields.append(f"""'{value}'::pg_catalog."{name}" as "a {name}" """)
        fields.append(f"""array['{value}'::pg_catalog."{name}", null] as "{name} array" """)
    query = f"select {', '.join(fields)}"
    # When
    outcome = etl.run(postgresql, query=query, environment={"HYBRID_DECODER": decoder})
    # Then
    assert outcome.code == 0, outcome.lines
    (landed,) = pq.read_table(outcome.files[0]).to_pylist()
    assert landed == _as_psql_shows(postgresql, query)


def test_types_of_extensions_land_as_the_server_writes_them(etl: Etl, postgresql: Database) -> None:
    # Given contrib's types, and a type of a user with a cast of its own to text
    for statement in (
        "drop schema if exists contrib cascade",
        "create schema contrib",
        *(f"create extension {name} schema contrib" for name in ("hstore", "citext", "ltree", "cube", "isn")),
        "create type contrib.pair as (a int, b inet)",
        "create function contrib.told(contrib.pair) returns text language sql as 'select ''told''::text'",
        "create cast (contrib.pair as text) with function contrib.told(contrib.pair)",
        "create type contrib.geometry as enum ('round', 'flat')",
        "create domain contrib.lots as int[] check (cardinality(value) > 0)",
        "create domain contrib.lot as int",
    ):
        postgresql.say(statement)
    query = """select 'a=>1, b=>NULL'::contrib.hstore as hstore, 'Ab'::contrib.citext as citext,
        'a.b'::contrib.ltree as ltree, '(1,2)'::contrib.cube as cube,
        '978-0-306-40615-7'::contrib.isbn13 as isbn,
        row(1, '1.2.3.4')::contrib.pair as pair, row(null, null)::contrib.pair as empty,
        null::contrib.pair as none, 'flat'::contrib.geometry as shape,
        array['flat', null]::contrib.geometry[] as shapes, array[1, 2]::contrib.lot[] as lots,
        array['Ab'::contrib.citext] as texts"""
    # When
    outcome = etl.run(postgresql, query=query)
    # Then
    assert outcome.code == 0, outcome.lines
    (landed,) = pq.read_table(outcome.files[0]).to_pylist()
    assert landed == _as_psql_shows(postgresql, query)
    # And a domain over an array is its base type
    outcome = Etl(etl.directory / "domain").run(postgresql, query="select array[1, 2]::contrib.lots as l")
    assert pq.read_table(outcome.files[0]).to_pylist() == [{"l": [1, 2]}]
    postgresql.say("drop schema contrib cascade")


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_money_in_an_array_is_a_number(
    etl: Etl, postgresql: Database, decoder: str, native_decoder: None
) -> None:
    query = "select array['$-1,234.56', null]::money[] as m"
    outcome = etl.run(postgresql, query=query, environment={"HYBRID_DECODER": decoder})
    assert outcome.code == 0, outcome.lines
    assert pq.read_table(outcome.files[0]).to_pylist() == [{"m": [Decimal("-1234.56"), None]}]
    text = Etl(etl.directory / "text").run(postgresql, query=query, unrepresentable="string")
    assert pq.read_table(text.files[0]).to_pylist() == [{"m": "{-1234.56,NULL}"}]


def _as_psql_shows(postgresql: Database, query: str) -> dict[str, str | None]:
    """The row by the text protocol, which is the output functions' own, with our session's settings."""
    secret = postgresql.secret
    with psycopg.connect(
        host=str(secret["host"]),
        port=int(str(secret["port"])),
        user=str(secret["username"]),
        password=str(secret["password"]),
        dbname=str(secret["dbname"]),
        options="-c IntervalStyle=iso_8601 -c TimeZone=UTC -c DateStyle=ISO,YMD",
    ) as connection:
        result = connection.pgconn.exec_(query.encode())
        names = [(result.fname(index) or b"").decode() for index in range(result.nfields)]
        values = [result.get_value(0, index) for index in range(result.nfields)]
    return {name: None if v is None else v.decode() for name, v in zip(names, values, strict=True)}
