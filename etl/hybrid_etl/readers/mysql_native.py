"""Binary rows as Arrow batches, decoded by the native library from what PyMySQL's socket gives."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import pyarrow as pa
from pymysql.connections import Connection  # type: ignore[import-untyped]
from pymysql.err import raise_mysql_exception  # type: ignore[import-untyped]

from hybrid_etl.columns import Column
from hybrid_etl.native.library import END, FAULT, FULL, SERVER_ERROR, NativeDecoder
from hybrid_etl.readers.mysql_protocol import Field
from hybrid_etl.refusals import Refusals

READ_BYTES = 256 * 1024


class _Window:
    """Bytes that were received and not yet taken, in a buffer that grows to hold the longest row."""

    def __init__(self, connection: Connection) -> None:
        self._socket = connection._rfile.raw
        self.buffer = bytearray(READ_BYTES)
        first = connection._rfile.read1(READ_BYTES)
        self.buffer[: len(first)] = first
        self.start, self.end = 0, len(first)

    @property
    def available(self) -> int:
        """How many bytes wait."""
        return self.end - self.start

    def fill(self) -> None:
        """Receive more; raises ConnectionError when the server has gone."""
        if self.start:
            self.buffer[: self.available] = self.buffer[self.start : self.end]
            self.start, self.end = 0, self.available
        if self.end == len(self.buffer):
            self.buffer = self.buffer + bytes(len(self.buffer))
        with memoryview(self.buffer) as view:
            count = self._socket.readinto(view[self.end :])
        if not count:
            raise ConnectionResetError("the server closed the connection")
        self.end += count


def row_batches(
    connection: Connection,
    fields: list[Field],
    columns: list[Column],
    refusals: Refusals,
    *,
    batch_bytes: int,
) -> Iterator[pa.RecordBatch]:
    """The rows of a statement that was executed; same results as mysql_rows."""
    decoder = NativeDecoder(columns, refusals, wires=[field.type_code for field in fields])
    window = _Window(connection)
    consumed = ctypes.c_int64()
    feed = decoder.library.hetl_mysql_feed
    try:
        while True:
            # A batch may end with the last byte of the window, of which no address can be taken.
            if not window.available:
                window.fill()
            address = ctypes.addressof(ctypes.c_uint8.from_buffer(window.buffer, window.start))
            outcome = feed(decoder.handle, address, window.available, batch_bytes, ctypes.byref(consumed))
            window.start += consumed.value
            if outcome == FULL:
                yield decoder.take()
            elif outcome == FAULT:
                raise decoder.fault()
            elif outcome == SERVER_ERROR:
                raise_mysql_exception(bytes(window.buffer[window.start + 4 : window.end]))
            elif outcome == END:
                break
            else:
                window.fill()
        if decoder.rows:
            yield decoder.take()
    finally:
        decoder.close()
