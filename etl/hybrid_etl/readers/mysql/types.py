"""MySQL's and MariaDB's types, from the server's own description; docs/reference/types.md is the table."""

from __future__ import annotations

import pyarrow as pa

from hybrid_etl.columns import DECIMAL128_DIGITS, Column, Kind, arrow_type, decimal_column, text_column
from hybrid_etl.readers.mysql.protocol import BINARY_CHARSET, Field

NOT_NULL, UNSIGNED, ENUM, SET = 1, 32, 256, 2048
_INTEGERS = {
    1: ("tinyint", Kind.INT8, Kind.UINT8),
    2: ("smallint", Kind.INT16, Kind.UINT16),
    3: ("int", Kind.INT32, Kind.UINT32),
    8: ("bigint", Kind.INT64, Kind.UINT64),
    9: ("mediumint", Kind.INT32, Kind.UINT32),
    13: ("year", Kind.INT16, Kind.UINT16),
}
_FLOATS = {4: ("float", Kind.FLOAT32), 5: ("double", Kind.FLOAT64)}
_TEMPORAL = {7: "timestamp", 10: "date", 11: "time", 12: "datetime"}
_DECIMALS = (0, 246)
BIT, _JSON, _GEOMETRY, _NULL = 16, 245, 255, 6
_TEXTS = {249: "tinytext", 250: "mediumtext", 251: "longtext", 252: "text", 253: "varchar", 254: "char"}
_BYTES = {249: "tinyblob", 250: "mediumblob", 251: "longblob", 252: "blob", 253: "varbinary", 254: "binary"}
_UTC = pa.timestamp("us", tz="UTC")


def column_of(field: Field, *, policy: str, decimal_width: int = 128) -> Column:
    """The column for a described field; `policy` is the specification's unrepresentable."""
    name, code = field.name, field.type_code
    if code in _INTEGERS:
        word, signed, unsigned = _INTEGERS[code]
        is_unsigned = bool(field.flags & UNSIGNED) and code != 13
        return Column(
            name=name,
            kind=unsigned if is_unsigned else signed,
            database_type=f"{word} unsigned" if is_unsigned else word,
        )
    if code in _FLOATS:
        return Column(name=name, kind=_FLOATS[code][1], database_type=_FLOATS[code][0])
    if code in _DECIMALS:
        return _decimal(field, policy=policy, width=decimal_width)
    if code in _TEMPORAL:
        return _temporal(field, policy=policy)
    if code == BIT:
        word = f"bit({field.length})"
        kind = Kind.BOOL if field.length == 1 else Kind.BIT
        return Column(name=name, kind=kind, type=arrow_type(kind), database_type=word)
    if code == _GEOMETRY:
        return Column(name=name, kind=Kind.GEOMETRY, database_type="geometry")
    if code in (_JSON, _NULL):
        return text_column(name, database_type="json" if code == _JSON else "null")
    if field.flags & (ENUM | SET):
        return text_column(name, database_type="enum" if field.flags & ENUM else "set")
    if field.charset == BINARY_CHARSET:
        return Column(name=name, kind=Kind.BINARY, database_type=_BYTES.get(code, "varbinary"))
    return text_column(name, database_type=_TEXTS.get(code, "varchar"))


def computed_bit(field: Field) -> Column:
    """The column for a bit that no table stores, as a number that the server makes of it.

    Of such a one the servers send bits, decimal digits or text, and describe all three as bits: of
    `coalesce(flags, flags)` MariaDB and MySQL send the digits. The addition makes it a number, and what `|`
    gives is a BIGINT UNSIGNED however few its bits are.
    """
    return Column(
        name=field.name,
        kind=Kind.BOOL if field.length == 1 else Kind.UINT64,
        database_type=f"bit({field.length})",
        expression="({} + 0 | 0)",
    )


def _decimal(field: Field, *, policy: str, width: int) -> Column:
    precision = field.length - (1 if field.decimals else 0) - (0 if field.flags & UNSIGNED else 1)
    word = f"decimal({precision},{field.decimals})"
    if policy == "string" and precision > DECIMAL128_DIGITS and width == 128:
        return text_column(field.name, database_type=word, expression="cast({} as char)")
    return decimal_column(
        field.name, precision=max(precision, 1), scale=field.decimals, database_type=word, width=width
    )


def _temporal(field: Field, *, policy: str) -> Column:
    word = _TEMPORAL[field.type_code]
    if policy == "string":
        return text_column(field.name, database_type=word, expression="cast({} as char)")
    kind = {"date": Kind.DATE32, "time": Kind.TIME64}.get(word, Kind.TIMESTAMP)
    return Column(
        name=field.name, kind=kind, type=_UTC if word == "timestamp" else arrow_type(kind), database_type=word
    )
