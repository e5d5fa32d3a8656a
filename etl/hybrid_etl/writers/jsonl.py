"""JSON lines: one object a row; numbers that a double would round are texts."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import pyarrow as pa

from hybrid_etl.sinks import OutputFile
from hybrid_etl.writers.statistics import Statistics
from hybrid_etl.writers.stream import open_stream
from hybrid_etl.writers.text import as_json_values

BLOCK_ROWS = 4096


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
        for start in range(0, batch.num_rows, BLOCK_ROWS):
            block = "".join(json_lines(batch.slice(start, BLOCK_ROWS))).encode()
            # JSON escapes the line feeds of values: each that is there ends a record.
            self.rows += block.count(b"\n")
            self._stream.write(block)

    def flush(self) -> None:
        """Nothing waits here."""

    def finish(self) -> None:
        """End the compressed stream."""
        self._stream.close()


def json_lines(batch: pa.RecordBatch) -> Iterator[str]:
    """A line for each row of a batch."""
    lists = [field.name for field in batch.schema if pa.types.is_list(field.type)]
    for row in as_json_values(batch).to_pylist():
        for name in lists:
            if row[name] is not None:
                row[name] = json.loads(row[name])
        yield json.dumps(_plain(row), ensure_ascii=False, default=str) + "\n"


def _plain(row: dict[str, object]) -> dict[str, object]:
    """JSON has no NaN and no infinity: they are texts."""
    return {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }
