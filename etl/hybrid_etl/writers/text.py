"""Columns as text formats carry them: what has no plain text of its own becomes exact text first."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def as_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch whose binary columns are base64 (RFC 4648) and whose lists are JSON, each a string column."""
    return _replace(batch, _nested)


def as_json_values(batch: pa.RecordBatch) -> pa.RecordBatch:
    """`as_text`, and decimals, dates and times as strings too: a JSON number would lose digits."""
    return _replace(batch, lambda array: _nested(_exact(array)))


def _replace(batch: pa.RecordBatch, convert: Callable[[pa.Array], pa.Array]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([convert(array) for array in batch.columns], names=batch.schema.names)


def _exact(array: pa.Array) -> pa.Array:
    if pa.types.is_temporal(array.type) or pa.types.is_decimal(array.type):
        return pc.cast(array, pa.string())
    return array


def _nested(array: pa.Array) -> pa.Array:
    if pa.types.is_binary(array.type):
        return _each(array, lambda value: base64.b64encode(value).decode())
    if pa.types.is_list(array.type):
        return _each(array, lambda value: json.dumps(value, default=_scalar, ensure_ascii=False))
    return array


def _each(array: pa.Array, convert: Callable[[Any], str]) -> pa.Array:
    return pa.array([None if value is None else convert(value) for value in array.to_pylist()], pa.string())


def _scalar(value: object) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
