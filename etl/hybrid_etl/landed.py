"""What landed, read back: Parquet files one by one, a row group at a time, without a copy of a file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from hybrid_etl.errors import Failure, UserError
from hybrid_etl.settings import Settings, location

_ROWS = 10_000


def landed_batches(settings: Settings, keys: list[str], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of Parquet files of the lake in a schema's columns, order and types.

    Raises UserError for a file that is not there, Failure for one that is no such file.
    """
    import pyarrow.parquet as pq

    bucket, base = location(settings.lake)
    for key in keys:
        try:
            source = _S3Object(bucket, f"{base}/{key}".lstrip("/")) if bucket else f"{base}/{key}"
            with pq.ParquetFile(source, pre_buffer=False) as file:
                for batch in file.iter_batches(batch_size=_ROWS, columns=schema.names, use_threads=False):
                    yield batch.select(schema.names).cast(schema)
        except FileNotFoundError:
            raise UserError(
                f"{key} is not there, though the receipt names it; run the interval again."
            ) from None
        except (pa.ArrowException, OSError) as error:
            raise Failure(f"{key} cannot be read ({type(error).__name__}); run the interval again.") from None


class _S3Object(io.RawIOBase):
    """An object of S3 as a file: each read is a request of that range."""

    def __init__(self, bucket: str, key: str) -> None:
        from hybrid_etl import aws

        self._client, self._at = aws.client("s3"), 0
        self._address = {"Bucket": bucket, "Key": key}
        self._size = int(self._ask("head_object")["ContentLength"])

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Where the next read is to begin."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        """So many bytes, all that are left below 0."""
        end = self._size if size < 0 else min(self._at + size, self._size)
        if end <= self._at:
            return b""
        found: bytes = self._ask("get_object", Range=f"bytes={self._at}-{end - 1}")["Body"].read()
        self._at += len(found)
        return found

    def _ask(self, operation: str, **more: str) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        from hybrid_etl import aws

        try:
            return getattr(self._client, operation)(**self._address, **more)
        except (BotoCoreError, ClientError) as error:
            raise aws.explain(error, doing=f"Reading s3://{'/'.join(self._address.values())}") from error
