"""A null in CSV of one column: an empty line, which readers skip (pandas, pyarrow and DuckDB by default)."""

from __future__ import annotations

from hybrid_etl.errors import UserError


def lone_null(column: str) -> UserError:
    """What to tell of a null in a file of one column."""
    return UserError(
        f"Column {column} holds a null, which in CSV of one column is an empty line that readers skip. The "
        "row would be lost: add a column to the query, leave the nulls out, or land Parquet or JSON lines."
    )
