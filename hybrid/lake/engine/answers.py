"""Rows of an answer as texts or as values of JSON: exact, and written as the lake's own text files are."""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
import re
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from hybrid.lake.engine.values import civil_of

_TOO_FAR = "<value out of range"
_DAY = 86_400_000_000

#: DuckDB's types that Arrow gives as they are; of the others DuckDB itself writes the text.
EXACT = {
    "BOOLEAN",
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "FLOAT",
    "DOUBLE",
    "DATE",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMP WITH TIME ZONE",
    "VARCHAR",
    "BLOB",
}


def is_exact(kind: str) -> bool:
    """Whether Arrow holds every value of a type of DuckDB."""
    one = kind.removesuffix("[]")
    return one in EXACT or re.fullmatch(r"DECIMAL\(\d+,\d+\)", one) is not None


def as_rows(batch: pa.RecordBatch, *, whole: list[bool], json_values: bool) -> list[list[Any]]:
    """The rows of a batch.

    Args:
        whole: of each column, whether it is a whole number that came as text.
        json_values: values of JSON; else texts, and None for NULL.
    """
    columns = [
        _json_values(array, is_whole=is_whole) if json_values else _texts(array)
        for array, is_whole in zip(batch.columns, whole, strict=True)
    ]
    return [list(row) for row in zip(*columns, strict=True)]


def is_text(kind: pa.DataType) -> bool:
    """Whether CSV quotes it, as a run's CSV quotes every text."""
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_nested(kind)
    )


def _json_values(array: pa.Array, *, is_whole: bool) -> list[Any]:
    kind = array.type
    if pa.types.is_floating(kind):
        return [str(v) if v is not None and not math.isfinite(v) else v for v in array.to_pylist()]
    if is_whole:
        return [None if value is None else int(value) for value in array.to_pylist()]
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind):
        return list(array.to_pylist())
    if pa.types.is_nested(kind):
        return [None if value is None else json.loads(_nested(value)) for value in array.to_pylist()]
    return _texts(array)


def _texts(array: pa.Array) -> list[str | None]:
    kind = array.type
    if pa.types.is_null(kind):
        return [None] * len(array)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return [None if v is None else base64.b64encode(v).decode() for v in array.to_pylist()]
    if pa.types.is_decimal(kind):
        return [None if value is None else f"{value:f}" for value in array.to_pylist()]
    if pa.types.is_nested(kind):
        return [None if value is None else _nested(value) for value in array.to_pylist()]
    texts: list[str | None] = pc.cast(array, pa.string()).to_pylist()
    if not pa.types.is_temporal(kind):
        return texts
    numbers = array.view(pa.int32() if pa.types.is_date32(kind) else pa.int64()).to_pylist()
    return [
        _far(number, kind) if text and text.startswith(_TOO_FAR) else text
        for number, text in zip(numbers, texts, strict=True)
    ]


def _far(number: int, kind: pa.DataType) -> str:
    """A date beyond the years that Arrow writes."""
    days, rest = (number, 0) if pa.types.is_date32(kind) else divmod(number, _DAY)
    year, month, day = civil_of(days)
    text = f"{'-' if year < 0 else ''}{abs(year):04d}-{month:02d}-{day:02d}"
    if pa.types.is_date32(kind):
        return text
    moment = (dt.datetime.min + dt.timedelta(microseconds=rest)).time().isoformat("microseconds")
    return f"{text} {moment}{'Z' if kind.tz else ''}"


def _nested(value: Any) -> str:
    def other(one: Any) -> str:
        if isinstance(one, bytes):
            return base64.b64encode(one).decode()
        return f"{one:f}" if isinstance(one, Decimal) else str(one)

    return json.dumps(value, default=other, ensure_ascii=False)
