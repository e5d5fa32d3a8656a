"""MySQL's binary values in plain Python: the fallback of the native decoder, with equal results.

Layouts: MySQL Internals, "Binary Protocol Value".
"""

from __future__ import annotations

import datetime
import re
import struct
from collections.abc import Callable
from decimal import Decimal

from hybrid_etl.columns import Column, Kind
from hybrid_etl.errors import Failure
from hybrid_etl.readers.mysql_protocol import Field
from hybrid_etl.refusals import Unrepresentable

_EPOCH = datetime.date(1970, 1, 1).toordinal()
_FIXED = {1: 1, 2: 2, 3: 4, 4: 4, 5: 8, 8: 8, 9: 4, 13: 2}
_DECIMAL = re.compile(rb"-?[0-9]*(\.[0-9]*)?")
Decode = Callable[[bytes], object]


def split_row(packet: bytes, fields: list[Field]) -> list[bytes | None]:
    """Cut a binary row into the bytes of its fields; null is None, a length byte is not part of a field."""
    nulls = packet[1 : 1 + (len(fields) + 9) // 8]
    position = 1 + len(nulls)
    found: list[bytes | None] = []
    for index, field in enumerate(fields):
        if nulls[(index + 2) // 8] >> (index + 2) % 8 & 1:
            found.append(None)
            continue
        length = _FIXED.get(field.type_code)
        if length is None:
            length, position = _length(packet, position)
        found.append(packet[position : position + length])
        position += length
    if position != len(packet):
        raise Failure("The database sent a row of another shape than it described; run again.")
    return found


def decoder(column: Column) -> Decode:
    """A function from one field's bytes to what pyarrow takes for the column's type.

    It raises Unrepresentable for a value that the type cannot hold.
    """
    if column.kind in _STRUCTS:
        layout = struct.Struct(_STRUCTS[column.kind])
        return lambda data: layout.unpack(data[: layout.size])[0]
    if column.kind in (Kind.DECIMAL128, Kind.DECIMAL256):
        return lambda data: _decimal(data, precision=column.precision, scale=column.scale)
    return _DECODERS[column.kind]


def _decimal(data: bytes, *, precision: int, scale: int) -> Decimal:
    # The server sends other text in a decimal's place where it was given a parameter that is no number.
    if not _DECIMAL.fullmatch(data):
        raise Failure("The database sent rows of another shape than it described; run again.")
    whole, _, fraction = data.lstrip(b"-").partition(b".")
    if len(fraction) > scale:
        raise Unrepresentable(f"a number with more than {scale} decimal places")
    if len((whole + fraction).lstrip(b"0")) + scale - len(fraction) > precision:
        raise Unrepresentable(f"a number with more than {precision - scale} digits before the point")
    return Decimal(data.decode("ascii"))


def _length(packet: bytes, position: int) -> tuple[int, int]:
    first = packet[position]
    if first < 251:
        return first, position + 1
    width = {252: 2, 253: 3, 254: 8}[first]
    return int.from_bytes(packet[position + 1 : position + 1 + width], "little"), position + 1 + width


def _days(data: bytes) -> int:
    year, month, day = struct.unpack_from("<HBB", data.ljust(4, b"\0"))
    try:
        return datetime.date(year, month, day).toordinal() - _EPOCH
    except ValueError:
        raise Unrepresentable("a zero or impossible date") from None


def _timestamp(data: bytes) -> int:
    hour, minute, second, fraction = struct.unpack_from("<BBBI", data.ljust(11, b"\0"), 4)
    return _microseconds(_days(data) * 24 + hour, minute, second, fraction)


def _time(data: bytes) -> int:
    negative, days, hour, minute, second, fraction = struct.unpack_from("<BIBBBI", data.ljust(12, b"\0"))
    if negative or days or hour > 23:
        raise Unrepresentable("a time outside of one day")
    return _microseconds(hour, minute, second, fraction)


def _microseconds(hours: int, minutes: int, seconds: int, fraction: int) -> int:
    return (hours * 60 + minutes) * 60_000_000 + seconds * 1_000_000 + fraction


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Unrepresentable("text that is not UTF-8") from None


_STRUCTS = {
    Kind.INT8: "<b",
    Kind.INT16: "<h",
    Kind.INT32: "<i",
    Kind.INT64: "<q",
    Kind.UINT8: "<B",
    Kind.UINT16: "<H",
    Kind.UINT32: "<I",
    Kind.UINT64: "<Q",
    Kind.FLOAT32: "<f",
    Kind.FLOAT64: "<d",
}
_DECODERS: dict[Kind, Decode] = {
    Kind.BOOL: any,
    Kind.BIT: lambda data: int.from_bytes(data, "big"),
    Kind.DATE32: _days,
    Kind.TIMESTAMP: _timestamp,
    Kind.TIME64: _time,
    Kind.STRING: _text,
    Kind.BINARY: bytes,
    Kind.GEOMETRY: lambda data: data[4:],
}
