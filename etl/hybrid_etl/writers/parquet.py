"""Parquet: row groups cut by bytes, statistics, a page index, and encodings chosen from the data."""

from __future__ import annotations

import pyarrow as pa
from pyarrow import _parquet

from hybrid_etl.sinks import OutputFile
from hybrid_etl.writers.encodings import choose_encodings
from hybrid_etl.writers.statistics import Statistics
from hybrid_etl.writers.stream import open_stream

LEAST_GROUP_BYTES, MOST_GROUP_BYTES = 10 * 1024 * 1024, 20 * 1024 * 1024
COLUMN_BYTES = 16 * 1024
"""A row group is 10 MiB of Arrow data; of a wide table up to 20 MiB, so that its columns' pages pay."""


class ParquetWriter:
    """One Parquet file. Up to a row group of Arrow data waits for its turn.

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
        self._waiting: list[pa.RecordBatch] = []
        self._bytes = 0
        self._group_bytes = min(max(COLUMN_BYTES * len(schema), LEAST_GROUP_BYTES), MOST_GROUP_BYTES)

    def write(self, batch: pa.RecordBatch) -> None:
        """Keep a batch until a row group is full."""
        self._statistics.count_nulls(batch)
        self._waiting.append(batch)
        self._bytes += batch.nbytes
        if self._bytes >= self._group_bytes:
            self._flush()

    def finish(self) -> None:
        """Write the last row group and the footer."""
        self._flush()
        assert self._writer is not None
        self._writer.close()
        self._statistics.take_footer(self._writer.metadata)
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

    def _open(self, table: pa.Table) -> _parquet.ParquetWriter:
        dictionaries, encodings = choose_encodings(table)
        return _parquet.ParquetWriter(
            self._stream,
            self._schema,
            version="2.6",
            compression=self._compression,
            use_dictionary=dictionaries,
            column_encoding=encodings or None,
            write_statistics=True,
            write_page_index=True,
            store_decimal_as_integer=True,
            use_compliant_nested_type=True,
            writer_engine_version="V2",
            data_page_version="1.0",
        )
