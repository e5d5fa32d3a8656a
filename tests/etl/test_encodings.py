"""Text of databases in SQL_ASCII, query and names included, and in encodings that the server converts."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pyarrow.parquet as pq
import pytest
from etl_process import Database, Etl

DECODERS = pytest.mark.parametrize("decoder", ["native", "python"])


def _created(postgresql: Database, name: str, encoding: str) -> dict[str, object]:
    postgresql.say(f"drop database if exists {name}")
    postgresql.say(f"create database {name} encoding '{encoding}' template template0 locale 'C'")
    return postgresql.secret | {"dbname": name}


def _say(secret: dict[str, object], *statements: bytes, encoding: str) -> None:
    with psycopg.connect(
        host=str(secret["host"]),
        port=int(str(secret["port"])),
        user=str(secret["username"]),
        password=str(secret["password"]),
        dbname=str(secret["dbname"]),
        client_encoding=encoding,
        autocommit=True,
    ) as connection:
        for statement in statements:
            result = connection.pgconn.exec_(statement)
            assert not result.error_message, result.error_message


@pytest.fixture(scope="module")
def ascii_database(postgresql: Database) -> Iterator[dict[str, object]]:
    """A database in SQL_ASCII whose rows are of UTF-8, of cp1252, and ASCII; a column's name is of cp1252."""
    secret = _created(postgresql, "of_bytes", "SQL_ASCII")
    _say(
        secret,
        b"create table utf (id int, t text, x xml, j jsonb, a text[])",
        "insert into utf values (1, 'Zürich', '<a>ü</a>', '{\"a\": \"ü\"}', '{ü,NULL}'), "
        "(2, 'plain', null, '{}', '{}')".encode(),
        'create table latin (id int, "größe" text, x xml, j jsonb, a text[], ja jsonb[])'.encode("cp1252"),
        "insert into latin values (1, 'Zürich €', '<a>u</a>', '{\"a\": \"ü\"}', '{ü,NULL}', "
        "array['\"ü\"'::jsonb]), (2, null, null, null, null, null)".encode("cp1252"),
        'create table orders (id int, "für" date, t text)'.encode("cp1252"),
        "insert into orders values (1, '2026-11-01', 'Zürich'), (2, '2026-11-02', 'Zürich'), "
        "(3, null, 'Zürich')".encode("cp1252"),
        b"create table broken (id int, t text)",
        b"insert into broken values (1, 'ok'), (2, '\x81'), (3, null)",
        encoding="SQL_ASCII",
    )
    yield secret
    postgresql.say("drop database of_bytes with (force)")


@DECODERS
def test_utf8_in_a_database_that_knows_no_encoding_lands(
    etl: Etl, postgresql: Database, ascii_database: dict[str, object], decoder: str, native_decoder: None
) -> None:
    outcome = etl.run(
        postgresql,
        query="select * from utf where t = :t or id = 2 order by id",
        parameters={"t": "Zürich"},
        secret=ascii_database,
        environment={"HYBRID_DECODER": decoder},
    )
    assert outcome.code == 0, outcome.lines
    assert pq.read_table(outcome.files[0]).to_pylist() == [
        {"id": 1, "t": "Zürich", "x": "<a>ü</a>", "j": '{"a": "ü"}', "a": ["ü", None]},
        {"id": 2, "t": "plain", "x": None, "j": "{}", "a": []},
    ]


@DECODERS
def test_with_an_encoding_text_names_query_and_parameters_are_of_it(
    etl: Etl, postgresql: Database, ascii_database: dict[str, object], decoder: str, native_decoder: None
) -> None:
    outcome = etl.run(
        postgresql,
        query='select * from latin where "größe" = :t or "größe" is null order by id',
        parameters={"t": "Zürich €"},
        secret=ascii_database,
        encoding="cp1252",
        environment={"HYBRID_DECODER": decoder},
    )
    assert outcome.code == 0, outcome.lines
    nothing = dict.fromkeys(("größe", "x", "j", "a", "ja"))
    assert pq.read_table(outcome.files[0]).to_pylist() == [
        {
            "id": 1,
            "größe": "Zürich €",
            "x": "<a>u</a>",
            "j": '{"a": "ü"}',
            "a": "{ü,NULL}",
            "ja": '{"\\"ü\\""}',
        },
        {"id": 2} | nothing,
    ]


