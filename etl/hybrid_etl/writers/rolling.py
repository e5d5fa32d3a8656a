"""Data files of one run: rolled by size, split by partition columns, named by their number."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from urllib.parse import quote

import pyarrow as pa

from hybrid_etl.errors import UserError
from hybrid_etl.sinks import OutputFile, Sink, StoredFile
from hybrid_etl.specification import Format
from hybrid_etl.writers import Writer, open_writer
from hybrid_etl.writers.statistics import Statistics

MOST_OPEN = 8
"""Open partitions at once; the one longest without rows is finished to make room."""
ABORT_SECONDS = 8.0
"""A run ends within 10 s of SIGTERM; what S3 has not taken back by then, the lifecycle rule does."""
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """A data file as the manifest names it."""

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
        partition_by: tuple[str, ...],
        target_file_bytes: int,
        metadata: dict[str, str],
    ) -> None:
        self._sink, self._directory, self._format = sink, directory, file_format
        self._partition_by, self._target, self._metadata = partition_by, target_file_bytes, metadata
        self._open: dict[str, _Open] = {}
        self._numbers: dict[str, int] = {}
        self._files: list[DataFile] = []
        self.statistics = Statistics()

    @property
    def bytes(self) -> int:
        """Bytes given to the sink so far."""
        return sum(file.bytes for file in self._files) + sum(file.output.size for file in self._open.values())

    def write(self, batch: pa.RecordBatch) -> None:
        """Write a batch to the file of its partition, and begin a new file when that one is full."""
        for partition, rows in self._split(batch):
            current = self._open.pop(partition, None) or self._begin(partition, rows.schema)
            self._open[partition] = current
            current.writer.write(rows)
            current.rows += rows.num_rows
            if current.output.size >= self._target or current.writer.full:
                self._finish(partition)

    def finish(self) -> list[DataFile]:
        """Finish every open file; the files in the order of their keys."""
        for partition in list(self._open):
            self._finish(partition)
        return sorted(self._files, key=lambda file: file.key)

    def abort(self) -> None:
        """Take back every open file, all at once, within ABORT_SECONDS even where the sink does not answer.

        Finished files stay as garbage that no manifest names.
        """
        end = time.monotonic() + ABORT_SECONDS
        aborts = [threading.Thread(target=file.output.abort, daemon=True) for file in self._open.values()]
        for abort in aborts:
            abort.start()
        for abort in aborts:
            abort.join(max(0.0, end - time.monotonic()))
        self._open.clear()

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
        stored: StoredFile = current.output.finish()
        del self._open[partition]
        self._files.append(
            DataFile(key=stored.key, bytes=stored.bytes, rows=current.rows, sha256=stored.sha256)
        )

    def _split(self, batch: pa.RecordBatch) -> list[tuple[str, pa.RecordBatch]]:
        if not self._partition_by:
            return [("", batch)]
        for name in self._partition_by:
            if name not in batch.schema.names:
                raise UserError(
                    f"partition_by names {name}, which the query does not return; correct either."
                )
        keys = [batch.column(name).cast(pa.string()) for name in self._partition_by]
        rest = batch.select([name for name in batch.schema.names if name not in self._partition_by])
        groups: dict[tuple[str | None, ...], list[int]] = {}
        for row, values in enumerate(zip(*(key.to_pylist() for key in keys), strict=True)):
            groups.setdefault(values, []).append(row)
        return [(self._path(values), rest.take(pa.array(rows))) for values, rows in groups.items()]

    def _path(self, values: tuple[str | None, ...]) -> str:
        parts = []
        for name, value in zip(self._partition_by, values, strict=True):
            text = NULL_PARTITION if value is None or value == "" else quote(value, safe=" ")
            parts.append(f"{quote(name, safe='')}={text}")
        return "/".join(parts)
