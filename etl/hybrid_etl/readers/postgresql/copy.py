"""COPY BINARY as Arrow batches, decoded in plain Python: the fallback of the native decoder.

The format is that of the PostgreSQL manual, COPY, "Binary Format".
"""

from __future__ import annotations

import select
import struct
from collections.abc import Iterator

import pyarrow as pa
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from hybrid_etl.columns import Column
from hybrid_etl.errors import Failure
from hybrid_etl.readers.postgresql.values import decoder
from hybrid_etl.readers.rows import RowBatch
from hybrid_etl.refusals import Refusals
from hybrid_etl.room import Growth, check_decoding

_SIGNATURE = b"PGCOPY\n\xff\r\n\x00"


class CopyRefused(Exception):
    """The server ended the COPY with this result."""

    def __init__(self, result: PGresult) -> None:
        super().__init__()
        self.result = result


def start_copy(connection: PGconn, statement: bytes) -> None:
    """Send the COPY and wait, interruptibly, until rows begin; raises CopyRefused when the server refuses."""
    connection.send_query(statement)
    while connection.flush():
        select.select([], [connection.socket], [])
    while connection.is_busy():
        wait(connection)
    result = connection.get_result()
    if result is None or result.status != ExecStatus.COPY_OUT:
        assert result is not None
        raise CopyRefused(result)


def wait(connection: PGconn) -> None:
    """Wait for bytes from the server and take them in."""
    select.select([connection.socket], [], [])
    connection.consume_input()


def without_memory(error: Exception) -> bool:
    """Whether libpq has found no memory: "cannot allocate memory for input buffer", "out of memory"."""
    said = str(error)
    if isinstance(error, CopyRefused):
        said = error.result.error_message.decode("utf-8", "replace")
    return "memory" in said


def finish_copy(connection: PGconn) -> int:
    """The rows that the server says it sent, after the last of them; raises CopyRefused unless it says so."""
    refused: PGresult | None = None
    sent = 0
    while True:
        while connection.is_busy():
            wait(connection)
        result = connection.get_result()
        if result is None:
            break
        if result.status == ExecStatus.COMMAND_OK:
            sent = result.command_tuples or 0
        elif refused is None:
            refused = result
    if refused is not None:
        raise CopyRefused(refused)
    return sent


def check_count(sent: int, rows: int) -> None:
    """Hold the rows that came against those that the server says it sent; raises Failure."""
    if sent != rows:
        raise Failure(
            f"The database says that it sent {sent} rows, and {rows} came; check what is between, run again."
        )


def copy_batches(
    connection: PGconn, statement: bytes, columns: list[Column], refusals: Refusals, *, batch_bytes: int
) -> Iterator[pa.RecordBatch]:
    """Run a COPY … TO STDOUT (FORMAT BINARY) and yield its rows; each message holds whole rows."""
    growth = Growth()
    growth.begin()
    start_copy(connection, statement)
    rows = RowBatch(columns, [decoder(column) for column in columns], refusals)
    lists = any(pa.types.is_list(column.type) for column in columns)
    begun = ended = False
    count = 0
    while True:
        length, data = connection.get_copy_data(1)
        if length == 0:
            growth.check()
            wait(connection)
            continue
        if length < 0:
            break
        check_decoding(length, lists=lists)
        message = bytes(data)
        position = 0
        if not begun:
            position, begun = _header(message), True
        while position < len(message) and not ended:
            position, ended = _row(message, position, rows, len(columns))
        del message, data
        if rows.bytes >= batch_bytes:
            taken = rows.take()
            count += taken.num_rows
            growth.seen(taken)
            yield taken
            del taken
            growth.begin()
    sent = finish_copy(connection)
    rest = rows.take()
    check_count(sent, count + rest.num_rows)
    if not ended:
        raise Failure("The database's copy ended without its trailer; run again.")
    if rest.num_rows:
        yield rest


def _header(message: bytes) -> int:
    if not message.startswith(_SIGNATURE):
        raise Failure("The database's copy does not begin with the binary signature; check what is between.")
    (extension,) = struct.unpack_from(">i", message, 15)
    return 19 + int(extension)


def _row(message: bytes, position: int, rows: RowBatch, width: int) -> tuple[int, bool]:
    (count,) = struct.unpack_from(">h", message, position)
    position += 2
    if count == -1:
        return position, True
    if count != width:
        raise Failure(f"The database sent {count} fields where {width} were described; run again.")
    fields: list[bytes | None] = []
    for _ in range(count):
        (length,) = struct.unpack_from(">i", message, position)
        position += 4
        if length < 0:
            fields.append(None)
        else:
            fields.append(message[position : position + length])
            position += length
    rows.append(fields)
    return position, False
