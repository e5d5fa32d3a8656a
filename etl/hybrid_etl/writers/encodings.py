"""Which Parquet encoding suits a column, from a sample of its first rows."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

SAMPLE_ROWS = 8192
DICTIONARY_SHARE = 0.2
"""A dictionary pays where at most this share of values is distinct (measured on a table like lineitem)."""


def choose_encodings(table: pa.Table) -> tuple[list[str], dict[str, str]]:
    """Columns to write with a dictionary, and encodings of other columns where one beats plain.

    DELTA_BINARY_PACKED is for what Parquet stores as integers: integers, dates, times, decimals to 18 digits.
    """
    dictionaries: list[str] = []
    encodings: dict[str, str] = {}
    sample = table.slice(0, SAMPLE_ROWS)
    for field in table.schema:
        if pa.types.is_nested(field.type) or pa.types.is_boolean(field.type):
            continue
        values = sample.column(field.name)
        present = len(values) - values.null_count
        if present == 0 or pc.count_distinct(values).as_py() <= present * DICTIONARY_SHARE:
            dictionaries.append(field.name)
        elif _stored_as_integer(field.type):
            encodings[field.name] = "DELTA_BINARY_PACKED"
        elif pa.types.is_string(field.type) or pa.types.is_binary(field.type):
            encodings[field.name] = "DELTA_LENGTH_BYTE_ARRAY"
    return dictionaries, encodings


def _stored_as_integer(kind: pa.DataType) -> bool:
    if pa.types.is_decimal128(kind):
        return bool(kind.precision <= 18)
    return bool(pa.types.is_integer(kind) or pa.types.is_temporal(kind))
