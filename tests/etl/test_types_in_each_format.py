"""The type tables through each file format, read back by others' readers: DuckDB and Python's json."""

from __future__ import annotations

import base64
import csv
import datetime as dt
import json
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from etl_process import Database, Etl, Outcome
from type_tables import POSTGRESQL, of_engine

Cases = list[tuple[str, Any]]
_PLAIN = {"compression": "none"}
_PARQUET = "read_parquet('{file}', hive_partitioning=false)"
_CSV = (
    "read_csv('{file}', hive_partitioning=false, all_varchar=true, header=true, allow_quoted_nulls=false, "
    "quote='\"', escape='\"', delim=',')"
)
_NDJSON = "read_ndjson('{file}', hive_partitioning=false)"


@pytest.fixture
def table(each_database: Database) -> tuple[Database, str, Cases]:
    """A server, a query of one row of every type between two of nulls, and each column's type and value."""
    database = each_database
    if database.engine == "postgresql":
        values = ", ".join(f"{expression} as c{n}" for n, (expression, _, _) in enumerate(POSTGRESQL))
        joined = f"left join (select 2 as n, {values}) t on t.n = g.n order by g.n"
        query = f"select g.n as id, t.* from generate_series(1, 3) g(n) {joined}"
        return database, query.replace("t.*", _columns(len(POSTGRESQL), "t.")), _cases(POSTGRESQL)
    exact = of_engine(database.engine)
    kinds = [kind if " null" in kind else f"{kind} null" for kind, _, _, _ in exact]
    columns = ", ".join(f"c{n} {kind}" for n, kind in enumerate(kinds))
    database.say("drop table if exists each_format")
    database.say(f"create table each_format (id int, {columns}) character set utf8mb4")
    database.say("insert into each_format (id) values (1), (3)")
    database.say(f"insert into each_format values (2, {', '.join(value for _, value, _, _ in exact)})")
    return database, "select * from each_format order by id", _cases([row[1:] for row in exact])


def _columns(count: int, prefix: str) -> str:
    return ", ".join(f"{prefix}c{n}" for n in range(count))


def _cases(rows: list[tuple[Any, ...]]) -> Cases:
    return [(kind, value) for _, kind, value in rows]


def _rows(outcome: Outcome, read: str, columns: str = "*") -> list[tuple[Any, ...]]:
    assert outcome.code == 0, outcome.lines
    return duckdb.sql(f"select {columns} from {read.format(file=outcome.files[0])}").fetchall()


def _assert_as_table(found: list[Any], cases: Cases, expected: Callable[[str, Any], Any]) -> None:
    for number, ((kind, value), read) in enumerate(zip(cases, found, strict=True)):
        assert read == expected(kind, value), (number, kind, value)


def test_parquet(etl: Etl, table: tuple[Database, str, Cases], native_decoder: None) -> None:
    database, query, cases = table
    columns = ", ".join(["id", *(_without_zone(f"c{n}", kind) for n, (kind, _) in enumerate(cases))])
    before, row, after = _rows(etl.run(database, query=query), _PARQUET, columns)
    assert set(before[1:]) == set(after[1:]) == {None}
    _assert_as_table(list(row[1:]), cases, _in_duckdb)


def _without_zone(name: str, kind: str) -> str:
    """DuckDB gives Python a time with a zone only by way of another library; in UTC it means the same."""
    if "tz=UTC" not in kind:
        return name
    plain = "{} at time zone 'UTC'"
    if kind.startswith("list"):
        return f"list_transform({name}, lambda x: {plain.format('x')})"
    return plain.format(name)


def _in_duckdb(kind: str, value: Any) -> Any:
    """DuckDB has no decimal beyond 38 digits: there it reads the nearest double."""
    if isinstance(value, list):
        return [_in_duckdb(kind, entry) for entry in value]
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None)
    return float(value) if kind.startswith("decimal256") and value is not None else value


def test_csv(etl: Etl, table: tuple[Database, str, Cases], native_decoder: None) -> None:
    database, query, cases = table
    outcome = etl.run(database, query=query, format={"type": "csv", **_PLAIN})
    before, row, after = _rows(outcome, _CSV)
    assert set(before[1:]) == set(after[1:]) == {None}
    texts = [
        _number(kind, text) if kind in ("float", "double") else text
        for (kind, _), text in zip(cases, row[1:], strict=True)
    ]
    _assert_as_table(texts, cases, _as_text)


def _number(kind: str, text: str) -> float:
    """A shortest text of a float means the float that is nearest to it."""
    number = float(text)
    return float(struct.unpack("<f", struct.pack("<f", number))[0]) if kind == "float" else number


