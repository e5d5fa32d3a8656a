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
    for packet in row_packets(connection):
        rows.append(split_row(packet, fields))
        del packet
        if rows.bytes >= batch_bytes:
            yield rows.take()
    if rows.bytes:
        yield rows.take()
