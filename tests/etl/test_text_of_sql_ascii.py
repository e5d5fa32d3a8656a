"""Text of a database that knows no encoding, as of many that were made before 2005."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest
from etl_process import Database, Etl

DECODERS = pytest.mark.parametrize("decoder", ["native", "python"])


@pytest.fixture(scope="module")
def heritage(postgresql: Database) -> Iterator[dict[str, object]]:
    """The secret of a database in SQL_ASCII with a row of UTF-8, one of Latin-1 and one of ASCII."""
    postgresql.say("drop database if exists heritage")
    postgresql.say(
        "create database heritage encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0"
    )
    secret = postgresql.secret | {"dbname": "heritage"}
    address = {key: value for key, value in secret.items() if key != "username"} | {
        "user": secret["username"]
    }
    with psycopg.connect(**address, autocommit=True) as connection:  # type: ignore[arg-type]
        connection.execute("set client_encoding to 'SQL_ASCII'")
        connection.execute("create table customers (id int, name text, tags text[], note jsonb)")
        for row in (
            b"(1, 'S\xc3\xa3o', '{S\xc3\xa3o}', '\"S\xc3\xa3o\"')",
            b"(2, 'S\xe3o', '{S\xe3o}', null)",
            b"(3, 'Sao', null, '[]')",
        ):
            connection.execute(b"insert into customers values " + row)  # type: ignore[arg-type]
        for statement in (
            "create type \"estação\" as enum ('São', 'x')",
            'create table "preços" ("número" int, quando timestamptz, "método" "estação", texto text)',
            "insert into \"preços\" select n, timestamptz '2026-11-01 00:00+00' + n * interval '1 hour', "
            "'São', 'ção' || n from generate_series(0, 29) n",
        ):
            connection.execute(statement.encode("latin-1"))  # type: ignore[arg-type]
    yield secret
    postgresql.say("drop database heritage with (force)")


def names(outcome: Any) -> list[Any]:
    assert outcome.code == 0, outcome.lines
    return [row["name"] for row in pq.read_table(outcome.files[0]).to_pylist()]


@pytest.fixture
def run(
    etl: Etl, postgresql: Database, heritage: dict[str, object], native_decoder: None
) -> Callable[..., Any]:
    def call(query: str, decoder: str, *, interval: tuple[str, str] | None = None, **changes: Any) -> Any:
        environment = {"HYBRID_DECODER": decoder}
        arguments = ("--from", interval[0], "--to", interval[1]) if interval else ()
        return etl.run(
            postgresql, *arguments, query=query, secret=heritage, environment=environment, **changes
        )

    return call


@DECODERS
def test_text_that_is_utf_8_lands(run: Callable[..., Any], decoder: str) -> None:
    assert names(run("select name from customers where id <> 2 order by id", decoder)) == ["S\u00e3o", "Sao"]


@DECODERS
def test_bytes_that_are_no_utf_8_follow_the_policy(run: Callable[..., Any], decoder: str) -> None:
    query = "select id, name from customers order by id"

    failed = run(query, decoder)
    assert failed.code == 2
    assert "Column name (text), row 2: text that is not UTF-8" in failed.message

    nulled = run(query, decoder, unrepresentable="null")
    assert names(nulled) == ["S\u00e3o", None, "Sao"]
    assert nulled.manifest["refused"] == {"name": 1}


@DECODERS
def test_the_encoding_of_the_source_says_what_they_are(run: Callable[..., Any], decoder: str) -> None:
    outcome = run("select id, name, tags from customers where id > 1 order by id", decoder, encoding="latin1")

    assert names(outcome) == ["S\u00e3o", "Sao"]
    assert [row["tags"] for row in pq.read_table(outcome.files[0]).to_pylist()] == ["{S\u00e3o}", None]
    assert [field["type"] for field in outcome.manifest["schema"]] == ["int32", "string", "string"]


@DECODERS
def test_what_the_encoding_has_no_character_for_follows_the_policy(
    run: Callable[..., Any], decoder: str
) -> None:
    outcome = run("select name from customers order by id", decoder, encoding="ascii", unrepresentable="null")

    assert names(outcome) == [None, None, "Sao"]
    assert outcome.manifest["refused"] == {"name": 2}


def test_a_name_and_a_parameter_with_letters_beyond_ascii(run: Callable[..., Any]) -> None:
    outcome = run(
        'select id as "n\u00famero", :p::text as "S\u00e3o" from customers where name = :p',
        "native",
        parameters={"p": "S\u00e3o"},
    )

    assert outcome.code == 0, outcome.lines
    assert pq.read_table(outcome.files[0]).to_pylist() == [{"n\u00famero": 1, "S\u00e3o": "S\u00e3o"}]


@DECODERS
@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({}, {"n\u00famero": 3, "m\u00e9todo": "S\u00e3o", "texto": "\u00e7\u00e3o3"}),
        ({"columns": ["m\u00e9todo"]}, {"m\u00e9todo": "S\u00e3o"}),
        (
            {"masks": {"texto": {"kind": "truncate", "length": 2}, "m\u00e9todo": {"kind": "redact"}}},
            {"n\u00famero": 3, "m\u00e9todo": "***", "texto": "\u00e7\u00e3"},
        ),
        ({"partition_by": ["m\u00e9todo"]}, {"n\u00famero": 3, "texto": "\u00e7\u00e3o3"}),
        (
            {"unrepresentable": "string", "expect": {"unique": ["texto"], "nulls": {"m\u00e9todo": 0}}},
            {"n\u00famero": 3, "m\u00e9todo": "S\u00e3o", "texto": "\u00e7\u00e3o3"},
        ),
    ],
    ids=["plain", "columns", "masks", "partition_by", "expect"],
)
def test_names_of_types_need_not_be_utf_8(
    run: Callable[..., Any], decoder: str, changes: dict[str, Any], row: dict[str, Any]
) -> None:
    # Given a type, a table and columns with names in Latin-1
    query = 'select "n\u00famero", "m\u00e9todo", texto, quando from "pre\u00e7os" where "m\u00e9todo" = :m'

    # When an hour is read
    outcome = run(
        query, decoder, interval=("2026-11-01T03:00:00Z", "2026-11-01T04:00:00Z"),
        parameters={"m": "S\u00e3o"}, incremental_column="quando", encoding="latin1", **changes,
    )  # fmt: skip

    # Then its row is there, and the receipt has the name of the type
    assert outcome.code == 0, outcome.lines
    (landed,) = (one for path in outcome.files for one in pq.read_table(path, partitioning=None).to_pylist())
    landed.pop("quando", None)
    assert landed == row
    types = {field["name"]: field["database_type"] for field in outcome.manifest["schema"]}
    assert types.get("m\u00e9todo", '"esta\u00e7\u00e3o"') == '"esta\u00e7\u00e3o"'


def test_an_encoding_for_a_database_that_has_one_is_refused(etl: Etl, postgresql: Database) -> None:
    outcome = etl.run(postgresql, query="select 1 as one", encoding="latin1")

    assert outcome.code == 2
    assert "its database is in UTF8" in outcome.message


def test_an_encoding_that_nobody_knows_is_refused(etl: Etl, postgresql: Database) -> None:
    outcome = etl.run(postgresql, query="select 1 as one", encoding="klingon")

    assert outcome.code == 2
    assert "is unknown" in outcome.message
