"""PostgreSQL's binary values in plain Python: the fallback of the native decoder, with equal results.

The layouts are those of the send functions in src/backend/utils/adt (numeric.c, timestamp.c, arrayfuncs.c).
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable
from decimal import Context, Decimal

from hybrid_etl.columns import Column, Kind
from hybrid_etl.refusals import Unrepresentable

_DAYS_TO_2000 = 10957
_MICROSECONDS_TO_2000 = _DAYS_TO_2000 * 86_400_000_000
_DAY = 86_400_000_000
_LAST = 2**63 - 1
_WIDE = Context(prec=200)
Decode = Callable[[bytes], object]


def decoder(column: Column) -> Decode:
    """A function from one field's bytes to what pyarrow takes for the column's type.

    It raises Unrepresentable for a value that the type cannot hold.
    """
    if column.kind is Kind.LIST:
        assert column.element is not None
        return _list(_scalar(column.element, precision=column.precision, scale=column.scale))
    return _scalar(column.kind, precision=column.precision, scale=column.scale)


def _scalar(kind: Kind, *, precision: int, scale: int) -> Decode:
    if kind in _STRUCTS:
        unpack = struct.Struct(_STRUCTS[kind]).unpack
        return lambda data: unpack(data)[0]
    if kind in (Kind.DECIMAL128, Kind.DECIMAL256):
        return lambda data: _numeric(data, precision=precision, scale=scale)
    return _SCALARS[kind]


def _numeric(data: bytes, *, precision: int, scale: int) -> Decimal:
    count, weight, sign, _ = struct.unpack_from(">hhHH", data)
    if sign in (0xC000, 0xD000, 0xF000):
        raise Unrepresentable({0xC000: "NaN", 0xD000: "Infinity", 0xF000: "-Infinity"}[sign])
    number = 0
    for digit in struct.unpack_from(f">{count}h", data, 8):
        number = number * 10_000 + digit
    exponent = (weight - count + 1) * 4
    scaled, shift = number, exponent + scale
    if shift >= 0:
        scaled = number * 10 ** min(shift, 200)
    else:
        scaled, rest = divmod(number, 10**-shift)
        if rest:
            raise Unrepresentable(f"a number with more than {scale} decimal places")
    if scaled >= 10**precision:
        raise Unrepresentable(f"a number with more than {precision - scale} digits before the point")
    return Decimal(-scaled if sign == 0x4000 else scaled).scaleb(-scale, _WIDE)


def _date(data: bytes) -> int:
    days: int = struct.unpack(">i", data)[0]
    if days in (2**31 - 1, -(2**31)):
        raise Unrepresentable("infinity")
    return days + _DAYS_TO_2000


def _timestamp(data: bytes) -> int:
    instant: int = struct.unpack(">q", data)[0]
    if instant in (_LAST, -(2**63)):
        raise Unrepresentable("infinity")
    if instant > _LAST - _MICROSECONDS_TO_2000:
        raise Unrepresentable("a time beyond the year 294246")
    return instant + _MICROSECONDS_TO_2000


def _time(data: bytes) -> int:
    instant: int = struct.unpack(">q", data)[0]
    if instant >= _DAY:
        raise Unrepresentable("24:00:00")
    return instant


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Unrepresentable("text that is not UTF-8") from None


def _jsonb(data: bytes) -> str:
    if data[:1] != b"\x01":
        raise Unrepresentable("jsonb of an unknown version")
    return _text(data[1:])


def _list(element: Decode) -> Decode:
    def decode(data: bytes) -> list[object]:
        dimensions, _, _ = struct.unpack_from(">iiI", data)
        if dimensions == 0:
            return []
        if dimensions != 1:
            raise Unrepresentable("an array of several dimensions")
        count, lower = struct.unpack_from(">ii", data, 12)
        if lower != 1:
            raise Unrepresentable("an array that does not begin at 1")
        values: list[object] = []
        position = 20
        for _ in range(count):
            (length,) = struct.unpack_from(">i", data, position)
            position += 4
            if length < 0:
                values.append(None)
                continue
            values.append(element(data[position : position + length]))
            position += length
        return values

    return decode


_STRUCTS = {
    Kind.BOOL: ">?",
    Kind.INT16: ">h",
    Kind.INT32: ">i",
    Kind.INT64: ">q",
    Kind.UINT32: ">I",
    Kind.FLOAT32: ">f",
    Kind.FLOAT64: ">d",
}
_SCALARS: dict[Kind, Decode] = {
    Kind.DATE32: _date,
    Kind.TIME64: _time,
    Kind.TIMESTAMP: _timestamp,
    Kind.STRING: _text,
    Kind.JSONB: _jsonb,
    Kind.BINARY: bytes,
    Kind.UUID: lambda data: str(uuid.UUID(bytes=bytes(data))),
}
