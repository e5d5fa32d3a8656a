"""Binary values of PostgreSQL at the ends of their types, without a server."""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from hybrid_etl.columns import Kind, decimal_column
from hybrid_etl.readers.postgresql.values import _SCALARS, decoder
from hybrid_etl.refusals import Unrepresentable

_EPOCH = date(1970, 1, 1)


def _sent(digits: list[int], *, weight: int, sign: int = 0) -> bytes:
    """A numeric as its send function writes it: groups of four digits, the first of 10000**weight."""
    return struct.pack(f">hhHH{len(digits)}h", len(digits), weight, sign, 0, *digits)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (_sent([1], weight=0), "1.00"),
        (_sent([12, 3400], weight=0, sign=0x4000), "-12.34"),
        (_sent([9999, 9999, 9900], weight=1), "99999999.99"),
        (_sent([], weight=0), "0.00"),
    ],
)
def test_a_numeric_has_its_digits_at_its_scale(data: bytes, value: str) -> None:
    # Given a column of ten digits, two of them behind the point
    column = decimal_column("n", precision=10, scale=2, database_type="numeric(10,2)", width=128)

    # Then the value is the same to the digit
    assert str(decoder(column)(data)) == str(Decimal(value))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (_sent([1, 0, 0], weight=2), "a number with more than 8 digits before the point"),
        (_sent([1], weight=-1), "a number with more than 2 decimal places"),
        (_sent([], weight=0, sign=0xC000), "NaN"),
        (_sent([], weight=0, sign=0xF000), "-Infinity"),
    ],
)
def test_a_numeric_that_its_column_cannot_hold_is_told(data: bytes, said: str) -> None:
    column = decimal_column("n", precision=10, scale=2, database_type="numeric(10,2)", width=128)

    with pytest.raises(Unrepresentable, match=f"^{said}$"):
        decoder(column)(data)


@pytest.mark.parametrize("days", [2**31 - 1, -(2**31)])
def test_dates_at_both_infinities_are_none(days: int) -> None:
    with pytest.raises(Unrepresentable, match="infinity"):
        _SCALARS[Kind.DATE32](struct.pack(">i", days))


@pytest.mark.parametrize("day", [date(1, 1, 1), date(1999, 12, 30), date(2000, 1, 1), date(9999, 12, 31)])
def test_a_date_counts_from_2000(day: date) -> None:
    sent = struct.pack(">i", (day - date(2000, 1, 1)).days)

    assert _SCALARS[Kind.DATE32](sent) == (day - _EPOCH).days


@pytest.mark.parametrize("instant", [2**63 - 1, -(2**63)])
def test_times_at_both_infinities_are_none(instant: int) -> None:
    with pytest.raises(Unrepresentable, match="infinity"):
        _SCALARS[Kind.TIMESTAMP](struct.pack(">q", instant))


def test_a_time_counts_microseconds_from_2000() -> None:
    sent = struct.pack(">q", -1_500_000)

    told = datetime(1999, 12, 31, 23, 59, 58, 500_000, tzinfo=UTC).timestamp()
    assert _SCALARS[Kind.TIMESTAMP](sent) == told * 1_000_000
