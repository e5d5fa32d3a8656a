"""CSV that PostgreSQL writes itself is passed on byte for byte, in whole rows, or not at all."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pytest
from etl_process import Database, Etl
from test_types_postgresql import REFUSED
from type_tables import POSTGRESQL

from hybrid_etl.columns import text_column
from hybrid_etl.errors import Failure
from hybrid_etl.readers.postgresql.csv import line_batches

_PLAIN = {"type": "csv", "compression": "none", "passthrough": True}
_SETTINGS = "-c datestyle=ISO,YMD -c intervalstyle=iso_8601 -c timezone=UTC -c bytea_output=hex"
_LETTERS = """
select n, md5(n::text) as noise,
       case n % 4 when 0 then null when 1 then '' else repeat(E'say "hi",\\r\\n', (n % 40)::int) end as letter
from generate_series(1, {rows}) n
"""


def _copied(database: Database, query: str) -> bytes:
    """What the server's own COPY writes, without a header."""
    secret = {name: value for name, value in database.secret.items() if name != "username"}
    with (
        psycopg.connect(user=database.server.username, options=_SETTINGS, **secret) as connection,  # type: ignore[arg-type]
        connection.cursor().copy(f"copy ({query}) to stdout (format csv)") as copy,
    ):
        return b"".join(copy)


def _content(path: Path) -> bytes:
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    with pa.input_stream(str(path), compression="zstd" if path.suffix == ".zst" else None) as stream:
        return bytes(stream.read())


def _rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


@pytest.mark.parametrize("decoder", ["native", "python"])
def test_each_type_is_the_servers_own_text(
    etl: Etl, postgresql: Database, decoder: str, native_decoder: None
) -> None:
    # Given a value of each type between two rows of nulls, and those that no Arrow type can hold
    expressions = [expression for expression, _, _ in POSTGRESQL] + [expression for expression, _ in REFUSED]
    query = (
        "select t.* from generate_series(1, 3) n left join (select 2 as n, {}) t on t.n = n.n order by n.n"
    )
    values = ", ".join(f"{expression} as c{number}" for number, expression in enumerate(expressions))
    # When
    environment = {"HYBRID_DECODER": decoder}
    outcome = etl.run(postgresql, query=query.format(values), format=_PLAIN, environment=environment)
    # Then the file is what the server's COPY writes, with money as a number
    assert outcome.code == 0, outcome.lines
    header, _, rows = outcome.files[0].read_bytes().partition(b"\n")
    assert header.decode() == ",".join(
        f'"{name}"' for name in ["n", *(f"c{n}" for n in range(len(expressions)))]
    )
    assert rows == _copied(postgresql, query.format(values.replace("::money", "::money::numeric")))
    # And the receipt says what is known
    manifest = outcome.manifest
    assert (manifest["rows"], manifest["decoder"], manifest["statistics"]) == (3, "passthrough", {})
    assert {field["type"] for field in manifest["schema"]} == {"string"}
    assert [field["database_type"] for field in manifest["schema"]][:3] == ["integer", "boolean", "smallint"]


def test_texts_do_not_follow_the_servers_or_the_roles_own_settings(etl: Etl, postgresql: Database) -> None:
    # Given a role that would have its dates, intervals, bytes and floats otherwise
    changed = {"datestyle": "German, DMY", "intervalstyle": "postgres_verbose", "timezone": "Asia/Tokyo"}
    changed |= {"bytea_output": "escape", "extra_float_digits": "-3"}
    for name, value in changed.items():
        postgresql.say(f"alter role etl set {name} = '{value}'")
    # When
    query = (
        "select true, date '2026-11-02' as day, timestamptz '2026-11-02 03:04:05.5+01' as at, "
        "interval '1 day 2 seconds' as took, '\\x00ff'::bytea as raw, 0.1::float8 + 0.2 as part, "
        "array['a', null, ''] as list, '' as empty, null as missing, '$1.50'::money as price"
    )
    outcome = etl.run(postgresql, query=query, format=_PLAIN)
    postgresql.say("alter role etl reset all")
    # Then
    assert outcome.code == 0, outcome.lines
    assert outcome.files[0].read_text().splitlines()[1] == (
        't,2026-11-02,2026-11-02 02:04:05.5+00,P1DT2S,\\x00ff,0.30000000000000004,"{a,NULL,""""}","",,1.50'
    )


@pytest.mark.parametrize(("compression", "decoder"), [("zstd", "native"), ("gzip", "python")])
def test_files_roll_between_rows_however_many_line_breaks_a_row_has(
    etl: Etl, postgresql: Database, compression: str, decoder: str, native_decoder: None
) -> None:
    # When more than one file is filled with rows that are mostly line breaks in quotes
    query = _LETTERS.format(rows=40_000)
    outcome = etl.run(
        postgresql,
        query=query,
        format=_PLAIN | {"compression": compression},
        target_file_bytes=300_000,
        environment={"HYBRID_DECODER": decoder},
    )
    # Then each file is whole by itself, and all together are what the server's COPY writes
    assert outcome.code == 0, outcome.lines
    assert len(outcome.files) >= 3
    contents = [_content(path) for path in outcome.files]
    for content, file in zip(contents, outcome.manifest["files"], strict=True):
        names, *rows = _rows(content)
        assert names == ["n", "noise", "letter"]
        assert len(rows) == file["rows"]
        assert {len(row) for row in rows} == {3}
    header = b'"n","noise","letter"\n'
    assert all(content.startswith(header) for content in contents)
    together = b"".join(content.removeprefix(header) for content in contents)
    assert together == _copied(postgresql, query)