def _as_text(kind: str, value: Any) -> Any:
    if isinstance(value, bool | list):
        return json.dumps(value, default=_scalar, ensure_ascii=False)
    if isinstance(value, dt.datetime):
        text = value.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
        return f"{text}Z" if value.tzinfo else text
    if isinstance(value, dt.time):
        return value.isoformat(timespec="microseconds")
    if kind in ("float", "double") or value is None:
        return value
    if isinstance(value, Decimal):
        return f"{value:.{kind.rpartition(', ')[2].rstrip(')')}f}"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def test_json_lines(etl: Etl, table: tuple[Database, str, Cases], native_decoder: None) -> None:
    database, query, cases = table
    outcome = etl.run(database, query=query, format={"type": "jsonl", **_PLAIN})
    assert outcome.code == 0, outcome.lines
    lines = outcome.files[0].read_bytes().decode().split("\n")
    before, row, after = (list(json.loads(line).values()) for line in lines[:-1])
    assert set(before[1:]) == set(after[1:]) == {None}
    assert _rows(outcome, _NDJSON, "count(*)") == [(3,)]
    _assert_as_table(row[1:], cases, _in_json)


def _in_json(kind: str, value: Any) -> Any:
    if kind in ("float", "double"):
        return str(value) if value in (float("inf"), float("-inf")) else value
    if isinstance(value, list):
        return [entry if _is_plain(entry) else _scalar(entry) for entry in value]
    return value if _is_plain(value) else _as_text(kind, value)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_nan_is_not_null_and_empty_is_not_null(
    etl: Etl, postgresql: Database, kind: str, native_decoder: None
) -> None:
    query = "select 'NaN'::float8 as a, 'NaN'::float4 as b, '' as c, null::text as d"
    outcome = etl.run(postgresql, query=query, format={"type": kind, **_PLAIN})
    read = {"parquet": _PARQUET, "csv": _CSV, "jsonl": _NDJSON}[kind]
    ((a, b, c, d),) = _rows(outcome, read)
    assert (str(a).lower(), str(b).lower(), c, d) == ("nan", "nan", "", None)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_what_json_has_no_number_for_is_a_text_in_lists_too(
    etl: Etl, postgresql: Database, kind: str, native_decoder: None
) -> None:
    # Given lists of what a double holds and JSON does not
    query = "select 1 as id, array['NaN', 'Infinity', '-Infinity', null, 1.5]::{}[] as a"
    for number, element in enumerate(("float8", "float4")):
        # When
        outcome = etl.run(
            postgresql,
            query=query.format(element),
            prefix=f"lists/{number}",
            format={"type": kind, **_PLAIN},
        )
        # Then a reader that holds to RFC 8259 reads them
        assert outcome.code == 0, outcome.lines
        content = (etl.lake / _key_of(etl, number)).read_text()
        text = json.loads(content)["a"] if kind == "jsonl" else list(csv.reader(content.splitlines()))[1][1]
        found = text if kind == "jsonl" else json.loads(text, parse_constant=_no_constant)
        assert "NaN" not in content
        assert found == ["nan", "inf", "-inf", None, 1.5]


def _key_of(etl: Etl, number: int) -> str:
    (path,) = etl.lake.glob(f"lists/{number}/**/_manifest.json")
    return str(json.loads(path.read_text())["files"][0]["key"])


def _no_constant(text: str) -> None:
    raise AssertionError(f"{text} is no JSON")


_FAR = (
    "select 7 as id, date '40000-01-01' as day, timestamp '33000-01-01' as at, "
    "array[date '10000-01-01'] as days"
)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_date_beyond_a_text_format_follows_the_policy(
    etl: Etl, postgresql: Database, kind: str, native_decoder: None
) -> None:
    file_format = {"type": kind, **_PLAIN}
    refused = etl.run(postgresql, query=_FAR, format=file_format)
    assert refused.code == 2
    assert "day" in refused.message
    assert refused.manifests == []
    counted = etl.run(postgresql, query=_FAR, format=file_format, unrepresentable="null")
    assert counted.code == 0, counted.lines
    assert counted.manifest["refused"] == {"day": 1, "at": 1, "days": 1}
    assert "range" not in counted.files[0].read_text()
    kept = etl.run(postgresql, query=_FAR, format=file_format, unrepresentable="string")
    assert kept.code == 0, kept.lines
    assert "40000-01-01" in kept.files[0].read_text()


def test_parquet_holds_dates_that_python_does_not(
    etl: Etl, postgresql: Database, native_decoder: None
) -> None:
    days = "date '5874897-12-31' as late, date '4713-01-01 BC' as early"
    outcome = etl.run(postgresql, query=f"select {days}, timestamp '290000-01-01' as moment")
    assert _rows(outcome, _PARQUET, "year(late), year(early), year(moment)") == [(5874897, -4712, 290000)]
    assert outcome.manifest["statistics"]["late"] == {"nulls": 0, "min": None, "max": None}
