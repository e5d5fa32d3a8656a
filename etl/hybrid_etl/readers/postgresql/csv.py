"""COPY CSV as batches of lines, each as the server wrote it: nothing is decoded.

The server sends one message a row (PostgreSQL manual, "Message Flow", COPY Operations). So rows are told
apart by messages and never by line breaks, which a quoted value may hold.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

import pyarrow as pa
from psycopg.pq.abc import PGconn

from hybrid_etl.columns import Column, Kind
from hybrid_etl.readers.postgresql.copy import check_count, finish_copy, start_copy, wait
from hybrid_etl.room import Growth


def line_column(columns: list[Column]) -> Column:
    """The one column of a batch of lines. Its name is the header line, quoted as our own CSV's is."""
    header = ",".join('"' + column.name.replace('"', '""') + '"' for column in columns)
    return Column(name=header, kind=Kind.BINARY, database_type="line")


def line_batches(
    connection: PGconn, statement: bytes, columns: list[Column], *, batch_bytes: int
) -> Iterator[pa.RecordBatch]:
    """Run a COPY … TO STDOUT (FORMAT CSV) and yield its lines, in plain Python."""
    schema = pa.schema([line_column(columns).field])
    growth = Growth()
    growth.begin()
    start_copy(connection, statement)
    rows = 0
    lines, ends = bytearray(), array("i", [0])
    while True:
        length, data = connection.get_copy_data(1)
        if length == 0:
            growth.check()
            wait(connection)
            continue
        if length > 0:
            lines += data
            del data
            ends.append(len(lines))
        if len(ends) > 1 and (length < 0 or len(lines) >= batch_bytes):
            rows += len(ends) - 1
            batch = _batch(schema, lines, ends)
            lines, ends = bytearray(), array("i", [0])
            growth.seen(batch)
            yield batch
            del batch
            growth.begin()
        if length < 0:
            break
    check_count(finish_copy(connection), rows)


def _batch(schema: pa.Schema, lines: bytearray, ends: array[int]) -> pa.RecordBatch:
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(lines)]
    values = pa.Array.from_buffers(pa.binary(), len(ends) - 1, buffers)
    return pa.RecordBatch.from_arrays([values], schema=schema)
