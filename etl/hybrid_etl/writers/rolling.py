"""Data files of one run: rolled by size, split by partition columns, named by their number."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import pyarrow as pa

from hybrid_etl.errors import Failure
from hybrid_etl.room import LONG_BYTES
from hybrid_etl.sinks import OutputFile, Sink, StoredFile
from hybrid_etl.specification import Format
from hybrid_etl.weight import cut, may_weigh, weight
from hybrid_etl.writers import Writer, memory_for, open_writer
from hybrid_etl.writers.holding import LONG_ROW_BYTES, Holding
from hybrid_etl.writers.partition_paths import PartitionPaths
from hybrid_etl.writers.statistics import Statistics

MOST_OPEN = 8
"""Open partitions at once; the one longest without rows is finished to make room."""
ABORT_SECONDS = 8.0
"""A run ends within 10 s of SIGTERM; what S3 has not taken back by then, the lifecycle rule does."""
PIECE_BYTES = 8 * 1024 * 1024
"""Rows of a path go to its writer in pieces of this size."""


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """A data file as the receipt names it."""

    key: str
    bytes: int
    rows: int
    sha256: str


@dataclass
class _Open:
    output: OutputFile
    writer: Writer
    rows: int = 0


class RollingWriter:
    """Writes batches into files under `directory`; only `finish` gives a list of files to name."""

    def __init__(
        self,
        sink: Sink,
        *,
        directory: str,
        file_format: Format,
        paths: PartitionPaths | None,
        target_file_bytes: int,
        metadata: dict[str, str],
    ) -> None:
        self._sink, self._directory, self._format = sink, directory, file_format
        self._target, self._metadata = target_file_bytes, metadata
        self._holding = Holding(paths) if paths else None
        self._open: dict[str, _Open] = {}
        self._numbers: dict[str, int] = {}
        self._files: list[DataFile] = []
        self.statistics = Statistics()

    @property
    def bytes(self) -> int:
        """Bytes given to the sink so far."""
        return sum(file.bytes for file in self._files) + sum(file.output.size for file in self._open.values())

    def memory_for(self, batch: pa.RecordBatch) -> int:
        """Bytes that writing a batch takes beside it; 0 for short rows, which a run always has room for."""
        return memory_for(self._format, batch) if may_weigh(batch, LONG_BYTES) else 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Write a batch to the files of its paths, at once or later; a full file is followed by a new one."""
        if self._holding is None:
            self._write("", batch)
            return
        for path, rows in self._holding.take(batch, is_open=lambda: frozenset(self._open)):
            self._write_pieces(path, rows)

    def finish(self) -> list[DataFile]:
        """Finish every open file; the files in the order of their keys.

        Raises Failure when a file does not hold the rows that were given to it.
        """
        for path, rows in self._holding.rest() if self._holding else ():
            self._write_pieces(path, rows)
        for partition in list(self._open):
            self._finish(partition)
        return sorted(self._files, key=lambda file: file.key)

    def abort(self) -> None:
        """Take back every open file, all at once, within ABORT_SECONDS even where the sink does not answer.

        Finished files stay as garbage that no receipt names.
        """
        end = time.monotonic() + ABORT_SECONDS
        aborts = [threading.Thread(target=file.output.abort, daemon=True) for file in self._open.values()]
        for abort in aborts:
            abort.start()
        for abort in aborts:
            abort.join(max(0.0, end - time.monotonic()))
        self._open.clear()

    def _write_pieces(self, path: str, rows: pa.RecordBatch) -> None:
        for piece, _ in cut(rows, most=PIECE_BYTES):
            self._write(path, piece)
        if path in self._open:
            self._open[path].writer.flush()
            if rows.num_rows == 1 and may_weigh(rows, LONG_ROW_BYTES) and weight(rows) > LONG_ROW_BYTES:
                # Its writer keeps what the row took, and so would those of all other paths.
                self._finish(path)

    def _write(self, path: str, rows: pa.RecordBatch) -> None:
        if path in self._open and not self._open[path].writer.takes(rows):
            self._finish(path)
        current = self._open.pop(path, None) or self._begin(path, rows.schema)
        self._open[path] = current
        current.writer.write(rows)
        current.rows += rows.num_rows
        if current.output.size >= self._target or current.writer.full:
            self._finish(path)

    def _begin(self, partition: str, schema: pa.Schema) -> _Open:
        while len(self._open) >= MOST_OPEN:
            self._finish(next(iter(self._open)))
        number = self._numbers.get(partition, 0)
        self._numbers[partition] = number + 1
        name = f"part-{number:05d}{self._format.suffix}"
        output = self._sink.open("/".join(part for part in (self._directory, partition, name) if part))
        writer = open_writer(
            self._format, schema, output, metadata=self._metadata, statistics=self.statistics
        )
        return _Open(output, writer)

    def _finish(self, partition: str) -> None:
        current = self._open[partition]
        current.writer.finish()
        if current.writer.rows != current.rows:
            raise Failure(
                f"A data file holds {current.writer.rows} rows where {current.rows} were written to it; "
                "report this line, and run again."
            )
        stored: StoredFile = current.output.finish()
        del self._open[partition]
        self._files.append(
            DataFile(key=stored.key, bytes=stored.bytes, rows=current.rows, sha256=stored.sha256)
        )