def test_another_reader_tells_an_empty_text_from_a_null(etl: Etl, postgresql: Database) -> None:
    outcome = etl.run(postgresql, query=_LETTERS.format(rows=8), format=_PLAIN)
    assert outcome.code == 0, outcome.lines
    found = duckdb.sql(
        "select n, letter is null, letter = '' from "
        f"read_csv('{outcome.files[0]}', hive_partitioning=false, allow_quoted_nulls=false, header=true)"
    ).fetchall()
    assert [row[0] for row in found if row[1]] == [4, 8]
    assert [row[0] for row in found if row[2]] == [1, 5]


def test_the_interval_and_parameters_are_bound(etl: Etl, postgresql: Database) -> None:
    # When an interval of a day is read of three, with a parameter that would end a text
    outcome = etl.run(
        postgresql,
        *("--from", "2026-11-01T00:00:00Z", "--to", "2026-11-02T00:00:00Z"),
        query="select n, timestamp '2026-10-31 12:00' + n * interval '1 day' as at, :word as word "
        "from generate_series(0, 2) n",
        parameters={"word": "it's; drop \\ 日本"},
        incremental_column="at",
        format=_PLAIN,
    )
    # Then
    assert outcome.code == 0, outcome.lines
    assert _rows(_content(outcome.files[0]))[1:] == [["1", "2026-11-01 12:00:00", "it's; drop \\ 日本"]]


def test_a_query_that_fails_after_files_were_finished_leaves_nothing_visible(
    etl: Etl, postgresql: Database, native_decoder: None
) -> None:
    # When row 39,999 of 40,000 divides by zero
    query = f"select n, letter, 1 / (n - 39999) as x, noise from ({_LETTERS.format(rows=40_000)}) t"
    outcome = etl.run(postgresql, query=query, format=_PLAIN, target_file_bytes=1_000_000)
    # Then
    assert outcome.code == 2
    assert "22012" in outcome.message
    assert list(outcome.lake.rglob("part-*"))
    assert outcome.manifests == []
    assert list(outcome.lake.rglob(".*.unfinished")) == []


def test_text_that_is_not_utf8_ends_the_run(etl: Etl, postgresql: Database) -> None:
    # Given a database that does not know the encoding of its texts
    postgresql.say("drop database if exists unknown_encoding")
    postgresql.say("create database unknown_encoding encoding 'SQL_ASCII' template template0")
    # When
    secret = postgresql.secret | {"dbname": "unknown_encoding"}
    outcome = etl.run(postgresql, query="select 1 as id, E'caf\\xe9' as name", format=_PLAIN, secret=secret)
    # Then
    assert outcome.code == 2
    assert "22021" in outcome.message
    assert outcome.manifests == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"masks": {"email": {"kind": "redact"}}}, "masks"),
        ({"partition_by": ["id"]}, "partition_by"),
        ({"unrepresentable": "null"}, "unrepresentable"),
        ({"engine": "mariadb"}, "postgresql"),
        ({"format": _PLAIN | {"type": "jsonl"}}, "CSV"),
        ({"format": _PLAIN | {"passthrough": "yes"}}, "true or false"),
    ],
)
def test_what_needs_values_is_refused_before_the_database_is_asked(
    etl: Etl, changes: dict[str, Any], word: str
) -> None:
    digest = etl.specify(
        **{"query": "select 1 as id, 'ana@example.org' as email", "format": _PLAIN} | changes
    )
    outcome = etl.finish(etl.start("run", digest, secret={}))
    assert outcome.code == 2
    assert word in outcome.message
    assert not etl.lake.exists()


def test_preview_shows_the_lines_that_would_land(etl: Etl, postgresql: Database) -> None:
    digest = etl.specify(
        postgresql, query="select n, E'a\\nb' as t from generate_series(1, 9) n", format=_PLAIN
    )
    shown, errors = etl.start("preview", digest, "--rows", "2", secret=postgresql.secret).communicate(
        timeout=60
    )
    assert shown.decode() == '"n","t"\n1,"a\nb"\n2,"a\nb"\n'
    assert errors == b""


class _Between:
    """A connection through something that puts two rows of the server into one message."""

    def __init__(self) -> None:
        self._messages = [b"1\n2\n", b"3\n"]

    def __getattr__(self, name: str) -> Any:
        return lambda *_: 0

    def get_copy_data(self, _: int) -> tuple[int, bytes]:
        message = self._messages.pop(0) if self._messages else b""
        return len(message) or -1, message


def test_rows_that_do_not_come_one_a_message_are_not_counted_wrongly(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a copy of which the server says that it sent three rows
    module = "hybrid_etl.readers.postgresql.csv"
    monkeypatch.setattr(f"{module}.start_copy", lambda *_: None)
    monkeypatch.setattr(f"{module}.finish_copy", lambda _: 3)
    columns = [text_column("n", database_type="integer")]
    # Then
    with pytest.raises(Failure, match="sent 3 rows, and 2 came"):
        list(line_batches(_Between(), b"copy", columns, batch_bytes=1))  # type: ignore[arg-type]
