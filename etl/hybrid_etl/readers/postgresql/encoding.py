"""Databases in SQL_ASCII, whose server does not know in which encoding its text is.

The server sends the bytes as they are, if it is not asked for an encoding (PostgreSQL manual, "Character Set
Support"); what they mean is said by the source's `encoding`, or they must be UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa

from hybrid_etl.columns import Column, Kind, schema_of, text_column
from hybrid_etl.errors import UserError
from hybrid_etl.refusals import Refusals
from hybrid_etl.room import LONG_BYTES, check_decoding

SQL_ASCII = "SQL_ASCII"


def check_encoding(encoding: str | None, *, server: str) -> None:
    """Refuse an encoding for a database that has one of its own; raises UserError."""
    if encoding is not None and server != SQL_ASCII:
        raise UserError(
            f"The source has encoding: {encoding}, and its database is in {server}, which the server itself "
            "converts; leave encoding out. It is for databases in SQL_ASCII."
        )


def as_scalars(columns: list[Column]) -> list[Column]:
    """The columns with every text in a plain field: what is inside of arrays and jsonb is cast to text."""
    return [
        text_column(column.name, database_type=column.database_type, expression="{}::text")
        if column.kind is Kind.JSONB or column.element in (Kind.STRING, Kind.JSONB)
        else column
        for column in columns
    ]


def as_bytes(columns: list[Column]) -> list[Column]:
    """The columns as they are decoded: text as the bytes that the server sends."""
    return [
        replace(column, kind=Kind.BINARY, type=pa.binary()) if column.kind is Kind.STRING else column
        for column in columns
    ]


def transcoded(
    batches: Iterator[pa.RecordBatch], columns: list[Column], refusals: Refusals, *, encoding: str
) -> Iterator[pa.RecordBatch]:
    """The batches with the bytes of text columns read in an encoding; bytes that it has not are refused."""
    schema = schema_of(columns)
    rows = 0
    for batch in batches:
        check_decoding(batch.nbytes if batch.get_total_buffer_size() > LONG_BYTES else 0)
        arrays = [
            _decoded(array, column, refusals, encoding=encoding, first_row=rows + 1)
            if column.kind is Kind.STRING
            else array
            for array, column in zip(batch.columns, columns, strict=True)
        ]
        rows += batch.num_rows
        decoded = pa.RecordBatch.from_arrays(arrays, schema=schema)
        del batch, arrays
        yield decoded
        del decoded


def _decoded(
    array: pa.Array, column: Column, refusals: Refusals, *, encoding: str, first_row: int
) -> pa.Array:
    buffers = array.buffers()
    if buffers[2] is None or bytes(buffers[2]).isascii():
        return pa.Array.from_buffers(pa.string(), len(array), buffers, offset=array.offset)
    values: list[str | None] = []
    for row, value in enumerate(array.to_pylist(), start=first_row):
        try:
            values.append(None if value is None else value.decode(encoding))
        except UnicodeDecodeError:
            refusals.refuse(column, reason=f"text that is not {encoding}", row=row)
            values.append(None)
    return pa.array(values, pa.string())
