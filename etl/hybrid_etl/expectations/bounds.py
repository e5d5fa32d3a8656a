"""Bounds of a range, exactly, in the type of the column: no decimal and no time becomes a float."""

from __future__ import annotations

import decimal
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import pyarrow as pa

from hybrid_etl.errors import UserError
from hybrid_etl.expectations.parameters import Bound

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS = decimal.Context(prec=200)
_BEYOND = Decimal(10) ** 80
"""More than any number of Arrow, whose decimals end at 76 digits."""


def has_range(kind: pa.DataType) -> bool:
    """Whether values of a type can be in a range: numbers, dates, times with a date."""
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    return bool(is_number or pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def plain(array: pa.Array) -> pa.Array:
    """The array as numbers: dates and times, not all of which Python holds, as units since 1970."""
    if pa.types.is_date32(array.type):
        return array.view(pa.int32())
    return array.view(pa.int64()) if pa.types.is_timestamp(array.type) else array


def plain_bound(bound: Bound, kind: pa.DataType, *, upper: bool, column: str) -> Decimal | float | None:
    """A bound as a number that is compared with `plain` values; raises UserError where it is none.

    For whole numbers and decimals it is rounded into the range, to the digits of the type, which lets pass
    the same values; for floating point it is the nearest value of the type, as the database itself would read
    the digits.
    """
    if bound is None:
        return None
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return _instant(bound, kind, upper=upper, column=column)
    try:
        number = Decimal(bound)
    except decimal.InvalidOperation:
        raise UserError(
            f"expect.range of {column}: {bound!r} is no number, and the column is {kind}."
        ) from None
    if number.is_nan():
        raise UserError(f"expect.range of {column}: {bound!r} is no bound, for nothing is less or greater.")
    if pa.types.is_floating(kind):
        return float(pa.scalar(float(number), pa.float64()).cast(kind, safe=False).as_py())
    if number.copy_abs() > _BEYOND:
        number = _BEYOND.copy_sign(number)
    scale = kind.scale if pa.types.is_decimal(kind) else 0
    rounding = ROUND_FLOOR if upper else ROUND_CEILING
    return number.quantize(Decimal(1).scaleb(-scale), rounding=rounding, context=_DIGITS)


def _instant(bound: Bound, kind: pa.DataType, *, upper: bool, column: str) -> Decimal:
    try:
        if len(str(bound)) == 10:
            instant = datetime.combine(date.fromisoformat(str(bound)), datetime.min.time(), tzinfo=UTC)
            if upper and pa.types.is_timestamp(kind):
                instant += timedelta(days=1, microseconds=-1)
        else:
            instant = datetime.fromisoformat(str(bound))
    except ValueError:
        raise UserError(
            f"expect.range of {column}: {bound!r} is no date or time, and the column is {kind}."
        ) from None
    instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    microseconds = (instant - _EPOCH) // timedelta(microseconds=1)
    if pa.types.is_timestamp(kind):
        return Decimal(microseconds)
    days, rest = divmod(microseconds, 86_400_000_000)
    return Decimal(days if upper or not rest else days + 1)


def scalar(number: Decimal | float, kind: pa.DataType) -> pa.Scalar | None:
    """A bound as a scalar of a `plain` type; None where the type does not reach it."""
    try:
        return pa.scalar(int(number) if pa.types.is_integer(kind) else number, kind)
    except (pa.ArrowInvalid, OverflowError):
        return None
