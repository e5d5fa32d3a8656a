"""Rows of plain Python values, gathered into Arrow batches: what both fallback decoders build with."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from hybrid_etl.columns import Column, schema_of
from hybrid_etl.refusals import Refusals, Unrepresentable


class RowBatch:
    """Values by column until `take` makes them a batch; `bytes` counts what came over the wire."""

    def __init__(
        self, columns: list[Column], decoders: list[Callable[[bytes], object]], refusals: Refusals
    ) -> None:
        self._columns = columns
        self._decoders = decoders
        self._refusals = refusals
        self._schema = schema_of(columns)
        self._values: list[list[object]] = [[] for _ in columns]
        self._longest = [0] * len(columns)
        self._rows_before = 0
        self.bytes = 0

    def append(self, fields: list[bytes | None]) -> None:
        """Decode one row; what its type cannot hold becomes null or ends the run, as the policy says."""
        for index, data in enumerate(fields):
            if data is None:
                self._values[index].append(None)
                continue
            self.bytes += len(data)
            self._longest[index] = max(self._longest[index], len(data))
            try:
                self._values[index].append(self._decoders[index](data))
            except Unrepresentable as reason:
                row = self._rows_before + len(self._values[index]) + 1
                self._refusals.refuse(self._columns[index], reason=str(reason), row=row)
                self._values[index].append(None)
        self.bytes += 4 * len(fields)

    def take(self) -> pa.RecordBatch:
        """The rows so far as one batch; the next row begins a new one."""
        arrays = [
            pa.array(values, type=column.type)
            for values, column in zip(self._values, self._columns, strict=True)
        ]
        for column, size in zip(self._columns, self._longest, strict=True):
            if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
                self._refusals.measure(column, size)
        batch = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        self._rows_before += batch.num_rows
        self._values = [[] for _ in self._columns]
        self.bytes = 0
        return batch
