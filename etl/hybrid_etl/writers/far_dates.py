"""Dates that a text format would get wrong: Arrow writes years to 32767, and lists go through Python's.

Parquet holds them all. In CSV and JSON lines such a value follows the policy `unrepresentable`.
"""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pyarrow.compute as pc

from hybrid_etl.columns import Column
from hybrid_etl.refusals import Refusals

_FIRST_DAY, _LAST_DAY = -12_687_428, 11_248_737
"""-32767-01-01 and 32767-12-31, in days from 1970."""
_EPOCH = dt.date(1970, 1, 1)
_PYTHON_FIRST, _PYTHON_LAST = (dt.date.min - _EPOCH).days, (dt.date.max - _EPOCH).days
_DAY = 86_400_000_000


class FarDates:
    """Refuses what the columns of a run hold beyond these years."""

    def __init__(self, columns: list[Column], refusals: Refusals) -> None:
        self._refusals = refusals
        self._columns = {column.name: column for column in columns if _element(column.type) is not None}
        self._rows = 0

    def refuse(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with such values null and counted; raises UserError when the policy is `fail`."""
        for index, name in enumerate(batch.schema.names):
            column = self._columns.get(name)
            far = _far(batch.column(index)) if column else None
            if column and far is not None:
                for row, is_far in enumerate(far.to_pylist(), start=self._rows + 1):
                    if is_far:
                        self._refusals.refuse(column, reason="so far a date, in a text file,", row=row)
                kept = pc.if_else(far, pa.scalar(None, column.type), batch.column(index))
                batch = batch.set_column(index, batch.schema.field(index), kept)
        self._rows += batch.num_rows
        return batch


def _element(kind: pa.DataType) -> pa.DataType | None:
    element = kind.value_type if pa.types.is_list(kind) else kind
    return element if pa.types.is_date32(element) or pa.types.is_timestamp(element) else None


def _far(array: pa.Array) -> pa.Array | None:
    """Which rows lie beyond, null for none at all."""
    if not pa.types.is_list(array.type):
        far = _beyond(array, first=_FIRST_DAY, last=_LAST_DAY)
        return far if pc.any(far).as_py() else None
    far = _beyond(pc.list_flatten(array), first=_PYTHON_FIRST, last=_PYTHON_LAST)
    if not pc.any(far).as_py():
        return None
    rows = set(pc.list_parent_indices(array).filter(far).to_pylist())
    return pa.array([row in rows for row in range(len(array))])


def _beyond(array: pa.Array, *, first: int, last: int) -> pa.Array:
    if pa.types.is_date32(array.type):
        number, low, high = array.view(pa.int32()), first, last
    else:
        number, low, high = array.view(pa.int64()), first * _DAY, (last + 1) * _DAY - 1
    found = pc.or_(pc.less(number, low), pc.greater(number, high))
    return pc.fill_null(found, False)
