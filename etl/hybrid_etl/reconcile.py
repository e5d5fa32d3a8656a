"""Reconcile: what landed beside the source as it is now, by ranges of a key, without showing a value.

Both sides come as Arrow batches of the same types, after masks. A row's hash is added up, so that no order
matters, and a doubled row counts twice (with XOR, two would vanish). It takes Python's time for each row,
some microseconds: it is for looking, and no part of a run.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Context
from hashlib import blake2b
from typing import Any
from zlib import crc32

import pyarrow as pa

from hybrid_etl.columns import Column, schema_of
from hybrid_etl.errors import Failure, UserError
from hybrid_etl.events import emit
from hybrid_etl.interval import Interval, directory_of
from hybrid_etl.lake import RECEIPT
from hybrid_etl.landed import landed_batches
from hybrid_etl.masks import Masks
from hybrid_etl.readers import Reader, open_reader
from hybrid_etl.receipt import has_columns_and_files
from hybrid_etl.settings import Settings
from hybrid_etl.specification import Specification

MOST_RANGES = 4096
_MODULUS = 2**128
_DIGITS = Context(prec=100)


@dataclass
class ColumnSum:
    """One column within a range. `total` is exact, of whole numbers and decimals only."""

    nulls: int = 0
    total: Any = 0
    least: Any = None
    greatest: Any = None
    checksum: int = 0

    def differs(self, other: ColumnSum) -> list[str]:
        """Names of what is different."""
        return [name for name in self.__dataclass_fields__ if getattr(self, name) != getattr(other, name)]


@dataclass
class RangeSum:
    """The rows of one range: how many, their hashes added up, and their columns."""

    columns: list[ColumnSum]
    rows: int = 0
    checksum: int = 0


@dataclass(frozen=True, kw_only=True)
class Cuts:
    """Where the ranges of a key begin, from the second on; the first also has the rows without a key."""

    index: int | None = None
    at: list[int] = field(default_factory=list)

    def bounds(self, number: int) -> dict[str, int | None]:
        """First key of a range, and the first key beyond it; None is without a bound."""
        return {
            "from": self.at[number - 1] if number else None,
            "to": self.at[number] if number < len(self.at) else None,
        }


def reconcile(
    settings: Settings, *, sha256: str, interval: Interval | None, key: str | None, ranges: int
) -> None:
    """Compare; prints a line for each range that differs.

    Raises Failure where something differs, UserError for what cannot be compared.
    """
    if not 1 <= ranges <= MOST_RANGES:
        raise UserError(f"--ranges must be from 1 to {MOST_RANGES}.")
    specification = settings.read_specification(sha256)
    _check_format(specification)
    receipt = _receipt(settings, specification, interval)
    secret = settings.read_secret(specification.engine)
    reader = open_reader(specification, secret, interval)
    try:
        masks = Masks(specification.masks, reader.columns, site_key=secret.mask_key)
        _check_columns(receipt, masks.columns)
        cuts = _cuts(receipt, masks, key or _default_key(specification, masks), ranges)
        source = _added_up(_masked(reader, masks), masks.columns, cuts)
    finally:
        reader.close()
    files = [str(file["key"]) for file in receipt["files"]]
    lake = _added_up(landed_batches(settings, files, schema_of(masks.columns)), masks.columns, cuts)
    _tell(lake, source, masks.columns, cuts)


def _check_format(specification: Specification) -> None:
    if specification.format.type != "parquet":
        raise UserError(
            f"reconcile reads Parquet, and pipeline {specification.pipeline} lands "
            f"{specification.format.type}, whose texts have no types; compare the receipt's counts, or land "
            "it as Parquet."
        )
    if specification.partition_by:
        raise UserError(
            f"Pipeline {specification.pipeline} has partition_by: these columns are in the keys and not in "
            "the files, so reconcile cannot compare them."
        )


def _receipt(settings: Settings, specification: Specification, interval: Interval | None) -> dict[str, Any]:
    key = f"{specification.prefix}/{directory_of(interval)}/{RECEIPT}"
    try:
        found: Any = json.loads(settings.read_lake(key))
    except (ValueError, RecursionError):
        raise UserError(f"{key} is not JSON; run the interval again.") from None
    if not has_columns_and_files(found) or not isinstance(found.get("statistics", {}), dict):
        raise UserError(
            f"{key} does not say its columns and files as a receipt does; run the interval again."
        )
    if found.get("specification") != specification.sha256:
        emit("warning", "It landed by another specification.", specification=found.get("specification"))
    receipt: dict[str, Any] = found
    return receipt


def _check_columns(receipt: dict[str, Any], columns: list[Column]) -> None:
    landed = {field["name"]: field["type"] for field in receipt["schema"]}
    now = {column.name: str(column.type) for column in columns}
    if landed != now:
        other = sorted(name for name in landed | now if landed.get(name) != now.get(name))
        raise Failure(f"The columns differ: {', '.join(other)}; run the interval again.")


def _default_key(specification: Specification, masks: Masks) -> str | None:
    if specification.partitions:
        return specification.partitions.column
    return next((column.name for column in masks.columns if pa.types.is_integer(column.type)), None)


def _cuts(receipt: dict[str, Any], masks: Masks, key: str | None, ranges: int) -> Cuts:
    names = [column.name for column in masks.columns]
    if key is None:
        return Cuts()
    if key not in names or not pa.types.is_integer(masks.columns[names.index(key)].type):
        raise UserError(f"--key {key} is no column of whole numbers in what landed; name another.")
    found = receipt.get("statistics", {}).get(key, {})
    try:
        low, high = int(found["min"]), int(found["max"])
    except (KeyError, TypeError, ValueError):
        # No value was there, or the range is not said: all rows are one range.
        return Cuts(index=names.index(key))
    count = min(ranges, high - low + 1)
    at = [low + (high - low + 1) * number // count for number in range(1, count)]
    return Cuts(index=names.index(key), at=at)


def _masked(reader: Reader, masks: Masks) -> Iterator[pa.RecordBatch]:
    for batch in reader.batches():
        yield masks.apply(batch)


def _added_up(batches: Iterator[pa.RecordBatch], columns: list[Column], cuts: Cuts) -> list[RangeSum]:
    found = [RangeSum([ColumnSum() for _ in columns]) for _ in range(len(cuts.at) + 1)]
    for batch in batches:
        values = [_values(array) for array in batch.columns]
        numbers = [0] * batch.num_rows
        if cuts.index is not None:
            numbers = [0 if key is None else bisect_right(cuts.at, key) for key in values[cuts.index]]
        for number, row in zip(numbers, zip(*values, strict=True), strict=True):
            here = found[number]
            here.rows += 1
            digest = blake2b(repr(row).encode(), digest_size=16).digest()
            here.checksum = (here.checksum + int.from_bytes(digest)) % _MODULUS
        for index, (column, one) in enumerate(zip(columns, values, strict=True)):
            _add_column(found, index, column, numbers, one)
    return found


def _add_column(
    found: list[RangeSum], index: int, column: Column, numbers: list[int], values: Sequence[Any]
) -> None:
    exact = pa.types.is_integer(column.type) or pa.types.is_decimal(column.type)
    ordered = exact or pa.types.is_temporal(column.type)
    for number, value in zip(numbers, values, strict=True):
        here = found[number].columns[index]
        if value is None:
            here.nulls += 1
            continue
        here.checksum = (here.checksum + crc32(repr(value).encode())) % _MODULUS
        if exact:
            # Digits without their point: a sum of decimals would round at 28 digits.
            here.total += value if isinstance(value, int) else int(value.scaleb(column.scale, _DIGITS))
        if ordered:
            here.least = value if here.least is None else min(here.least, value)
            here.greatest = value if here.greatest is None else max(here.greatest, value)


def _values(array: pa.Array) -> list[Any]:
    """Plain values; dates and times as whole numbers, for Python does not hold all of them."""
    if pa.types.is_list(array.type) and pa.types.is_temporal(array.type.value_type):
        wide = array.type.value_type.bit_width
        array = array.cast(pa.list_(pa.int32() if wide == 32 else pa.int64()))
    elif pa.types.is_date32(array.type) or pa.types.is_time32(array.type):
        array = array.view(pa.int32())
    elif pa.types.is_temporal(array.type):
        array = array.view(pa.int64())
    return list(array.to_pylist())


def _tell(lake: list[RangeSum], source: list[RangeSum], columns: list[Column], cuts: Cuts) -> None:
    different = []
    for number, (landed, now) in enumerate(zip(lake, source, strict=True)):
        if (landed.rows, landed.checksum) == (now.rows, now.checksum):
            continue
        different.append(number)
        measures = {
            column.name: found
            for column, one, other in zip(columns, landed.columns, now.columns, strict=True)
            if (found := one.differs(other))
        }
        emit(
            "warning",
            "Range differs.",
            range=number,
            **(cuts.bounds(number) if cuts.index is not None else {}),
            key=columns[cuts.index].name if cuts.index is not None else None,
            rows={"lake": landed.rows, "source": now.rows},
            columns=measures,
        )
    rows = {"lake": sum(one.rows for one in lake), "source": sum(one.rows for one in source)}
    if different:
        raise Failure(
            f"{len(different)} of {len(lake)} ranges differ ({', '.join(map(str, different))}): "
            f"{rows['lake']} rows landed, {rows['source']} are in the source; run the interval again, or "
            "find what changed them."
        )
    emit("info", "Equal.", ranges=len(lake), rows=rows["lake"])
