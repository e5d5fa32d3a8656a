"""Columns whose values are in a file's path, as Hive names directories: `country=PT/day=2026-11-01`.

A value stands there as one text, which pyarrow and DuckDB read back as the same value: integers in digits,
booleans as `true` and `false`, decimals with all digits of their scale, dates and times in ISO 8601 with the
digits that their type has, texts percent-encoded (RFC 3986) but for inner spaces. A null is
`__HIVE_DEFAULT_PARTITION__`, an empty text is nothing after the `=`. The column's own name
stands there as it is: DuckDB decodes the value and not the name.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from urllib.parse import quote

import pyarrow as pa

from hybrid_etl.columns import Column
from hybrid_etl.errors import UserError

NULL = "__HIVE_DEFAULT_PARTITION__"
_NOT_IN_NAMES = "\"#%'*/:=?\\{}[]^"
"""What Hive and Spark escape in a directory's name (Spark, ExternalCatalogUtils), and what is a pattern."""
MOST_PATHS = 10_000
"""Different paths of a run. Each costs at least one object, one request of every reader, 200 bytes of
receipt."""


class PartitionPaths:
    """The path of each row; made from the columns as they land, before anything is read.

    Raises UserError for a column that is not there, for a type that has no one text, and when nothing would
    be left for the files, which then could not hold a single row.
    """

    def __init__(self, names: Sequence[str], columns: Sequence[Column]) -> None:
        self.names = tuple(names)
        kinds = {column.name: column.type for column in columns}
        for name in self.names:
            if name not in kinds:
                raise UserError(
                    f"partition_by names {name}, which the query does not return, or which a mask drops; "
                    "correct either."
                )
            if self.names.count(name) > 1:
                raise UserError(f"partition_by names {name} more than once; name it once.")
            _check_name(name)
            _check_type(name, kinds[name])
        if not set(kinds) - set(self.names):
            raise UserError(
                "partition_by takes every column of the query, so the files would hold no row; return "
                "another column, or partition by fewer."
            )
        self._seen: set[str] = set()

    def groups(self, batch: pa.RecordBatch) -> dict[str, list[int]]:
        """The numbers of a batch's rows by their path, both in the order of the rows."""
        encoded = [batch.column(name).dictionary_encode() for name in self.names]
        texts = [_segments(name, column.dictionary) for name, column in zip(self.names, encoded, strict=True)]
        codes = [column.indices.to_pylist() for column in encoded]
        groups: dict[tuple[int | None, ...], list[int]] = {}
        for row, code in enumerate(zip(*codes, strict=True)):
            groups.setdefault(code, []).append(row)
        found = {
            "/".join(
                f"{name}={NULL if code is None else text[code]}"
                for name, text, code in zip(self.names, texts, key, strict=True)
            ): rows
            for key, rows in groups.items()
        }
        self._count(found)
        return found

    def without(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """What of a batch goes into the files."""
        return batch.select([name for name in batch.schema.names if name not in self.names])

    def _count(self, paths: dict[str, list[int]]) -> None:
        self._seen.update(paths)
        if len(self._seen) > MOST_PATHS:
            raise UserError(
                f"partition_by {', '.join(self.names)} makes more than {MOST_PATHS} paths; partition by what "
                "has fewer values, such as a date's month."
            )


def _check_name(name: str) -> None:
    if name != name.strip() or not name.isprintable() or any(sign in _NOT_IN_NAMES for sign in name):
        raise UserError(
            f"partition_by names {name!r}, which readers of paths do not read back alike; rename the column "
            "with AS, to letters, digits, underscores and inner spaces."
        )


def _check_type(name: str, kind: pa.DataType) -> None:
    if pa.types.is_floating(kind):
        reason = "a floating-point number can be written in several ways"
    elif pa.types.is_nested(kind) or pa.types.is_binary(kind):
        reason = "it has no plain text"
    else:
        return
    raise UserError(
        f"partition_by names {name}, which is {kind}, and {reason}; cast it in the query to text, an "
        "integer, a decimal or a date."
    )


def _segments(name: str, values: pa.Array) -> list[str]:
    """The text of each value of a column."""
    if pa.types.is_boolean(values.type):
        return ["true" if value else "false" for value in values.to_pylist()]
    if pa.types.is_decimal(values.type):
        return [f"{Decimal(text):f}" for text in values.cast(pa.string()).to_pylist()]
    texts = values.cast(pa.string()).to_pylist()
    if NULL in texts:
        raise UserError(
            f"partition_by names {name}, and a value of it is the text {NULL}, which readers take for a "
            "null; replace it in the query."
        )
    if pa.types.is_date(values.type) or pa.types.is_timestamp(values.type):
        _check_years(name, texts)
    return [_escaped(text) for text in texts]


def _check_years(name: str, texts: list[str]) -> None:
    """Refuse years that Arrow does not write in four digits: readers take them for a text or for nothing."""
    if any(text.find("-") != 4 or text.startswith("0000") for text in texts):
        raise UserError(
            f"partition_by names {name}, and a value of it is before the year 1 or after 9999, which readers "
            "do not read back from a path; partition by another column, or replace it in the query."
        )


def _escaped(text: str) -> str:
    """A text as part of a path. Spaces stay, as Hive leaves them, but for those that a tool might strip."""
    inner = text.strip(" ")
    start = len(text) - len(text.lstrip(" "))
    return "%20" * start + quote(inner, safe=" ") + "%20" * (len(text) - len(inner) - start)
