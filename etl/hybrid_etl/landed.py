"""What landed, read back: Parquet files one by one, a row group at a time, without a copy of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from hybrid_etl.errors import Failure, UserError
from hybrid_etl.settings import Settings
from hybrid_etl.sinks import open_sink

_ROWS = 10_000


def landed_batches(settings: Settings, keys: list[str], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of Parquet files of the lake in a schema's columns, order and types.

    Raises UserError for a file that is not there, Failure for one that is no such file.
    """
    import pyarrow.parquet as pq

    sink = open_sink(settings.lake)
    for key in keys:
        try:
            with pq.ParquetFile(sink.source(key), pre_buffer=False) as file:
                for batch in file.iter_batches(batch_size=_ROWS, columns=schema.names, use_threads=False):
                    yield batch.select(schema.names).cast(schema)
        except FileNotFoundError:
            raise UserError(
                f"{key} is not there, though the receipt names it; run the interval again."
            ) from None
        except (pa.ArrowException, OSError) as error:
            raise Failure(f"{key} cannot be read ({type(error).__name__}); run the interval again.") from None
