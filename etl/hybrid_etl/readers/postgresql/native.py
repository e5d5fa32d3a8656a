"""COPY BINARY and COPY CSV as Arrow batches, by the native library and the libpq that psycopg has loaded."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import psycopg
import pyarrow as pa
from psycopg.pq.abc import PGconn

from hybrid_etl.columns import Column
from hybrid_etl.errors import Failure
from hybrid_etl.native.library import END, FAULT, FULL, SERVER_ERROR, NativeDecoder, NotAvailable, load
from hybrid_etl.readers.postgresql.copy import (
    CopyRefused,
    check_count,
    finish_copy,
    start_copy,
    without_memory,
)
from hybrid_etl.readers.postgresql.csv import line_column
from hybrid_etl.refusals import Refusals
from hybrid_etl.room import Growth


class _Libpq(ctypes.Structure):
    """The functions of libpq that native/postgresql.c calls."""

    _fields_ = [
        ("get_copy_data", ctypes.c_void_p),
        ("free_memory", ctypes.c_void_p),
        ("consume_input", ctypes.c_void_p),
        ("socket", ctypes.c_void_p),
    ]


@cache
def libpq() -> _Libpq:
    """The functions of the libpq in this process.

    It must be the very library that made the connection. Raises NotAvailable when there is not exactly one.
    """
    load()
    try:
        maps = Path("/proc/self/maps").read_text()
    except OSError:
        raise NotAvailable("the process's own libraries cannot be listed") from None
    paths = {line.split(maxsplit=5)[5] for line in maps.splitlines() if "/libpq" in line}
    if len(paths) != 1:
        raise NotAvailable(f"{len(paths)} copies of libpq are loaded")
    library = ctypes.CDLL(paths.pop())
    names = ("PQgetCopyData", "PQfreemem", "PQconsumeInput", "PQsocket")
    return _Libpq(*(ctypes.cast(getattr(library, name), ctypes.c_void_p) for name in names))


def copy_batches(
    connection: PGconn, statement: bytes, columns: list[Column], refusals: Refusals, *, batch_bytes: int
) -> Iterator[pa.RecordBatch]:
    """Run a COPY … TO STDOUT (FORMAT BINARY) and yield its rows; same results as postgresql_copy."""
    growth = Growth()
    _start(connection, statement, growth)
    decoder = NativeDecoder(columns, refusals)
    rows = 0
    try:
        read = decoder.library.hetl_postgresql_read
        for batch in _full_batches(connection, decoder, read, growth, batch_bytes=batch_bytes):
            rows += batch.num_rows
            yield batch
            del batch
        check_count(finish_copy(connection), rows + decoder.rows)
        if not decoder.library.hetl_postgresql_ended(decoder.handle):
            raise Failure("The database's copy ended without its trailer; run again.")
        if decoder.rows:
            yield decoder.take()
    finally:
        decoder.close()


def line_batches(
    connection: PGconn, statement: bytes, columns: list[Column], *, batch_bytes: int
) -> Iterator[pa.RecordBatch]:
    """Run a COPY … TO STDOUT (FORMAT CSV) and yield its lines; same results as postgresql_csv."""
    growth = Growth()
    _start(connection, statement, growth)
    decoder = NativeDecoder([line_column(columns)], Refusals("fail"))
    rows = 0
    try:
        read = decoder.library.hetl_postgresql_read_lines
        for batch in _full_batches(connection, decoder, read, growth, batch_bytes=batch_bytes):
            rows += batch.num_rows
            yield batch
            del batch
        check_count(finish_copy(connection), rows + decoder.rows)
        if decoder.rows:
            yield decoder.take()
    finally:
        decoder.close()


def _start(connection: PGconn, statement: bytes, growth: Growth) -> None:
    """Start the COPY; with its first answer libpq may receive all of a long row."""
    try:
        with growth.bounded():
            start_copy(connection, statement)
    except (psycopg.OperationalError, CopyRefused) as error:
        raise (growth.refusal() if without_memory(error) else None) or error from None


def _full_batches(
    connection: PGconn,
    decoder: NativeDecoder,
    read: Callable[..., int],
    growth: Growth,
    *,
    batch_bytes: int,
) -> Iterator[pa.RecordBatch]:
    """Every full batch; the rows after the last of them wait in the decoder."""
    functions = libpq()
    address = connection.pgconn_ptr  # type: ignore[attr-defined]
    while True:
        with growth.bounded():
            outcome = read(decoder.handle, ctypes.byref(functions), address, batch_bytes)
        if outcome == FULL:
            batch = decoder.take()
            growth.seen(batch)
            yield batch
            del batch
        elif outcome == FAULT:
            fault = decoder.fault()
            raise (growth.refusal() or fault) if isinstance(fault, MemoryError) else fault
        elif outcome == SERVER_ERROR:
            refusal = growth.refusal()
            if refusal and b"memory" in connection.error_message:
                raise refusal
            break
        elif outcome == END:
            break
