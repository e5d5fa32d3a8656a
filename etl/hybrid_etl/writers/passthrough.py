"""CSV of lines that the reader passes on as its server wrote them."""

from __future__ import annotations

import csv
import itertools

import pyarrow as pa

from hybrid_etl.sinks import OutputFile
from hybrid_etl.writers.lone_null import lone_null
from hybrid_etl.writers.stream import open_stream


class PassthroughWriter:
    """One CSV file. Its batches have one column: its name is the header line, its values are the rows' lines.

    No statistics are taken: nothing is known of a value here.
    """

    full = False

    def __init__(self, schema: pa.Schema, output: OutputFile, *, compression: str) -> None:
        (header,) = schema.names
        self._columns = next(csv.reader([header]))
        self._stream = open_stream(output, compression)
        self._stream.write(f"{header}\n".encode())
        self.rows = 0

    def takes(self, batch: pa.RecordBatch) -> bool:  # noqa: ARG002 - a text file takes all
        """Any rows."""
        return True

    def write(self, batch: pa.RecordBatch) -> None:
        """Write the lines of a batch, in one piece: they stand in its buffer one after the other."""
        lines = batch.column(0)
        _, offsets, content = lines.buffers()
        ends = memoryview(offsets).cast("i")
        first, last = ends[lines.offset], ends[lines.offset + len(lines)]
        if len(self._columns) == 1:
            self._refuse_empty_lines(ends[lines.offset : lines.offset + len(lines) + 1])
        self._stream.write(content.slice(first, last - first))
        self.rows += len(lines)

    def _refuse_empty_lines(self, ends: memoryview) -> None:
        # An empty text is "", so that only a null has nothing before the end of its line.
        if any(after - before == 1 for before, after in itertools.pairwise(ends)):
            raise lone_null(self._columns[0])

    def flush(self) -> None:
        """Nothing waits here."""

    def finish(self) -> None:
        """End the compressed stream."""
        self._stream.close()
