"""How rows become files: rolled by size, split by partition, uploaded in parts, in flat memory."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from etl_process import Database, Etl, client

_NOISE = {
    "postgresql": "select n, md5(n::text) || md5((n * 7)::text) as noise from generate_series(1, {rows}) n",
    "mariadb": "select seq as n, concat(md5(seq), md5(seq * 7)) as noise from seq_1_to_{rows}",
}


def test_files_roll_at_their_target_and_hold_every_row_once(
    etl: Etl, any_database: Database, native_decoder: None
) -> None:
    # When
    query = _NOISE[any_database.engine].format(rows=1_500_000)
    outcome = etl.run(any_database, query=query, target_file_bytes=10_000_000)
    # Then
    assert outcome.code == 0, outcome.lines
    files = outcome.manifest["files"]
    assert [file["key"].rpartition("/")[2] for file in files] == [
        f"part-{n:05d}.parquet" for n in range(len(files))
    ]
    assert len(files) >= 3
    table = pa.concat_tables(pq.read_table(path) for path in outcome.files)
    assert sorted(table.column("n").to_pylist()) == list(range(1, 1_500_001))
    assert [pq.read_metadata(path).num_rows for path in outcome.files] == [file["rows"] for file in files]


def test_a_parquet_file_has_statistics_a_page_index_and_says_where_it_comes_from(
    etl: Etl, postgresql: Database
) -> None:
    outcome = etl.run(postgresql, query=_NOISE["postgresql"].format(rows=1000))
    metadata = pq.read_metadata(outcome.files[0])
    column = metadata.row_group(0).column(0)
    assert (column.statistics.min, column.statistics.max) == (1, 1000)
    assert column.has_column_index
    assert column.has_offset_index
    assert column.compression == "ZSTD"
    assert "DELTA_BINARY_PACKED" in column.encodings
    assert metadata.metadata[b"hybrid.specification"].decode() == outcome.manifest["specification"]


def test_partitions_are_directories_as_hive_names_them(etl: Etl, any_database: Database) -> None:
    # Given more partitions than may be open at once, and a null and an odd value among them
    values = " union all ".join(
        f"select {n} as id, {value} as country, {n % 2} as half"
        for n, value in enumerate(["null", "'a/b=c'", *(f"'c{n % 12}'" for n in range(36))])
    )
    # When
    outcome = etl.run(any_database, query=values, partition_by=["country", "half"])
    # Then
    assert outcome.code == 0, outcome.lines
    keys = [file["key"] for file in outcome.manifest["files"]]
    folders = {key.rpartition("/")[0].partition("interval=full/")[2].partition("/")[2] for key in keys}
    assert "country=__HIVE_DEFAULT_PARTITION__/half=0" in folders
    assert "country=a%2Fb%3Dc/half=1" in folders
    assert sum(file["rows"] for file in outcome.manifest["files"]) == 38
    read = pq.read_table(outcome.files[0], partitioning=None)
    assert read.column_names == ["id"]
    ids = sorted(
        n for path in outcome.files for n in pq.read_table(path, partitioning=None).column("id").to_pylist()
    )
    assert ids == list(range(38))
    assert len(set(keys)) == len(keys)


def test_a_large_object_goes_up_in_parts_and_comes_down_the_same(
    etl: Etl, postgresql: Database, s3: dict[str, str], native_decoder: None
) -> None:
    store = client("s3", s3)
    store.create_bucket(Bucket="parts", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    query = _NOISE["postgresql"].format(rows=600_000)
    outcome = etl.run(postgresql, query=query, environment=s3 | {"HYBRID_LAKE": "s3://parts"})
    assert outcome.code == 0, outcome.lines
    body = store.get_object(Bucket="parts", Key="shop/orders/interval=full/_manifest.json")["Body"].read()
    (file,) = json.loads(body)["files"]
    answer = store.get_object(Bucket="parts", Key=file["key"])
    content = answer["Body"].read()
    least = 5 * 1024 * 1024
    parts = int(answer["ETag"].strip('"').rpartition("-")[2])
    assert len(content) == file["bytes"]
    assert 3 <= parts <= -(-file["bytes"] // least)
    assert hashlib.sha256(content).hexdigest() == file["sha256"]
    assert pq.read_table(pa.BufferReader(content)).num_rows == 600_000


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_memory_stays_flat_whatever_the_number_of_rows(
    etl: Etl, any_database: Database, kind: str, native_decoder: None
) -> None:
    # Given
    most = {"parquet": 2_000_000, "csv": 2_000_000, "jsonl": 400_000}[kind]
    # When the same query gives a quarter of the rows, and all of them
    peaks = [
        _peak(etl, any_database, query=_NOISE[any_database.engine].format(rows=rows), kind=kind)
        for rows in (most // 4, most)
    ]
    # Then
    assert peaks[1] < 150, peaks
    assert peaks[1] - peaks[0] < 24, peaks


def test_rows_of_megabytes_do_not_fill_the_memory(
    etl: Etl, any_database: Database, native_decoder: None
) -> None:
    rows = 150
    numbers = (
        f"generate_series(1, {rows}) n"
        if any_database.engine == "postgresql"
        else f"(select seq as n from seq_1_to_{rows}) t"
    )
    wide = "repeat(md5(cast(n as char(10))), 65536)"
    peak = _peak(etl, any_database, query=f"select n, {wide} as wide from {numbers}", kind="parquet")
    assert peak < 220


def test_many_columns_do_not_fill_the_memory(etl: Etl, postgresql: Database, native_decoder: None) -> None:
    columns = ", ".join(f"((n * {2 * index + 7919}) % 1000000)::int as c{index}" for index in range(1500))
    query = f"select {columns} from generate_series(1::bigint, 4000) n"
    assert _peak(etl, postgresql, query=query, kind="parquet") < 125


def _peak(etl: Etl, database: Database, *, query: str, kind: str) -> float:
    digest = etl.specify(database, query=query, format={"type": kind, "compression": "zstd"})
    process = etl.start("run", digest, secret=database.secret, environment={"MALLOC_ARENA_MAX": "2"})
    peak = 0
    while process.poll() is None:
        peak = max(peak, high_water(process.pid))
        time.sleep(0.01)
    outcome = etl.finish(process)
    assert outcome.code == 0, outcome.lines
    assert peak
    return peak / 1024


def high_water(pid: int) -> int:
    """Peak resident KiB of the program; getrusage would count what the test process had before exec."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0
