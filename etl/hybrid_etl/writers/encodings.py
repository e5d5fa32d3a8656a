"""Which Parquet encoding suits a column, from a sample of its first rows."""

from __future__ import annotations

import itertools
import struct

import pyarrow as pa

SAMPLE_VALUES = 512 * 1024
"""Values of all columns that are looked at; of each column at least LEAST_ROWS and at most MOST_ROWS."""
LEAST_ROWS, MOST_ROWS = 512, 8192
DICTIONARY_SHARE = 0.2
"""A dictionary pays where at most this share of the sample's second half is new (measured on lineitem)."""
LOOKED_AT = 4096
"""Bytes of a long value that, with its length, tell it from another."""
_CODES = {1: "b", 2: "h", 4: "i", 8: "q"}


def choose_encodings(table: pa.Table) -> tuple[list[str], dict[str, str]]:
    """Columns to write with a dictionary, and encodings of other columns where one beats plain.

    DELTA_BINARY_PACKED is for what Parquet stores as integers: integers, dates, times, decimals to 18 digits.
    """
    dictionaries: list[str] = []
    encodings: dict[str, str] = {}
    rows = min(max(SAMPLE_VALUES // max(table.num_columns, 1), LEAST_ROWS), MOST_ROWS)
    sample = table.slice(0, rows)
    for field in table.schema:
        if pa.types.is_nested(field.type) or pa.types.is_boolean(field.type):
            continue
        if new_share(sample.column(field.name)) <= DICTIONARY_SHARE:
            dictionaries.append(field.name)
        elif _stored_as_integer(field.type):
            encodings[field.name] = "DELTA_BINARY_PACKED"
        elif pa.types.is_string(field.type) or pa.types.is_binary(field.type):
            encodings[field.name] = "DELTA_LENGTH_BYTE_ARRAY"
    return dictionaries, encodings


def new_share(values: pa.ChunkedArray) -> float:
    """Which share of the second half of these values is not in the first; nulls may count as a value.

    The second half tells what the rest of a file will be like: of 2,500 days, most have been seen by then.
    Read off the buffers (Arrow columnar format, "Physical Memory Layout"): importing pyarrow.compute for
    this one share would cost 17 MiB and 70 ms in every run.
    """
    half = len(values) // 2
    rest = values.slice(half)
    present = len(rest) - int(rest.null_count)
    return len(_distinct(rest) - _distinct(values.slice(0, half))) / max(present, 1)


def _distinct(values: pa.ChunkedArray) -> set[object]:
    found: set[object] = set()
    for chunk in values.chunks:
        if len(chunk):
            found |= _values(chunk)
    return found


def _values(array: pa.Array) -> set[object]:
    *_, offsets, data = array.buffers()
    start, count = array.offset, len(array)
    if pa.types.is_string(array.type) or pa.types.is_binary(array.type):
        ends = struct.unpack_from(f"={count + 1}i", offsets, start * 4)
        content = memoryview(data or b"")
        return {
            hash((bytes(content[begin : min(end, begin + LOOKED_AT)]), end - begin))
            for begin, end in itertools.pairwise(ends)
        }
    width = array.type.bit_width // 8
    content = memoryview(data)[start * width : (start + count) * width]
    if width in _CODES:
        return set(struct.unpack(f"={count}{_CODES[width]}", content))
    return {bytes(content[at : at + width]) for at in range(0, len(content), width)}


def _stored_as_integer(kind: pa.DataType) -> bool:
    if pa.types.is_decimal128(kind):
        return bool(kind.precision <= 18)
    return bool(pa.types.is_integer(kind) or pa.types.is_temporal(kind))
