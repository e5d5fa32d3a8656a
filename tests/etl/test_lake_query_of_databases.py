"""Every type of every engine, through a run in each format, comes back by `lake query` as the table says."""

from __future__ import annotations

import base64
import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from etl_process import Database, Etl
from lake_questions import ask
from test_types_in_each_format import Cases, table  # noqa: F401 - a fixture


def _expected(kind: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_element(entry) for entry in value]
    if isinstance(value, dt.datetime):
        text = value.replace(tzinfo=None).isoformat(" ", "microseconds")
        return f"{text}Z" if value.tzinfo else text
    if isinstance(value, dt.time):
        return value.isoformat("microseconds")
    if isinstance(value, Decimal):
        return f"{value:.{kind.rpartition(', ')[2].rstrip(')')}f}"
    return _element(value)


def _element(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_each_type_of_each_engine(
    etl: Etl,
    table: tuple[Database, str, Cases],  # noqa: F811
    native_decoder: None,
    kind: str,
) -> None:
    database, query, cases = table
    outcome = etl.run(database, query=query, format={"type": kind})
    assert outcome.code == 0, outcome.lines
    found = ask(etl.lake, "select * from orders order by id")
    assert (found.error, len(found.rows)) == ("", 3)
    assert set(found.rows[0][1:]) == set(found.rows[2][1:]) == {None}
    for number, ((arrow, value), read) in enumerate(zip(cases, found.rows[1][1:], strict=True)):
        assert read == _expected(arrow, value), (number, arrow, value)


def test_what_was_passed_through_is_text(etl: Etl, postgresql: Database) -> None:
    query = "select 7 as id, true as yes, null::text as nothing, '' as empty, 'a,\"b\"' as text"
    outcome = etl.run(postgresql, query=query, format={"type": "csv", "passthrough": True})
    assert outcome.code == 0, outcome.lines
    found = ask(etl.lake, "select *, cast(id as integer) + 1, typeof(id) from orders")
    assert found.rows == [["7", "t", None, "", 'a,"b"', 8, "VARCHAR"]]
