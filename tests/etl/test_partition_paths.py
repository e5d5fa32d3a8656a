"""`partition_by`: a value's text in the path is one, comes back as the same value, and makes few files."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from etl_process import Database, Etl

from hybrid_etl.columns import Column, Kind
from hybrid_etl.errors import UserError
from hybrid_etl.writers import partition_paths
from hybrid_etl.writers.partition_paths import PartitionPaths

_TEXTS = [None, "", "a/b=c", "100%", "..", ".", "x\ny", " led ", "Ünï 日本", "null", "NULL", "%2F", "'", '"', "a\\b"]
_TEXTS += ["t\tb", "#?&+", "z" * 200]



def _values(texts: list[str | None]) -> str:
    def literal(text: str | None) -> str:
        return "null" if text is None else "convert_from('\\x" + text.encode().hex() + "', 'UTF8')"

    return ", ".join(f"({number}, {literal(text)})" for number, text in enumerate(texts))


def test_texts_come_back_as_they_were_to_pyarrow_and_duckdb(etl: Etl, postgresql: Database) -> None:
    # Given texts that mean something in a path, an empty one and a null
    query = f"select n, t::text as t from (values {_values(_TEXTS)}) v (n, t)"
    # When
    outcome = etl.run(postgresql, query=query, partition_by=["t"])
    # Then each has a directory of its own, and both readers give the very values
    assert outcome.code == 0, outcome.lines
    root = outcome.files[0].parents[1]
    assert len({path.parent for path in outcome.files}) == len(_TEXTS)
    layout = ds.partitioning(pa.schema([("t", pa.string())]), flavor="hive")
    found = ds.dataset(root, format="parquet", partitioning=layout).to_table().to_pylist()
    assert {row["n"]: row["t"] for row in found} == dict(enumerate(_TEXTS))
    rows = duckdb.sql(
        f"select n, t from read_parquet('{root}/**/*.parquet', hive_partitioning=true, hive_types={{'t': varchar}})"
    ).fetchall()
    assert dict(rows) == dict(enumerate(_TEXTS))


@pytest.mark.parametrize(
    ("expression", "text", "kind", "value"),
    [
        ("(-7)::int8", "-7", pa.int64(), -7),
        ("true", "true", pa.bool_(), True),
        ("false", "false", pa.bool_(), False),
        ("date '2026-11-02'", "2026-11-02", pa.date32(), dt.date(2026, 11, 2)),
        ("1.50::numeric(9,2)", "1.50", pa.string(), "1.50"),
        ("0.000000010::numeric(12,9)", "0.000000010", pa.string(), "0.000000010"),
        (
            "timestamp '2026-11-02 03:04:05.5'",
            "2026-11-02%2003%3A04%3A05.500000",
            pa.timestamp("us"),
            dt.datetime(2026, 11, 2, 3, 4, 5, 500_000),
        ),
        (
            "timestamptz '2026-11-02 03:04:05+01'",
            "2026-11-02%2002%3A04%3A05.000000Z",
            pa.timestamp("us", "UTC"),
            dt.datetime(2026, 11, 2, 2, 4, 5, tzinfo=dt.UTC),
        ),
        ("time '03:04:05'", "03%3A04%3A05.000000", pa.string(), "03:04:05.000000"),
    ],
)
def test_each_type_has_one_text(
    etl: Etl, postgresql: Database, expression: str, text: str, kind: pa.DataType, value: object
) -> None:
    outcome = etl.run(postgresql, query=f"select 1 as n, {expression} as k", partition_by=["k"])
    assert outcome.code == 0, outcome.lines
    (path,) = outcome.files
    assert path.parent.name.replace(" ", "%20") == f"k={text}"
    layout = ds.partitioning(pa.schema([("k", kind)]), flavor="hive")
    found = ds.dataset(path.parents[1], format="parquet", partitioning=layout).to_table().to_pylist()
    assert [row["k"] for row in found] == [value]


@pytest.mark.parametrize("command", ["run", "check", "describe"])
@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"query": "select 1 as n, '\\x00'::bytea as k"}, "binary"),
        ({"query": "select 1 as n, array[1, 2] as k"}, "list"),
        ({"query": "select 1 as n, 1.0::float8 as k"}, "floating-point"),
        ({"query": "select n as k from generate_series(1, 10) n"}, "hold no row"),
        ({"query": "select 1 as n, 2 as k", "masks": {"n": {"kind": "drop"}}}, "hold no row"),
        ({"query": "select 1 as n, 2 as k", "masks": {"k": {"kind": "drop"}}}, "drops"),
        ({"query": "select 1 as n"}, "does not return"),
    ],
)
def test_what_cannot_be_a_path_is_refused_before_anything_is_read(
    etl: Etl, postgresql: Database, command: str, changes: dict[str, Any], word: str
) -> None:
    digest = etl.specify(postgresql, **{"partition_by": ["k"]} | changes)
    outcome = etl.finish(etl.start(command, digest, secret=postgresql.secret))
    assert outcome.code == 2, outcome.lines
    assert word in outcome.message
    assert not list(outcome.lake.rglob("part-*"))


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("select 1 as n, '__HIVE_DEFAULT_PARTITION__' as k", "take for a null"),
        ("select 1 as n, repeat('k', 400) as k", "longer than"),
    ],
)
def test_a_value_that_no_path_can_hold_is_refused(
    etl: Etl, postgresql: Database, query: str, word: str
) -> None:
    outcome = etl.run(postgresql, query=query, partition_by=["k"])
    assert outcome.code == 2, outcome.lines
    assert word in outcome.message
    assert outcome.manifests == []


def test_a_key_longer_than_s3_takes_is_refused(etl: Etl, postgresql: Database, s3: dict[str, str]) -> None:
    outcome = etl.run(
        postgresql,
        query="select 1 as n, repeat('k', 1000) as k",
        partition_by=["k"],
        environment=s3 | {"HYBRID_LAKE": "s3://any"},
    )
    assert outcome.code == 2, outcome.lines
    assert "1024 bytes" in outcome.message


def test_unsorted_rows_make_few_files_a_value(
    etl: Etl, each_database: Database, native_decoder: None
) -> None:
    # Given a million rows of 60 values, the values mixed
    query = {
        "postgresql": "select n, md5(n::text) as noise, (n * 7919) % 60 as k from generate_series(1, 1000000) n"
    }.get(
        each_database.engine,
        "with digits as (select 0 as d union all select 1 union all select 2 union all select 3 union all "
        "select 4 union all select 5 union all select 6 union all select 7 union all select 8 union all "
        "select 9), numbers as (select a.d + b.d * 10 + c.d * 100 + d.d * 1000 + e.d * 10000 + f.d * 100000 + 1 "
        "as n from digits a, digits b, digits c, digits d, digits e, digits f) "
        "select n, md5(n) as noise, (n * 7919) % 60 as k from numbers",
    )
    # When
    outcome = etl.run(each_database, query=query, partition_by=["k"])
    # Then
    assert outcome.code == 0, outcome.lines
    assert len(outcome.files) <= 60 * 4
    root = outcome.files[0].parents[1]
    count, different, sums = duckdb.sql(
        "select count(*), count(distinct n), count(*) filter (where (n * 7919) % 60 <> k) from "
        f"read_parquet('{root}/**/*.parquet', hive_partitioning=true)"
    ).fetchall()[0]
    assert (count, different, sums) == (1_000_000, 1_000_000, 0)


def test_sorted_rows_make_one_file_a_value(etl: Etl, postgresql: Database, native_decoder: None) -> None:
    query = (
        "select n, md5(n::text) as noise, n / 10000 as k from generate_series(0, 999999) n"  # 100 values
    )
    outcome = etl.run(postgresql, query=query, partition_by=["k"])
    assert outcome.code == 0, outcome.lines
    assert len(outcome.files) <= 104


def test_too_many_paths_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_paths, "MOST_PATHS", 3)
    columns = [
        Column(name=name, kind=Kind.INT32, database_type="integer") for name in ("k", "n")
    ]
    paths = PartitionPaths(["k"], columns)
    batch = pa.RecordBatch.from_pydict({"k": pa.array([1, 2, 3, 1], pa.int32()), "n": pa.array([1] * 4, pa.int32())})
    assert paths.groups(batch) == {"k=1": [0, 3], "k=2": [1], "k=3": [2]}
    with pytest.raises(UserError, match="more than 3 paths"):
        paths.groups(pa.RecordBatch.from_pydict({"k": pa.array([4], pa.int32()), "n": pa.array([1], pa.int32())}))
