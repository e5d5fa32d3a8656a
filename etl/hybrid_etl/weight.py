"""What a batch takes while it is written, told from its Arrow data before anything is made of it.

A list may take many times its own bytes: Arrow holds two bytes of a smallint and one bit of a boolean, where
Parquet writes four bytes and two levels of each element, and a text format a Python object. Batches are cut
by these weights, down to one row; a row beyond is written piece by piece (`hybrid_etl.writers.long_rows`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import pyarrow as pa

_LEVELS = 3
"""Bytes that an element's two levels take, in a weight of which `room.TIMES_TO_WRITE` are taken at once."""
_OBJECT = 64
"""Bytes of an element as a Python object and as text, with what is between."""
_INTEGER_DIGITS = 18
"""Decimals up to here are stored as an INT32 or INT64."""
Weight = Callable[[pa.RecordBatch], int]


def weight(batch: pa.RecordBatch) -> int:
    """Bytes that Parquet makes of a batch before it compresses them: measured, peaks are four times this."""
    return sum(map(_weight_of, batch.columns))


def weigher(schema: pa.Schema) -> Weight:
    """`weight` for batches of one schema: without lists it is what Arrow counts, which is faster."""
    return weight if any(map(pa.types.is_list, schema.types)) else lambda batch: int(batch.nbytes)


def _weight_of(array: pa.Array) -> int:
    if not pa.types.is_list(array.type):
        return int(array.nbytes)
    values = elements(array)
    return _stored(values) + _LEVELS * (len(values) + len(array))


def text_weight(batch: pa.RecordBatch) -> int:
    """Bytes that the rows of a batch take as text, lists by way of Python's objects."""
    return sum(map(text_weight_of, batch.columns))


def text_weight_of(array: pa.Array) -> int:
    """The same of one column."""
    if not pa.types.is_list(array.type):
        return int(array.nbytes)
    values = elements(array)
    return int(values.nbytes) + _OBJECT * len(values)


def may_weigh(batch: pa.RecordBatch, most: int) -> bool:
    """Whether a batch may have more than `most` of either weight, told in a moment where it has no lists.

    `nbytes` is exact and takes milliseconds where columns are many; the sum of whole buffers, which is never
    less, takes a twentieth of that.
    """
    return bool(batch.get_total_buffer_size() > most) or any(map(pa.types.is_list, batch.schema.types))


def cut(batch: pa.RecordBatch, *, most: int, weigh: Weight = weight) -> Iterator[tuple[pa.RecordBatch, bool]]:
    """A batch in slices of at most so much weight, in its order; of each, whether it is one row beyond it."""
    if not may_weigh(batch, most) or weigh(batch) <= most:
        yield batch, False
    elif batch.num_rows == 1:
        yield batch, True
    else:
        half = batch.num_rows // 2
        yield from cut(batch.slice(0, half), most=most, weigh=weigh)
        yield from cut(batch.slice(half), most=most, weigh=weigh)


def elements(lists: pa.Array) -> pa.Array:
    """All elements of the lists of an array, without a copy (Arrow columnar format, "Variable-size List")."""
    first, last = (
        struct.unpack_from("=i", lists.buffers()[1], (lists.offset + at) * 4)[0] for at in (0, len(lists))
    )
    return lists.values.slice(first, last - first)


def _stored(values: pa.Array) -> int:
    """Bytes of values in Parquet's plain encoding."""
    kind = values.type
    if pa.types.is_decimal(kind):
        width = 8 if kind.precision <= _INTEGER_DIGITS else kind.byte_width
        return width * len(values)
    if pa.types.is_integer(kind):
        return int(max(kind.bit_width // 8, 4)) * len(values)
    return int(values.nbytes)