@pytest.mark.parametrize("row_security", ["refuse", "allow"])
def test_an_interval_is_read_by_a_column_whose_name_is_of_the_encoding(
    etl: Etl, postgresql: Database, ascii_database: dict[str, object], row_security: str
) -> None:
    outcome = etl.run(
        postgresql,
        *("--from", "2026-11-01T00:00:00Z", "--to", "2026-11-02T00:00:00Z"),
        query="select * from orders where t = :t",
        parameters={"t": "Zürich"},
        incremental_column="für",
        secret=ascii_database,
        encoding="cp1252",
        row_security=row_security,
    )
    assert outcome.code == 0, outcome.lines
    assert [row["id"] for row in pq.read_table(outcome.files[0]).to_pylist()] == [1]
    assert outcome.manifest["incremental"]["nulls"] == 1


@DECODERS
@pytest.mark.parametrize("encoding", [None, "cp1252"])
def test_invalid_bytes_follow_the_policy(
    etl: Etl,
    postgresql: Database,
    ascii_database: dict[str, object],
    decoder: str,
    encoding: str | None,
    native_decoder: None,
) -> None:
    query = "select * from broken order by id"
    environment = {"HYBRID_DECODER": decoder}
    for policy in ("null", "string"):
        outcome = Etl(etl.directory / policy).run(
            postgresql,
            query=query,
            secret=ascii_database,
            encoding=encoding,
            unrepresentable=policy,
            environment=environment,
        )
        assert outcome.code == 0, outcome.lines
        assert outcome.manifest["refused"] == {"t": 1}
        assert [row["t"] for row in pq.read_table(outcome.files[0]).to_pylist()] == ["ok", None, None]
    outcome = etl.run(
        postgresql, query=query, secret=ascii_database, encoding=encoding, environment=environment
    )
    assert outcome.code == 2
    assert f"Column t (text), row 2: text that is not {encoding or 'UTF-8'}" in outcome.message
    assert "source's encoding" in outcome.message
    assert outcome.manifests == []


def test_an_encoding_that_the_server_knows_is_converted_by_it(etl: Etl, postgresql: Database) -> None:
    for server, text in {"LATIN1": "Zürich", "WIN1252": "Zürich €", "EUC_JP": "日本"}.items():
        # Given
        secret = _created(postgresql, "of_letters", server)
        _say(secret, b"create table t (t text)", f"insert into t values ('{text}')".encode(), encoding="UTF8")
        # When
        outcome = Etl(etl.directory / server).run(postgresql, query="select t from t", secret=secret)
        refused = Etl(etl.directory / f"{server}-2").run(
            postgresql, query="select t from t", secret=secret, encoding="latin1"
        )
        # Then
        assert outcome.code == 0, outcome.lines
        assert pq.read_table(outcome.files[0]).to_pylist() == [{"t": text}]
        assert refused.code == 2
        assert f"its database is in {server}" in refused.message
    postgresql.say("drop database of_letters with (force)")


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-7", "hz", "iso2022_jp", "base64", "unicode_escape", "none"]
)
def test_an_encoding_that_no_database_has_is_refused(etl: Etl, postgresql: Database, encoding: str) -> None:
    outcome = etl.run(postgresql, encoding=encoding)
    assert outcome.code == 2
    assert f"encoding '{encoding}'" in outcome.message


def test_what_is_not_in_the_encoding_is_told(
    etl: Etl, postgresql: Database, ascii_database: dict[str, object]
) -> None:
    query = "select :t::text as t"
    outcome = etl.run(
        postgresql, query=query, parameters={"t": "日"}, secret=ascii_database, encoding="latin1"
    )
    assert outcome.code == 2
    assert "a character that iso8859-1 has not" in outcome.message
    outcome = etl.run(postgresql, query="select * from latin", secret=ascii_database)
    assert outcome.code == 2
    assert "CharacterNotInRepertoire" in outcome.message
