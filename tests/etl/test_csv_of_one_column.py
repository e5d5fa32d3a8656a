"""CSV of one column: every row that is counted is one that readers find, and a null ends the run."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow.csv
import pytest
from etl_process import Database, Etl

_VALUES = (
    "select s from (select 1 as n, 'a' as s union all select 2, '' union all select 3, {third}) t order by n"
)


def _csv(*, passthrough: bool) -> dict[str, Any]:
    return {"type": "csv", "compression": "none", **({"passthrough": True} if passthrough else {})}


@pytest.mark.parametrize("passthrough", [False, True])
def test_a_null_of_one_column_ends_the_run(etl: Etl, each_database: Database, passthrough: bool) -> None:
    if passthrough and each_database.engine != "postgresql":
        pytest.skip("only PostgreSQL writes CSV itself")
    # Given a text, an empty text and a null
    file_format = _csv(passthrough=passthrough)
    null = "cast(null as char(5))"

    # When they are the only column, beside another one, and when there is no null
    alone = etl.run(each_database, query=_VALUES.format(third=null), format=file_format)
    assert (alone.code, alone.manifests) == (2, []), alone.lines
    both = _VALUES.format(third=null).replace("select s", "select s, n")
    beside = etl.run(each_database, query=both, format=file_format)
    assert beside.code == 0, beside.lines
    full = etl.run(each_database, query=_VALUES.format(third="'b'"), format=file_format, prefix="shop/others")

    # Then the first is told, and of the others no reader loses a row
    assert "Column s holds a null" in alone.message
    assert "Parquet" in alone.message
    assert full.code == 0, full.lines
    (file,) = (path for path in etl.lake.rglob("*.csv") if "others" in path.parts)
    assert duckdb.read_csv(
        str(file), all_varchar=True, header=True, hive_partitioning=False, allow_quoted_nulls=False
    ).fetchall() == [
        ("a",),
        ("",),
        ("b",),
    ]
    assert pyarrow.csv.read_csv(file).num_rows == 3
