"""Measuring while rows pass: only what is asked for, a few Arrow operations a batch, in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

import pyarrow as pa

from hybrid_etl.columns import Column
from hybrid_etl.errors import UserError
from hybrid_etl.expectations.bounds import has_range, plain, plain_bound, scalar
from hybrid_etl.expectations.parameters import Expectations
from hybrid_etl.expectations.uniqueness import Uniqueness
from hybrid_etl.incremental import time_zone

Number = Decimal | float | None


class Measures:
    """What is asked of the rows, counted. Values before masks, and after `columns`.

    Raises UserError for a column that is not there or has a type for which the question has no answer.
    """

    def __init__(self, asked: Expectations, columns: list[Column]) -> None:
        by_name = {column.name: column.type for column in columns}
        missing = [name for name in asked.columns_among(by_name) if name not in by_name]
        if missing:
            raise UserError(
                f"expect names {', '.join(missing)}, which the query does not return; correct either."
            )
        self.rows = 0
        self._nulls = dict.fromkeys(asked.nulls, 0)
        self._ranges = {name: _Range(name, by_name[name], bounds) for name, bounds in asked.ranges.items()}
        for names in asked.unique:
            _check_keys(names, by_name)
        self._unique = [Uniqueness(names) for names in asked.unique]
        self._newest: Number = None
        self._dated = asked.freshness.found_in(by_name) if asked.freshness else None
        if self._dated and not (
            pa.types.is_timestamp(by_name[self._dated]) or pa.types.is_date(by_name[self._dated])
        ):
            raise UserError(
                f"expect.freshness of {self._dated}: the column is {by_name[self._dated]}, no date or time."
            )
        self._zone = time_zone(asked.freshness.zone) if asked.freshness else None

    def take(self, batch: pa.RecordBatch) -> None:
        """Take a batch in, as it came from the database."""
        self.rows += batch.num_rows
        for name in self._nulls:
            self._nulls[name] += batch.column(name).null_count
        for name, range_ in self._ranges.items():
            range_.take(batch.column(name))
        for unique in self._unique:
            unique.take(batch)
        if self._dated:
            self._take_dates(batch.column(self._dated))

    def document(self) -> dict[str, Any]:
        """Counts that add up over the parts of a run: what `judge` and a part's receipt have."""
        return {
            "nulls": dict(self._nulls),
            "outside": {name: range_.outside for name, range_ in self._ranges.items()},
            "unique": [unique.document() for unique in self._unique],
            "newest_seconds": self._newest,
        }

    def _take_dates(self, array: pa.Array) -> None:
        import pyarrow.compute as pc

        newest = pc.max(plain(array)).as_py()
        if newest is None:
            return
        # A date is as new as its end: the day is what it says.
        is_date = pa.types.is_date(array.type)
        seconds = (newest + 1) * 86400 if is_date else newest / 1_000_000
        if self._zone and (is_date or array.type.tz is None):
            seconds = _instant(seconds, self._zone)
        self._newest = seconds if self._newest is None else max(float(self._newest), seconds)


def _instant(wall: float, zone: tzinfo) -> float:
    """Seconds since 1970 of a wall time in such seconds; of one that the clock shows twice, the later one.

    Beyond the years of `datetime` no rule of a zone is known, and its offset, of hours, tells nothing.
    """
    try:
        offset = (datetime(1970, 1, 1) + timedelta(seconds=wall)).replace(tzinfo=zone, fold=1).utcoffset()
    except OverflowError:
        return wall
    return wall - (offset or timedelta()).total_seconds()


class _Range:
    """Counts the values outside of a range; a NaN is in none."""

    def __init__(self, name: str, kind: pa.DataType, bounds: tuple[Any, Any]) -> None:
        if not has_range(kind):
            raise UserError(
                f"expect.range of {name}: the column is {kind}; a range is for numbers, dates and times."
            )
        self._low = plain_bound(bounds[0], kind, upper=False, column=name)
        self._high = plain_bound(bounds[1], kind, upper=True, column=name)
        self._floating = pa.types.is_floating(kind)
        self.outside = 0

    def take(self, array: pa.Array) -> None:
        import pyarrow.compute as pc

        values = plain(array)
        if self._floating:
            self.outside += pc.sum(pc.is_nan(values)).as_py() or 0
        found = pc.min_max(values)
        low, high = found["min"].as_py(), found["max"].as_py()
        if low is None:
            return
        if self._low is not None and low < self._low:
            self.outside += _count(pc.less, values, self._low)
        if self._high is not None and high > self._high:
            self.outside += _count(pc.greater, values, self._high)


def _count(compare: Any, values: pa.Array, bound: Decimal | float) -> int:
    import pyarrow.compute as pc

    limit = scalar(bound, values.type)
    if limit is None:
        # The bound lies beyond all that the type holds, and some value is on its wrong side: so all are.
        return int(len(values) - values.null_count)
    count: int = pc.sum(compare(values, limit)).as_py() or 0
    return count


def _check_keys(names: tuple[str, ...], types: Mapping[str, pa.DataType]) -> None:
    for name in names:
        if pa.types.is_nested(types[name]):
            raise UserError(
                f"expect.unique of {name}: the column is {types[name]}; only plain types are keys."
            )


def merge(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The measures of all parts of a run, as `document` gives them."""
    first = parts[0]
    newest = [part["newest_seconds"] for part in parts if part["newest_seconds"] is not None]
    return {
        "nulls": {name: sum(part["nulls"][name] for part in parts) for name in first["nulls"]},
        "outside": {name: sum(part["outside"][name] for part in parts) for name in first["outside"]},
        "unique": [
            {
                "columns": one["columns"],
                "duplicates": sum(part["unique"][index]["duplicates"] for part in parts),
                "sample": max(part["unique"][index]["sample"] for part in parts),
            }
            for index, one in enumerate(first["unique"])
        ],
        "newest_seconds": max(newest) if newest else None,
    }
