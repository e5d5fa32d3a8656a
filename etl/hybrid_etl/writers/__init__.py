"""From Arrow batches to the bytes of one file: one writer a format, all with the same interface."""

from __future__ import annotations

import importlib
from typing import Protocol

import pyarrow as pa

from hybrid_etl.room import TIMES_TO_WRITE
from hybrid_etl.sinks import OutputFile
from hybrid_etl.specification import Format
from hybrid_etl.weight import weight
from hybrid_etl.writers.statistics import Statistics


class Writer(Protocol):
    """One file in one format."""

    @property
    def full(self) -> bool:
        """Whether the file should end here, whatever its size, because of what is kept until its end."""

    @property
    def rows(self) -> int:
        """Rows that the finished file holds, as the file itself says and not as they were counted before."""

    def takes(self, batch: pa.RecordBatch) -> bool:
        """Whether these rows may go into this file as it was begun; else it ends, and another begins."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Take a batch; bytes reach the output when a row group or a block is full."""

    def flush(self) -> None:
        """Write what waits for more rows, so that none of it is kept."""

    def finish(self) -> None:
        """Write what is left and the file's end; the output itself is finished by its owner."""


def load_writer(file_format: Format) -> None:
    """Load the writer for a format and all that it uses, which takes up to 17 MiB."""
    importlib.import_module(f"{__name__}.{'passthrough' if file_format.passthrough else file_format.type}")


def memory_for(file_format: Format, batch: pa.RecordBatch) -> int:
    """Bytes that writing a batch takes beside it; text is written piece by piece, and masks copy a column."""
    return TIMES_TO_WRITE * weight(batch) if file_format.type == "parquet" else int(batch.nbytes)


def open_writer(
    file_format: Format,
    schema: pa.Schema,
    output: OutputFile,
    *,
    metadata: dict[str, str],
    statistics: Statistics,
) -> Writer:
    """The writer for a format, which adds what it writes to `statistics`.

    `metadata` goes into the file where the format has a place for it.
    """
    if file_format.type == "parquet":
        from hybrid_etl.writers.parquet import ParquetWriter

        return ParquetWriter(
            schema,
            output,
            compression=file_format.compression,
            metadata=metadata,
            statistics=statistics,
        )
    if file_format.passthrough:
        from hybrid_etl.writers.passthrough import PassthroughWriter

        return PassthroughWriter(schema, output, compression=file_format.compression)
    if file_format.type == "csv":
        from hybrid_etl.writers.csv import CsvWriter

        return CsvWriter(schema, output, compression=file_format.compression, statistics=statistics)
    from hybrid_etl.writers.jsonl import JsonLinesWriter

    return JsonLinesWriter(output, compression=file_format.compression, statistics=statistics)
