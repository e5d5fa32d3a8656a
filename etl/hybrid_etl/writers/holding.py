"""Rows that wait for the file of their path, so that unsorted rows make few files in bounded memory.

Rows come as they are in the table. Given to the files batch by batch, 60 values would open and close a file
of each for every batch. So they wait until HELD_BYTES of them are there; then what belongs to an open file
goes first, and then the largest groups, until half of the bytes are free: with values that are equally
frequent a file gets about `2 * HELD_BYTES / values` at once, whatever the order of the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import pyarrow as pa

from hybrid_etl.weight import cut, weight
from hybrid_etl.writers.partition_paths import PartitionPaths

HELD_BYTES, LONG_ROW_BYTES = 24 * 1024 * 1024, 4 * 1024 * 1024
"""By weight. While they are sorted out they are there twice: 56 MiB at most. A row beyond LONG_ROW_BYTES
never waits."""


class Holding:
    """Rows of all paths, in the order in which they came."""

    def __init__(self, paths: PartitionPaths) -> None:
        self._paths = paths
        self._held: list[pa.RecordBatch] = []
        self._bytes = 0

    def take(
        self, batch: pa.RecordBatch, *, is_open: Callable[[], Collection[str]]
    ) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Keep a batch; gives paths and rows that should go into files now. `is_open` names open files."""
        for rows, is_long in cut(batch, most=LONG_ROW_BYTES):
            if is_long:
                (path,) = self._paths.groups(rows)
                yield path, self._paths.without(rows)
            else:
                self._keep(rows, alone=rows is batch)
            if self._bytes >= HELD_BYTES:
                yield from self._release(is_open(), keep=self._bytes // 2)

    def rest(self) -> Iterator[tuple[str, pa.RecordBatch]]:
        """All that is still held."""
        if self._held:
            yield from self._release((), keep=0)

    def _keep(self, rows: pa.RecordBatch, *, alone: bool) -> None:
        # A slice keeps all that it was cut from, the long row beside it too: a copy does not.
        self._held.append(rows if alone else pa.concat_batches([rows, rows.slice(0, 0)]))
        self._bytes += weight(rows)

    def _release(self, opened: Collection[str], *, keep: int) -> Iterator[tuple[str, pa.RecordBatch]]:
        together = pa.concat_batches(self._held)
        self._held.clear()
        width = self._bytes / max(together.num_rows, 1)
        self._bytes = 0
        groups = self._paths.groups(together)
        last = next((path for path, rows in groups.items() if rows[-1] == together.num_rows - 1), "")
        # In sorted rows the last path goes on in the next batch: it waits for the rest of its rows.
        order = sorted(
            groups, key=lambda path: (path not in opened, path == last and keep > 0, -len(groups[path]))
        )
        waiting = float(together.num_rows) * width
        kept: list[int] = []
        contents = self._paths.without(together)
        for path in order:
            rows = groups[path]
            if waiting > keep or path in opened:
                waiting -= len(rows) * width
                yield path, contents.take(pa.array(rows, pa.int64()))
            else:
                kept += rows
        if kept:
            remainder = together.take(pa.array(sorted(kept), pa.int64()))
            self._held.append(remainder)
            self._bytes = weight(remainder)
