"""`partition_by`: a value's text in the path is one, comes back as the same value, and makes few files."""

from __future__ import annotations

import datetime as dt
import time
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from etl_process import Database, Etl
from test_files_roll_and_split import high_water

from hybrid_etl.columns import Column, Kind
from hybrid_etl.errors import UserError
from hybrid_etl.writers import holding, partition_paths
from hybrid_etl.writers.partition_paths import PartitionPaths

_TEXTS = [
    None,
    "",
    "a/b=c",
    "100%",
    "..",
    ".",
    "x\ny",
    " led ",
    "Ünï 日本",
    "null",
    "NULL",
    "%2F",
    "'",
    '"',
    "a\\b",
]
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
        f"select n, t from read_parquet('{root}/**/*.parquet', hive_partitioning=true, "
        "hive_types={'t': varchar})"
    ).fetchall()
    assert dict(rows) == dict(enumerate(_TEXTS))


def test_a_name_stands_in_the_path_as_readers_know_it(etl: Etl, each_database: Database) -> None:
    # Given a column whose name no keyboard of ASCII has
    name = "Größe 日本"
    quote = '"' if each_database.engine == "postgresql" else "`"
    # When
    outcome = etl.run(each_database, query=f"select 1 as n, 'L' as {quote}{name}{quote}", partition_by=[name])
    # Then both readers know it by that name
    assert outcome.code == 0, outcome.lines
    root = outcome.files[0].parents[1]
    assert ds.dataset(root, format="parquet", partitioning="hive").to_table().to_pylist() == [
        {"n": 1, name: "L"}
    ]
    found = duckdb.sql(f"select * from read_parquet('{root}/*/*.parquet', hive_partitioning=true)")
    assert dict(zip(found.columns, *found.fetchall(), strict=True)) == {"n": 1, "interval": "full", name: "L"}


@pytest.mark.parametrize("name", ["a=b", "%41", "a\tb"])
def test_a_name_that_a_reader_would_take_for_another_is_refused(
    etl: Etl, each_database: Database, name: str
) -> None:
    quote = '"' if each_database.engine == "postgresql" else "`"
    outcome = etl.run(each_database, query=f"select 1 as n, 'L' as {quote}{name}{quote}", partition_by=[name])
    assert outcome.code == 2, outcome.lines
    assert "rename the column with AS" in outcome.message
    assert outcome.manifests == []


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
        ("select 1 as n, date '40000-01-01' as k", "after 9999"),
        ("select 1 as n, timestamp '10000-01-01' as k", "after 9999"),
        ("select 1 as n, timestamptz '0001-01-01 BC' as k", "before the year 1"),
        ("select 1 as n, date '0044-03-15 BC' as k", "before the year 1"),
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


_MIXED = {
    "postgresql": "select n, repeat('noise', 4) || n as noise, (n * 7919) % 60 as k "
    "from generate_series(1::bigint, 1000000) n",
    "mysql": "with d as (select 0 as d union all select 1 union all select 2 union all select 3 union all "
    "select 4 union all select 5 union all select 6 union all select 7 union all select 8 "
    "union all select 9), numbers as (select a.d + b.d * 10 + c.d * 100 + e.d * 1000 + f.d * 10000 "
    "+ g.d * 100000 + 1 as n "
    "from d a, d b, d c, d e, d f, d g) "
    "select n, concat(repeat('noise', 4), n) as noise, (n * 7919) % 60 as k from numbers",
}


def test_unsorted_rows_make_few_files_a_value_in_bounded_memory(
    etl: Etl, each_database: Database, native_decoder: None
) -> None:
    # Given a million rows of 60 values, the values mixed
    query = _MIXED["postgresql" if each_database.engine == "postgresql" else "mysql"]
    digest = etl.specify(each_database, query=query, partition_by=["k"])
    # When
    process = etl.start("run", digest, secret=each_database.secret, environment={"MALLOC_ARENA_MAX": "2"})
    peak = 0
    while process.poll() is None:
        peak = max(peak, high_water(process.pid))
        time.sleep(0.01)
    outcome = etl.finish(process)
    # Then
    assert outcome.code == 0, outcome.lines
    assert len(outcome.files) <= 60 * 3
    assert 0 < peak < 200 * 1024
    root = outcome.files[0].parents[1]
    found = duckdb.sql(
        "select count(*), count(distinct n), count(*) filter (where (n * 7919) % 60 <> k) from "
        f"read_parquet('{root}/**/*.parquet', hive_partitioning=true)"
    ).fetchall()
    assert found == [(1_000_000, 1_000_000, 0)]


def test_sorted_rows_make_one_file_a_value(etl: Etl, postgresql: Database, native_decoder: None) -> None:
    query = "select n, md5(n::text) as noise, n / 10000 as k from generate_series(0, 999999) n"  # 100 values
    outcome = etl.run(postgresql, query=query, partition_by=["k"])
    assert outcome.code == 0, outcome.lines
    assert len(outcome.files) <= 104


def test_too_many_paths_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_paths, "MOST_PATHS", 3)
    columns = [Column(name=name, kind=Kind.INT32, database_type="integer") for name in ("k", "n")]
    paths = PartitionPaths(["k"], columns)
    batch = pa.RecordBatch.from_pydict(
        {"k": pa.array([1, 2, 3, 1], pa.int32()), "n": pa.array([1] * 4, pa.int32())}
    )
    assert paths.groups(batch) == {"k=1": [0, 3], "k=2": [1], "k=3": [2]}
    with pytest.raises(UserError, match="more than 3 paths"):
        paths.groups(
            pa.RecordBatch.from_pydict({"k": pa.array([4], pa.int32()), "n": pa.array([1], pa.int32())})
        )


@pytest.mark.parametrize("seed", range(20))
def test_rows_that_wait_come_out_once_each_in_order_and_are_never_too_many(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given batches of any size, of values that are sorted, mixed or lopsided, and files that open and close
    monkeypatch.setattr(holding, "HELD_BYTES", 4_000)
    random = Random(seed)
    columns = [Column(name=name, kind=Kind.INT64, database_type="bigint") for name in ("k", "n")]
    waiting = holding.Holding(PartitionPaths(["k"], columns))
    spread = random.choice([1, 2, 60, 1000])
    total, batches = 0, []
    for _ in range(60):
        rows = random.randrange(0, 200)
        keys = [random.randrange(spread) if seed % 2 else (total + row) // 50 for row in range(rows)]
        numbers = pa.array(range(total, total + rows), pa.int64())
        batches.append(pa.record_batch({"k": pa.array(keys, pa.int64()), "n": numbers}))
        total += rows
    # When
    came: dict[str, list[int]] = {}
    opened: list[str] = []
    for batch in batches:
        for path, rows in waiting.take(batch, is_open=lambda: frozenset(opened[-8:])):
            came.setdefault(path, []).extend(rows.column("n").to_pylist())
            opened.append(path)
        assert waiting._bytes < 4_000
    for path, rows in waiting.rest():
        came.setdefault(path, []).extend(rows.column("n").to_pylist())
    # Then
    expected: dict[str, list[int]] = {}
    for batch in batches:
        for key, number in zip(batch.column("k").to_pylist(), batch.column("n").to_pylist(), strict=True):
            expected.setdefault(f"k={key}", []).append(number)
    assert came == expected
