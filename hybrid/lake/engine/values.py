"""From the texts of CSV, JSON lines and paths back to Arrow: the type is the receipt's, nothing is guessed.

The texts are those of docs/reference/types.md, "Files", and docs/reference/contracts.md, "Paths of
partition_by".
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_PLAIN = {
    "bool": pa.bool_(),
    "int8": pa.int8(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "uint8": pa.uint8(),
    "uint16": pa.uint16(),
    "uint32": pa.uint32(),
    "uint64": pa.uint64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date32[day]": pa.date32(),
    "time64[us]": pa.time64("us"),
    "timestamp[us]": pa.timestamp("us"),
    "timestamp[us, tz=UTC]": pa.timestamp("us", "UTC"),
    "string": pa.string(),
    "binary": pa.binary(),
}
_DECIMAL = re.compile(r"decimal(128|256)\((\d+), (-?\d+)\)")
_LIST = re.compile(r"list<(element|item): (.+?)( not null)?>")
_FAR = re.compile(
    r"(-?\d{4,})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:Z|\+00(?::?00)?)?)?"
)
_DAY = 86_400_000_000


def arrow_type(text: str) -> pa.DataType:
    """The Arrow type that a receipt writes so; `hybrid.lake.columns.sql_type` has refused what is none."""
    if found := _DECIMAL.fullmatch(text):
        make = pa.decimal128 if found[1] == "128" else pa.decimal256
        return make(int(found[2]), int(found[3]))
    if found := _LIST.fullmatch(text):
        return pa.list_(pa.field(found[1], arrow_type(found[2]), nullable=not found[3]))
    return _PLAIN[text]


def from_text(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    """Texts of CSV or of a path as values of a type.

    Raises:
        ValueError: one of them is no value of the type (pyarrow.ArrowInvalid is a ValueError).
    """
    if pa.types.is_binary(kind):
        return pa.array(
            [None if t is None else base64.b64decode(t, validate=True) for t in texts.to_pylist()], kind
        )
    if pa.types.is_list(kind):
        return from_json([None if t is None else json.loads(t) for t in texts.to_pylist()], kind)
    return texts if pa.types.is_string(kind) else _plain_from_text(texts, kind)


def _plain_from_text(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_time(kind):
        moments = pc.binary_join_element_wise(pa.scalar("1970-01-01 "), texts, pa.scalar(""))
        return pc.cast(pc.cast(moments, pa.timestamp("us")), kind)
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        try:
            return pc.cast(texts, kind)
        except pa.ArrowInvalid:
            return _far(texts, kind)
    return pc.cast(texts, kind)


def from_json(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Values of JSON lines as values of a type.

    Raises:
        ValueError, TypeError: one of them is no value of the type.
    """
    if pa.types.is_list(kind):
        ends: list[int] = [0]
        flat: list[Any] = []
        for value in values:
            flat += value or []
            ends.append(len(flat))
        starts = [None if v is None else start for v, start in zip(values, ends, strict=False)]
        offsets = pa.array([*starts, ends[-1]], pa.int32())
        return pa.ListArray.from_arrays(offsets, from_json(flat, kind.value_type), type=kind)
    if pa.types.is_floating(kind):
        return pa.array([None if value is None else float(value) for value in values], kind)
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_string(kind):
        return pa.array(values, kind)
    return from_text(pa.array(values, pa.string()), kind)


def _far(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    """Dates with years before 0 or after 9999, which Arrow writes and does not read."""
    numbers = [None if text is None else _number(text) for text in texts.to_pylist()]
    if pa.types.is_date(kind):
        return pa.array([n if n is None else n // _DAY for n in numbers], pa.int32()).cast(kind)
    return pa.array(numbers, pa.int64()).cast(kind)


def _number(text: str) -> int:
    """Microseconds from 1970."""
    found = _FAR.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no date")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    seconds = hour * 3600 + minute * 60 + second
    return days_of(year, month, day) * _DAY + seconds * 1_000_000 + int((found[7] or "0").ljust(6, "0"))


def days_of(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 in the proleptic Gregorian calendar with a year 0 (Hinnant, days_from_civil)."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def civil_of(days: int) -> tuple[int, int, int]:
    """Year, month and day of a number of days from 1970-01-01 (Hinnant, "civil_from_days")."""
    era, of_era = divmod(days + 719_468, 146_097)
    years = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * years + years // 4 - years // 100)
    shifted = (5 * of_year + 2) // 153
    day = of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + (3 if shifted < 10 else -9)
    return years + era * 400 + (month <= 2), month, day
