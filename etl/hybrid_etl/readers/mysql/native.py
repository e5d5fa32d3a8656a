"""Binary rows as Arrow batches, decoded by the native library from what PyMySQL's socket gives."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator

import pyarrow as pa
from pymysql.connections import Connection  # type: ignore[import-untyped]
from pymysql.err import raise_mysql_exception  # type: ignore[import-untyped]

from hybrid_etl.columns import Column
from hybrid_etl.native.library import END, FAULT, FULL, SERVER_ERROR, NativeDecoder
from hybrid_etl.readers.mysql.protocol import Field
from hybrid_etl.readers.mysql.values import long_column
from hybrid_etl.refusals import Refusals
from hybrid_etl.room import refuse_beyond

READ_BYTES = 256 * 1024


class Window:
    """Bytes that were received and not yet taken, in memory that is as large as a long row while it is here.

    It is mapped, so that it grows in place and leaves the process when it shrinks.
    """

    def __init__(self, connection: Connection) -> None:
        self._socket = connection._rfile.raw
        self._memory = mmap.mmap(-1, READ_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        first = connection._rfile.read1(READ_BYTES)
        self._memory[: len(first)] = first
        self.start, self.end = 0, len(first)

    @property
    def available(self) -> int:
        """How many bytes wait."""
        return self.end - self.start

    @property
    def address(self) -> int:
        """Where they wait; right until the next `fill` or `shrink`. Also where none do, at the very end."""
        return ctypes.addressof(ctypes.c_uint8.from_buffer(self._memory)) + self.start

    def waiting(self, start: int = 0) -> bytes:
        """The bytes that wait, from the `start`-th."""
        return self._memory[self.start + start : self.end]

    def fill(self, needed: int) -> None:
        """Receive more, into room for `needed` bytes; raises ConnectionError when the server has gone."""
        self._begin_at_zero()
        if needed > len(self._memory):
            self._memory.resize(needed)
        with memoryview(self._memory) as view:
            count = self._socket.readinto(view[self.end :])
        if not count:
            raise ConnectionResetError("the server closed the connection")
        self.end += count

    def shrink(self) -> None:
        """Give the room of a long row back once it is taken."""
        if len(self._memory) > READ_BYTES >= self.available:
            self._begin_at_zero()
            self._memory.resize(READ_BYTES)

    def _begin_at_zero(self) -> None:
        if self.start:
            self._memory.move(0, self.start, self.available)
            self.start, self.end = 0, self.available


def row_batches(
    connection: Connection,
    fields: list[Field],
    columns: list[Column],
    refusals: Refusals,
    *,
    batch_bytes: int,
) -> Iterator[pa.RecordBatch]:
    """The rows of a statement that was executed; same results as mysql_rows.

    Raises UserError for a row that the memory cannot hold (hybrid_etl.room).
    """
    decoder = NativeDecoder(columns, refusals, wires=[field.type_code for field in fields])
    window = Window(connection)
    consumed, needed = ctypes.c_int64(), ctypes.c_int64()
    feed = decoder.library.hetl_mysql_feed
    decoder.library.hetl_mysql_begin(decoder.handle, connection._next_seq_id)
    try:
        while True:
            outcome = feed(
                decoder.handle,
                window.address,
                window.available,
                batch_bytes,
                ctypes.byref(consumed),
                ctypes.byref(needed),
            )
            window.start += consumed.value
            if outcome == FULL:
                window.shrink()
                yield decoder.take()
            elif outcome == FAULT:
                raise decoder.fault()
            elif outcome == SERVER_ERROR:
                raise_mysql_exception(window.waiting(4))
            elif outcome == END:
                break
            else:
                if needed.value > READ_BYTES:
                    refuse_beyond(
                        needed.value,
                        lambda: long_column(window.waiting(4), fields),
                        received=window.available,
                    )
                window.fill(needed.value)
        if decoder.rows:
            yield decoder.take()
    finally:
        decoder.close()
