"""Binary rows as Arrow batches, decoded in plain Python: the fallback of the native decoder."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pymysql.connections import Connection  # type: ignore[import-untyped]

from hybrid_etl.columns import Column
from hybrid_etl.readers.mysql.protocol import Field, row_packets
from hybrid_etl.readers.mysql.values import decoder, split_row
from hybrid_etl.readers.rows import RowBatch
from hybrid_etl.refusals import Refusals
from hybrid_etl.room import LONG_BYTES, check_decoding, refuse_beyond


def row_batches(
    connection: Connection,
    fields: list[Field],
    columns: list[Column],
    refusals: Refusals,
    *,
    batch_bytes: int,
) -> Iterator[pa.RecordBatch]:
    """The rows of a statement that was executed, as batches of about `batch_bytes`."""
    rows = RowBatch(columns, [decoder(column) for column in columns], refusals)
    received = _Received(connection)
    for packet in row_packets(connection):
        received.bytes = 0
        check_decoding(len(packet))
        rows.append(split_row(packet, fields))
        del packet
        if rows.bytes >= batch_bytes:
            yield rows.take()
    if rows.bytes:
        yield rows.take()


class _Received:
    """Counts the bytes of a row as PyMySQL receives them, packet by packet, each of up to 16 MiB.

    Raises UserError, before a packet is received, for a row that the memory cannot hold.
    """

    def __init__(self, connection: Connection) -> None:
        self.bytes = 0
        self._receive = connection._read_bytes
        connection._read_bytes = self._read

    def _read(self, count: int) -> bytes:
        before, self.bytes = self.bytes, self.bytes + count
        if self.bytes >= LONG_BYTES:
            refuse_beyond(self.bytes, lambda: None, received=before)
        data: bytes = self._receive(count)
        return data
