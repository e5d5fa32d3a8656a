"""How a run to Parquet stays small: encodings chosen from a sample, nothing loaded without a use."""

from __future__ import annotations

import decimal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hybrid_etl.sinks.file import FileSink
from hybrid_etl.specification import Format
from hybrid_etl.writers import parquet
from hybrid_etl.writers.encodings import choose_encodings, new_share
from hybrid_etl.writers.rolling import RollingWriter

_ETL = Path(__file__).resolve().parents[2] / "etl"


def _cents(number: int) -> decimal.Decimal:
    return decimal.Decimal(number).scaleb(-2)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([n * 7919 % 2500 for n in range(8192)], pa.date32()), "dictionary"),
        (pa.array(range(8192), pa.int64()), "DELTA_BINARY_PACKED"),
        (pa.array([n // 4 for n in range(8192)], pa.int32()), "DELTA_BINARY_PACKED"),
        (pa.array([_cents(n % 11) for n in range(8192)], pa.decimal128(15, 2)), "dictionary"),
        (pa.array([_cents(n) for n in range(8192)], pa.decimal128(15, 2)), "DELTA_BINARY_PACKED"),
        (pa.array([_cents(n) for n in range(8192)], pa.decimal128(38, 2)), "plain"),
        (pa.array([("REG AIR", "AIR", None)[n % 3] for n in range(8192)]), "dictionary"),
        (pa.array([f"comment {n}" for n in range(8192)]), "DELTA_LENGTH_BYTE_ARRAY"),
        (pa.array([n / 3 for n in range(8192)], pa.float64()), "plain"),
        (pa.array([None] * 8192, pa.string()), "dictionary"),
        (pa.array([], pa.string()), "dictionary"),
    ],
)
def test_an_encoding_follows_from_what_the_rest_of_a_file_will_be_like(
    values: pa.Array, expected: str
) -> None:
    dictionaries, encodings = choose_encodings(pa.table({"column": values}))
    found = "dictionary" if dictionaries else encodings.get("column", "plain")
    assert found == expected


def test_a_sample_is_read_right_wherever_an_array_begins() -> None:
    # Given arrays that are parts of longer ones: of three present values of their second half, one is new
    texts = pa.array(["no", "a", None, "b", "a", None, "c", "b"]).slice(1)
    numbers = pa.array([9, 1, None, 2, 1, None, 3, 2], pa.int16()).slice(1)
    # When
    shares = [new_share(pa.chunked_array([part])) for part in (texts, numbers)]
    # Then
    assert shares == [pytest.approx(1 / 3), pytest.approx(1 / 3)]


def test_a_run_to_parquet_loads_neither_the_kernels_nor_the_file_systems_of_arrow() -> None:
    program = (
        "import sys, hybrid_etl.cli, hybrid_etl.readers.postgresql.reader, hybrid_etl.readers.mysql.reader,"
        " hybrid_etl.writers.parquet\n"
        "unwanted = {'pyarrow.compute', 'pyarrow.parquet', 'pyarrow.fs'}\n"
        "print(sorted(unwanted & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=_ETL, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def _write(directory: Path, batches: list[pa.RecordBatch]) -> list[pq.FileMetaData]:
    writer = RollingWriter(
        FileSink(str(directory)),
        directory="run",
        file_format=Format(),
        paths=None,
        target_file_bytes=1 << 30,
        metadata={},
    )
    for batch in batches:
        writer.write(batch)
    return [pq.read_metadata(directory / file.key) for file in writer.finish()]


def test_a_file_ends_before_what_is_kept_for_its_footer_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given files of at most eight column chunks, and a row group for each batch of two columns
    monkeypatch.setattr(parquet, "MOST_CHUNKS", 8)
    monkeypatch.setattr(parquet, "ROW_GROUP_BYTES", 1)
    # When
    files = _write(tmp_path, [pa.record_batch({"a": [n], "b": [str(n)]}) for n in range(10)])
    # Then
    assert [file.num_row_groups for file in files] == [4, 4, 2]


def test_a_page_index_is_left_out_where_each_chunk_is_a_page(tmp_path: Path) -> None:
    # Given tables of few and of many columns, and one of many with a large text
    few, many = ({f"c{n}": [n] for n in range(columns)} for columns in (parquet.WIDE, parquet.WIDE + 1))
    large = many | {"c0": ["x" * 2 * parquet.PAGE_BYTES]}
    # When
    tables = {"few": few, "many": many, "large": large}
    found = {name: _write(tmp_path / name, [pa.record_batch(table)]) for name, table in tables.items()}
    # Then
    indexed = {name: file.row_group(0).column(1).has_column_index for name, (file,) in found.items()}
    assert indexed == {"few": True, "many": False, "large": True}
