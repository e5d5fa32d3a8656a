"""Parquet: row groups cut by bytes, statistics, a page index, and encodings chosen from the data."""

from __future__ import annotations

import itertools
import struct

import pyarrow as pa
from pyarrow import _parquet

from hybrid_etl.room import may_have
from hybrid_etl.sinks import OutputFile
from hybrid_etl.weight import cut, weigher
from hybrid_etl.writers.encodings import choose_encodings
from hybrid_etl.writers.statistics import Statistics
from hybrid_etl.writers.stream import open_stream

ROW_GROUP_BYTES = 10 * 1024 * 1024
PIECE_BYTES = ROW_GROUP_BYTES // 4
"""Rows are kept in pieces of at most this weight, or of one row: lists may weigh many times their batch."""
LONG_BYTES = 4 * 1024 * 1024
"""A value from which on its column has neither dictionary nor statistics in the file. Arrow keeps the least
and the greatest of each page, chunk and page index: with them a value took ten times its size."""
LAST_BYTES = 12 * 1024 * 1024
"""A row of this weight is the last of its file: Arrow keeps what a row group took until the next one."""
MOST_CHUNKS = 12_288
"""Column chunks of a file: 768 row groups of 16 columns, or 8 of 1,500. Arrow keeps 1 to 1.5 KiB of each
until the footer is written, 18 MiB at most."""
WIDE, PAGE_BYTES = 256, 1024 * 1024
"""Columns from which a row group has hardly more than a page of each, and what Arrow puts into a page."""


class ParquetWriter:
    """One Parquet file. Up to ROW_GROUP_BYTES, by their weight, wait for their row group.

    pyarrow's own writer class is used, not its wrapper in pyarrow.parquet, which brings Arrow's file systems
    along (10 MiB).
    """

    def __init__(
        self,
        schema: pa.Schema,
        output: OutputFile,
        *,
        compression: str,
        metadata: dict[str, str],
        statistics: Statistics,
    ) -> None:
        self._statistics = statistics
        self._schema = schema.with_metadata(metadata)
        self._stream = open_stream(output, "none")
        self._compression = compression
        self._writer: _parquet.ParquetWriter | None = None
        self._footer: _parquet.FileMetaData | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._bytes = 0
        self._chunks = 0
        self._last_bytes = 0
        self._weigh = weigher(schema)
        self._long: frozenset[str] = frozenset()

    def takes(self, batch: pa.RecordBatch) -> bool:
        """Whether the file may go on with these rows: one begun for short values takes no long ones."""
        return self._writer is None or long_columns(batch) <= self._long

    @property
    def full(self) -> bool:
        """Whether one more row group would be too many for the memory, or the last one is kept in it."""
        return self._chunks + len(self._schema) > MOST_CHUNKS or self._last_bytes >= LAST_BYTES

    @property
    def rows(self) -> int:
        """Rows as the footer has them; 0 until it is written."""
        return int(self._footer.num_rows) if self._footer else 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Keep a batch until a row group is full."""
        self._statistics.count_nulls(batch)
        for piece, _ in cut(batch, most=PIECE_BYTES, weigh=self._weigh):
            self._keep(piece)

    def _keep(self, batch: pa.RecordBatch) -> None:
        long = long_columns(batch)
        if long and self._waiting:
            self._long |= long
            self._flush()
        if self._writer is None:
            self._long |= long
        self._waiting.append(batch)
        self._last_bytes = self._weigh(batch)
        self._bytes += self._last_bytes
        if self._bytes >= ROW_GROUP_BYTES:
            self._flush()

    def flush(self) -> None:
        """Make a row group of what waits."""
        if self._waiting:
            self._flush()

    def finish(self) -> None:
        """Write the last row group and the footer."""
        self._flush()
        assert self._writer is not None
        self._writer.close()
        self._footer = self._writer.metadata
        self._statistics.take_footer(self._footer)
        self._stream.close()

    def _flush(self) -> None:
        table = pa.Table.from_batches(
            self._waiting, self._waiting[0].schema if self._waiting else self._schema
        )
        table = table.replace_schema_metadata(self._schema.metadata)
        if self._writer is None:
            self._writer = self._open(table)
        self._waiting.clear()
        self._bytes = 0
        if table.num_rows:
            self._writer.write_table(table, row_group_size=table.num_rows)
            self._chunks += table.num_columns

    def _open(self, table: pa.Table) -> _parquet.ParquetWriter:
        dictionaries, encodings = choose_encodings(table)
        ranged: bool | list[str] = True
        if self._long:
            dictionaries = [name for name in dictionaries if name not in self._long]
            ranged = [name for name in self._schema.names if name not in self._long]
        return _parquet.ParquetWriter(
            self._stream,
            self._schema,
            version="2.6",
            compression=self._compression,
            use_dictionary=dictionaries,
            column_encoding=encodings or None,
            write_statistics=ranged,
            write_page_index=_has_pages(table) and not self._long,
            store_decimal_as_integer=True,
            use_compliant_nested_type=True,
            writer_engine_version="V2",
            data_page_version="1.0",
        )


def long_columns(batch: pa.RecordBatch) -> frozenset[str]:
    """The columns of a batch that have a value of LONG_BYTES or more."""
    if not may_have(batch, LONG_BYTES):
        return frozenset()
    return frozenset(
        field.name
        for field, array in zip(batch.schema, batch.columns, strict=True)
        if (pa.types.is_string(field.type) or pa.types.is_binary(field.type))
        and array.nbytes >= LONG_BYTES
        and _longest(array) >= LONG_BYTES
    )


def _longest(array: pa.Array) -> int:
    """Bytes of the longest value, read off the offsets (Arrow columnar format, "Variable-size Binary")."""
    ends = struct.unpack_from(f"={len(array) + 1}i", array.buffers()[1], array.offset * 4)
    return max((end - begin for begin, end in itertools.pairwise(ends)), default=0)


def _has_pages(table: pa.Table) -> bool:
    """Whether a page index can say more than the chunks' own statistics: where chunks have several pages."""
    return table.num_columns <= WIDE or any(column.nbytes > PAGE_BYTES for column in table.columns)
