"""One table of intervals whose columns differ: the types that hold what each interval has, without loss.

The rule, in words, is in docs/how-to/lake.md, "Columns that changed". Types are Arrow's, as receipts
have them (docs/reference/types.md); those of the table are DuckDB's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hybrid.lake.reading import UnreadableLake

TEXT = "VARCHAR"
MOST_DIGITS = 38
"""Digits of DuckDB's DECIMAL."""

_PLAIN = {
    "bool": "BOOLEAN",
    "int8": "TINYINT",
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "uint8": "UTINYINT",
    "uint16": "USMALLINT",
    "uint32": "UINTEGER",
    "uint64": "UBIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "date32[day]": "DATE",
    "time64[us]": "TIME",
    "timestamp[us]": "TIMESTAMP",
    "timestamp[us, tz=UTC]": "TIMESTAMP WITH TIME ZONE",
    "string": TEXT,
    "binary": "BLOB",
}
#: Of whole numbers: bits, and whether they have a sign.
_WHOLE = {
    **{
        kind: (bits, True)
        for kind, bits in (("TINYINT", 8), ("SMALLINT", 16), ("INTEGER", 32), ("BIGINT", 64))
    },
    **{
        kind: (bits, False)
        for kind, bits in (("UTINYINT", 8), ("USMALLINT", 16), ("UINTEGER", 32), ("UBIGINT", 64))
    },
    "HUGEINT": (128, True),
}
_DIGITS = {8: 3, 16: 5, 32: 10, 64: 20}
_MANTISSA = {"FLOAT": 24, "DOUBLE": 53}
_DECIMAL = re.compile(r"decimal(128|256)\((\d+), (-?\d+)\)")
_LIST = re.compile(r"list<(?:element|item): (.+?)(?: not null)?>")
_SQL_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")


@dataclass(frozen=True, kw_only=True)
class TableColumn:
    """A column of a pipeline's table.

    Attributes:
        name: as the newest receipt that has it writes it; upper and lower case are one.
        type: DuckDB's type.
        lake_types: types in the lake, the oldest interval's first, each once.
        missing: receipts that do not have it, where it is NULL.
        database_type: the server's own name of the type, in the newest receipt that has it.
    """

    name: str
    type: str
    lake_types: Sequence[str]
    missing: int
    database_type: str

    @property
    def note(self) -> str | None:
        """What somebody who queries it should know, None where there is nothing."""
        if len(self.lake_types) > 1 and self.type == TEXT:
            return (
                f"column {self.name} is {' and '.join(self.lake_types)} in different intervals; no type "
                "holds both without loss, so it is text here: cast it in the query"
            )
        if any(sql_type(kind) == TEXT and kind.startswith(("decimal", "list<")) for kind in self.lake_types):
            return (
                f"column {self.name} is {self.lake_types[-1]}, of more than {MOST_DIGITS} digits; it is text "
                "here, exact: cast it in the query, as in cast(… as double)"
            )
        return None


def sql_type(kind: str) -> str:
    """DuckDB's type that holds every value of a type of the lake; text where none does.

    Raises:
        UnreadableLake: the type is none that the container writes.
    """
    if kind in _PLAIN:
        return _PLAIN[kind]
    if found := _DECIMAL.fullmatch(kind):
        precision, scale = int(found[2]), int(found[3])
        return f"DECIMAL({precision},{scale})" if precision <= MOST_DIGITS and scale >= 0 else TEXT
    if found := _LIST.fullmatch(kind):
        element = sql_type(found[1])
        return TEXT if element == TEXT and found[1] != "string" else f"{element}[]"
    raise UnreadableLake(
        f"a receipt has the type {kind}, which this version of the command line does not know; update the "
        f"clone"
    )


def table_columns(schemas: Sequence[Sequence[Mapping[str, Any]]]) -> list[TableColumn]:
    """Columns of the table of some receipts, those of the newest one first and in its order.

    Args:
        schemas: `schema` of each receipt, the oldest interval's first.

    Raises:
        UnreadableLake: one receipt has two columns of one name, or a type that is none.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    for schema in reversed(schemas):
        names = [folded(column["name"]) for column in schema]
        if len(set(names)) < len(names):
            raise UnreadableLake(
                "a receipt has columns that differ by upper and lower case alone "
                f"({', '.join(sorted(names))}), "
                "which SQL takes for one; rename one in the pipeline's query with AS"
            )
        for column in schema:
            found.setdefault(folded(column["name"]), []).append(column)
    return [_table_column(columns, of=len(schemas)) for columns in found.values()]


def folded(name: str) -> str:
    """A name as SQL compares it."""
    return name.casefold()


def _table_column(newest_first: Sequence[Mapping[str, Any]], *, of: int) -> TableColumn:
    kinds = list(dict.fromkeys(str(column["type"]) for column in reversed(newest_first)))
    return TableColumn(
        name=newest_first[0]["name"],
        type=common_type(sql_type(kind) for kind in kinds),
        lake_types=kinds,
        missing=of - len(newest_first),
        database_type=str(newest_first[0].get("database_type", "")),
    )


def common_type(kinds: Iterable[str]) -> str:
    """The narrowest of DuckDB's types that holds every value of all of them; text where none does."""
    first, *others = dict.fromkeys(kinds)
    for other in others:
        first = _common(first, other)
    return first


def _common(one: str, other: str) -> str:
    if one == other:
        return one
    if TEXT in (one, other):
        return TEXT
    if one in _WHOLE and other in _WHOLE:
        return _whole(_WHOLE[one], _WHOLE[other])
    decimal = _as_decimal(one), _as_decimal(other)
    if decimal[0] and decimal[1]:
        scale = max(decimal[0][1], decimal[1][1])
        whole = max(precision - places for precision, places in (decimal[0], decimal[1]))
        return f"DECIMAL({whole + scale},{scale})" if whole + scale <= MOST_DIGITS else TEXT
    if (floating := {one, other} & _MANTISSA.keys()) and len({one, other} - _MANTISSA.keys()) <= 1:
        return _floating(floating, {one, other} - _MANTISSA.keys())
    return TEXT


def _whole(one: tuple[int, bool], other: tuple[int, bool]) -> str:
    signed = one[1] or other[1]
    # An unsigned number needs one bit more where there is a sign.
    bits = max(size + (signed and not has_sign) for size, has_sign in (one, other))
    return next(kind for kind, (size, sign) in _WHOLE.items() if sign == signed and size >= bits)


def _as_decimal(kind: str) -> tuple[int, int] | None:
    """Digits and places of an exact number, None of another type."""
    if found := _SQL_DECIMAL.fullmatch(kind):
        return int(found[1]), int(found[2])
    if kind in _WHOLE and kind != "HUGEINT":
        return _DIGITS[_WHOLE[kind][0]], 0
    return None


def _floating(floating: set[str], others: set[str]) -> str:
    """A floating-point number holds another, and whole numbers that are not longer than its mantissa."""
    if not others:
        return "DOUBLE"
    (other,) = others
    if other not in _WHOLE:
        return TEXT
    bits = _WHOLE[other][0]
    holding = [kind for kind, mantissa in _MANTISSA.items() if bits <= mantissa]
    (kind,) = floating
    return next((k for k in holding if k == "DOUBLE" or kind == "FLOAT"), TEXT)
