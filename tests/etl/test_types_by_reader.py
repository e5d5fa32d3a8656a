"""What readers of the lake make of each type that a run writes: the table of docs/reference/types.md."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "types.md"
#: Arrow type as the page has it, the type itself, and what DuckDB reads.
READ = [
    ("bool", pa.bool_(), "BOOLEAN"),
    ("int8", pa.int8(), "TINYINT"),
    ("int16", pa.int16(), "SMALLINT"),
    ("int32", pa.int32(), "INTEGER"),
    ("int64", pa.int64(), "BIGINT"),
    ("uint8", pa.uint8(), "UTINYINT"),
    ("uint16", pa.uint16(), "USMALLINT"),
    ("uint32", pa.uint32(), "UINTEGER"),
    ("uint64", pa.uint64(), "UBIGINT"),
    ("float", pa.float32(), "FLOAT"),
    ("double", pa.float64(), "DOUBLE"),
    ("decimal128(38, 6)", pa.decimal128(38, 6), "DECIMAL(38,6)"),
    ("decimal256(76, 6)", pa.decimal256(76, 6), "DOUBLE"),
    ("date32", pa.date32(), "DATE"),
    ("time64[us]", pa.time64("us"), "TIME"),
    ("timestamp[us]", pa.timestamp("us"), "TIMESTAMP"),
    ("timestamp[us, tz=UTC]", pa.timestamp("us", tz="UTC"), "TIMESTAMP WITH TIME ZONE"),
    ("string", pa.string(), "VARCHAR"),
    ("binary", pa.binary(), "BLOB"),
    ("list<int32>", pa.list_(pa.int32()), "INTEGER[]"),
]


@pytest.mark.parametrize(("name", "kind", "duckdb_type"), READ, ids=[row[0] for row in READ])
def test_duckdb_and_pyarrow_read_a_type_as_the_page_says(
    tmp_path: Path, name: str, kind: pa.DataType, duckdb_type: str
) -> None:
    # Given a file with a column of the type, as a run writes it
    file = tmp_path / "file.parquet"
    table = pa.table({"v": pa.array([None], kind)})
    pq.write_table(table, file, version="2.6", store_decimal_as_integer=True)

    # Then the readers make of it what the page says
    table_of_readers = _PAGE.read_text().partition("## Readers")[2]
    row = next(line for line in table_of_readers.splitlines() if line.startswith(f"| {name} | "))
    _, _, by_duckdb, by_pyarrow, *_ = (cell.strip() for cell in row.split("|"))
    [(_, found, *_)] = duckdb.sql(f"describe select * from '{file}'").fetchall()
    assert found == duckdb_type == by_duckdb.removesuffix(" (not exact)")
    assert (pq.read_table(file).schema.field("v").type == kind) == (by_pyarrow == "as it is")
