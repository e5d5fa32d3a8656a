"""JSON lines: one object a row; numbers that a double would round are texts."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from hybrid_etl.sinks import OutputFile
from hybrid_etl.weight import cut, text_weight
from hybrid_etl.writers.long_rows import json_row
from hybrid_etl.writers.statistics import Statistics
from hybrid_etl.writers.stream import open_stream
from hybrid_etl.writers.text import json_lines

BLOCK_ROWS, BLOCK_BYTES = 4096, 2 * 1024 * 1024


class JsonLinesWriter:
    """One file of JSON lines (UTF-8, one object and a line feed a row)."""

    full = False

    def __init__(self, output: OutputFile, *, compression: str, statistics: Statistics) -> None:
        self._statistics = statistics
        self._stream = open_stream(output, compression)
        self.rows = 0

    def takes(self, batch: pa.RecordBatch) -> bool:  # noqa: ARG002 - a text file takes all
        """Any rows."""
        return True

    def write(self, batch: pa.RecordBatch) -> None:
        """Write the rows of a batch, block by block so that memory stays small."""
        self._statistics.take_batch(batch)
        for rows, is_long in cut(batch, most=BLOCK_BYTES, weigh=text_weight):
            for block in json_row(rows) if is_long else _blocks(rows):
                # JSON escapes the line feeds of values: each that is there ends a record.
                self.rows += block.count(b"\n")
                self._stream.write(block)

    def flush(self) -> None:
        """Nothing waits here."""

    def finish(self) -> None:
        """End the compressed stream."""
        self._stream.close()


def _blocks(batch: pa.RecordBatch) -> Iterator[bytes]:
    for start in range(0, batch.num_rows, BLOCK_ROWS):
        yield "".join(json_lines(batch.slice(start, BLOCK_ROWS))).encode()
