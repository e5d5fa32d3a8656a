"""MySQL's binary values in plain Python: the fallback of the native decoder, with equal results.

Layouts: MySQL Internals, "Binary Protocol Value".
"""

from __future__ import annotations

import datetime
import re
import struct
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from hybrid_etl.columns import Column, Kind
from hybrid_etl.errors import Failure
from hybrid_etl.native.library import other_type
from hybrid_etl.readers.mysql.protocol import Field
from hybrid_etl.refusals import Unrepresentable

_EPOCH = datetime.date(1970, 1, 1).toordinal()
_FIXED = {1: 1, 2: 2, 3: 4, 4: 4, 5: 8, 8: 8, 9: 4, 13: 2}
_DECIMAL = re.compile(rb"-?[0-9]*(\.[0-9]*)?")
Decode = Callable[[bytes], object]


def split_row(packet: bytes, fields: list[Field]) -> list[bytes | None]:
    """Cut a binary row into the bytes of its fields; null is None, a length byte is not part of a field.

    Raises Failure where the packet is not exactly one row.
    """
    position = 1 + (len(fields) + 9) // 8
    nulls = packet[1:position]
    whole = packet[:1] == b"\0" and position <= len(packet)
    found: list[bytes | None] = []
    for index, field in enumerate(fields if whole else []):
        if nulls[(index + 2) // 8] >> (index + 2) % 8 & 1:
            found.append(None)
            continue
        length = _FIXED.get(field.type_code)
        if length is None:
            length, position = _length(packet, position)
        found.append(packet[position : position + length])
        position += length
    if not whole or position != len(packet):
        raise other_shape()
    return found


def long_column(begun: bytes, fields: list[Field]) -> tuple[str, int] | None:
    """Of a row's first bytes, the column that goes beyond them and its length; None if they do not tell."""
    position = 1 + (len(fields) + 9) // 8
    nulls = begun[1:position]
    for index, field in enumerate(fields):
        if position >= len(begun):
            return None
        if nulls[(index + 2) // 8] >> (index + 2) % 8 & 1:
            continue
        length = _FIXED.get(field.type_code)
        if length is None:
            try:
                length, position = _length(begun, position)
            except Failure:
                return None
        position += length
        if position > len(begun):
            return field.name, length
    return None


def other_shape() -> Failure:
    """Bytes that are no row of the described columns."""
    return Failure("The database sent rows of another shape than it described; run again.")


def decoder(column: Column) -> Decode:
    """A function from one field's bytes to what pyarrow takes for the column's type.

    It raises Unrepresentable for a value that the type cannot hold, UserError for one of another type.
    """
    decode = _decoder(column)

    def checked(data: bytes) -> object:
        try:
            return decode(data)
        except (struct.error, InvalidOperation):
            raise other_type(column) from None

    return checked


def _decoder(column: Column) -> Decode:
    if column.kind in _STRUCTS:
        layout = struct.Struct(_STRUCTS[column.kind])
        return lambda data: layout.unpack(data[: layout.size])[0]
    if column.kind in (Kind.DECIMAL128, Kind.DECIMAL256):
        return lambda data: _decimal(data, precision=column.precision, scale=column.scale)
    return _DECODERS[column.kind]


def _decimal(data: bytes, *, precision: int, scale: int) -> Decimal:
    # The server sends other text in a decimal's place where it was given a parameter that is no number.
    if not _DECIMAL.fullmatch(data):
        raise InvalidOperation
    whole, _, fraction = data.lstrip(b"-").partition(b".")
    if len(fraction) > scale:
        raise Unrepresentable(f"a number with more than {scale} decimal places")
    if len((whole + fraction).lstrip(b"0")) + scale - len(fraction) > precision:
        raise Unrepresentable(f"a number with more than {precision - scale} digits before the point")
    return Decimal(data.decode("ascii"))


def _length(packet: bytes, position: int) -> tuple[int, int]:
    """The length that stands at a position, and where its value begins, or other_shape."""
    first = packet[position] if position < len(packet) else 255
    if first < 251:
        return first, position + 1
    width = {252: 2, 253: 3, 254: 8}.get(first, 0)
    end = position + 1 + width
    if not width or end > len(packet):
        raise other_shape()
    return int.from_bytes(packet[position + 1 : end], "little"), end


def _of_length(data: bytes, lengths: tuple[int, ...]) -> bytes:
    """The bytes of a date or time, whose trailing zeros are not sent; padded with them."""
    if len(data) not in lengths:
        raise struct.error
    return data.ljust(lengths[-1], b"\0")


def _days(data: bytes) -> int:
    year, month, day = struct.unpack_from("<HBB", _of_length(data, (0, 4, 7, 11)))
    try:
        return datetime.date(year, month, day).toordinal() - _EPOCH
    except ValueError:
        raise Unrepresentable("a zero or impossible date") from None


def _timestamp(data: bytes) -> int:
    hour, minute, second, fraction = struct.unpack_from("<BBBI", _of_length(data, (0, 4, 7, 11)), 4)
    return _microseconds(_days(data) * 24 + hour, minute, second, fraction)


def _time(data: bytes) -> int:
    negative, days, hour, minute, second, fraction = struct.unpack_from(
        "<BIBBBI", _of_length(data, (0, 8, 12))
    )
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
    Kind.BIT: lambda data: struct.unpack(">Q", data.rjust(8, b"\0"))[0],
    Kind.DATE32: _days,
    Kind.TIMESTAMP: _timestamp,
    Kind.TIME64: _time,
    Kind.STRING: _text,
    Kind.BINARY: bytes,
    Kind.GEOMETRY: lambda data: struct.unpack_from("<I", data) and data[4:],
}
