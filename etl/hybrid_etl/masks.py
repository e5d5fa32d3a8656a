"""Columns that may not leave as they are: masked in the batch, before anything is compressed or sent."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from hybrid_etl.columns import Column, Kind
from hybrid_etl.errors import UserError
from hybrid_etl.weight import elements

KINDS = ("hash", "drop", "truncate", "redact")
REDACTED = "***"
Change = Callable[[pa.Array], pa.Array]
_ELEMENTS = 4096


class Masks:
    """The masks of a specification over the columns of a result.

    `hash` is HMAC-SHA-256 of the value's text under the site key, in hexadecimal: equal values stay equal and
    joinable within a site, as long as their type has the same text for them, and without the key nobody can
    try values. `truncate` keeps the first `length`
    characters. `redact` puts `***`. A null stays null. `drop` leaves the column out.
    """

    def __init__(
        self, masks: Mapping[str, Mapping[str, Any]], columns: list[Column], *, site_key: str | None
    ) -> None:
        by_name = {column.name: column for column in columns}
        unknown = sorted(set(masks) - set(by_name))
        if unknown:
            raise UserError(
                f"masks names {', '.join(unknown)}, which the query does not return; correct either."
            )
        self.applied = {name: _kind(name, mask) for name, mask in masks.items()}
        if "hash" in self.applied.values() and not site_key:
            raise UserError(
                "A mask of kind hash needs the secret's mask_key; add it (32 random characters or more)."
            )
        self._changes = {
            name: _change(mask, by_name[name], key=(site_key or "").encode()) for name, mask in masks.items()
        }
        self.columns = [_masked(column, self.applied.get(column.name)) for column in columns]
        self.columns = [column for column in self.columns if self.applied.get(column.name) != "drop"]
        if not self.columns:
            raise UserError("masks drops every column of the query; leave one, or remove the pipeline.")

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with its masked columns replaced and its dropped columns gone."""
        if not self._changes:
            return batch
        arrays, names = [], []
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            if self.applied.get(name) == "drop":
                continue
            change = self._changes.get(name)
            arrays.append(change(array) if change else array)
            names.append(name)
        return pa.RecordBatch.from_arrays(arrays, names=names)


def _kind(name: str, mask: Mapping[str, Any]) -> str:
    kind = mask.get("kind")
    if kind not in KINDS:
        raise UserError(f"The mask of {name} has the kind {kind!r}; it must be one of {', '.join(KINDS)}.")
    return str(kind)


def _masked(column: Column, kind: str | None) -> Column:
    if kind is None or kind == "drop":
        return column
    return Column(
        name=column.name, kind=Kind.STRING, database_type=column.database_type, masked_type=column.type
    )


def _change(mask: Mapping[str, Any], column: Column, *, key: bytes) -> Change:
    kind = mask["kind"]
    if kind == "hash":
        return lambda array: _hashed(array, key)
    if kind == "truncate":
        length = mask.get("length")
        if not isinstance(length, int) or isinstance(length, bool) or length < 0:
            raise UserError(
                f"The mask of {column.name} needs a length of at least 0; it keeps so many characters."
            )
        if not pa.types.is_string(column.type):
            raise UserError(
                f"The mask of {column.name} truncates text, but the column is {column.type}; use redact."
            )
        return lambda array: _compute().utf8_slice_codeunits(array, 0, length)
    return lambda array: _compute().if_else(array.is_valid(), REDACTED, pa.scalar(None, pa.string()))


def _hashed(array: pa.Array, key: bytes) -> pa.Array:
    """The HMAC of each value's text; bytes are their own."""
    if pa.types.is_nested(array.type):
        return pa.array([_of_list(array.slice(row, 1), key) for row in range(len(array))], pa.string())
    content = array if pa.types.is_binary(array.type) else array.cast(pa.string()).cast(pa.binary())
    values = content.to_pylist()
    digests = [None if value is None else hmac.digest(key, value, hashlib.sha256).hex() for value in values]
    return pa.array(digests, pa.string())


def _of_list(value: pa.Array, key: bytes) -> str | None:
    """The HMAC of how Python writes a list, made of some of its elements at a time: it may be long."""
    if value.null_count:
        return None
    digest = hmac.new(key, b"[", hashlib.sha256)
    values = elements(value)
    for start in range(0, len(values), _ELEMENTS):
        digest.update(b", " if start else b"")
        digest.update(repr(_python(values.slice(start, _ELEMENTS)))[1:-1].encode())
    digest.update(b"]")
    return digest.hexdigest()


def _python(values: pa.Array) -> list[Any]:
    try:
        return list(values.to_pylist())
    except (OverflowError, ValueError):
        raise UserError(
            "A mask of kind hash is on a list with a date or time before the year 1 or after 9999, which it "
            "cannot take; use redact, or cast the column to text in the query."
        ) from None


def _compute() -> Any:
    """pyarrow.compute, imported where a mask asks for it: it takes 17 MiB and 70 ms."""
    import pyarrow.compute

    return pyarrow.compute
