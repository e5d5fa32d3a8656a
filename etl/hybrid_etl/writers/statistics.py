"""What a run's receipt says of its columns: how many nulls, and the range of numbers, dates and times.

Texts and bytes have no range there: the receipt is shown where rows may not be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
from pyarrow import _parquet


@dataclass
class ColumnStatistics:
    """One column; `low` and `high` are None while unknown, and for good where `ranged` is false."""

    ranged: bool
    nulls: int = 0
    low: Any = None
    high: Any = None

    def widen(self, low: Any, high: Any) -> None:
        """Take the range of more rows in."""
        if low is None or low != low:  # noqa: PLR0124 - NaN, where there was nothing else
            return
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)

    def give_up(self) -> None:
        """A value lies beyond what Python can hold: the range stays unsaid."""
        self.ranged, self.low, self.high = False, None, None


class Statistics:
    """Statistics of all files of a run, by column."""

    def __init__(self) -> None:
        self._columns: dict[str, ColumnStatistics] = {}

    def count_nulls(self, batch: pa.RecordBatch) -> None:
        """Count the nulls of a batch."""
        for field, array in zip(batch.schema, batch.columns, strict=True):
            self._of(field).nulls += array.null_count

    def take_batch(self, batch: pa.RecordBatch) -> None:
        """Count nulls and take the ranges of a batch, for formats whose files keep none."""
        import pyarrow.compute as pc

        self.count_nulls(batch)
        for field, array in zip(batch.schema, batch.columns, strict=True):
            column = self._of(field)
            if column.ranged:
                found = pc.min_max(array)
                try:
                    column.widen(found["min"].as_py(), found["max"].as_py())
                except (OverflowError, ValueError):
                    column.give_up()

    def take_footer(self, metadata: _parquet.FileMetaData) -> None:
        """Take the ranges of a Parquet file, which its writer has worked out already."""
        for group in range(metadata.num_row_groups):
            for index in range(metadata.num_columns):
                chunk = metadata.row_group(group).column(index)
                column = self._columns.get(chunk.path_in_schema)
                if column and column.ranged and chunk.statistics and chunk.statistics.has_min_max:
                    try:
                        column.widen(chunk.statistics.min, chunk.statistics.max)
                    except (OverflowError, ValueError):
                        column.give_up()

    def document(self) -> dict[str, dict[str, object]]:
        """`{column: {"nulls", "min", "max"}}`, the range as text (a JSON number would lose digits)."""
        return {
            name: {"nulls": column.nulls, "min": _text(column.low), "max": _text(column.high)}
            for name, column in self._columns.items()
        }

    def _of(self, field: pa.Field) -> ColumnStatistics:
        if field.name not in self._columns:
            self._columns[field.name] = ColumnStatistics(ranged=_has_range(field.type))
        return self._columns[field.name]


def merge(parts: Sequence[Mapping[str, Any]], *, rows: Sequence[int]) -> dict[str, object]:
    """The statistics of one column of several receipts, as `document` gives them; `rows` are the receipts'.

    Where one part leaves a range unsaid though it had values, the whole has none.
    """
    valued = [part for part, count in zip(parts, rows, strict=True) if part["nulls"] < count]
    known = bool(valued) and all(part["min"] is not None for part in valued)
    return {
        "nulls": sum(part["nulls"] for part in parts),
        "min": min((part["min"] for part in valued), key=_order) if known else None,
        "max": max((part["max"] for part in valued), key=_order) if known else None,
    }


def _order(text: str) -> tuple[Decimal, str]:
    """Numbers by their value; dates and times, in one format, by their text."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return Decimal(0), text
    return (number, "") if not number.is_nan() else (Decimal("Infinity"), "")


def _has_range(kind: pa.DataType) -> bool:
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return bool(is_number or pa.types.is_temporal(kind))


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)
