"""Columns as text formats carry them: what has no plain text of its own becomes exact text first."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def as_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch whose binary columns are base64 (RFC 4648) and whose lists are JSON, each a string column.

    So are decimals that Arrow might write with an exponent.
    """
    return _replace(batch, lambda array: _nested(_plain(array) if _may_have_exponent(array.type) else array))


def as_json_values(batch: pa.RecordBatch) -> pa.RecordBatch:
    """`as_text`, and decimals, dates and times as strings too: a JSON number would lose digits."""
    return _replace(batch, lambda array: _nested(_exact(array)))


def json_lines(batch: pa.RecordBatch) -> Iterator[str]:
    """A line for each row of a batch."""
    lists = [field.name for field in batch.schema if pa.types.is_list(field.type)]
    for row in as_json_values(batch).to_pylist():
        for name in lists:
            if row[name] is not None:
                row[name] = json.loads(row[name])
        yield json.dumps(_without_infinity(row), ensure_ascii=False, default=str) + "\n"


def _without_infinity(row: dict[str, object]) -> dict[str, object]:
    """JSON has no NaN and no infinity: they are texts."""
    return {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }


def _replace(batch: pa.RecordBatch, convert: Callable[[pa.Array], pa.Array]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([convert(array) for array in batch.columns], names=batch.schema.names)


def _exact(array: pa.Array) -> pa.Array:
    if pa.types.is_decimal(array.type):
        return _plain(array)
    return pc.cast(array, pa.string()) if pa.types.is_temporal(array.type) else array


def _may_have_exponent(kind: pa.DataType) -> bool:
    """Arrow writes an exponent from the seventh place after the point (as java.math.BigDecimal.toString)."""
    return bool(pa.types.is_decimal(kind) and kind.scale > 6)


def _plain(array: pa.Array) -> pa.Array:
    """Decimals as digits and a point."""
    texts = pc.cast(array, pa.string())
    small = pc.fill_null(pc.match_substring(texts, "E"), False)
    if not pc.any(small).as_py():
        return texts
    plain = [f"{Decimal(text):f}" for text in texts.filter(small).to_pylist()]
    return pc.replace_with_mask(texts, small, pa.array(plain, pa.string()))


def _nested(array: pa.Array) -> pa.Array:
    if pa.types.is_binary(array.type):
        return _each(array, lambda value: base64.b64encode(value).decode())
    if pa.types.is_list(array.type):
        if pa.types.is_floating(array.type.value_type):
            return _each(array, lambda value: json.dumps([_finite(element) for element in value]))
        return _each(array, lambda value: json.dumps(value, default=_scalar, ensure_ascii=False))
    return array


def _finite(value: float | None) -> float | str | None:
    """JSON has no NaN and no infinity: they are texts, as outside of lists."""
    return value if value is None or math.isfinite(value) else str(value)


def _each(array: pa.Array, convert: Callable[[Any], str]) -> pa.Array:
    return pa.array([None if value is None else convert(value) for value in array.to_pylist()], pa.string())


def _scalar(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
