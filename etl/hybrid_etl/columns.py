"""A column on its way: what the database calls it, how its bytes are read, which Arrow type holds it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import pyarrow as pa


class Kind(IntEnum):
    """How a value is built. The numbers are shared with native/columns.h."""

    BOOL = 0
    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT32 = 9
    FLOAT64 = 10
    DECIMAL128 = 11
    DECIMAL256 = 12
    DATE32 = 13
    TIME64 = 14
    TIMESTAMP = 15
    STRING = 16
    BINARY = 17
    UUID = 18
    JSONB = 19
    BIT = 20
    GEOMETRY = 21
    LIST = 22


_TYPES: dict[Kind, pa.DataType] = {
    Kind.BOOL: pa.bool_(),
    Kind.INT8: pa.int8(),
    Kind.INT16: pa.int16(),
    Kind.INT32: pa.int32(),
    Kind.INT64: pa.int64(),
    Kind.UINT8: pa.uint8(),
    Kind.UINT16: pa.uint16(),
    Kind.UINT32: pa.uint32(),
    Kind.UINT64: pa.uint64(),
    Kind.FLOAT32: pa.float32(),
    Kind.FLOAT64: pa.float64(),
    Kind.DATE32: pa.date32(),
    Kind.TIME64: pa.time64("us"),
    Kind.TIMESTAMP: pa.timestamp("us"),
    Kind.STRING: pa.string(),
    Kind.BINARY: pa.binary(),
    Kind.UUID: pa.string(),
    Kind.JSONB: pa.string(),
    Kind.BIT: pa.uint64(),
    Kind.GEOMETRY: pa.binary(),
}


DECIMAL128_DIGITS = 38
"""Digits of decimal128 (Arrow format), and of the decimals of Spark, Athena, Iceberg and DuckDB."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of the result.

    `database_type` is the server's own name of the type. `expression` is what the reader selects instead
    of the plain column (a server-side cast to text, say), with `{}` where the quoted name goes.
    `masked_type` is the type of the values that a mask replaced.
    `element` is the kind of a list's elements.
    """

    name: str
    kind: Kind
    database_type: str
    type: pa.DataType = field(default=None)
    precision: int = 0
    scale: int = 0
    element: Kind | None = None
    expression: str | None = None
    masked_type: pa.DataType | None = None

    def __post_init__(self) -> None:
        if self.type is None:
            object.__setattr__(self, "type", arrow_type(self.kind))

    @property
    def field(self) -> pa.Field:
        """The column in an Arrow schema; every column may be null, because a query's result may."""
        return pa.field(self.name, self.type, nullable=True)


def arrow_type(kind: Kind) -> pa.DataType:
    """The Arrow type of a kind that needs neither precision nor zone."""
    return _TYPES[kind]


def decimal_column(
    name: str,
    *,
    precision: int,
    scale: int,
    database_type: str,
    expression: str | None = None,
    width: int = 128,
) -> Column:
    """A decimal of up to 76 digits: decimal128 to 38, else by `width`, the specification's decimal_width.

    With 128, a wider column is decimal128 of 38 digits all the same, and the policy answers a value that has
    more: DuckDB reads decimal256 as a double, and Spark, Athena and Iceberg end at 38 digits.
    """
    if precision > DECIMAL128_DIGITS and width == 128:
        precision, scale = DECIMAL128_DIGITS, min(scale, DECIMAL128_DIGITS)
    wide = precision > DECIMAL128_DIGITS
    return Column(
        name=name,
        kind=Kind.DECIMAL256 if wide else Kind.DECIMAL128,
        type=pa.decimal256(precision, scale) if wide else pa.decimal128(precision, scale),
        precision=precision,
        scale=scale,
        database_type=database_type,
        expression=expression,
    )


def text_column(name: str, *, database_type: str, expression: str | None = None) -> Column:
    """A column carried as text."""
    return Column(name=name, kind=Kind.STRING, database_type=database_type, expression=expression)


def schema_of(columns: list[Column]) -> pa.Schema:
    """The Arrow schema of a result."""
    return pa.schema([column.field for column in columns])
