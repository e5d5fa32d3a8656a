"""CSV after RFC 4180: every text is quoted, so an empty text is "" and a null is nothing between commas.

In a file of one column nothing between commas is an empty line, which readers skip: such a null is
refused.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.csv as pc_csv

from hybrid_etl.sinks import OutputFile
from hybrid_etl.weight import cut, text_weight
from hybrid_etl.writers.lone_null import lone_null
from hybrid_etl.writers.long_rows import csv_row
from hybrid_etl.writers.records import Tap
from hybrid_etl.writers.statistics import Statistics
from hybrid_etl.writers.stream import open_stream
from hybrid_etl.writers.text import as_text

BLOCK_ROWS, BLOCK_BYTES = 8192, 4 * 1024 * 1024


class CsvWriter:
    """One CSV file with a header line."""

    full = False

    def __init__(
        self, schema: pa.Schema, output: OutputFile, *, compression: str, statistics: Statistics
    ) -> None:
        self._statistics = statistics
        self._stream = open_stream(output, compression)
        plain = as_text(pa.RecordBatch.from_pylist([], schema=schema))
        options = pc_csv.WriteOptions(include_header=True, batch_size=BLOCK_ROWS, quoting_style="needed")
        self._tap = Tap(self._stream)
        self._writer = pc_csv.CSVWriter(
            pa.PythonFile(self._tap, mode="w"), plain.schema, write_options=options
        )

    @property
    def rows(self) -> int:
        """Records behind the header line, as the written text itself has them."""
        return self._tap.records - 1

    def takes(self, batch: pa.RecordBatch) -> bool:  # noqa: ARG002 - a text file takes all
        """Any rows."""
        return True

    def write(self, batch: pa.RecordBatch) -> None:
        """Write the rows of a batch."""
        if batch.num_columns == 1 and batch.column(0).null_count:
            raise lone_null(batch.schema.names[0])
        self._statistics.take_batch(batch)
        for rows, is_long in cut(batch, most=BLOCK_BYTES, weigh=text_weight):
            if not is_long:
                self._writer.write_batch(as_text(rows))
                continue
            for piece in csv_row(rows):
                self._tap.write(piece)

    def flush(self) -> None:
        """Nothing waits here."""

    def finish(self) -> None:
        """End the compressed stream."""
        self._writer.close()
        self._stream.close()
